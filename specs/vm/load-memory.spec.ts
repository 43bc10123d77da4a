/** The memory that is left after loading and unloading. */
import { expect, test } from '../support/fixtures.js';
import { shrink } from '../support/guest.js';
import { load } from '../support/loaded-guest.js';

test.setTimeout(400_000);

test(
  'LOAD-06: five times loaded, used and unloaded leave nothing in the slab caches',
  { tag: '@nightly' },
  async ({ booted, module }) => {
    const guest = await load(booted, module.ko);
    await guest.unload();
    expect(() => guest.swarm, 'offered no more').toThrow('no /proc/swarm any more');
    const cycle = [
      'insmod /root/swarm_guard.ko || exit 1',
      'for j in 1 2 3; do',
      '  launch \'{"spawn":true,"memory_limit":33554432,"pids_limit":20}\' /bin/sh -c "true; true" 2>/dev/null || exit 2',
      'done',
      'seq 200 | sed "s/.*/{}/" | swarmio /proc/swarm/create >/dev/null 2>&1 || exit 3',
      'for try in $(seq 50); do rmmod swarm_guard 2>/dev/null && break; sleep 0.1; done',
      '[ ! -e /proc/swarm ] || exit 4',
    ].join('\n');
    const names = [64, 128, 256, 512, '1k', '4k'].map((size) => `kmalloc-${size}`);
    const caches = async () => {
      const drop = 'sync; echo 3 >/proc/sys/vm/drop_caches; sleep 1';
      const text = await booted.sh(
        `ls /sys/kernel/slab | grep -c swarm; ${drop}; ${shrink(names)}; cat /proc/slabinfo`,
      );
      const count = (name: string) => Number(new RegExp(`^${name} +(\\d+)`, 'm').exec(text)?.[1] ?? 0);
      return {
        own: Number(text.split('\n')[0]),
        kmalloc: names.map(count),
      };
    };
    await booted.sh(cycle, { timeoutMs: 60_000 });
    const before = await caches();
    await booted.sh(`for i in $(seq 5); do\n${cycle}\ndone`, { timeoutMs: 300_000 });
    const after = await caches();
    expect(after.own, 'caches of the module').toBe(0);
    // 5 cycles that each leaked one object per agent would show 1,000 more.
    for (const [index, count] of after.kmalloc.entries())
      expect(count - (before.kmalloc[index] ?? 0)).toBeLessThan(300);
  },
);
