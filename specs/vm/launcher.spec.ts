/** The launcher of the client's package, under the Node of Debian 13. */
import { expect, test } from '../support/fixtures.js';
import { background } from '../support/guest.js';
import { drive } from '../support/launcher/drive.js';
import type { Order, Outcome } from '../support/launcher/driver.js';
import type { LoadedGuest } from '../support/loaded-guest.js';
import { NODE_GUEST } from '../support/node-guest.js';

test.use({ guestExtras: NODE_GUEST });

const SIGTERM = 15;
const SIGKILL = 9;

/** Runs programs one after the other. */
const runs = (guest: LoadedGuest, orders: readonly Order[]) => drive<Outcome[]>(guest, 'runs', orders);

test('CLIENT-10: a program starts as an agent, by path or by name, and its exit status is its own', async ({
  loaded,
}) => {
  const spec = { program: 'uname', argv: ['uname'], env: ['PATH=/nowhere:/bin/uname:/bin'] };
  let ran: Outcome[] = [];
  const events = await loaded.swarm.eventsDuring(async () => {
    ran = await runs(loaded, [{ line: 'echo $$ $(id -u); echo wrong >&2; exit 7' }, { spec }]);
    await expect(loaded).toHaveActiveAgents(0);
  });
  expect(ran).toMatchObject([
    { out: '1 0\n', err: 'wrong\n', end: { exit: 7 } },
    { out: 'Linux\n', end: { exit: 0 } },
  ]);
  expect(events.map(({ event }) => event).sort()).toEqual(
    ['created', 'created', 'spawned', 'spawned', 'destroyed', 'destroyed'].sort(),
  );
});

/** An agent whose first process is not process 1, which signals do not reach. */
const OUTER_PIDS = '{"spawn":true,"namespace_flags":126,"proc":false}';

test('CLIENT-11: a program that a signal ends is told by that signal; no signal is blocked or ignored', async ({
  loaded,
}) => {
  const spec = { object: OUTER_PIDS };
  const sleep = { ...spec, program: 'sleep', argv: ['sleep', '60'] };
  const status = { program: 'cat', argv: ['cat', '/proc/self/status'] };
  const [killed, terminated, shown] = await runs(loaded, [
    { spec, line: 'kill -9 $$; sleep 60' },
    { spec: sleep, signal: SIGTERM },
    { spec: status },
  ]);
  expect(killed).toMatchObject({ end: { signal: SIGKILL } });
  expect(terminated).toMatchObject({ end: { signal: SIGTERM } });
  // Node ignores and handles some.
  const out = shown && 'out' in shown ? shown.out : '';
  for (const set of ['SigBlk', 'SigIgn', 'SigCgt']) expect(out).toContain(`${set}:\t0000000000000000\n`);
});

test('CLIENT-12: a program that cannot be executed is told as its errno, and leaves no agent', async ({
  loaded,
}) => {
  await loaded.sh(
    'echo no program >/srv/text; chmod 755 /srv/text; echo >/srv/closed; chmod 600 /srv/closed',
  );
  const cases = [
    ['/srv/nothing', 'ENOENT'],
    ['nothing', 'ENOENT'],
    ['/srv/text', 'ENOEXEC'],
    ['/srv/closed', 'EACCES'],
    ['/srv', 'EACCES'],
  ] as const;
  const orders = [false, true].flatMap((persist) =>
    cases.map(([program]) => ({
      spec: { program, argv: [program], object: JSON.stringify({ spawn: true, persist }) },
    })),
  );
  const denied = { spec: { object: '{"spawn":true,"exec_paths":["/usr/bin/true"]}' } };
  const failed = await runs(loaded, [...orders, denied]);
  expect(failed).toMatchObject([
    ...[...cases, ...cases].map(([what, code]) => ({ failed: { stage: 'exec', code, what } })),
    { failed: { stage: 'exec', code: 'EPERM', what: '/bin/sh' } },
  ]);
  await expect(loaded).toHaveActiveAgents(0);
});

test('CLIENT-13: an order that the kernel refuses is told with its answer', async ({ loaded }) => {
  const line = 'touch /tmp/ran';
  const [refused, nowhere, none] = await runs(loaded, [
    { spec: { object: '{"spawn":true,"memory_limit":1}' }, line },
    { directory: '/srv/none', line },
    { spec: { file: 'spawn', object: '{"id":4242}' }, line },
  ]);
  expect(refused).toMatchObject({ failed: { stage: 'write', code: 'EINVAL', what: '/proc/swarm/create' } });
  expect(refused && 'failed' in refused && JSON.parse(refused.failed.answer ?? '')).toMatchObject({
    error: 'EINVAL',
    field: 'memory_limit',
  });
  expect(nowhere).toMatchObject({ failed: { stage: 'open', code: 'ENOENT', what: '/srv/none/create' } });
  expect(none).toMatchObject({ failed: { stage: 'write', code: 'ESRCH' } });
  expect((await loaded.exec('ls /tmp/ran')).code).not.toBe(0);
});

test('CLIENT-14: a program has the descriptors that it is given, in any order, and no others', async ({
  loaded,
}) => {
  const ls = { program: 'ls', argv: ['ls', '/proc/self/fd'] };
  expect(
    await runs(loaded, [
      { line: 'cat', input: 'typed\n' },
      { places: [0, 2, 1], line: 'echo out; echo err >&2' },
      { spec: ls },
      { spec: ls, places: [0, 1, 2, 2, 1, 0] },
      { places: [0, 1, 2, 9] },
    ]),
  ).toMatchObject([
    { out: 'typed\n', err: '' },
    { out: 'err\n', err: 'out\n' },
    { out: '0\n1\n2\n3\n' },
    { out: '0\n1\n2\n3\n4\n5\n6\n' },
    { failed: { stage: 'setup', code: 'EBADF', what: 'descriptors' } },
  ]);
});

test('CLIENT-15: working directory, umask, environment and ids are those that were asked for', async ({
  loaded,
}) => {
  const spec = {
    cwd: '/usr/share',
    umask: 0o27,
    env: ['HOME=/home/one', 'PATH=/usr/bin'],
    user: { uid: 12, gid: 34, groups: [56, 78] },
  };
  const line = 'pwd; umask; echo "$HOME:$NODE:$PATH"; id -u; id -g; id -G; grep CapEff /proc/self/status';
  expect(
    await runs(loaded, [
      { spec, line },
      { spec: { cwd: '/srv/nowhere' } },
      { spec: { cwd: '/etc/passwd' } },
      // More ids than an agent has.
      { spec: { user: { uid: 5000, gid: 1 } } },
    ]),
  ).toMatchObject([
    {
      out: `/usr/share\n0027\n/home/one::/usr/bin\n12\n34\n34 56 78\nCapEff:\t0000000000000000\n`,
      end: { exit: 0 },
    },
    { failed: { stage: 'setup', code: 'ENOENT', what: '/srv/nowhere' } },
    { failed: { stage: 'setup', code: 'ENOTDIR', what: '/etc/passwd' } },
    { failed: { stage: 'setup', code: 'EINVAL', what: 'user' } },
  ]);
});

test('CLIENT-16: a program in a terminal controls it: it has its size, and is interrupted', async ({
  loaded,
}) => {
  const line =
    "trap 'echo interrupted; exit 3' INT; exec 9</dev/tty && echo opened; read word; stty size; echo got $word; sleep 60";
  const { out, end, size } = await drive<{ out: string; end: unknown; size: unknown }>(loaded, 'terminal', {
    line,
    input: 'hello\n',
    then: ['got hello', '\u0003'],
  });
  expect(size).toEqual({ rows: 31, columns: 101 });
  for (const printed of ['31 101', 'opened', 'got hello', 'interrupted']) expect(out).toContain(printed);
  expect(end).toEqual({ exit: 3 });
});

interface Joined {
  readonly first: { readonly id: number; readonly pid: number };
  readonly joined: Outcome;
  readonly agents: string;
  readonly end: unknown;
}

test('CLIENT-17: a program joins an agent that runs, wherever that is, and is a child of the launcher', async ({
  loaded,
}) => {
  const policies = [
    {},
    { pids_limit: 20, memory_limit: 256 << 20 },
    { namespace_flags: 126, proc: false },
    { namespace_flags: 5, privileged: true },
    { namespace_flags: 255 },
  ];
  const where =
    'for kind in pid net mnt uts ipc user cgroup time; do readlink /proc/self/ns/$kind; done; id -u; pwd';
  await loaded.sh('for i in 0 1 2 3 4; do install -m 666 /dev/null /tmp/first$i; done');
  const orders = policies.map((policy, index) => [
    {
      spec: { object: JSON.stringify({ spawn: true, ...policy }), cwd: '/' },
      line: `{ ${where}; } >/tmp/first${index}; exec sleep 60`,
    },
    { line: `${where}; exit 5` },
  ]);
  const all = await drive<Joined[]>(loaded, 'joins', orders);
  for (const [index, { first, joined, end }] of all.entries()) {
    expect(joined, JSON.stringify(policies[index])).toMatchObject({
      id: first.id,
      end: { exit: 5 },
      out: `${await loaded.sh(`cat /tmp/first${index}`)}\n`,
    });
    expect(end).toEqual({ signal: SIGKILL });
  }
  await expect(loaded).toHaveActiveAgents(0);
});

test('CLIENT-18: a program that cannot join is told why, and leaves the agent as it was', async ({
  loaded,
}) => {
  const first = { line: 'exec sleep 60' };
  const all = await drive<Joined[]>(loaded, 'joins', [
    [first, { spec: { program: '/srv/nothing', argv: ['nothing'] } }],
    [first, { spec: { cwd: '/srv/nothing' } }],
    [first, { spec: { user: { uid: 5000, gid: 0 } } }],
  ]);
  expect(all.map(({ joined }) => joined)).toMatchObject([
    { failed: { stage: 'exec', code: 'ENOENT' } },
    { failed: { stage: 'setup', code: 'ENOENT' } },
    { failed: { stage: 'setup', code: 'EINVAL' } },
  ]);
  for (const { agents, end } of all) {
    expect(agents.split('\n').filter(Boolean)).toHaveLength(1);
    expect(end).toEqual({ signal: SIGKILL });
  }
  await expect(loaded).toHaveActiveAgents(0);
});

test('CLIENT-19: of many launches at once, from several threads, each is an agent of its own', async ({
  loaded,
}) => {
  const launched = await drive<Outcome[]>(loaded, 'crowds', 5, 10, { line: 'exit 0' });
  expect(launched.filter((each) => 'failed' in each)).toEqual([]);
  const told = launched.map((each) => ('id' in each ? [each.id, each.pid] : []));
  expect(new Set(told.map(([id]) => id)).size).toBe(50);
  const spawned = (await loaded.swarm.events()).flatMap((each) =>
    each.event === 'spawned' ? [[each.agent, each.pid]] : [],
  );
  expect(spawned).toEqual(expect.arrayContaining(told));
  await expect(loaded).toHaveActiveAgents(0);
});

test('CLIENT-20: no thread stays armed, and nothing runs outside an agent', async ({ loaded }) => {
  const id = await loaded.swarm.create({});
  await background(loaded, `launch --file spawn '{"id":${id}}' /bin/sleep 600`);
  await expect.poll(async () => (await loaded.swarm.inspect(id)).state).toBe('running');
  // An agent that runs cannot be joined in its launcher's memory: the thread stays armed, until it ends.
  const order = { spec: { file: 'spawn', object: JSON.stringify({ id }) } };
  const outcome = await drive<{ failed: Outcome[]; cgroup: string; threads: number[] }>(
    loaded,
    'armed',
    20,
    order,
  );
  expect(outcome.failed).toHaveLength(20);
  for (const each of outcome.failed)
    expect(each).toMatchObject({ failed: { stage: 'clone', code: 'EINVAL' } });
  expect(outcome.threads[1]).toBeLessThanOrEqual((outcome.threads[0] ?? 0) + 1);
  expect((await loaded.swarm.inspect(id)).members).toHaveLength(1);
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
  // Two objects, of which none arms the thread: its child notices.
  const unarmed = { spec: { object: '{"name":"one"}{"name":"two"}' }, line: 'touch /tmp/ran' };
  expect(await runs(loaded, [unarmed])).toMatchObject([{ failed: { stage: 'clone', code: 'ECHILD' } }]);
  expect((await loaded.exec('ls /tmp/ran')).code).not.toBe(0);
  await loaded.swarm.destroy(...(await loaded.swarm.agents()).map((agent) => agent.id));
});
