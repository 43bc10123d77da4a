/** The module and its companions, built for a kernel. */
import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { inSources } from '../../harness/build/in-sources.js';
import type { ModuleCommand } from '../../harness/build/in-sources.js';
import { buildKernelModules } from '../../harness/build/kernel-modules.js';
import type { ModuleSources } from '../../harness/build/kernel-modules.js';
import { copySources, sourcesKey } from '../../harness/build/sources.js';
import { buildModulesIn } from '../../harness/build/test-modules.js';
import type { Kernel } from '../../harness/kernels/kernel.js';
import { runInRoot } from '../../harness/archive/tool-root.js';
import type { Root, RunResult } from '../../harness/archive/tool-root.js';
import { ARCHITECTURES } from '../../harness/util/architecture.js';
import type { Architecture } from '../../harness/util/architecture.js';
import { repository } from '../../harness/util/repository.js';

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

/** The directory of the module's sources. */
const moduleDir = join(repository, 'module');

/** The sources that no build of the module reads. */
const UNUSED = /^tests\/([^/]*\.(c|sh)|(rivals|peers)\/.*)$/;

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

const SOURCES: ModuleSources = {
  dir: moduleDir,
  targets: ['all', 'oracle', 'bench'],
  modules: ['swarm_guard.ko', 'tests/oracle/swarm_oracle.ko', 'tests/bench/swarm_bench.ko'],
  unused: UNUSED,
  audit: 'scripts/audit.sh',
  also: (tools, { arch }, dir) => buildIntegrationTest(tools, arch, dir),
};

/**
 * Builds the module for a kernel, with W=1 and CONFIG_OBJTOOL_WERROR=y; cached by content.
 * @param options variables of make, such as SWARM_BIRTH_BY_HOOK=y
 * @throws with the compiler's output if there is an error or a warning; {@link StructureError} if
 * the headers are not exactly the image's.
 */
export async function buildModule(kernel: Kernel, options: readonly string[] = []): Promise<BuiltModule> {
  const { dir, log } = await buildKernelModules(kernel, SOURCES, options);
  return {
    ko: join(dir, 'swarm_guard.ko'),
    oracle: join(dir, 'swarm_oracle.ko'),
    bench: join(dir, 'swarm_bench.ko'),
    integrationTest: join(dir, 'integration'),
    log,
  };
}

/**
 * Builds every module of a directory below module/tests for a kernel; cached by content.
 * @returns the directory with its .ko files.
 * @throws with the compiler's output if there is an error or a warning.
 */
export function buildTestModules(kernel: Kernel, name: string): Promise<string> {
  return buildModulesIn(kernel, join(moduleDir, 'tests', name));
}

/** Runs a command in a copy of module/; nothing is left of it. */
export function inModule(command: ModuleCommand): Promise<RunResult> {
  return inSources(moduleDir, command);
}

/** Copies the module's sources, without anything that was built among them. */
export function copyModule(to: string): Promise<void> {
  return copySources(moduleDir, to);
}

/** Everything that a build of the module depends on in this repository. */
export function moduleKey(): Promise<string[]> {
  return sourcesKey(moduleDir, UNUSED);
}
