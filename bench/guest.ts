/** Guests that benchmarks measure in: their time-stamp counter counts instructions. */
import { readFile } from 'node:fs/promises';
import type { BootedGuest } from '../harness/guest/guest.js';
import type { GuestExtras } from '../harness/guest/stage.js';
import type { Measured } from './figures.js';
import type { BuiltModule } from '../specs/support/module.js';
import { Stage } from '../specs/support/stage.js';

/** The module's compiler, as it has left its name in the module. */
export async function compilerOf({ ko }: BuiltModule): Promise<string> {
  const name = /GCC: \([^)]*\) [\d.]+|clang version [\d.]+/.exec(await readFile(ko, 'latin1'))?.[0];
  if (name === undefined) throw new Error(`${ko} does not say what it was compiled with`);
  return name;
}

/** A description of the guest and of the method of measuring in it. */
export async function describeGuest(guest: BootedGuest, method: string): Promise<Record<string, string>> {
  const lines = await guest.sh(
    [
      'cat /proc/cmdline',
      "sed -n 's/^model name\\s*: //p' /proc/cpuinfo | head -n 1",
      'grep -c ^processor /proc/cpuinfo',
      "sed -n 's/^MemTotal: *//p' /proc/meminfo",
    ].join('; '),
  );
  const [line = '', processor = '', processors = '', memory = ''] = lines.split('\n');
  return {
    'kernel command line': line.trim(),
    'guest processor': `${processors} × ${processor}`,
    'guest memory': memory,
    method,
  };
}

const METHOD = 'QEMU, accel=tcg,thread=single, icount shift=0,sleep=off: a tick of the TSC is an instruction';

/** A benchmark's guest, what it was built with, and what the result says of it. */
export interface Bench {
  stage: Stage;
  guest: BootedGuest;
  about: Pick<Measured, 'kernel' | 'compiler' | 'machine'>;
}

/**
 * Runs `work` in a pristine guest that counts instructions, without what finds memory errors.
 * @throws if the guest does not come up.
 */
export async function inCountingGuest<T>(
  kernelName: string,
  extras: GuestExtras,
  work: (bench: Bench) => Promise<T>,
): Promise<T> {
  const stage = await Stage.prepare(kernelName, {
    mode: 'counted',
    findMemoryErrors: false,
    ...extras,
  });
  try {
    const guest = await stage.booted('benchmark');
    const about = {
      kernel: await guest.sh('uname -r'),
      compiler: await compilerOf(stage.module),
      machine: await describeGuest(guest, METHOD),
    };
    return await work({ stage, guest, about });
  } finally {
    await stage.discard();
  }
}
