/** The remains of a gone agent while a page of it is in a file that others use. */
import { expectNoAgentCgroups } from '../support/cgroups.js';
import { expect, test } from '../support/fixtures.js';
import { isFrom } from '../support/guest.js';
import { reload } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

// Memory is measured.
test.use({ guestExtras: { findMemoryErrors: false } });

const AGENTS = 50;
/** The most that one leaves, in KB, with two processors. */
const LEFT_KB = 64;

/** Memory cgroups that are gone but not freed, and the kernel's memory that no cache can do without, in KB. */
async function remains(guest: LoadedGuest): Promise<{ dying: number; kb: number }> {
  const text = await guest.sh(
    'cat /sys/fs/cgroup/swarm/memory/cgroup.stat; grep -E "^(Percpu|SUnreclaim):" /proc/meminfo',
  );
  const number = (name: string) => Number(new RegExp(`^${name}:? +(\\d+)`, 'm').exec(text)?.[1] ?? NaN);
  const memory = number('nr_dying_subsys_memory');
  const dying = Number.isNaN(memory) ? number('nr_dying_descendants') : memory;
  return { dying, kb: number('Percpu') + number('SUnreclaim') };
}

/** Agents with a memory limit that run a shell line, one after the other, until all are gone. */
async function run(guest: LoadedGuest, line: string): Promise<void> {
  const launch = `launch '{"spawn":true,"memory_limit":16777216}' /bin/sh -c '${line}' sh $i`;
  await guest.sh(`for i in $(seq ${AGENTS}); do ${launch} 2>/dev/null || exit 1; done`, {
    timeoutMs: 120_000,
  });
  await expect(guest).toHaveActiveAgents(0);
  await expectNoAgentCgroups(guest);
}

test('USAGE-05: a page in a shared file keeps no more of a gone agent than is documented, and only as long as it is there', async ({
  loaded: given,
}) => {
  test.setTimeout(400_000);
  // Cgroups that are made ahead have memory too, and come in batches.
  await given.unload();
  const loaded = await reload(given, { cgroup_pool: 0 });
  await loaded.sh('mkdir /srv/remains; mount -t tmpfs -o mode=1777 none /srv/remains');
  // Everything once, so that caches are filled before anything is measured.
  await run(loaded, 'echo >/srv/remains/$1; rm /srv/remains/$1');
  const settled = () => expect.poll(async () => (await remains(loaded)).dying, { timeout: 60_000 }).toBe(0);
  await settled();
  const before = await remains(loaded);
  await run(loaded, 'echo >/srv/remains/$1');
  // Cgroups go a moment after their last process: until two readings agree.
  let left = await remains(loaded);
  await expect
    .poll(
      async () => {
        const last = left;
        left = await remains(loaded);
        return left.dying === last.dying && left.kb === last.kb;
      },
      { intervals: [500] },
    )
    .toBe(true);
  await loaded.sh('umount /srv/remains; rmdir /srv/remains');
  await settled();
  const each = (left.kb - before.kb) / AGENTS;
  console.log(
    `of ${AGENTS} gone agents ${left.dying} memory cgroups are left, ${each.toFixed(1)} KB for each agent`,
  );
  expect(each).toBeLessThan(LEFT_KB);
  if (await isFrom(loaded, 7, 3)) expect(left.dying, 'cgroups that wait for the page').toBe(before.dying);
});
