/** The remains of the launcher, and the end of its workers. */
import { expect, test } from '../support/fixtures.js';
import { drive } from '../support/launcher/drive.js';
import { NODE_GUEST } from '../support/node-guest.js';

test.use({ guestExtras: NODE_GUEST });

test(
  'CLIENT-21: launches leave no descriptor, no thread and no zombie',
  { tag: '@nightly' },
  async ({ loaded }) => {
    const orders = [
      { line: 'exit 0' },
      { spec: { program: '/srv/nothing', argv: ['nothing'] } },
      { spec: { cwd: '/srv/nothing' } },
      { spec: { object: '{"spawn":1}x' } },
    ];
    const { before, after } = await drive<{ before: object; after: object }>(loaded, 'repeat', 200, orders);
    expect(after).toEqual(before);
    expect(before).toMatchObject({ children: 0 });
    await expect(loaded).toHaveActiveAgents(0);
  },
);

test(
  'CLIENT-45: workers may end while they launch: nothing crashes, and nothing of theirs stays',
  { tag: '@nightly' },
  async ({ loaded }) => {
    test.setTimeout(400_000);
    // What nobody hears of is killed; what a worker has heard of ends by itself.
    const orders = [
      { line: 'exit 0' },
      { line: 'sleep 2' },
      { spec: { program: '/srv/nothing', argv: ['nothing'] } },
      { spec: { user: { uid: 1, gid: 1 } }, line: 'exit 0' },
    ];
    const { before, after, active } = await drive<{
      before: { descriptors: number; threads: number };
      after: { descriptors: number; threads: number; children: number };
      active: number;
    }>(loaded, 'storm', 10, { count: 4, orders });
    expect(active).toBe(0);
    expect(after.children).toBe(0);
    expect(after.threads).toBeLessThanOrEqual(before.threads + 1);
    expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + 1);
  },
);
