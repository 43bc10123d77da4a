/** Readers of /proc/swarm: descriptors in other hands, foreign containers, long reads, large numbers. */
import { z } from 'zod';
import { parseAnswer } from '../../client/abi/answer.js';
import { parseEvents } from '../../client/events.js';
import { parseInspection } from '../../client/inspect.js';
import { agentCgroup, expectReadyCgroups } from '../support/cgroups.js';
import { expect, test } from '../support/fixtures.js';
import { background, destroyAll, expectBorn, hold, onlyAgent } from '../support/guest.js';
import { ORACLE, load } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';
import { expectPatience } from '../support/patience.js';

const FILES = {
  ...{ create: 3, inspect: 4, events: 5, status: 6, agents: 7, metrics: 8 },
  // Beyond the descriptors that bash takes for itself.
  ...{ spawn: 30, update: 31, attach: 32, destroy: 33 },
} as const;
type File = keyof typeof FILES;

/** The files of which only those may read who may give orders. */
const CONTROL = ['create', 'spawn', 'update', 'attach', 'destroy', 'inspect'] as const;
const ANSWERING = CONTROL.filter((name) => name !== 'create' && name !== 'inspect');

/** The output behind each line "== NAME". */
function sections(text: string): Map<string, string> {
  const parts = text.split(/^== (\S+)\n/m).slice(1);
  const found = new Map<string, string>();
  for (let at = 0; at < parts.length; at += 2) found.set(parts[at] ?? '', parts[at + 1] ?? '');
  return found;
}

const readAll = Object.entries(FILES)
  .map(([name, fd]) => `echo "== ${name}"; handed read ${fd}`)
  .join('; ');

/** The keys of an order for a file, beside an id. */
const REST = { spawn: '', update: ',"pids_limit":5', attach: ',"pid":1', destroy: '' } as const;

/** Opens every file at its descriptor, has something ready at each, and reads some bytes of it. */
const BEGUN = [
  ...Object.entries(FILES).map(([name, fd]) => {
    const how = CONTROL.some((each) => each === name) ? '<>' : '<';
    return `exec ${fd}${how}/proc/swarm/${name}`;
  }),
  `echo '{"name":"secret-2"}' >&3`,
  // Of an agent that there is not: each has its answer.
  ...ANSWERING.map((name) => `echo '{"id":999999${REST[name]}}' >&${FILES[name]} 2>/dev/null`),
  'sed -n "s/ID: \\([0-9]*\\).*/\\1/p" /proc/swarm/agents | head -n 1 >&4',
  // Of the answers as well: what a member gets of them is what is left.
  'for fd in 4 5 6 7 8 30 31 32 33; do echo "== begun-$fd"; handed read $fd 9; echo; done',
];

test('READER-01: a member gets nothing of what was begun for root, and takes nothing of it', async ({
  loaded,
}) => {
  const secrets = [await loaded.swarm.create({ name: 'secret-1', memory_limit: 12_345_678 })];
  await loaded.swarm.create({});
  const { active, violations } = await loaded.swarm.status();
  const script = [
    ...BEGUN,
    'echo "== polled"; handed poll 5 0',
    `launch '{"spawn":true,"namespace_flags":95,"privileged":true}' /bin/bash -c '${[
      'echo "== BORN"',
      readAll,
      'echo "== sought"; handed seek 5',
      'echo "== watched"; handed poll 5 1000',
      'echo "== MORE"',
    ].join('; ')}' 2>/dev/null`,
    readAll,
  ].join('\n');
  const { stdout } = await loaded.exec('bash -s', { stdin: script });
  const [before = '', inside = '', after = ''] = stdout.split(/^== (?:BORN|MORE)\n/m);
  const begun = sections(before);
  const own = sections(inside);
  const root = sections(after);
  const rest = (name: File) => `${begun.get(`begun-${FILES[name]}`)?.trimEnd() ?? ''}${root.get(name) ?? ''}`;

  expect(inside).not.toContain('secret');
  expect(inside).not.toContain('12345678');
  for (const name of [...CONTROL, 'events'] as const) expect(own.get(name), name).toBe('EPERM\n');
  expect(own.get('sought')).toBe('EPERM\n');
  expect(begun.get('polled')).toBe('in\n');
  expect(own.get('watched')).toBe('error\n');
  // From where root had come to, but of the agent's own text.
  expect(own.get('status')).toContain('Total created: 1\n');
  expect(own.get('agents')?.split('\n').filter(Boolean)).toHaveLength(1);
  expect(own.get('agents')).not.toContain('Memory: 12345678B');
  expect(own.get('metrics')).not.toMatch(/hook_runs|events_total/);

  // Root goes on as if nobody had been there.
  expect(root.get('create')).toMatch(/^\{"id":\d+\}\n$/);
  for (const name of ANSWERING)
    expect(parseAnswer(rest(name)), name).toMatchObject({ kind: 'refused', error: 'ESRCH' });
  expect(parseInspection(rest('inspect')).id).toBe(secrets[0]);
  const [first, second] = parseEvents(rest('events').replace(/EAGAIN\n$/, ''));
  expect(second?.seq).toBe((first?.seq ?? 0) + 1);
  expect(rest('metrics')).toContain('hook_runs_total');
  // The descriptors that members may not even read.
  expect((await loaded.swarm.status()).violations).toBe(violations + CONTROL.length);
  expect((await loaded.swarm.status()).active).toBe(active + 1);
  await destroyAll(loaded);
});

test('READER-02: root gets nothing more of a descriptor that a member opened', async ({ loaded }) => {
  await loaded.swarm.create({ name: 'secret-3' });
  const { line, release } = hold(loaded);
  const running = loaded.swarm.run(
    { privileged: true, namespace_flags: 0 },
    `exec 5</proc/swarm/events 6</proc/swarm/status 7</proc/swarm/agents 8</proc/swarm/metrics; handed read 6 1; echo $$ >/run/opener; ${line}`,
  );
  await expect.poll(() => loaded.sh('cat /run/opener 2>/dev/null || true')).toMatch(/^\d+$/);
  const pid = await loaded.sh('cat /run/opener; rm /run/opener');
  expect(await loaded.sh(`handed take ${pid} 5`)).toBe('EPERM');
  expect(await loaded.sh(`handed take ${pid} 6`)).toMatch(/^ctive agents: 1\nTotal created: 1\n/);
  expect(await loaded.sh(`handed take ${pid} 7`)).toMatch(new RegExp(`^ID: \\d+, PID: ${pid}, [^\\n]*$`));
  const metrics = await loaded.sh(`handed take ${pid} 8`);
  expect(metrics).toMatch(/^swarm_guard_agents\S* 1$/m);
  expect(metrics).not.toMatch(/hook_runs|events_total/);
  await release();
  await running;
  await destroyAll(loaded);
});

test('READER-03: a process that becomes a member between two reads sees its own agent from then on', async ({
  loaded,
}) => {
  const other = await loaded.swarm.create({ name: 'secret-4' });
  await loaded.sh('rm -f /run/go /run/seen');
  const script = [
    ...BEGUN,
    'until [ -e /run/go ]; do sleep 0.05; done',
    `{ ${readAll}; } >/run/seen.tmp; mv /run/seen.tmp /run/seen`,
  ].join('\n');
  await loaded.writeFile('/run/script', script);
  const pid = await background(loaded, 'unshare -m bash /run/script');
  await expect
    .poll(() => loaded.sh(`readlink /proc/${pid}/ns/mnt`))
    .not.toBe(await loaded.sh('readlink /proc/self/ns/mnt'));
  await expect(loaded).toHaveActiveAgents(2);
  const id = await loaded.swarm.create({ pid, namespace_flags: 4, privileged: true });
  await loaded.sh('touch /run/go');
  await expect.poll(() => loaded.sh('cat /run/seen 2>/dev/null || true')).toContain('== metrics');
  const seen = sections(await loaded.sh('cat /run/seen; echo'));
  for (const name of [...CONTROL, 'events'] as const) expect(seen.get(name), name).toBe('EPERM\n');
  expect(seen.get('status')).toContain('Total created: 1\n');
  expect(seen.get('agents')?.split('\n').filter(Boolean)).toHaveLength(1);
  expect(seen.get('metrics')).not.toMatch(/hook_runs|events_total/);
  await expect(loaded).toHaveActiveAgents(2);
  await loaded.swarm.destroy(other, id);
  await destroyAll(loaded);
});

test("READER-04: a member's reader is not woken for good by events of others", async ({ loaded }) => {
  const { stdout } = await loaded.swarm.run(
    { privileged: true, namespace_flags: 0 },
    [
      'exec 5</proc/swarm/events; handed read 5 >/dev/null',
      'touch /run/drained; until [ -e /run/others ]; do sleep 0.05; done',
      'handed poll 5 300; attempt setns /proc/self/ns/uts; handed poll 5 300; handed read 5',
    ].join('; '),
    {
      under: `rm -f /run/drained /run/others; { until [ -e /run/drained ]; do sleep 0.05; done; echo '{"name":"other"}' >/proc/swarm/create; touch /run/others; } &`,
    },
  );
  const [first, , second, line] = stdout.split('\n');
  expect([first, second]).toEqual(['timeout', 'in']);
  expect(line).toContain('"kind":"setns"');
  expect(stdout).not.toContain('other');
  await destroyAll(loaded);
});

test('READER-20: a member that reads events gets 0 for a process in a pid namespace below its own, and root the number', async ({
  loaded,
}) => {
  const look = 'handed read 5 | grep violation; cat /proc/swarm/agents';
  const { id, stdout } = await loaded.swarm.run(
    { privileged: true, namespace_flags: 95, syscalls: { unshare: 'allow' } },
    [
      'exec 5</proc/swarm/events; handed read 5 >/dev/null',
      'attempt setns /proc/self/ns/uts & wait; unshare --pid --fork attempt setns /proc/self/ns/uts',
      look,
      // Whoever reads there counts as it does there, and has no numbers above.
      `unshare --pid --fork sh -c 'exec 5</proc/swarm/events; handed read 5 >/dev/null; attempt setns /proc/self/ns/uts; ${look}'`,
    ].join('; '),
  );
  const lines = stdout.split('\n').filter((line) => /^[I{]/.test(line));
  const pids = lines.map((line) => Number(/"pid":(\d+)|PID: (\d+)/.exec(line)?.slice(1).join('')));
  expect(
    pids.map((pid) => (pid > 1 ? 'some' : pid)),
    stdout,
  ).toEqual([...['some', 0, 1], ...['some', 0]]);
  const told = (await loaded.swarm.events()).filter((event) => event.event === 'violation');
  const mine = told.filter(({ agent }) => agent === id);
  expect(mine).toHaveLength(3);
  for (const { pid } of mine) expect(pid).toBeGreaterThan(1);
  await expect(loaded).toHaveActiveAgents(0);
});

const ZEROS = 'Active agents: 0\nTotal created: 0\nTotal destroyed: 0\nPolicy violations: 0';

for (const [what, enter] of [
  ['pid', 'unshare --pid --fork --mount-proc'],
  ['user', 'unshare --user --map-root-user'],
] as const)
  test(`READER-05: in another ${what} namespace than the initial one nobody sees agents but their members`, async ({
    loaded,
  }) => {
    const id = await loaded.swarm.create({ memory_limit: 12_345_678 });
    const look = [
      'echo "== status"; cat /proc/swarm/status; echo "== agents"; cat /proc/swarm/agents',
      'echo "== metrics"; cat /proc/swarm/metrics',
      'for file in events inspect; do echo "== $file"; handed open /proc/swarm/$file; done',
      ...Object.entries(FILES).map(([name, fd]) => `echo "== passed-${name}"; handed read ${fd}`),
      'echo "== polled"; handed poll 5 1000',
    ].join('; ');
    await loaded.writeFile('/run/look', look);
    const { stdout } = await loaded.exec('bash -s', {
      stdin: [...BEGUN, `${enter} bash /run/look`, 'echo "== root"; handed read 5 100'].join('\n'),
    });
    const seen = sections(stdout);
    expect(seen.get('status')).toBe(`${ZEROS}\n`);
    expect(seen.get('agents')).toBe('');
    expect(seen.get('metrics')).toContain('swarm_guard_agents 0\n');
    expect(seen.get('metrics')).not.toMatch(/hook_runs|events_total/);
    for (const file of ['events', 'inspect']) expect(seen.get(file), file).toMatch(/^E(PERM|ACCES)\n$/);
    // With descriptors that were opened outside, too.
    for (const file of ['events', 'inspect']) expect(seen.get(`passed-${file}`), file).toBe('EPERM\n');
    expect(seen.get('passed-status')).toBe(`${ZEROS.slice(9)}\n`);
    expect(seen.get('passed-agents')).toBe('');
    expect(seen.get('passed-metrics')).toContain('swarm_guard_agents_created_total 0\n');
    expect(seen.get('polled')).toBe('error\n');
    expect(seen.get('root')).toContain('"seq"');
    // Answers are for who may write, who may be in a pid namespace of its own.
    for (const name of ['create', ...ANSWERING] as const) {
      const answer = name === 'create' ? /^\{"id":\d+\}\n$/ : /"ESRCH".*\}\n$/;
      expect(seen.get(`passed-${name}`), name).toMatch(what === 'user' ? /^EPERM\n$/ : answer);
    }
    expect(await loaded.swarm.inspect(id)).toMatchObject({ id });
    await destroyAll(loaded);
  });

test('READER-06: a reader that was opened in another namespace sees no agents anywhere', async ({
  loaded,
}) => {
  const id = await loaded.swarm.create({});
  const inner =
    'exec 6</proc/swarm/status 7</proc/swarm/agents 8</proc/swarm/metrics; touch /run/opened; exec sleep 1000';
  const pid = await background(loaded, `unshare --user --map-root-user sh -c '${inner}'`);
  await expect.poll(() => loaded.sh('ls /run/opened 2>/dev/null || true')).not.toBe('');
  expect(await loaded.sh(`handed take ${pid} 6`)).toBe(ZEROS);
  expect(await loaded.sh(`handed take ${pid} 7`)).toBe('');
  const metrics = await loaded.sh(`handed take ${pid} 8`);
  expect(metrics).toMatch(/^swarm_guard_agents\S* 0$/m);
  expect(metrics).not.toMatch(/hook_runs|events_total/);
  await loaded.sh(`kill ${pid}; rm /run/opened`);
  await loaded.swarm.destroy(id);
});

async function create(guest: LoadedGuest, count: number): Promise<void> {
  await guest.sh(`yes '{}' | head -n ${count} >/proc/swarm/create`, { timeoutMs: 300_000 });
}

/** Milliseconds that the longest read and the longest grace period took. */
const longest = z.object({ read: z.number(), grace: z.number() });

test('READER-07: whoever reads the end of agents keeps no grace period from ending', async ({ loaded }) => {
  test.setTimeout(400_000);
  await create(loaded, 150_000);
  const printed = await loaded.sh('setpriv --reuid 1000 --clear-groups handed grace /proc/swarm/agents 8', {
    timeoutMs: 120_000,
  });
  const { read, grace } = longest.parse(JSON.parse(printed));
  expect(read, printed).toBeGreaterThan(50);
  // With one section over all agents a grace period takes as long as the read at least.
  expect(grace, printed).toBeLessThan(read / 2);
  await destroyAll(loaded);
  await expect(loaded).toHaveActiveAgents(0);
});

test('READER-08: over a thousand members are told, oldest first, and no grace period waits for that', async ({
  loaded,
  stage,
}) => {
  test.setTimeout(400_000);
  const CHILDREN = 1100;
  const { line, release } = hold(loaded);
  const running = loaded.swarm.run(
    { pids_limit: 2000 },
    `handed family ${CHILDREN} >/run/born & ${line}; kill -9 -1`,
  );
  const timeout = 120_000 * (stage.kernel.slower ?? 1);
  await expect.poll(() => loaded.sh('cat /run/born 2>/dev/null || true'), { timeout }).toBe('born');
  const { id } = await onlyAgent(loaded);
  const { members, cgroup } = await loaded.swarm.inspect(id);
  expect(members.length).toBeGreaterThan(CHILDREN);
  expect(members).toEqual([...members].sort((one, other) => one - other));
  const listed = (await loaded.sh(`cat /sys/fs/cgroup${cgroup ?? ''}/cgroup.procs`)).split('\n').map(Number);
  for (const pid of listed.filter((each) => each <= (members.at(-1) ?? 0))) expect(members).toContain(pid);
  const order = { file: 'inspect', text: `${id}\n`, least: CHILDREN };
  await expectPatience(loaded, stage, { ...order, visit: 'pid_nr_ns' });
  await release();
  await running;
  await expect(loaded).toHaveActiveAgents(0);
});

test('READER-09: the counters of an agent go on beyond 32 bits, wherever they are shown', async ({
  loaded,
}) => {
  const events = '/sys/kernel/tracing/events/swarm_guard/agent_destroy/enable';
  const { line, release } = hold(loaded);
  const many = 2 ** 32 - 1;
  const running = loaded.swarm.run(
    { syscalls: { thread: 'audit' } },
    `until [ -e /run/counted ]; do sleep 0.1; done; attempt setns /proc/self/ns/uts -- thread; cat /proc/swarm/status /proc/swarm/metrics; echo >/dev/null; ${line}`,
  );
  await loaded.sh('rm -f /run/counted');
  await expectBorn(loaded, 1);
  const { id } = await onlyAgent(loaded);
  await loaded.sh(
    `echo 1 >${events}; echo "count ${id} ${many}" >${ORACLE}; touch /run/counted; echo >/sys/kernel/tracing/trace`,
  );
  await expect.poll(async () => (await loaded.swarm.inspect(id)).audited).toBe(many + 1);
  expect((await loaded.swarm.inspect(id)).violations).toBe(many + 1);
  await release();
  const { stdout } = await running;
  expect(stdout).toContain(`Policy violations: ${many + 1}\n`);
  expect(stdout).toContain(`swarm_guard_violations_total ${many + 1}\n`);
  await expect(loaded).toHaveActiveAgents(0);
  expect((await loaded.swarm.events()).at(-1)).toMatchObject({
    event: 'destroyed',
    agent: id,
    violations: many + 1,
  });
  expect(await loaded.sh(`echo 0 >${events}; cat /sys/kernel/tracing/trace`)).toContain(
    `violations=${many + 1}`,
  );
});

test("READER-10: an agent's cgroup is told in full, however long its path", async ({ booted, module }) => {
  const parent = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(240)).join('/');
  const guest = await load(booted, module.ko, { cgroup_parent: parent });
  // The first has its cgroup made, the second gets one that was made ahead.
  for (const name of [/^\d+$/, /^p\d+$/]) {
    const terminal = await guest.terminal();
    await terminal.type(`echo '{"spawn":true,"pids_limit":5}' >/proc/swarm/create`);
    const { id } = await onlyAgent(guest);
    const cgroup = await agentCgroup(guest, id);
    expect(cgroup.slice(0, cgroup.lastIndexOf('/'))).toBe(`/${parent}/plain`);
    expect(cgroup.slice(cgroup.lastIndexOf('/') + 1)).toMatch(name);
    expect(await guest.sh(`cat "/sys/fs/cgroup${cgroup}/pids.max"`)).toBe('5');
    terminal.close();
    await expect(guest).toHaveActiveAgents(0);
    await expectReadyCgroups(guest, 1);
  }
  await guest.unload();
});
