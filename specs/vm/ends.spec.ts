/** The ends of agents, and their usage: `destroyed`, `oom` and the usage in inspect. */
import { jsonLines } from '../../harness/util/json-lines.js';
import { victims } from '../support/figures.js';
import { join } from 'node:path';
import type { AgentRequest } from '../../client/client.js';
import { quoted } from '../../client/client.js';
import type { SwarmEvent } from '../../client/events.js';
import { agentCgroupDir } from '../support/cgroups.js';
import { expect, test } from '../support/fixtures.js';
import { background, expectBorn, hold, onlyAgent } from '../support/guest.js';
import { load } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';
import { buildTestModules } from '../support/module.js';
import { delayed } from '../support/moments.js';

const MiB = 1 << 20;
const SIGKILL = 9;
/** Without a pid namespace, children outlive the first process. */
const SHARED_PIDS = 126;
/** The figures that only an agent has that has run. */
const OF_A_LIFE = ['exit', 'signal', 'oom_kills', 'cpu_usec', 'memory_peak', 'runtime_usec'];

type Told<T extends SwarmEvent['event']> = Extract<SwarmEvent, { event: T }>;

/** The events of one kind. */
function of<T extends SwarmEvent['event']>(event: T, events: readonly SwarmEvent[]): Told<T>[] {
  return events.filter((each): each is Told<T> => each.event === event);
}

/** The end of the only agent that goes while `work` runs, and all events until then. */
async function endOf(guest: LoadedGuest, work: () => Promise<unknown>) {
  const events = await guest.swarm.eventsDuring(async () => {
    await work();
    await expect(guest).toHaveActiveAgents(0);
  });
  const ends = of('destroyed', events);
  expect(ends).toHaveLength(1);
  const [end] = ends;
  if (!end) throw new Error('no end');
  expect(events.at(-1), 'nothing is told of it later').toBe(end);
  return { events, end };
}

const ENDING = '/usr/local/bin/ending';

/** Ways to end, each with what wait tells the launcher. */
const ENDS: readonly [what: string, program: string[], end: { exit: number } | { signal: number }][] = [
  ['an exit status', ['/bin/sh', '-c', 'exit 7'], { exit: 7 }],
  ['the signal that killed it', ['/bin/sh', '-c', 'kill -TERM $$'], { signal: 15 }],
  ['a signal with a core dump', [ENDING, 'core', '11'], { signal: 11 }],
  ['the status that another thread ends all with', [ENDING, 'by-thread', '42'], { exit: 42 }],
  [
    'the status of the last thread, if the first exits before',
    [ENDING, 'leader-first', '3', '5'],
    { exit: 5 },
  ],
  [
    'the status of what another thread has executed',
    [ENDING, 'exec-by-thread', '/bin/sh', '-c', 'sleep 0.1; exit 6'],
    { exit: 6 },
  ],
  ['a restart inside its pid namespace', [ENDING, 'reboot', 'restart'], { signal: 1 }],
  ['a halt inside its pid namespace', [ENDING, 'reboot', 'halt'], { signal: 2 }],
];

for (const [what, program, expected] of ENDS)
  test(`END-01: "destroyed" tells how the first process ended: ${what}`, async ({ loaded }) => {
    // Of a signal without handler process 1 of a pid namespace would not die.
    const own = program.includes('reboot') || program.includes('by-thread');
    const allowed: AgentRequest = program.includes('reboot')
      ? { capabilities: ['sys_boot'], syscalls: { reboot: 'allow' } }
      : {};
    const request = own ? allowed : { namespace_flags: SHARED_PIDS };
    let code = 0;
    const { end } = await endOf(loaded, async () => {
      ({ code } = await loaded.swarm.launch(request, program));
    });
    expect(end).toMatchObject({ reason: 'exit', violations: 0, audited: 0, oom_kills: 0, ...expected });
    expect(Object.keys(end).filter((key) => key === 'exit' || key === 'signal')).toEqual(
      Object.keys(expected),
    );
    // As its launcher was told.
    expect(code).toBe('exit' in expected ? expected.exit : 128 + expected.signal);
  });

test('END-02: "destroyed" tells of the first process, though others end later, in another way', async ({
  loaded,
}) => {
  const { end } = await endOf(loaded, async () => {
    await loaded.swarm.run(
      { namespace_flags: SHARED_PIDS },
      '(setsid sh -c "sleep 1; exit 9" >/dev/null 2>&1 &); exit 4',
    );
    const { id } = await onlyAgent(loaded);
    expect(await loaded.swarm.inspect(id)).toMatchObject({ state: 'running' });
  });
  expect(end).toMatchObject({ reason: 'exit', exit: 4 });
  expect(end.runtime_usec, 'until the last one ended').toBeGreaterThan(900_000);
});

test('END-03: an agent that is destroyed was killed; one that never ran has no figures', async ({
  loaded,
}) => {
  const { end } = await endOf(loaded, async () => {
    const running = loaded.swarm.run({ memory_limit: 64 * MiB }, 'sleep 1000');
    await expectBorn(loaded, 1);
    await loaded.swarm.destroy((await onlyAgent(loaded)).id);
    await running;
  });
  expect(end).toMatchObject({ reason: 'request', signal: SIGKILL, oom_kills: 0 });
  const registered = await endOf(loaded, async () => {
    await loaded.swarm.destroy(await loaded.swarm.create({ memory_limit: 64 * MiB, persist: true }));
    expect((await loaded.swarm.status()).active, 'gone at once').toBe(0);
  });
  const unforked = await endOf(loaded, () =>
    loaded.sh(`bash -c 'echo "{\\"spawn\\":true,\\"pids_limit\\":3}" >/proc/swarm/create'`),
  );
  const unborn = await endOf(loaded, async () => {
    const terminal = await loaded.terminal();
    await terminal.type(`echo '{"spawn":true,"pids_limit":5}' >/proc/swarm/create`);
    await loaded.sh(`rmdir ${await agentCgroupDir(loaded, (await onlyAgent(loaded)).id)}`);
    await terminal.type('/bin/true; true');
    terminal.close();
  });
  expect([registered, unforked, unborn].map(({ end: { reason } }) => reason)).toEqual([
    'request',
    'unforked',
    'birth',
  ]);
  for (const { end: told } of [registered, unforked, unborn]) {
    expect(Object.keys(told).filter((key) => OF_A_LIFE.includes(key))).toEqual([]);
    expect(told).toMatchObject({ violations: 0, audited: 0 });
  }
});

test('END-04: an agent that persists has the figures of its last life, until it is destroyed', async ({
  loaded,
}) => {
  const again = async (id: number, line: string) => {
    await loaded.exec(`launch --file spawn '{"id":${id}}' /bin/sh -c '${line}'`);
    await expect.poll(async () => (await loaded.swarm.inspect(id)).state).toBe('registered');
    return (await loaded.swarm.inspect(id)).usage;
  };
  for (const limits of [{}, { memory_limit: 64 * MiB, pids_limit: 20 }]) {
    const { end } = await endOf(loaded, async () => {
      const id = await loaded.swarm.create({ persist: true, ...limits });
      const first = await again(id, `${ENDING} burn 1000; consume memory ${32 * MiB}; exit 3`);
      expect(first.cpu_usec).toBeGreaterThanOrEqual(1_000_000);
      expect((await loaded.swarm.inspect(id)).usage.runtime_usec, 'its life is over').toBe(
        first.runtime_usec,
      );
      if (limits.memory_limit) expect(first.memory_peak).toBeGreaterThanOrEqual(32 * MiB);
      const second = await again(id, `${ENDING} burn 100; exit 4`);
      expect(second.cpu_usec).toBeGreaterThanOrEqual(100_000);
      expect(second.cpu_usec).toBeLessThan(1_000_000);
      if (limits.memory_limit) expect(second.memory_peak).toBeLessThan(32 * MiB);
      await loaded.swarm.destroy(id);
      expect((await loaded.swarm.status()).active, 'gone at once').toBe(0);
      expect((await loaded.swarm.events()).at(-1)).toMatchObject({ event: 'destroyed', agent: id });
    });
    expect(end).toMatchObject({ reason: 'request', exit: 4, oom_kills: 0 });
    expect(end.cpu_usec).toBeGreaterThanOrEqual(100_000);
    expect(end.cpu_usec).toBeLessThan(1_000_000);
    if (limits.memory_limit) expect(end.memory_peak).toBeLessThan(32 * MiB);
  }
});

test('END-05: an adopted process is the first of its agent, and what it used before is not', async ({
  loaded,
}) => {
  for (const limits of [{}, { pids_limit: 20 }]) {
    const { end } = await endOf(loaded, async () => {
      await loaded.sh('rm -f /run/adopted');
      const pid = await background(loaded, `${ENDING} burn-until 1000 /run/adopted 21`);
      await expect.poll(() => loaded.sh(`cat /proc/${pid}/comm`), { timeout: 60_000 }).toBe('burnt');
      const id = await loaded.swarm.create({ pid, privileged: true, namespace_flags: 0, ...limits });
      expect((await loaded.swarm.inspect(id)).usage.cpu_usec).toBeLessThan(500_000);
      await loaded.swarm.attach(id, await background(loaded, 'sleep 2'));
      await loaded.sh('touch /run/adopted');
    });
    expect(end).toMatchObject({ reason: 'exit', exit: 21 });
    // In here both only sleep.
    expect(end.cpu_usec).toBeGreaterThan(0);
    expect(end.cpu_usec).toBeLessThan(900_000);
  }
});

/** Agents that use CPU time: with a cgroup, and without. */
const COUNTED: readonly [how: string, limits: AgentRequest][] = [
  ['with a cgroup', { pids_limit: 50 }],
  ['without a cgroup', {}],
];

for (const [how, limits] of COUNTED) {
  test(`END-06: cpu_usec is what an agent's processes used, ${how}`, async ({ loaded }) => {
    const { end } = await endOf(loaded, () => loaded.swarm.launch(limits, [ENDING, 'burn', '500']));
    expect(end.cpu_usec).toBeGreaterThanOrEqual(500_000);
    expect(end.cpu_usec).toBeLessThan(5_000_000);
    expect(end.runtime_usec).toBeGreaterThanOrEqual(500_000);
    expect(end.runtime_usec, 'two processors at most').toBeGreaterThan((end.cpu_usec ?? 0) / 2);
  });

  test(`END-07: cpu_usec has many short processes too, ${how}`, async ({ loaded }) => {
    // Less than the time between two looks of the scheduler.
    const { end } = await endOf(loaded, () =>
      loaded.swarm.launch(limits, [ENDING, 'burn-often', '1', '200']),
    );
    expect(end.cpu_usec).toBeGreaterThanOrEqual(200_000);
  });
}

test('END-08: memory_peak is at least what was touched, at most the limit, and told only with a limit', async ({
  loaded,
}) => {
  const memory = { memory_limit: 64 * MiB };
  const touch = ['/usr/local/bin/consume', 'memory', `${32 * MiB}`];
  const { end } = await endOf(loaded, () => loaded.swarm.launch(memory, touch));
  expect(end.memory_peak).toBeGreaterThanOrEqual(32 * MiB);
  expect(end.memory_peak).toBeLessThanOrEqual(64 * MiB);
  for (const limits of [{}, { pids_limit: 50 }]) {
    const { end: without } = await endOf(loaded, () => loaded.swarm.launch(limits, touch));
    expect(without).not.toHaveProperty('memory_peak');
  }
});

test('END-09: memory beyond the limit: "oom" names each process that the kernel kills, with oom_group all of them', async ({
  loaded,
}) => {
  const { events, end } = await endOf(loaded, () =>
    loaded.swarm.launch({ memory_limit: 64 * MiB, namespace_flags: SHARED_PIDS }, [
      '/bin/sh',
      '-c',
      // Stopped, it does not go on once another one is killed.
      `sleep 1000 & consume memory ${256 * MiB} & kill -STOP $$; echo survived`,
    ]),
  );
  const killed = of('oom', events);
  expect(killed.map(({ comm }) => comm).sort()).toEqual(['consume', 'sh', 'sleep']);
  expect(new Set(killed.map(({ pid }) => pid)).size).toBe(3);
  for (const { agent } of killed) expect(agent).toBe(end.agent);
  expect(end).toMatchObject({ reason: 'exit', signal: SIGKILL, oom_kills: 3 });
  expect(end.memory_peak).toBeGreaterThan(60 * MiB);
});

test('END-10: memory beyond the limit without oom_group: only the process that the kernel chooses is killed', async ({
  loaded,
}) => {
  const { events, end } = await endOf(loaded, async () => {
    const { code, stdout } = await loaded.swarm.run(
      { memory_limit: 64 * MiB, oom_group: false },
      `consume memory ${256 * MiB} & pid=$!; wait $pid; echo $?; exit 5`,
    );
    expect([code, stdout]).toEqual([5, '137\n']);
  });
  expect(of('oom', events)).toMatchObject([{ agent: end.agent, comm: 'consume' }]);
  expect(end).toMatchObject({ reason: 'exit', exit: 5, oom_kills: 1 });
});

test('END-11: what dies otherwise while memory is short is no victim: an agent that is destroyed just then', async ({
  loaded,
  stage,
}) => {
  const dir = await buildTestModules(stage.kernel, 'rivals');
  await loaded.upload(join(dir, 'swarm_delay.ko'), '/root/swarm_delay.ko');
  // It is dying when the kernel comes to choose, and needs memory for that, so the kernel takes it.
  await loaded.sh('insmod /root/swarm_delay.ko function=out_of_memory ms=8000 comm=consume');
  const hits = () => loaded.sh('cat /sys/module/swarm_delay/parameters/hits');
  const { events, end } = await endOf(loaded, async () => {
    const running = loaded.swarm.launch({ memory_limit: 64 * MiB }, [
      '/usr/local/bin/consume',
      'memory',
      `${256 * MiB}`,
    ]);
    await expect.poll(hits, { intervals: [50] }).not.toBe('0');
    await loaded.swarm.destroy((await onlyAgent(loaded)).id);
    await running;
  });
  await loaded.sh('rmmod swarm_delay');
  expect(of('oom', events)).toEqual([]);
  expect(end).toMatchObject({ reason: 'request', signal: SIGKILL, oom_kills: 0 });
});

const VICTIMS = 40;
const BIRTHS = 6;

/** An agent whose processes are killed for memory one after the other, beside births of others; returns its id. */
async function floodOfVictims(guest: LoadedGuest): Promise<number> {
  const greedy = guest.swarm.launch({ memory_limit: 8 * MiB, oom_group: false }, [
    ENDING,
    'victims',
    `${VICTIMS}`,
    `${16 * MiB}`,
  ]);
  for (let birth = 0; birth < BIRTHS; birth++) await guest.swarm.launch({}, ['/bin/true']);
  const { stdout, id } = await greedy;
  expect(jsonLines(stdout, victims)).toEqual([{ killed: VICTIMS }]);
  await expect(guest).toHaveActiveAgents(0);
  return id;
}

test('END-12: a flood of processes killed for memory is told at the rate, and counted exactly', async ({
  booted,
  module,
}) => {
  test.setTimeout(600_000);
  const guest = await load(booted, module.ko, { event_rate: 1 });
  const id = await floodOfVictims(guest);
  const events = await guest.swarm.events();
  const [end] = of('destroyed', events).filter(({ agent }) => agent === id);
  expect(end).toMatchObject({ exit: 0, oom_kills: VICTIMS, violations: 0 });
  const sums = of('suppressed', events);
  const told = of('oom', events);
  expect(sums.length).toBeGreaterThan(0);
  for (const { agent, comm } of told) expect({ agent, comm }).toEqual({ agent: id, comm: 'ending' });
  for (const sum of sums) {
    expect(sum).toMatchObject({ agent: id, kind: 'oom' });
    expect(sum).not.toHaveProperty('action');
    expect(sum.pid).toBeGreaterThan(1);
  }
  expect(told.length + sums.reduce((sum, { count }) => sum + count, 0)).toBe(VICTIMS);
  await guest.unload();
});

test('END-13: a flood of processes killed for memory overwrites nothing that is told of the life of agents', async ({
  booted,
  module,
}) => {
  test.setTimeout(600_000);
  // Of each kind 32 are kept: more than there are of agents' lives, fewer than of victims.
  const guest = await load(booted, module.ko, { event_buffer: 64, event_rate: 0 });
  await floodOfVictims(guest);
  const events = await guest.swarm.events();
  for (const event of ['created', 'spawned', 'destroyed'] as const)
    expect(of(event, events), event).toHaveLength(BIRTHS + 1);
  expect(of('oom', events)).toHaveLength(32);
  expect(of('lost', events).reduce((sum, { count }) => sum + count, 0)).toBe(VICTIMS - 32);
  await guest.unload();
});

test('END-14: a sum says what the last of the violations was that it stands for, by many processes too', async ({
  loaded,
}) => {
  const EACH = 2000;
  const PROCESSES = 8;
  const { events, end } = await endOf(loaded, () =>
    loaded.swarm.run(
      { privileged: true, namespace_flags: 0 },
      `for i in $(seq ${PROCESSES}); do events burst ${EACH} 1 & echo $!; done >/run/pids; wait`,
    ),
  );
  const pids = (await loaded.sh('cat /run/pids')).split('\n').map(Number);
  expect(end).toMatchObject({ violations: EACH * PROCESSES });
  const sums = of('suppressed', events);
  expect(sums.length).toBeGreaterThan(0);
  for (const sum of sums) {
    expect(sum).toMatchObject({ kind: 'device', action: 'deny', rule: 'deny', agent: end.agent });
    expect(pids).toContain(sum.pid);
  }
  const told = of('violation', events).length;
  expect(told + sums.reduce((sum, { count }) => sum + count, 0)).toBe(EACH * PROCESSES);
});

test('END-15: inspect tells what a running agent uses, from its cgroup and without', async ({ loaded }) => {
  const { line, release } = hold(loaded);
  const work = `${ENDING} burn 300; hold ${20 * MiB} 5 & ${line}; kill $!`;
  const usageOf = async (request: AgentRequest) => {
    const running = loaded.swarm.run(request, work);
    await expectBorn(loaded, 1);
    const { id } = await onlyAgent(loaded);
    const pids = async () => (await loaded.swarm.inspect(id)).usage.pids;
    await expect.poll(pids, { timeout: 60_000 }).toBeGreaterThanOrEqual(6);
    const first = (await loaded.swarm.inspect(id)).usage;
    const second = (await loaded.swarm.inspect(id)).usage;
    await release();
    await running;
    await expect(loaded).toHaveActiveAgents(0);
    await loaded.sh('rm -f /run/released-*');
    return { first, second };
  };
  const limits = { memory_limit: 64 * MiB, cpu_quota: 50 };
  const { first, second } = await usageOf(limits);
  expect(first.cpu_usec).toBeGreaterThanOrEqual(300_000);
  expect(second.cpu_usec).toBeGreaterThanOrEqual(first.cpu_usec);
  expect(second.runtime_usec).toBeGreaterThan(first.runtime_usec);
  expect((first.user_usec ?? NaN) + (first.system_usec ?? NaN)).toBeGreaterThan(200_000);
  expect(first.nr_throttled).toBeGreaterThan(0);
  expect(first.throttled_usec).toBeGreaterThan(0);
  expect(first.memory).toBeGreaterThan(20 * MiB);
  expect(first.memory_peak).toBeGreaterThanOrEqual(first.memory ?? NaN);
  expect(first.oom_kills).toBe(0);
  const psi = (await loaded.exec('test -e /proc/pressure/cpu')).code === 0;
  expect(first.pressure !== undefined).toBe(psi);
  if (psi) expect(first.pressure?.cpu?.some.total_usec, 'it was throttled').toBeGreaterThan(0);

  const { first: one, second: other } = await usageOf({});
  expect(Object.keys(one).sort()).toEqual(['cpu_usec', 'oom_kills', 'pids', 'runtime_usec']);
  expect(one.cpu_usec).toBeGreaterThanOrEqual(300_000);
  expect(other.cpu_usec).toBeGreaterThanOrEqual(one.cpu_usec);
});

test('END-16: whoever has seen one sign of an end sees the others: status, agents, inspect and "destroyed"', async ({
  loaded,
}) => {
  test.setTimeout(300_000);
  for (const limits of [{}, { memory_limit: 64 * MiB }])
    for (let round = 0; round < 5; round++) {
      const { id } = await loaded.swarm.launch(limits, ['/bin/true']);
      // In one command, without a moment between two looks.
      const script = `until ! grep -q '^ID: ${id},' /proc/swarm/agents; do :; done
        cat /proc/swarm/status; dd if=/proc/swarm/events iflag=nonblock bs=64k 2>/dev/null
        (exec 3<>/proc/swarm/inspect; echo ${id} >&3) 2>&1; true`;
      const text = await loaded.sh(script);
      expect(text).toContain('Active agents: 0\n');
      expect(text).toMatch(new RegExp(`"event":"destroyed","agent":${id},`));
      expect(text).toContain('No such process');
    }
});

for (const [what, more] of [
  ['that then exits', () => ''],
  ['that then destroys it', (id: number) => `echo ${id} >/proc/swarm/destroy`],
] as const)
  test(`END-17: an agent that persists keeps the figures of its last life while a thread is armed for it, ${what}`, async ({
    loaded,
  }) => {
    const life = `${ENDING} burn 200; consume memory ${32 * MiB}; exit 3`;
    for (const limits of [{}, { memory_limit: 64 * MiB }]) {
      const { end } = await endOf(loaded, async () => {
        const id = await loaded.swarm.create({ persist: true, ...limits });
        await loaded.exec(`launch --file spawn '{"id":${id}}' /bin/sh -c '${life}'`);
        await expect.poll(async () => (await loaded.swarm.inspect(id)).state).toBe('registered');
        const { usage } = await loaded.swarm.inspect(id);
        // By builtins alone: a fork would be the birth.
        const line = `exec 3<>/proc/swarm/spawn; echo '{"id":${id}}' >&3; read -r a <&3; echo "$a"; ${more(id)}`;
        expect(await loaded.sh(`bash -c ${quoted(line)}`)).toBe(`{"id":${id}}`);
        if (more(id)) return;
        await expect.poll(async () => (await loaded.swarm.inspect(id)).state).toBe('registered');
        const after = (await loaded.swarm.inspect(id)).usage;
        const { runtime_usec, memory_peak } = usage;
        expect(after).toMatchObject({ runtime_usec, ...(memory_peak === undefined ? {} : { memory_peak }) });
        expect(after.cpu_usec).toBeGreaterThanOrEqual(usage.cpu_usec);
        await loaded.swarm.destroy(id);
      });
      expect(end).toMatchObject({ reason: 'request', exit: 3 });
      expect(end.cpu_usec).toBeGreaterThanOrEqual(200_000);
      expect(end.runtime_usec).toBeGreaterThanOrEqual(100_000);
      if (limits.memory_limit) expect(end.memory_peak).toBeGreaterThanOrEqual(32 * MiB);
    }
  });

test('END-18: an agent that is destroyed before its next first process has run has used nothing in that life', async ({
  loaded,
  stage,
}) => {
  const { swarm } = loaded;
  const id = await swarm.create({ persist: true, memory_limit: 64 * MiB });
  const order = `--file spawn '{"id":${id}}'`;
  const life = `consume memory ${32 * MiB}`;
  await loaded.exec(`launch ${order} /bin/sh -c '${life}'`);
  await expect.poll(async () => (await swarm.inspect(id)).state).toBe('registered');
  expect((await swarm.inspect(id)).usage.memory_peak).toBeGreaterThan(32 * MiB);
  const { end } = await endOf(loaded, () =>
    // Called by a newborn only, which still has its launcher's name.
    delayed(loaded, stage, { function: 'calculate_sigpending', comm: 'launch', ms: 4000 }, async () => {
      await background(loaded, `launch ${order} /bin/true`);
      await expect.poll(async () => (await swarm.inspect(id)).state, { intervals: [50] }).toBe('running');
      await swarm.destroy(id);
      await expect(loaded).toHaveActiveAgents(0);
    }),
  );
  expect(end).toMatchObject({ reason: 'request', signal: SIGKILL });
  // The processor's time is what it was slow by.
  expect(end.memory_peak).toBeLessThan(32 * MiB);
});

test('END-19: what an agent has used in its last life is not shown as used in the next, while the first process of that has not run', async ({
  loaded,
  stage,
}) => {
  const { swarm } = loaded;
  const id = await swarm.create({ persist: true, memory_limit: 64 * MiB });
  const order = `--file spawn '{"id":${id}}'`;
  await loaded.exec(`launch ${order} /bin/sh -c 'consume memory ${32 * MiB}; ending burn 1000'`);
  await expect.poll(async () => (await swarm.inspect(id)).state).toBe('registered');
  const last = (await swarm.inspect(id)).usage;
  expect(last.memory_peak).toBeGreaterThan(32 * MiB);
  expect(last.cpu_usec).toBeGreaterThan(1_000_000);
  await delayed(loaded, stage, { function: 'calculate_sigpending', comm: 'launch', ms: 4000 }, async () => {
    await background(loaded, `launch ${order} /usr/local/bin/consume wait`);
    await expect.poll(async () => (await swarm.inspect(id)).state, { intervals: [50] }).toBe('running');
    const { usage } = await swarm.inspect(id);
    expect(usage).not.toHaveProperty('memory_peak');
    // It waits in the kernel, and uses the processor for that at most.
    expect(usage.cpu_usec).toBeLessThanOrEqual(usage.runtime_usec);
  });
  const comm = () =>
    loaded.sh(`cat /proc/$(sed -n 's/.*PID: \\([0-9]*\\),.*/\\1/p' /proc/swarm/agents)/comm`);
  await expect.poll(comm).toBe('consume');
  expect((await swarm.inspect(id)).usage.memory_peak).toBeLessThan(32 * MiB);
  await swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});
