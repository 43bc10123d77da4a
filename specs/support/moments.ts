/** Moments too short to meet, unless a function of the kernel is made slow. */
import { join } from 'node:path';
import type { BootedGuest } from '../../harness/guest/guest.js';
import { expect } from './expect.js';
import type { LoadedGuest } from './loaded-guest.js';
import { buildTestModules } from './module.js';
import { tallied } from './races.js';
import type { Stage } from './stage.js';

/** Runs `moment` of vm-images/guest, which must find nothing wrong; returns what it counts. */
export const moment = (guest: LoadedGuest, words: string) => tallied(guest, `moment ${words}`, 170_000);

/** Copies a module of module/tests/rivals, which gets in the way, into the guest, to /root. */
export async function uploadRival(guest: BootedGuest, stage: Stage, name: string): Promise<void> {
  const dir = await buildTestModules(stage.kernel, 'rivals');
  await guest.upload(join(dir, name), `/root/${name}`);
}

/** A function that is slow for a while. */
interface Delay {
  function: string;
  /** By how many milliseconds. */
  ms: number;
  /** Threads of this name only. */
  comm?: string;
  /** Another function, which has to be called meanwhile, too. */
  counted?: string;
}

/** Makes a function slow while `work` runs, which must come by there. */
export async function delayed<T>(
  guest: LoadedGuest,
  stage: Stage,
  delay: Delay,
  work: () => Promise<T>,
): Promise<T> {
  await uploadRival(guest, stage, 'swarm_delay.ko');
  const words = Object.entries(delay).map(([key, value]) => `${key}=${value}`);
  await guest.sh(`insmod /root/swarm_delay.ko ${words.join(' ')}`);
  const result = await work();
  const counts = 'cd /sys/module/swarm_delay/parameters; echo $(cat hits calls)';
  const [hits, calls] = (await guest.sh(`${counts}; rmmod swarm_delay`)).split(' ').map(Number);
  expect(hits, `calls of ${delay.function} that were slow`).toBeGreaterThan(0);
  if (delay.counted !== undefined) expect(calls, `calls of ${delay.counted}`).toBeGreaterThan(0);
  return result;
}

/** The files of /proc/swarm that only root can open, and nobody until the module is loaded whole. */
export const FILES_OF_ROOT = ['create', 'spawn', 'update', 'attach', 'destroy', 'inspect', 'events'];

/**
 * Opens each file of root's over and over while the module is being loaded, until it is loaded or has failed: each must
 * have been refused meanwhile.
 * @param load loads the module, which must not be loaded yet, half a second from now
 * @returns the number of files that could be opened in the end
 */
export async function opening(
  guest: LoadedGuest,
  stage: Stage,
  load: () => Promise<unknown>,
): Promise<number> {
  const slow = { function: 'proc_create', ms: 300 };
  const { opened = NaN, ...early } = await delayed(guest, stage, slow, async () => {
    const counts = moment(guest, 'opening 100');
    await load();
    return counts;
  });
  for (const file of FILES_OF_ROOT) expect(early[file], `${file} too early`).toBeGreaterThan(0);
  return opened;
}
