/** Commands run on a copy of a module's sources, in the root with the tools. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kernel } from '../../harness/kernels/kernel.js';
import { runInRoot, toolRoot } from '../../harness/archive/tool-root.js';
import type { Root } from '../../harness/archive/tool-root.js';
import type { RunResult } from '../../harness/util/config.js';
import { ARCHITECTURES } from '../../harness/util/architecture.js';
import { copySources } from '../../harness/build/sources.js';

export interface ModuleCommand {
  /** The program and its arguments, such as ['make', 'test']. */
  command: string[];
  /** The kernel whose headers are there; KDIR names them. */
  kernel?: Kernel;
  env?: Record<string, string>;
  /** The root that it runs in; by default the one with the tools. */
  root?: Root;
  /** Changes the copy before the command runs. */
  prepare?: (dir: string) => Promise<void>;
}

/** Runs a command in a copy of the sources below a directory; nothing is left of it. */
export async function inSources(from: string, options: ModuleCommand): Promise<RunResult> {
  const { command, kernel, env = {}, prepare } = options;
  const root = options.root ?? (await toolRoot(kernel?.arch));
  const dir = await mkdtemp(join(tmpdir(), 'module-'));
  try {
    await mkdir(join(dir, 'src'));
    await copySources(from, join(dir, 'src'));
    await prepare?.(join(dir, 'src'));
    const words = kernel && command[0] === 'make' ? [...command, `KDIR=${kernel.kdir}`] : command;
    return await runInRoot(root, words, {
      cwd: '/build/src',
      binds: [...(kernel?.headers ?? []), { host: dir, inside: 'build' }],
      env: { ...(kernel && ARCHITECTURES[kernel.arch].kbuild), ...env },
    });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
