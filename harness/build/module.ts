/** Building the module, and its Rust integration test, in the root with the tools. */
import { cp, mkdir, readFile, readdir, rename } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import type { Kernel } from '../kernels/provide.js';
import { runInRoot, toolRoot } from '../roots/tool-root.js';
import type { Root, RunResult } from '../roots/tool-root.js';
import { cached } from '../util/cache.js';
import { step } from '../util/progress.js';
import { repository } from '../util/repository.js';

/** A module built for one kernel. */
export interface BuiltModule {
  /** Path of swarm_guard.ko. */
  readonly ko: string;
  /** Path of swarm_oracle.ko, which checks the other from inside the guest's kernel. */
  readonly oracle: string;
  /** Path of the Rust integration test, a program to be run in the guest. */
  readonly integrationTest: string;
  /** What the build printed. */
  readonly log: string;
}

const moduleDir = join(repository, 'module');

/** The module's sources: what git tracks, and what it would if it were added. */
async function sources(): Promise<string[]> {
  const { stdout } = await execa(
    'git',
    ['-c', 'safe.directory=*', 'ls-files', '-co', '--exclude-standard', '.'],
    { cwd: moduleDir },
  );
  return stdout.split('\n').filter(Boolean).sort();
}

/** Copies the module's sources, without anything that was built among them. */
export async function copySources(to: string): Promise<void> {
  for (const file of await sources()) {
    await mkdir(join(to, relative('.', file), '..'), { recursive: true });
    await cp(join(moduleDir, file), join(to, file));
  }
}

/** Everything the module's build depends on in this repository. */
async function sourcesKey(): Promise<string[]> {
  const files = (await sources()).filter((file) => !/^tests\/[^/]*\.(c|sh)$/.test(file));
  return [...files, ...(await Promise.all(files.map((file) => readFile(join(moduleDir, file), 'utf8'))))];
}

function must({ exitCode, output }: RunResult, what: string): string {
  if (exitCode !== 0) throw new Error(`${what} failed:\n${output}`);
  if (/\bwarning:/i.test(output)) throw new Error(`${what} gave warnings:\n${output}`);
  return output;
}

/** cargo's messages; only the one that names the test program is of interest. */
const artifact = z.object({ executable: z.string(), target: z.object({ name: z.literal('integration') }) });

async function buildIntegrationTest(tools: Root, dir: string): Promise<void> {
  const command = ['cargo', 'test', '--offline', '--features', 'integration', '--test', 'integration'];
  const { stdout, exitCode, output } = await runInRoot(
    tools,
    [...command, '--no-run', '--message-format=json'],
    {
      cwd: '/build/src',
      binds: [{ host: dir, inside: 'build' }],
      env: { CARGO_TARGET_DIR: '/build/target', RUSTFLAGS: '-Ctarget-feature=+crt-static' },
    },
  );
  if (exitCode !== 0) throw new Error(`the integration test does not build:\n${output}`);
  for (const line of stdout.split('\n').filter((each) => each.startsWith('{'))) {
    const found = artifact.safeParse(JSON.parse(line));
    if (found.success)
      await rename(join(dir, found.data.executable.slice('/build/'.length)), join(dir, 'integration'));
  }
  if (!(await readdir(dir)).includes('integration'))
    throw new Error('cargo named no integration test program');
}

async function build(tools: Root, kernel: Kernel, dir: string): Promise<void> {
  await copySources(join(dir, 'src'));
  const make = ['make', '-C', '/build/src', `KDIR=${kernel.kdir}`, 'W=1', 'CONFIG_OBJTOOL_WERROR=y'];
  const result = await runInRoot(tools, [...make, 'all', 'oracle'], {
    binds: [...kernel.headers, { host: dir, inside: 'build' }],
  });
  must(result, `building the module for ${kernel.release}`);
  await execa('sh', ['-c', 'cp src/swarm_guard.ko src/tests/oracle/swarm_oracle.ko . && cat > build.log'], {
    cwd: dir,
    input: result.output,
  });
  await runInRoot(tools, ['strip', '--strip-debug', '/build/swarm_guard.ko', '/build/swarm_oracle.ko'], {
    binds: [{ host: dir, inside: 'build' }],
  });
  await buildIntegrationTest(tools, dir);
  await execa('rm', ['-rf', 'target', 'src'], { cwd: dir });
}

/**
 * Builds the module for a kernel, with W=1 and CONFIG_OBJTOOL_WERROR=y; cached by content.
 * @throws with the compiler's output where there is an error or a warning.
 */
export async function buildModule(kernel: Kernel): Promise<BuiltModule> {
  const tools = await toolRoot();
  const dir = await cached({
    kind: 'modules',
    label: kernel.release,
    key: [tools.id, kernel.image, ...(await sourcesKey())],
    keep: 12,
    build: (dir) => step(`Building the module for ${kernel.release}`, () => build(tools, kernel, dir)),
  });
  return {
    ko: join(dir, 'swarm_guard.ko'),
    oracle: join(dir, 'swarm_oracle.ko'),
    integrationTest: join(dir, 'integration'),
    log: await readFile(join(dir, 'build.log'), 'utf8'),
  };
}
