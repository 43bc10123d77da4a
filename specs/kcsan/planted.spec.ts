/** The check of the check: the kernel with KCSAN catches a data race that is planted in the module. */
import { complaints } from '../../harness/guest/kernel-log.js';
import { checksOff } from '../../harness/guest/self-checks.js';
import { expect, test } from '../support/fixtures.js';
import { withBug } from '../support/planted.js';

test('DEBUG-07: a data race is caught', async ({ stage }) => {
  await withBug(stage, 'race', async (guest) => {
    const log = await guest.kernelLog();
    expect(complaints(log).join('\n')).toMatch(/BUG: KCSAN: data-race in race_in \[swarm_guard\]/);
    expect(log, 'both of them are named').toMatch(
      /\bto 0x[0-9a-f]+ .*by task [^]*\bto 0x[0-9a-f]+ .*by task /,
    );
  });
});

test('DEBUG-08: a kernel whose KCSAN is switched off is not taken for a clean one', async ({ stage }) => {
  await withBug(stage, 'sleep', async (guest) => {
    await guest.sh('echo off >/sys/kernel/debug/kcsan');
    expect(await checksOff(guest, 'kcsan')).toEqual(['KCSAN is off']);
  });
});
