/** Loading that fails half way. `npm run long` */
import { expect, test } from '../support/fixtures.js';
import { opening, uploadRival } from '../support/moments.js';
import { reload } from '../support/loaded-guest.js';

test('LIFE-27: if the last file of /proc/swarm cannot be made, loading fails, and nobody has opened any of the others', async ({
  loaded,
  stage,
}) => {
  await uploadRival(loaded, stage, 'swarm_redirect.ko');
  const files = Number(await loaded.sh('ls /proc/swarm | wc -l'));
  await loaded.unload();
  const last = `function=proc_create comm=insmod answer=0 after=${files - 1}`;
  await loaded.sh(`dmesg -C; insmod /root/swarm_redirect.ko ${last}`);
  const load = async () => {
    const { code, stderr } = await loaded.exec('sleep 0.5; insmod /root/swarm_guard.ko');
    expect([code, stderr]).toEqual([1, expect.stringContaining('Cannot allocate memory')]);
  };
  expect(await opening(loaded, stage, load)).toBe(0);
  expect(await loaded.sh('cat /sys/module/swarm_redirect/parameters/hits; rmmod swarm_redirect')).toBe('1');
  expect((await loaded.exec('test -e /proc/swarm')).code).toBe(1);
  const again = await reload(loaded);
  expect(await again.kernelLog()).not.toMatch(/WARNING|BUG/);
  await expect(again).toHaveActiveAgents(0);
});
