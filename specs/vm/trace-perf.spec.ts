/** The tracepoints, as perf uses them. */
import { expect, test } from '../support/fixtures.js';

test.use({ guestExtras: { packages: ['linux-perf'], memoryMb: 3072 } });

test('TRACE-03: perf counts them', { tag: '@nightly' }, async ({ loaded }) => {
  const denied = `launch '{"spawn":true}' /usr/local/bin/attempt setns /proc/self/ns/uts -- setns /proc/self/ns/net`;
  const counted = await loaded.sh(
    `perf stat -x, -a -e swarm_guard:violation -e swarm_guard:agent_create -- sh -c "${denied.replaceAll('"', '\\"')}" 2>&1 >/dev/null | grep swarm_guard`,
  );
  const numbers = counted.split('\n').map((line) => [line.split(',')[2], Number(line.split(',')[0])]);
  expect(Object.fromEntries(numbers)).toEqual({
    'swarm_guard:violation': 2,
    'swarm_guard:agent_create': 1,
  });
  await expect(loaded).toHaveActiveAgents(0);
});
