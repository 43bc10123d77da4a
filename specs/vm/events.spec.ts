import { jsonLines } from '../../harness/util/json-lines.js';
import { read } from '../support/figures.js';
import type { SwarmEvent } from '../../client/events.js';
import { agentCgroupDir } from '../support/cgroups.js';
import { expect, test } from '../support/fixtures.js';
import { background, destroyAll, onlyAgent } from '../support/guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

/** Keys whose values differ from run to run. */
const DIFFERING = ['seq', 'time', 'cpu_usec', 'runtime_usec'];

/** Without that. */
function facts(events: SwarmEvent[]): object[] {
  return events.map((event) =>
    Object.fromEntries(Object.entries(event).filter(([key]) => !DIFFERING.includes(key))),
  );
}

/** Runs `events HOW` and, once it watches, a shell line; what `events` printed. */
async function watching(guest: LoadedGuest, how: string, line: string): Promise<string[]> {
  const script = [
    `events ${how} >/tmp/seen 2>/tmp/started & reader=$!`,
    'until grep -q start /tmp/started; do sleep 0.02; done',
    line,
    'wait $reader; cat /tmp/seen',
  ];
  return (await guest.sh(script.join('\n'), { timeoutMs: 120_000 })).split('\n').filter(Boolean);
}

const DENIED = `launch '{"spawn":true}' /usr/local/bin/attempt setns /proc/self/ns/uts >/dev/null 2>&1`;
/** The events of one run of DENIED: created, spawned, violation, destroyed. */
const EVENTS_OF_DENIED = 4;
const TOGETHER = 100;

test("EVENT-01: an agent's life is told in order, numbered without gaps, on the monotonic clock", async ({
  loaded,
}) => {
  const before = Number((await loaded.sh('cat /proc/uptime')).split(' ')[0]);
  let agent = { id: 0, pid: 0 };
  const events = await loaded.swarm.eventsDuring(async () => {
    agent = await loaded.swarm.launch({ name: 'web.1' }, [
      '/usr/local/bin/attempt',
      'setns',
      '/proc/self/ns/uts',
    ]);
    await expect(loaded).toHaveActiveAgents(0);
  });
  const after = Number((await loaded.sh('cat /proc/uptime')).split(' ')[0]);
  const { id, pid } = agent;
  expect(facts(events)).toEqual([
    { event: 'created', agent: id, name: 'web.1' },
    { event: 'spawned', agent: id, pid, by: 'spawn' },
    {
      event: 'violation',
      agent: id,
      kind: 'setns',
      action: 'deny',
      rule: 'deny',
      pid,
      comm: 'attempt',
    },
    { event: 'destroyed', agent: id, reason: 'exit', exit: 0, violations: 1, audited: 0, oom_kills: 0 },
  ]);
  events.forEach((event, index) => {
    expect(event.seq).toBe((events[0]?.seq ?? 0) + index);
    // Two digits behind the point in /proc/uptime.
    expect(event.time / 1e9).toBeGreaterThan(before - 0.02);
    expect(event.time / 1e9).toBeLessThan(after + 0.02);
    expect(event.time).toBeGreaterThanOrEqual(events[index - 1]?.time ?? 0);
  });
});

test('EVENT-02: a violation says what it was about: the device and its access, the file, the rule', async ({
  loaded,
}) => {
  // Root outside too: nothing but the rules denies.
  const tries = 'read /dev/kmsg -- rdwr /dev/kmsg -- mknod /tmp/b b 8 0 -- execve /bin/true -- fork';
  const events = await loaded.swarm.eventsDuring(() =>
    loaded.swarm.launch(
      { syscalls: { execve: 'deny', fork: 'audit' }, privileged: true, namespace_flags: 95 },
      ['/usr/local/bin/attempt', ...tries.split(' ')],
    ),
  );
  const seen = facts(events).filter((event) => 'kind' in event && event.kind !== 'fork');
  const common = { event: 'violation', action: 'deny', rule: 'deny', comm: 'attempt' };
  expect(seen).toMatchObject([
    { ...common, kind: 'device', device: 'c 1:11 r' },
    { ...common, kind: 'device', device: 'c 1:11 rw' },
    { ...common, kind: 'device', device: 'b 8:0 m' },
    { ...common, kind: 'execve', file: '/bin/true' },
  ]);
  const forks = facts(events).filter((event) => 'kind' in event && event.kind === 'fork');
  // One for the child that tries to execute, one of its own.
  expect(forks).toMatchObject(Array(2).fill({ action: 'audit', rule: 'audit' }));
});

test('EVENT-03: it says why an agent has gone', async ({ loaded }) => {
  const events = await loaded.swarm.eventsDuring(async () => {
    const id = await loaded.swarm.create({});
    await loaded.swarm.destroy(id);
    await loaded.sh(`bash -c 'echo "{\\"spawn\\":true}" >/proc/swarm/create'`);
    await loaded.swarm.run({}, 'true');
    const sleeper = await background(loaded, 'unshare -m sleep 100');
    await expect
      .poll(() => loaded.sh(`readlink /proc/${sleeper}/ns/mnt`))
      .not.toBe(await loaded.sh('readlink /proc/self/ns/mnt'));
    await loaded.swarm.create({ pid: sleeper, namespace_flags: 4, privileged: true });
    await loaded.sh(`kill ${sleeper}`);
    await expect(loaded).toHaveActiveAgents(0);
  });
  const ends = events.flatMap((event) => (event.event === 'destroyed' ? [event.reason] : []));
  expect(ends).toEqual(['request', 'unforked', 'exit', 'exit']);
  const origins = events.flatMap((event) => (event.event === 'spawned' ? [event.by] : []));
  expect(origins).toEqual(['spawn', 'pid']);
});

test('EVENT-04: a birth that fails is told with its step and its error', async ({ loaded }) => {
  const events = await loaded.swarm.eventsDuring(async () => {
    const terminal = await loaded.terminal();
    await terminal.type(`echo '{"spawn":true,"pids_limit":5}' >/proc/swarm/create`);
    await loaded.sh(`rmdir ${await agentCgroupDir(loaded, (await onlyAgent(loaded)).id)}`);
    expect(await terminal.type('/bin/true && echo ran; true')).not.toContain('ran');
    await expect(loaded).toHaveActiveAgents(0);
  });
  expect(facts(events).at(-1)).toMatchObject({
    event: 'destroyed',
    reason: 'birth',
    step: 'joining its cgroup',
    error: 'ENODEV',
  });
});

test('EVENT-05: names that a process chose itself are escaped: each line is JSON', async ({ loaded }) => {
  const name = 'a"b\\c\nd\té';
  await loaded.writeFile('/tmp/name', name);
  const events = await loaded.swarm.eventsDuring(() =>
    loaded.swarm.run(
      {},
      'printf %s "$(cat /tmp/name)" >/proc/self/comm; attempt read /dev/null; : </dev/kmsg',
    ),
  );
  const violation = events.find((event) => event.event === 'violation');
  // A code for each byte: é has two.
  expect(violation).toMatchObject({ comm: Buffer.from(name).toString('latin1'), kind: 'device' });
});

for (const how of ['poll', 'epoll']) {
  test(`EVENT-06: ${how} waits for an event, and without one for its time`, async ({ loaded }) => {
    expect(await watching(loaded, `${how} 30000`, DENIED)).toEqual(['ready']);
    expect(await watching(loaded, `${how} 100`, '')).toEqual(['timeout']);
  });
}

test('EVENT-07: a read without waiting is EAGAIN, one interrupted by a signal EINTR', async ({ loaded }) => {
  expect(await loaded.sh('events nonblock')).toBe('EAGAIN');
  expect(await watching(loaded, 'signal 100', '')).toEqual(['EINTR']);
});

test('EVENT-08: every reader sees every event, each once and in order, and waits for it', async ({
  loaded,
}) => {
  const rounds = 25;
  const seen = await watching(
    loaded,
    `each 4 ${rounds * EVENTS_OF_DENIED}`,
    `for i in $(seq ${rounds}); do ${DENIED}; done`,
  );
  const whole = { lines: rounds * EVENTS_OF_DENIED, gaps: 0, lost: 0 };
  expect(jsonLines(seen.join('\n'), read)).toEqual(Array(4).fill(whole));
});

test('EVENT-09: threads that share a descriptor share its events', async ({ loaded }) => {
  const rounds = TOGETHER / EVENTS_OF_DENIED;
  const seen = await watching(
    loaded,
    `shared 4 ${TOGETHER}`,
    `for i in $(seq ${rounds}); do ${DENIED}; done`,
  );
  expect(jsonLines(seen.join('\n'), read)).toEqual([{ lines: TOGETHER }]);
});

test('EVENT-10: a reader begins with the oldest event that is kept, in pieces of any size', async ({
  loaded,
}) => {
  await loaded.sh(`yes '{}' | head -n ${TOGETHER} >/proc/swarm/create`);
  await destroyAll(loaded);
  const whole = await loaded.sh('events pieces 65536');
  expect(whole.split('\n').length).toBeGreaterThan(TOGETHER);
  for (const size of [1, 7, 200, 1000]) expect(await loaded.sh(`events pieces ${size}`)).toBe(whole);
});

test('EVENT-11: an open events file holds the module', async ({ loaded }) => {
  const { stdout } = await loaded.exec(
    'exec 4</proc/swarm/events; rmmod swarm_guard 2>&1; exec 4<&-; echo closed',
  );
  expect(stdout).toMatch(/in use\nclosed\n$/);
});

test('EVENT-12: a privileged agent sees its own events alone, with its own process ids', async ({
  loaded,
}) => {
  await loaded.swarm.run({}, 'attempt setns /proc/self/ns/uts');
  const { stdout, id } = await loaded.swarm.run(
    { privileged: true, namespace_flags: 127 - 32 },
    'attempt setns /proc/self/ns/uts; dd if=/proc/swarm/events iflag=nonblock bs=64k 2>/dev/null; true',
  );
  const lines = stdout.split('\n').slice(1).filter(Boolean);
  expect(lines.length).toBe(3);
  for (const line of lines) expect(line).toMatch(new RegExp(`"agent":${id}[,}]`));
  expect(lines[1]).toContain('"pid":1,');
  expect(lines[2]).toMatch(/"pid":\d,/);
});

test('EVENT-13: inherited from root, an events file shows an agent nothing of others', async ({ loaded }) => {
  const other = await loaded.swarm.create({ name: 'secret' });
  const { stdout } = await loaded.swarm.run(
    {},
    'dd iflag=nonblock bs=64k <&9 2>/dev/null; attempt read /proc/swarm/events',
    { under: 'exec 9</proc/swarm/events;' },
  );
  expect(stdout).not.toContain('secret');
  expect(stdout.trim().split('\n').at(-1)).toBe('read EACCES');
  await loaded.swarm.destroy(other);
});
