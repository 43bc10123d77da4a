/** The cookie of core scheduling, which no kernel of a distribution in the catalogue has and debug is built with. */
import { jsonLines } from '../../harness/util/json-lines.js';
import { cookie as printed } from '../support/figures.js';
import { expect, test } from '../support/fixtures.js';

// Without CPUs that share a core the kernel gives nobody a cookie.
test.use({ guestExtras: { cpus: 2, threads: 2 } });

const COOKIE = ['/usr/local/bin/inherit', 'cookie'];

/** A process's cookie as `inherit cookie` has printed it, a hashed pointer; 0 for none. */
const cookie = (stdout: string, who: 'outside' | 'inside') =>
  jsonLines(stdout, printed).find((each) => each.who === who)?.cookie;

for (const via of ['fork', 'vfork', 'posix_spawn'] as const) {
  test(`BIRTH-16: by ${via} an agent gets a cookie of its own if its launcher has one, so they share no core`, async ({
    loaded,
  }) => {
    const under = 'inherit cookie';
    // Outside an agent a child has its parent's.
    const kept = await loaded.sh('inherit cookie inherit cookie');
    expect(cookie(kept, 'outside')).toMatch(/[1-9a-f]/);
    expect(cookie(kept, 'inside')).toBe(cookie(kept, 'outside'));
    for (const request of [{}, { namespace_flags: 95, privileged: true }]) {
      const { stdout } = await loaded.swarm.launch(request, COOKIE, { via, under });
      expect(cookie(stdout, 'inside')).toMatch(/[1-9a-f]/);
      expect(cookie(stdout, 'inside')).not.toBe(cookie(stdout, 'outside'));
    }
    await expect(loaded).toHaveActiveAgents(0);
  });
}

test('BIRTH-17: an agent whose launcher has no cookie has none', async ({ loaded }) => {
  const { stdout } = await loaded.swarm.launch({}, COOKIE);
  expect(jsonLines(stdout, printed)).toEqual([{ who: 'inside', cookie: '0' }]);
  await expect(loaded).toHaveActiveAgents(0);
});
