/** 200,000 agents: what they cost, and reading them while they come and go. `npm run scale` */
import type { LoadedGuest } from '../../harness/vm/guest.js';
import { Stage } from '../../harness/vm/stage.js';
import { expect, test as base } from '../fixtures.js';

const AGENTS = 200_000;

/** A guest without what makes memory errors visible, because that makes every object larger. */
const test = base.extend<{ plain: LoadedGuest }>({
  plain: async ({ kernelName }, use) => {
    const append = 'slub_debug=- kfence.sample_interval=0';
    const stage = await Stage.prepare(kernelName || undefined, { append });
    await use(await stage.loaded('scale'));
    await stage.discard();
  },
});
test.describe.configure({ timeout: 600_000 });

interface Memory {
  /** Bytes in objects of all slab caches. */
  slab: number;
  available: number;
}

async function memory(guest: LoadedGuest): Promise<Memory> {
  const text = await guest.sh(
    'sync; echo 3 >/proc/sys/vm/drop_caches; sleep 1; cat /proc/slabinfo; grep MemAvailable /proc/meminfo',
  );
  const rows = [...text.matchAll(/^\S+ +(\d+) +\d+ +(\d+) +\d+ +\d+ : tunables/gm)];
  const slab = rows.reduce((sum, [, active, size]) => sum + Number(active) * Number(size), 0);
  return { slab, available: Number(/MemAvailable: +(\d+) kB/.exec(text)?.[1]) * 1024 };
}

const register = (count: number) =>
  `yes '{"memory_limit":268435456,"cpu_quota":25}' | head -n ${count} >/proc/swarm/create`;

test('a registered agent costs less than 512 bytes, its record at most 256', async ({ plain }, info) => {
  const size = Number(await plain.sh('cat /sys/kernel/slab/swarm_agent/object_size'));
  expect(size).toBeLessThanOrEqual(256);
  await plain.sh(register(1000), { timeoutMs: 60_000 });
  const before = await memory(plain);
  await plain.sh(register(AGENTS - 1000), { timeoutMs: 300_000 });
  const after = await memory(plain);
  const created = AGENTS - 1000;
  expect((await plain.swarm.status()).active).toBe(AGENTS);
  const [slab, available] = [
    (after.slab - before.slab) / created,
    (before.available - after.available) / created,
  ];
  info.annotations.push({
    type: 'bytes',
    description: `record ${size}, slab ${slab.toFixed(0)}, MemAvailable ${available.toFixed(0)}`,
  });
  console.log(
    `bytes for each of ${AGENTS} agents: record ${size}, slab ${slab.toFixed(0)}, MemAvailable ${available.toFixed(0)}`,
  );
  expect(slab).toBeLessThan(512);
  expect(available).toBeLessThan(512);
  const one = await plain.swarm.write('{}');
  expect(one.answers[0], 'max_agents').toMatchObject({ error: 'ENOSPC' });
  await plain.sh(`seq 1 ${AGENTS} >/proc/swarm/destroy`, { timeoutMs: 300_000 });
  expect((await plain.swarm.status()).active).toBe(0);
});

test('every agent that lives through a read of agents appears in it exactly once, in bounded memory', async ({
  plain,
}) => {
  await plain.sh(register(AGENTS - 20_000), { timeoutMs: 300_000 });
  const lines = await plain.sh(
    [
      // Agents come and go behind, before and amid the reader: the even ids below 100,000 go.
      `(${register(10_000)}; seq 2 2 100000 >/proc/swarm/destroy; ${register(10_000)}) & churn=$!`,
      'dd if=/proc/swarm/agents bs=4096 2>/dev/null | sed "s/^ID: \\([0-9]*\\),.*/\\1/" >/tmp/ids',
      'wait $churn',
      `awk '$1 % 2 == 1 && $1 <= 100000 || $1 > 100000 && $1 <= ${AGENTS - 20_000}' /tmp/ids | sort -n | uniq -c | awk '{ n[$1]++ } END { for (k in n) print k, n[k] }'`,
      'sort -n /tmp/ids | uniq -d | wc -l',
    ].join('\n'),
    { timeoutMs: 300_000 },
  );
  expect(lines.split('\n')).toEqual([`1 ${AGENTS - 20_000 - 50_000}`, '0']);
  const held = await plain.sh(
    'grep MemAvailable /proc/meminfo; exec 3</proc/swarm/agents; head -c 4096 <&3 >/dev/null; grep MemAvailable /proc/meminfo',
  );
  const [before, during] = [...held.matchAll(/(\d+) kB/g)].map(([, kB]) => Number(kB));
  expect((before ?? 0) - (during ?? 0), 'kB held by a reader').toBeLessThan(2048);
  await plain.unload();
});
