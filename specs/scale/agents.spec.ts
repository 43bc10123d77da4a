/** 200,000 agents: what they cost, and reading them while they come and go. `npm run scale` */
import type { BootedGuest } from '../../harness/guest/guest.js';
import { expect, test } from '../support/fixtures.js';
import { census, destroyAll } from '../support/guest.js';
import { load } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

const AGENTS = 200_000;

// What makes memory errors visible makes every object larger.
test.use({ guestExtras: { findMemoryErrors: false } });
test.describe.configure({ timeout: 900_000 });

interface Memory {
  /** Bytes in objects of all slab caches. */
  slab: number;
  available: number;
}

async function memory(guest: BootedGuest): Promise<Memory> {
  const text = await guest.sh(
    'sync; echo 3 >/proc/sys/vm/drop_caches; sleep 1; cat /proc/slabinfo; grep MemAvailable /proc/meminfo',
  );
  const rows = [...text.matchAll(/^\S+ +(\d+) +\d+ +(\d+) +\d+ +\d+ : tunables/gm)];
  expect(rows.length, 'slab caches').toBeGreaterThan(50);
  const slab = rows.reduce((sum, [, active, size]) => sum + Number(active) * Number(size), 0);
  return { slab, available: Number(/MemAvailable: +(\d+) kB/.exec(text)?.[1]) * 1024 };
}

/** The memory for each of `count` agents, from one measurement to the next. */
function each(count: number, from: Memory, to: Memory): Memory {
  return { slab: (to.slab - from.slab) / count, available: (from.available - to.available) / count };
}

/** Registers so many agents with one command; `limit` is an expression of awk in which i is their number. */
async function register(guest: LoadedGuest, count: number, limit = '268435456'): Promise<void> {
  const object = `"{\\"memory_limit\\":%d,\\"cpu_quota\\":25}\\n"`;
  await guest.sh(
    `awk 'BEGIN { for (i = 0; i < ${count}; i++) printf ${object}, ${limit} }' >/proc/swarm/create`,
    { timeoutMs: 300_000 },
  );
}

test('SCALE-01: a registered agent costs less than 512 bytes in all, its record at most 256', async ({
  booted,
  module,
}) => {
  const absent = await memory(booted);
  const guest = await load(booted, module.ko);
  const idle = await memory(guest);
  await register(guest, AGENTS);
  const full = await memory(guest);
  expect((await guest.swarm.status()).active).toBe(AGENTS);
  expect((await guest.swarm.write('{}')).answers[0], 'one more than max_agents').toMatchObject({
    error: 'ENOSPC',
  });

  const record = Number(await guest.sh('cat /sys/kernel/slab/swarm_agent/slab_size'));
  const agent = each(AGENTS, idle, full);
  // With the module's code and the tables that it makes when it is loaded: the hash of processes, the id ranges.
  const all = each(AGENTS, absent, full);
  const bytes = (value: number) => value.toFixed(0);
  console.log(
    `bytes for each of ${AGENTS} agents: record ${record}; slab ${bytes(agent.slab)}, MemAvailable ` +
      `${bytes(agent.available)}; with the module itself, slab ${bytes(all.slab)}, MemAvailable ${bytes(all.available)}`,
  );
  expect(record, 'an object of swarm_agent').toBeLessThanOrEqual(256);
  expect(agent.slab, 'slab holds at least the record').toBeGreaterThanOrEqual(record);
  for (const { slab, available } of [agent, all]) {
    expect(slab).toBeLessThan(512);
    expect(available).toBeLessThan(512);
    expect(available, 'MemAvailable knows of the slab').toBeGreaterThan(record / 2);
  }

  await destroyAll(guest);
  expect((await guest.swarm.status()).active).toBe(0);
  const empty = await memory(guest);
  const kept = each(AGENTS, idle, empty);
  console.log(
    `bytes kept for each destroyed agent: slab ${bytes(kept.slab)}, MemAvailable ${bytes(kept.available)}`,
  );
  // So little of MemAvailable is lost in what the rest of the guest does: it is told only.
  expect(kept.slab, 'slab that destroyed agents leave').toBeLessThan(8);
  await guest.unload();
});

test('SCALE-02: equal policies are shared: an agent pays for a policy only if nobody else has it', async ({
  loaded,
}) => {
  const COUNT = 20_000;
  const before = await memory(loaded);
  await register(loaded, COUNT);
  const equal = await memory(loaded);
  await register(loaded, COUNT, '65536 + i');
  const different = await memory(loaded);
  const shared = each(COUNT, before, equal).slab;
  const own = each(COUNT, equal, different).slab;
  console.log(
    `bytes of slab for each agent: ${shared.toFixed(0)} with a shared policy, ${own.toFixed(0)} with its own`,
  );
  const record = Number(await loaded.sh('cat /sys/kernel/slab/swarm_agent/slab_size'));
  expect(shared, 'the record and its place in the index').toBeLessThan(record + 32);
  const policy = Number(await loaded.sh('cat /sys/kernel/slab/swarm_policy/slab_size'));
  expect(own, 'struct swarm_policy as well').toBeGreaterThan(shared + 200);
  expect(own, 'struct swarm_policy, and no more than that').toBeLessThan(shared + policy + 8);
  await destroyAll(loaded);
  expect((await loaded.swarm.status()).active).toBe(0);
  // What the caches of the allocator keep, they keep once.
  const once = await memory(loaded);
  await register(loaded, COUNT, '65536 + i');
  await destroyAll(loaded);
  const kept = each(COUNT, once, await memory(loaded)).slab;
  expect(kept, 'slab that policies without agents leave').toBeLessThan(8);
});

test('SCALE-03: every agent that lives through a read of agents appears in it exactly once, among 200,000', async ({
  booted,
  module,
}) => {
  const guest = await load(booted, module.ko, { max_agents: AGENTS + 1000 });
  const readers = ['4096', '65536', '64', '4096:again', '4096:pread', '65536:from'];
  for (const together of [readers, ['1']]) {
    const seen = await census(guest, AGENTS, 1, together, 400_000);
    for (const { how, lines, churned } of seen)
      console.log(`read ${how}: ${lines} lines while ${churned} agents came and went`);
    expect(seen.map(({ how, wrong }) => ({ how, wrong }))).toEqual(
      together.map((how) => ({ how, wrong: [] })),
    );
    for (const { how, lines, churned } of seen) {
      expect(lines, `lines of ${how}`).toBeGreaterThanOrEqual(how.endsWith('from') ? AGENTS / 4 : AGENTS / 2);
      expect(churned, `agents that came and went during ${how}`).toBeGreaterThan(0);
    }
  }
  await guest.unload();
});

test('SCALE-04: a reader of 200,000 agents holds no more memory than a reader of ten', async ({ loaded }) => {
  const READERS = 50;
  // Each has begun to read and goes on holding its descriptor while memory is looked at.
  const held = async () => {
    const out = await loaded.sh(
      [
        'seen() { grep MemAvailable /proc/meminfo; awk \'$0 ~ /tunables/ { n += $2 * $4 } END { print "Slab: " int(n / 1024) " kB" }\' /proc/slabinfo; }',
        'echo 3 >/proc/sys/vm/drop_caches; sleep 1; seen',
        `for i in $(seq ${READERS}); do eval "exec $((i + 10))</proc/swarm/agents"; dd bs=300 count=1 <&$((i + 10)) 2>/dev/null >/dev/null; done`,
        'seen; wc -c </proc/swarm/agents',
      ].join('\n'),
      { timeoutMs: 120_000 },
    );
    const [available, slab, availableThen, slabThen] = [...out.matchAll(/(\d+) kB/g)].map(([, kB]) =>
      Number(kB),
    );
    return {
      available: ((available ?? NaN) - (availableThen ?? NaN)) / READERS,
      slab: ((slabThen ?? NaN) - (slab ?? NaN)) / READERS,
      text: Number(out.split('\n').at(-1)) / 1024,
    };
  };
  await register(loaded, 10);
  const few = await held();
  await register(loaded, AGENTS - 10);
  const many = await held();
  console.log(
    `kB held by each of ${READERS} readers: ${few.slab.toFixed(1)} of slab for ${few.text.toFixed(1)} kB of text, ` +
      `${many.slab.toFixed(1)} for ${many.text.toFixed(0)} kB (MemAvailable ${few.available.toFixed(1)}, ${many.available.toFixed(1)})`,
  );
  expect(many.text).toBeGreaterThan(10_000);
  expect(many.slab - few.slab, 'kB of slab more').toBeLessThan(4);
  expect(many.available, 'kB').toBeLessThan(64);
  await destroyAll(loaded);
  expect((await loaded.swarm.status()).active).toBe(0);
});
