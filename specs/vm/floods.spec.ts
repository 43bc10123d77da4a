/** Violations of an agent beyond a rate: counted, summed up, and nobody else's loss. */
import { parseEvents } from '../../client/events.js';
import type { SwarmEvent } from '../../client/events.js';
import { expect, test } from '../support/fixtures.js';
import { parseMetrics } from '../support/metrics.js';
import { background, hold, onlyAgent } from '../support/guest.js';
import { load, reload } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

const RATE = 100;
const PRIVILEGED = '{"spawn":true,"privileged":true,"namespace_flags":0}';

/** Is denied a device so often, from so many threads. */
const flood = (count: number, threads = 1) => `/usr/local/bin/events burst ${count} ${threads}`;

/** Violations of an agent that were told, and those that were summed up. */
function toldOf(events: readonly SwarmEvent[], agent: number): { told: number; summed: number } {
  let told = 0;
  let summed = 0;
  for (const event of events) {
    if (event.event === 'violation' && event.agent === agent) told++;
    if (event.event === 'suppressed' && event.agent === agent) summed += event.count;
  }
  return { told, summed };
}

async function elapsed(guest: LoadedGuest, work: () => Promise<unknown>): Promise<number> {
  const uptime = async () => Number((await guest.sh('cat /proc/uptime')).split(' ')[0]);
  const start = await uptime();
  await work();
  return (await uptime()) - start;
}

for (const [how, threads] of [
  ['one thread', 1],
  ['four threads', 4],
] as const)
  test(`EVENT-14: a flood of violations by ${how} is told at a rate, and summed up exactly`, async ({
    loaded,
  }) => {
    const COUNT = 20_000;
    let seconds = 0;
    const events = await loaded.swarm.eventsDuring(async () => {
      seconds = await elapsed(loaded, async () => {
        await loaded.sh(`launch '${PRIVILEGED}' ${flood(COUNT, threads)} >/dev/null 2>&1`, {
          timeoutMs: 120_000,
        });
        await expect(loaded).toHaveActiveAgents(0);
      });
    });
    const last = events.at(-1);
    expect(last).toMatchObject({ event: 'destroyed', violations: COUNT });
    const { told, summed } = toldOf(events, last?.event === 'destroyed' ? last.agent : 0);
    expect(told + summed).toBe(COUNT);
    expect(told).toBeLessThanOrEqual(RATE * (Math.ceil(seconds) + 1));
    expect(told).toBeGreaterThanOrEqual(RATE);
    // Sums come before the end of their agent. A slow guest's last second may be told in full.
    expect(events.slice(0, -1).map(({ event }) => event)).toContain('suppressed');
    events.forEach((event, index) => {
      expect(event.seq).toBe((events[0]?.seq ?? 0) + index);
    });
  });

test('EVENT-15: the sum is told soon after a flood, though the agent lives on and does nothing', async ({
  loaded,
}) => {
  const COUNT = 5000;
  const { line, release } = hold(loaded);
  const before = (await loaded.swarm.events()).at(-1)?.seq ?? 0;
  const running = loaded.swarm.run({ privileged: true, namespace_flags: 0 }, `${flood(COUNT)}; ${line}`);
  await expect(loaded).toHaveActiveAgents(1);
  const { id } = await onlyAgent(loaded);
  await expect
    .poll(async () => {
      const events = await loaded.swarm.events(before + 1);
      const { told, summed } = toldOf(events, id);
      return told + summed;
    })
    .toBe(COUNT);
  expect((await loaded.swarm.events()).at(-1)).toMatchObject({ event: 'suppressed' });
  await release();
  await running;
  await expect(loaded).toHaveActiveAgents(0);
});

test('EVENT-16: a flood overwrites nothing that is told of the life of agents, and what is lost is known', async ({
  booted,
  module,
}) => {
  // Sixteen of each kind.
  const guest = await load(booted, module.ko, { event_buffer: 32, event_rate: 0 });
  const COUNT = 2000;
  const created = await guest.swarm.create({ name: 'operator' });
  const script = [
    'exec 4</proc/swarm/events',
    `launch '${PRIVILEGED}' ${flood(COUNT)} >/dev/null 2>&1`,
    "until [ $(sed -n 's/Active agents: //p' /proc/swarm/status) = 1 ]; do sleep 0.05; done",
    'handed read 4 | grep -v EAGAIN',
  ];
  const lines = (await guest.sh(script.join('\n'), { timeoutMs: 120_000 })).split('\n');
  const seen = lines.map((line) => JSON.parse(line) as { event: string; seq: number; count?: number });
  expect(seen.map(({ event }) => event)).toEqual([
    'created',
    'created',
    'spawned',
    'lost',
    ...Array<string>(16).fill('violation'),
    'destroyed',
  ]);
  expect(seen[3]).toMatchObject({ seq: 3 + COUNT - 16, count: COUNT - 16 });
  expect(seen.at(-1)).toMatchObject({ seq: 4 + COUNT, violations: COUNT });
  const lost = async () =>
    (await parseMetrics(await guest.swarm.metrics())).get('swarm_guard_events_lost_total');
  expect(await lost()).toBe(COUNT - 16);
  // One that comes later sees the same, and has lost nothing.
  const later = await guest.sh('exec 4</proc/swarm/events; handed read 4 | grep -v EAGAIN');
  expect(later.split('\n')).toEqual(lines);
  expect(await lost()).toBe(COUNT - 16);
  await guest.swarm.destroy(created);
  expect((await guest.swarm.events()).filter(({ event }) => event === 'created')).toHaveLength(2);
  await guest.unload();
});

test('EVENT-17: the module is unloaded while a sum waits to be told', async ({ booted, module }) => {
  const guest = await load(booted, module.ko);
  for (let round = 0; round < 3; round++) {
    // Registered again when its process has gone, so that nothing of it is told.
    const persisting = PRIVILEGED.replace('}', ',"persist":true}');
    await guest.sh(`launch '${persisting}' ${flood(500)} >/dev/null 2>&1`);
    await guest.sh('until rmmod swarm_guard 2>/dev/null; do sleep 0.02; done');
    await reload(guest);
  }
  await guest.unload();
});

test('EVENT-21: a process that is killed for memory gets its line, however much its agent is denied meanwhile', async ({
  booted,
  module,
}) => {
  const guest = await load(booted, module.ko, { event_rate: 1 });
  const MiB = 1 << 20;
  // Which the kernel chooses before all others.
  const greedy = `echo 1000 >/proc/self/oom_score_adj; exec consume memory ${256 * MiB}`;
  await guest.swarm.run(
    { privileged: true, namespace_flags: 0, memory_limit: 64 * MiB, oom_group: false },
    `(until [ -e /run/calm ]; do ${flood(1000)}; done) & sleep 1; sh -c '${greedy}'; sleep 1`,
  );
  await guest.sh('touch /run/calm');
  await expect(guest).toHaveActiveAgents(0);
  await guest.sh('rm /run/calm');
  const events = await guest.swarm.events();
  const last = events.at(-1);
  const told = events.filter((event) => event.event === 'oom');
  expect(told[0]).toMatchObject({ comm: 'consume' });
  const sums = events.filter((event) => event.event === 'suppressed');
  const kills = sums.filter(({ kind }) => kind === 'oom').reduce((sum, { count }) => sum + count, 0);
  expect(last).toMatchObject({ event: 'destroyed', oom_kills: told.length + kills });
  const denials = sums.filter(({ kind }) => kind !== 'oom');
  expect(denials.length).toBeGreaterThan(0);
  for (const sum of denials) expect(sum).toMatchObject({ kind: 'device', kinds: ['device'] });
  await guest.unload();
});

test('EVENT-22: a sum names all the kinds that it counts, and whoever alternates kinds is told of no more often', async ({
  booted,
  module,
}) => {
  const guest = await load(booted, module.ko, { event_rate: 1 });
  const PAIRS = 100;
  let seconds = 0;
  const events = await guest.swarm.eventsDuring(async () => {
    seconds = await elapsed(guest, async () => {
      const pairs = Array<string>(PAIRS).fill('read /dev/kmsg -- socket 16 3 16').join(' -- ');
      await guest.swarm.run({}, `exec attempt ${pairs} >/dev/null`);
      await expect(guest).toHaveActiveAgents(0);
    });
  });
  const sums = events.filter((event) => event.event === 'suppressed');
  for (const { kind, kinds } of sums) expect(kinds).toContain(kind);
  const both = sums.map(({ kinds }) => JSON.stringify(kinds));
  expect(both).toContain('["device","socket"]');
  const told = events.filter(({ event }) => event === 'violation').length;
  expect(told + sums.reduce((sum, { count }) => sum + count, 0)).toBe(2 * PAIRS);
  expect(told).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
  expect(sums.length).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
  await guest.unload();
});

test('EVENT-20: beside eight processes that are denied as fast as they can, a reader misses no birth, no end and no violation of another agent', async ({
  loaded,
}) => {
  test.setTimeout(600_000);
  const { swarm } = loaded;
  const FLOODS = 8;
  const BURST = 1000;
  const STATUSES = [0, 3, 7, 42, 1, 255];
  const last = (await swarm.events()).at(-1)?.seq ?? 0;
  const reader = await background(loaded, "sh -c 'exec cat /proc/swarm/events >/run/read'");
  // Each of them says after each burst that it was denied so often.
  const burst = `${flood(BURST)}; echo burst`;
  const flooding = swarm.run(
    { privileged: true, namespace_flags: 0, name: 'flood' },
    `for i in $(seq ${FLOODS}); do (until [ -e /run/calm ]; do ${burst}; done) & done; wait`,
  );
  await expect(loaded).toHaveActiveAgents(1);
  const { id: flooded } = await onlyAgent(loaded);
  const violations = async () => (await swarm.inspect(flooded)).violations;
  await expect.poll(violations, { timeout: 60_000 }).toBeGreaterThan(FLOODS * BURST);
  const births: { id: number; pid: number; exit: number }[] = [];
  for (const exit of STATUSES) {
    const { id, pid, code } = await swarm.launch({}, ['/bin/sh', '-c', `exit ${exit}`]);
    expect(code).toBe(exit);
    births.push({ id, pid, exit });
  }
  const denied = await swarm.run({ privileged: true, namespace_flags: 0 }, 'exec events burst 1 1');
  const before = await violations();
  await expect.poll(violations, 'the flood has not ended yet').toBeGreaterThan(before);
  await loaded.sh('touch /run/calm');
  const bursts = (await flooding).stdout.split('\n').filter((line) => line === 'burst').length;
  await expect(loaded).toHaveActiveAgents(0);
  const newest = (await swarm.events()).at(-1);
  const read = async () => parseEvents(await loaded.sh('cat /run/read')).filter(({ seq }) => seq > last);
  await expect.poll(async () => (await read()).at(-1)?.seq).toBe(newest?.seq);
  await loaded.sh(`kill ${reader}`);
  const events = await read();
  await loaded.sh('rm /run/calm /run/read');

  // No number is missing, so nothing was lost.
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => last + 1 + index));
  const of = (id: number) => events.filter((event) => 'agent' in event && event.agent === id);
  for (const { id, pid, exit } of births)
    expect(of(id)).toMatchObject([
      { event: 'created' },
      { event: 'spawned', pid },
      { event: 'destroyed', reason: 'exit', exit },
    ]);
  expect(of(denied.id)).toMatchObject([
    { event: 'created' },
    { event: 'spawned', pid: denied.pid },
    { event: 'violation', kind: 'device', action: 'deny', pid: denied.pid, comm: 'events' },
    { event: 'destroyed', reason: 'exit', exit: 0, violations: 1 },
  ]);
  const { told, summed } = toldOf(events, flooded);
  expect(told + summed).toBe(bursts * BURST);
  expect(summed).toBeGreaterThan(told);
  expect(of(flooded).at(-1)).toMatchObject({ event: 'destroyed', violations: bursts * BURST });
});
