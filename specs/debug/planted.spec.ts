/** The check of the check: the debug kernel catches bugs that are planted in the module. */
import { buildModule } from '../../harness/build/module.js';
import type { BootedGuest } from '../../harness/vm/guest.js';
import { complaints } from '../../harness/vm/kernel-log.js';
import { checksOff } from '../../harness/vm/self-checks.js';
import type { Stage } from '../../harness/vm/stage.js';
import { expect, test } from '../fixtures.js';

/** A guest of its own, which nothing is looked for in afterwards, with a bug of module/planted.c done. */
async function withBug(
  stage: Stage,
  bug: string,
  look: (guest: BootedGuest) => Promise<void>,
): Promise<void> {
  const { ko } = await buildModule(stage.kernel, ['SWARM_PLANTED=y']);
  const guest = await stage.booted(`planted ${bug}`);
  try {
    await guest.load(ko);
    expect(complaints(await guest.sh('dmesg -c')), 'before').toEqual([]);
    expect(await checksOff(guest), 'before').toEqual([]);
    // To be read in the log, which a panic would end.
    await guest.sh('sysctl -qw kernel.panic_on_warn=0');
    await guest.sh(`echo ${bug} >/sys/module/swarm_guard/parameters/planted`);
    await look(guest);
  } finally {
    await stage.discard();
  }
}

const FOUND = {
  uaf: ['a use after free', /BUG: KASAN: slab-use-after-free in \w+.* \[swarm_guard\]/],
  inversion: ['a lock inversion', /WARNING: possible circular locking dependency detected/],
  sleep: ['a sleep in atomic', /BUG: sleeping function called from invalid context/],
} as const;

for (const [bug, [title, pattern]] of Object.entries(FOUND)) {
  test(`${title} is caught`, async ({ stage }) => {
    await withBug(stage, bug, async (guest) => {
      const found = complaints(await guest.kernelLog());
      expect(found.join('\n')).toMatch(pattern);
    });
  });
}

test('a leak is caught, at the latest when its guest is done with', async ({ stage }) => {
  await withBug(stage, 'leak', async () => {
    const said = String(await stage.leave().catch(String));
    expect(said).toMatch(/in the guest of planted leak:\nunreferenced object/);
    expect(said.match(/^ +plant\+\S+ \[swarm_guard\]$/gm)?.length, said).toBeGreaterThan(8);
  });
});

test('a kernel whose lockdep has switched itself off is not taken for a clean one', async ({ stage }) => {
  await withBug(stage, 'inversion', async (guest) => {
    await guest.sh('dmesg -C');
    expect(await checksOff(guest)).toEqual(['lockdep is off']);
  });
});
