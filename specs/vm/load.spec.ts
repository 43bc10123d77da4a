import { expect, test } from '../fixtures.js';

test('the counters start at zero', async ({ loaded }) => {
  const text = await loaded.sh('cat /proc/swarm/status');
  expect(text).toBe('Active agents: 0\nTotal created: 0\nTotal destroyed: 0\nPolicy violations: 0');
});
