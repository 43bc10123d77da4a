/** The check of the check: the debug kernel catches bugs that are planted in the module. */
import { complaints } from '../../harness/guest/kernel-log.js';
import { checksOff } from '../../harness/guest/self-checks.js';
import { expect, test } from '../support/fixtures.js';
import { withBug } from '../support/planted.js';

const FOUND = {
  uaf: ['DEBUG-02', 'a use after free', /BUG: KASAN: slab-use-after-free in \w+.* \[swarm_guard\]/],
  inversion: ['DEBUG-03', 'a lock inversion', /WARNING: possible circular locking dependency detected/],
  sleep: ['DEBUG-04', 'a sleep in atomic', /BUG: sleeping function called from invalid context/],
} as const;

for (const [bug, [id, title, pattern]] of Object.entries(FOUND)) {
  test(`${id}: ${title} is caught`, async ({ stage }) => {
    await withBug(stage, bug, async (guest) => {
      const found = complaints(await guest.kernelLog());
      expect(found.join('\n')).toMatch(pattern);
    });
  });
}

test('DEBUG-05: a leak is caught, at the latest when its guest is done with', async ({ stage }) => {
  await withBug(stage, 'leak', async () => {
    const said = String(await stage.leave().catch(String));
    expect(said).toMatch(/in the guest of planted leak:\nunreferenced object/);
    expect(said.match(/^ +plant\+\S+ \[swarm_guard\]$/gm)?.length, said).toBeGreaterThan(8);
  });
});

test('DEBUG-06: a kernel whose lockdep has switched itself off is not taken for a clean one', async ({
  stage,
}) => {
  await withBug(stage, 'inversion', async (guest) => {
    await guest.sh('dmesg -C');
    expect(await checksOff(guest, 'debug')).toEqual(['lockdep is off']);
  });
});
