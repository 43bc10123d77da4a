/** The module and its companions, built for a kernel. */
import { join } from 'node:path';
import { inSources } from './in-sources.js';
import type { ModuleCommand } from './in-sources.js';
import { buildKernelModules } from '../../harness/build/kernel-modules.js';
import { copySources, sourcesKey } from '../../harness/build/sources.js';
import { buildModulesIn } from './test-modules.js';
import type { Kernel } from '../../harness/kernels/kernel.js';
import { harness } from '../../harness/util/config.js';
import type { RunResult } from '../../harness/util/config.js';
import { repository } from '../../harness.config.js';
import { UNUSED } from './sources.js';

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
  /** The build's output. */
  readonly log: string;
}

const moduleDir = join(repository, 'module');

/**
 * Builds the module for a kernel, with W=1 and CONFIG_OBJTOOL_WERROR=y; cached by content.
 * @param options variables of make, such as SWARM_OWN_TASK_WORK=y
 * @throws with the compiler's output if there is an error or a warning; {@link StructureError} if
 * the headers are not exactly the image's.
 */
export async function buildModule(kernel: Kernel, options: readonly string[] = []): Promise<BuiltModule> {
  const { dir, log } = await buildKernelModules(kernel, harness().modules, options);
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
