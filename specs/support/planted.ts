/** Bugs that are planted in the module, for the kernels that are to catch them. */
import { expect } from '@playwright/test';
import type { BootedGuest } from '../../harness/guest/guest.js';
import { complaints } from '../../harness/guest/kernel-log.js';
import { checksOff } from '../../harness/guest/self-checks.js';
import { load } from './loaded-guest.js';
import { buildModule } from './module.js';
import type { Stage } from './stage.js';

/** A guest of its own, which nothing is looked for in afterwards, with a bug of module/planted.c done. */
export async function withBug(
  stage: Stage,
  bug: string,
  look: (guest: BootedGuest) => Promise<void>,
): Promise<void> {
  const { ko } = await buildModule(stage.kernel, ['SWARM_PLANTED=y']);
  const guest = await stage.booted(`planted ${bug}`);
  try {
    await load(guest, ko);
    expect(complaints(await guest.sh('dmesg -c')), 'before').toEqual([]);
    const { checks } = stage.kernel;
    expect(checks && (await checksOff(guest, checks)), 'before').toEqual([]);
    // To be read in the log, which a panic would end.
    await guest.sh('sysctl -qw kernel.panic_on_warn=0');
    await guest.sh(`echo ${bug} >/sys/module/swarm_guard/parameters/planted`);
    await look(guest);
  } finally {
    await stage.discard();
  }
}
