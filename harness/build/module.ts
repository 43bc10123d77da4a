/** Building the module, and its Rust integration test, in the root with the tools. */
import { existsSync } from 'node:fs';
import { appendFile, cp, mkdir, readFile, readdir, rename } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { imageFacts, sha256 } from '../kernels/image.js';
import type { Kernel } from '../kernels/provide.js';
import { runInRoot, toolRoot } from '../archive/tool-root.js';
import type { Root, RunResult } from '../archive/tool-root.js';
import { ARCHITECTURES } from '../util/architecture.js';
import type { Architecture } from '../util/architecture.js';
import { cached } from '../util/cache.js';
import { step } from '../util/progress.js';
import { repository } from '../util/repository.js';

/** A module built for one kernel. */
export interface BuiltModule {
  /** Path of swarm_guard.ko. */
  readonly ko: string;
  /** Path of swarm_oracle.ko, which checks the other from inside the guest's kernel. */
  readonly oracle: string;
  /** Path of swarm_bench.ko, which measures the other from inside the guest's kernel. */
  readonly bench: string;
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
export async function sourcesKey(): Promise<string[]> {
  const files = (await sources()).filter((file) => !/^tests\/([^/]*\.(c|sh)|(rivals|peers)\/.*)$/.test(file));
  return [...files, ...(await Promise.all(files.map((file) => readFile(join(moduleDir, file), 'utf8'))))];
}

/** The module was built with other structures than those of the kernel that it is for. */
export class StructureError extends Error {
  override readonly name = 'StructureError';
}

/** What the build depends on of a kernel; trees of the user's may change where they are. */
export async function kernelKey({ image, headers, kdir }: Kernel): Promise<string[]> {
  const kbuild = headers.flatMap(({ host, inside }) =>
    ['.config', 'include/config/auto.conf', 'Module.symvers'].map((file) =>
      join(host, relative(inside, kdir.slice(1)), file),
    ),
  );
  const hashes = await Promise.all([image, ...kbuild.filter((file) => existsSync(file))].map(sha256));
  return [kdir, ...hashes, ...headers.map(({ host }) => host)];
}

function must({ exitCode, output }: RunResult, what: string): string {
  if (exitCode !== 0) throw new Error(`${what} failed:\n${output}`);
  if (/\bwarning:/i.test(output)) throw new Error(`${what} gave warnings:\n${output}`);
  return output;
}

/** cargo's messages; only the one that names the test program is of interest. */
const artifact = z.object({ executable: z.string(), target: z.object({ name: z.literal('integration') }) });

async function buildIntegrationTest(tools: Root, arch: Architecture, dir: string): Promise<void> {
  const command = ['cargo', 'test', '--offline', '--features', 'integration', '--test', 'integration'];
  const { rust, cc } = ARCHITECTURES[arch];
  if (arch !== 'amd64') command.push('--target', rust, '--config', `target.${rust}.linker="${cc}"`);
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

/**
 * Compares the module's structures, and those of drivers that were built with the same headers, with
 * the ones of the image.
 * @throws with the list of what differs: such a module loads, and then corrupts memory.
 */
async function audit(tools: Root, kernel: Kernel, dir: string): Promise<void> {
  const drivers = join(kernel.modules, 'kernel/drivers/net/virtio_net.ko');
  const built = [
    '/build/src/swarm_guard.ko',
    '/build/src/tests/oracle/swarm_oracle.ko',
    '/build/src/tests/bench/swarm_bench.ko',
    ...(existsSync(drivers) ? ['/modules/kernel/drivers/net/virtio_net.ko'] : []),
  ];
  const { btf } = await imageFacts(kernel.image);
  const { exitCode, output } = await runInRoot(tools, ['sh', 'scripts/audit.sh', kernel.kdir, ...built], {
    cwd: '/build/src',
    env: { BTF: '/btf/btf' },
    binds: [
      ...kernel.headers,
      { host: dir, inside: 'build' },
      { host: dirname(btf), inside: 'btf' },
      ...(existsSync(drivers) ? [{ host: kernel.modules, inside: 'modules' }] : []),
    ],
  });
  if (exitCode !== 0)
    throw new StructureError(`the headers for ${kernel.release} are not those of its image:\n${output}`);
  await appendFile(join(dir, 'build.log'), `${output}\n`);
}

async function build(tools: Root, kernel: Kernel, options: readonly string[], dir: string): Promise<void> {
  const { kbuild, strip } = ARCHITECTURES[kernel.arch];
  await copySources(join(dir, 'src'));
  const checks = ['W=1', 'CONFIG_OBJTOOL_WERROR=y'];
  const make = ['make', '-C', '/build/src', `KDIR=${kernel.kdir}`, ...checks];
  const binds = [...kernel.headers, { host: dir, inside: 'build' }];
  const result = await runInRoot(tools, [...make, ...options, 'all', 'oracle', 'bench'], {
    binds,
    env: kbuild,
  });
  must(result, `building the module for ${kernel.release}`);
  if (!kernel.builtTogether) await audit(tools, kernel, dir);
  const built = ['swarm_guard.ko', 'tests/oracle/swarm_oracle.ko', 'tests/bench/swarm_bench.ko'];
  await execa('sh', ['-c', `cd src && cp ${built.join(' ')} .. && cat >> ../build.log`], {
    cwd: dir,
    input: result.output,
  });
  const modules = built.map((path) => `/build/${basename(path)}`);
  await runInRoot(tools, [strip, '--strip-debug', ...modules], { binds: [{ host: dir, inside: 'build' }] });
  await buildIntegrationTest(tools, kernel.arch, dir);
  await execa('rm', ['-rf', 'target', 'src'], { cwd: dir });
}

/**
 * Builds the module for a kernel, with W=1 and CONFIG_OBJTOOL_WERROR=y; cached by content.
 * @param options variables of make, such as SWARM_BIRTH_BY_HOOK=y
 * @throws with the compiler's output where there is an error or a warning; {@link StructureError} where
 * the headers are not exactly the image's.
 */
export async function buildModule(kernel: Kernel, options: readonly string[] = []): Promise<BuiltModule> {
  const tools = await toolRoot(kernel.arch);
  const dir = await cached({
    kind: 'modules',
    label: kernel.release,
    key: [tools.id, ...options, ...(await kernelKey(kernel)), ...(await sourcesKey())],
    keep: 12,
    build: (dir) =>
      step(`Building the module for ${kernel.release}`, () => build(tools, kernel, options, dir)),
  });
  return {
    ko: join(dir, 'swarm_guard.ko'),
    oracle: join(dir, 'swarm_oracle.ko'),
    bench: join(dir, 'swarm_bench.ko'),
    integrationTest: join(dir, 'integration'),
    log: await readFile(join(dir, 'build.log'), 'utf8'),
  };
}
