/** The denials of an agent, and the policy that would allow them. */
import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from '@commander-js/extra-typings';
import { expect, test } from '@playwright/test';
import { DENIED_CALL_NAMES } from '../../client/abi/calls.js';
import { DEVICES_MAX, EXEC_PATHS_MAX } from '../../client/abi/limits.js';
import { KINDS, SYSCALLS, namesOf } from '../../client/abi/names.js';
import type { Kind } from '../../client/abi/names.js';
import { DEFAULT_DEVICES } from '../../client/abi/defaults.js';
import { parseEvent } from '../../client/abi/event.js';
import { createRequest, updateRequest } from '../../client/abi/request.js';
import { explainCommand } from '../../client/cli/actions/explain.js';
import { eventsCommand } from '../../client/cli/actions/watch.js';
import { changes } from '../../client/cli/changes.js';
import { LIMITS } from '../../client/cli/policy.js';
import { Denials } from '../../client/explain/denials.js';
import { mergePaths } from '../../client/explain/merge.js';
import { opensCall } from '../../client/explain/opens.js';
import { placeIn } from '../../client/explain/places.js';
import type { Place } from '../../client/explain/places.js';
import { hopeless, needsOf, proposalOf, remedyOf } from '../../client/explain.js';
import type { Need, Rules } from '../../client/explain.js';
import { locate } from '../../client/files/locate.js';
import { learn } from '../../client/learn.js';
import type { Swarm } from '../../client/swarm.js';
import { agentOf, eventOf, machineOf, printed, violationOf } from '../support/cli/machine.js';

const USUAL = Object.values(DEFAULT_DEVICES);

/** A violation of each kind, with the keys of policy and the option that would allow it. */
const CASES: Readonly<Record<Kind, { fields?: object; policy?: Rules; option?: string; opens?: RegExp }>> = {
  device: {
    fields: { device: 'c 10:229 rw' },
    policy: { devices: [...USUAL, 'c 10:229 rw'] },
    option: '--device "c 10:229 rw"',
    opens: /^Allows reading and writing \/dev\/fuse: /,
  },
  socket: {
    fields: { socket: 'netlink/generic', type: 'raw' },
    policy: { sockets: ['unix', 'inet', 'inet6', 'netlink/route', 'netlink/generic'] },
    option: '--sockets unix,inet,inet6,netlink/route,netlink/generic',
    opens: /generic netlink/,
  },
  syscall: {
    fields: { syscall: 'mount' },
    policy: { syscalls: { mount: 'allow' } },
    option: '--syscall mount=allow',
    opens: /^mount reaches the code of every file system/,
  },
  execve: {
    fields: { file: '/usr/bin/env' },
    policy: { exec_paths: ['/usr/bin/env'] },
    option: '--exec-path /usr/bin/env',
    opens: /^Lets the agent execute \/usr\/bin\/env/,
  },
  fork: { policy: { syscalls: { fork: 'allow' } }, option: '--syscall fork=allow', opens: /pids_limit/ },
  thread: { policy: { syscalls: { thread: 'allow' } }, option: '--syscall thread=allow' },
  unshare: { policy: { syscalls: { unshare: 'allow' } }, option: '--syscall unshare=allow' },
  setns: { policy: { syscalls: { setns: 'allow' } }, option: '--syscall setns=allow' },
  autoload: {
    fields: { module: 'net-pf-38' },
    policy: { syscalls: { autoload: 'allow' } },
    option: '--syscall autoload=allow',
  },
  control: {},
  adopt: {},
};

test('CLI-50: each kind of violation has the keys of policy that would allow it, the option, and what it opens', () => {
  for (const kind of namesOf(KINDS)) {
    const { fields, policy, option, opens = /\.$/ } = CASES[kind];
    const violation = violationOf(1, { kind, ...fields });
    const [need, ...others] = needsOf(violation);
    expect(others).toEqual([]);
    if (!need) {
      expect(policy, kind).toBeUndefined();
      expect(hopeless(violation)).not.toContain('does not know');
      continue;
    }
    const remedy = remedyOf(need);
    expect(remedy).toMatchObject({ policy, option, allowed: false });
    expect(remedy.opens).toMatch(opens);
    expect(remedy.opens).toMatch(/\.$/);
    expect(createRequest.safeParse(remedy.policy).success, kind).toBe(true);
    expect(updateRequest.safeParse({ id: 7, ...remedy.policy }).success, kind).toBe(true);
  }
  // Each begins with the name of the call.
  for (const name of [...DENIED_CALL_NAMES, ...namesOf(SYSCALLS)])
    expect(opensCall(name), name).toMatch(/^[a-z]+s .+[^.]$/);
});

const device = (rule: string): Need => ({ of: 'device', rule });
const socket = (entry: string): Need => ({ of: 'socket', entry });
const call = (name: string): Need => ({ of: 'call', name });
const file = (path: string): Need => ({ of: 'file', path });

test('CLI-51: needs become one policy: the accesses of a device are joined, lists are whole, and what is allowed stays', () => {
  const { policy, options, notes } = proposalOf(
    [
      ...[device('c 10:229 w'), device('c 10:229 r'), device('c 1:3 r'), device('b 7:0 r')],
      ...[
        socket('netlink/generic'),
        socket('netlink/generic'),
        socket('inet/tcp'),
        call('mount'),
        call('bpf'),
      ],
      ...[file('/usr/bin/env'), file('/opt/tools/a')],
    ],
    { devices: ['c 1:3 w', 'c 136:* rw'], sockets: ['unix'], exec_paths: ['/opt/tools/', '/bin/sh'] },
  );
  expect(policy).toEqual({
    devices: ['c 1:3 rw', 'c 136:* rw', 'c 10:229 rw', 'b 7:0 r'],
    sockets: ['unix', 'netlink/generic', 'inet/tcp'],
    syscalls: { mount: 'allow', bpf: 'allow' },
    exec_paths: ['/opt/tools/', '/bin/sh', '/usr/bin/env'],
  });
  expect(options).toContain('--exec-path /opt/tools/');
  expect(notes).toEqual([
    '--device adds to the usual devices, some of which this policy denies: use the JSON',
  ]);
  // Nothing that is allowed already is added.
  expect(
    proposalOf([device('c 136:5 r'), socket('inet/tcp')], { devices: ['c 136:* rw'], sockets: 'all' }).policy,
  ).toEqual({ devices: ['c 136:* rw'], sockets: 'all' });
});

test('CLI-52: a list that has no room is widened, said as such, and the kernel would accept it', () => {
  const minors = Array.from({ length: DEVICES_MAX }, (_, minor) => device(`c 226:${minor} rw`));
  const majors = Array.from({ length: DEVICES_MAX }, (_, index) => device(`c ${index + 20}:1 r`));
  const netlinks = ['usersock', 'sock_diag', 'nflog', 'xfrm', 'audit', 'connector', 'netfilter', 'generic'];
  const cases: readonly (readonly [Need[], Rules])[] = [
    [minors, { devices: [...USUAL, 'c 226:* rw'] }],
    [majors, { devices: ['a'] }],
    [netlinks.map((name) => socket(`netlink/${name}`)), { sockets: ['unix', 'inet', 'inet6', 'netlink'] }],
    [Array.from({ length: 9 }, (_, index) => socket(`inet/${index + 60}`)), { sockets: 'all' }],
    [
      Array.from({ length: EXEC_PATHS_MAX + 1 }, (_, index) =>
        file(`/usr/bin/${index % 2 ? 'x' : 'y'}/p${index}`),
      ),
      { exec_paths: ['/usr/bin/x/p1', '/usr/bin/x/p3', '/usr/bin/x/p5', '/usr/bin/x/p7', '/usr/bin/y/'] },
    ],
  ];
  for (const [needs, wanted] of cases) {
    const { policy, notes } = proposalOf(needs);
    for (const [key, list] of Object.entries(wanted) as [keyof Rules, string[]][])
      expect([...(policy[key] as string[])].sort()).toEqual([...list].sort());
    expect(notes).toHaveLength(1);
    expect(createRequest.safeParse(policy).success).toBe(true);
  }
  // Directories that have nothing in common end in the root.
  const apart = Array.from({ length: 9 }, (_, index) => `/${index}/program`);
  expect(mergePaths([], apart).list.length).toBeLessThanOrEqual(EXEC_PATHS_MAX);
});

test('CLI-53: an execve is allowed by the rule that denied it, and a path that is not whole is told', () => {
  const violation = (fields: object) => violationOf(1, { kind: 'execve', file: '/bin/ls', ...fields });
  const execve = call('execve');
  expect(needsOf(violation({}), { syscalls: { execve: 'deny' } })).toEqual([execve]);
  expect(needsOf(violation({}), { exec_paths: ['/bin/sh'], syscalls: { execve: 'allow' } })).toEqual([
    file('/bin/ls'),
  ]);
  const two: Rules = { exec_paths: ['/bin/sh'], syscalls: { execve: 'deny' } };
  expect(needsOf(violation({}), two)).toEqual([execve, file('/bin/ls')]);
  const apart: Rules = { ...two, unlisted: 'kill' };
  expect(needsOf(violation({ rule: 'kill' }), apart)).toEqual([file('/bin/ls')]);
  expect(needsOf(violation({}), apart)).toEqual([execve]);
  // The policy has changed since.
  const [now] = needsOf(violation({}), { syscalls: { execve: 'allow' } });
  expect(now && remedyOf(now, { syscalls: { execve: 'allow' } }).allowed).toBe(true);
  const long = violation({ file: `/${'a'.repeat(62)}` });
  expect(needsOf(long)).toEqual([]);
  expect(hopeless(long)).toContain('only the beginning');
  const relative = violation({ file: './tool' });
  expect(needsOf(relative)).toEqual([]);
  expect(hopeless(relative)).toContain('no whole path');
});

test('CLI-54: the options of a proposal are options of run and update, and make the same policy', () => {
  const needs = [
    ...[device('c 10:229 rw'), device('b 7:* r'), socket('netlink/generic'), call('mount'), call('fork')],
    ...[file('/usr/bin/env'), file("/srv/it's a $(tool)")],
  ];
  const { policy, options } = proposalOf(needs);
  // As a shell takes them.
  const script = `printf '%s\\0' ${options.join(' ')}`;
  const argv = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1);
  const command = new Command()
    .addOption(LIMITS.device)
    .addOption(LIMITS.sockets)
    .addOption(LIMITS.syscall)
    .addOption(LIMITS.execPath)
    .exitOverride();
  command.parse(argv, { from: 'user' });
  expect(changes(command.opts())).toEqual(policy);
});

test('CLI-55: equal denials are one, the one that happened last is the first, and what is summed up is counted', () => {
  const denials = new Denials();
  denials.add(violationOf(1, { kind: 'device', device: 'c 10:229 rw' }));
  denials.add(violationOf(2, { kind: 'syscall', syscall: 'mount' }));
  denials.add(violationOf(3, { kind: 'device', device: 'c 10:229 rw', comm: 'later' }));
  denials.add(violationOf(4, { kind: 'syscall', syscall: 'mount', action: 'report', rule: 'kill' }));
  denials.add(violationOf(5, { kind: 'syscall', syscall: 'getppid', action: 'audit', rule: 'audit' }));
  for (const seq of [6, 7]) {
    const summed = eventOf(seq, {
      event: 'suppressed',
      agent: 7,
      count: 40,
      kind: 'syscall',
      syscall: 'bpf',
    });
    if (summed.event === 'suppressed') denials.add(summed);
  }
  // Of several kinds; and one of processes that were killed for memory, which is no denial.
  for (const more of [
    { count: 5, kind: 'device', action: 'deny', rule: 'deny', kinds: ['socket', 'device'] },
    { count: 9, kind: 'oom' },
  ]) {
    const summed = eventOf(8, { event: 'suppressed', agent: 7, ...more });
    if (summed.event === 'suppressed') denials.add(summed);
  }
  expect(denials.groups.map(({ what, action, count }) => [what, action, count])).toEqual([
    ['getppid', 'audit', 1],
    ['mount', 'report', 1],
    ['c 10:229 rw', 'deny', 2],
    ['mount', 'deny', 1],
  ]);
  expect(denials.groups[2]?.last.comm).toBe('later');
  expect(denials.told).toBe(5);
  expect(denials.suppressed).toEqual({ count: 85, kinds: ['bpf', 'socket', 'device'] });
});

const HISTORY = [
  eventOf(1, { event: 'created', agent: 6, name: 'web' }),
  eventOf(2, { event: 'created', agent: 7, name: 'web' }),
  violationOf(3, { kind: 'device', device: 'c 10:229 rw' }),
  violationOf(4, { kind: 'execve', file: '/usr/bin/env' }),
  violationOf(5, { kind: 'syscall', syscall: 'getppid', action: 'audit', rule: 'audit' }),
  violationOf(6, { kind: 'syscall', syscall: 'mount', action: 'report', rule: 'kill' }),
  violationOf(7, { kind: 'socket', socket: 'alg', agent: 8 }),
  violationOf(8, { kind: 'control' }),
  eventOf(9, { event: 'suppressed', agent: 7, count: 12, kind: 'device', action: 'deny', rule: 'deny' }),
  eventOf(10, { event: 'destroyed', agent: 7, reason: 'exit', violations: 20, audited: 2 }),
];

test('CLI-56: explain tells an agent that is gone by its name: done and reported apart, what is summed up, and a policy', async () => {
  const machine = machineOf([], HISTORY);
  const text = await printed(() => explainCommand(machine, 'web', {}));
  const lines = text.split('\n');
  const words = text.replace(/\s+/g, ' ');
  expect(lines[0]).toBe('agent 7 (web), gone: 5 events of 5 kinds, newest first');
  expect(text).toMatch(/1× {2}reported {2}syscall mount \(the rule says kill; enforce=0\)/);
  expect(text).toMatch(/1× {2}audited {3}syscall getppid/);
  expect(text).not.toContain('getppid=allow');
  expect(text).toMatch(/1× {2}denied {4}device c 10:229 rw/);
  expect(words).toContain('no policy allows it: a process of an agent does not write to /proc/swarm');
  expect(text).toContain('12 more were summed up (event_rate)');
  expect(text).toContain('5 older ones are not kept any more');
  expect(text).toContain('note: exec_paths is a whole list');
  expect(lines.filter((line) => line.length > 80 && !line.startsWith('  {'))).toEqual([]);
  const json = lines.find((line) => line.startsWith('  {')) ?? '';
  const policy = createRequest.parse(JSON.parse(json));
  expect(policy).toEqual({
    devices: [...USUAL, 'c 10:229 rw'],
    exec_paths: ['/usr/bin/env'],
    // What is audited went ahead.
    syscalls: { mount: 'allow' },
  });
  const told = JSON.parse(await printed(() => explainCommand(machine, '7', { json: true }))) as object;
  expect(told).toMatchObject({
    id: 7,
    name: 'web',
    state: 'gone',
    unkept: 5,
    suppressed: { count: 12 },
    policy,
  });
  // The one that was denied something last.
  expect(await printed(() => explainCommand(machine, undefined, {}))).toBe(text);
});

test('CLI-57: explain tells an agent that runs by its policy: what that allows by now, and an update for the rest', async () => {
  const agent = agentOf(7, {
    name: 'web',
    violations: 3,
    audited: 2,
    policy: { devices: ['c 1:3 rwm', 'c 10:229 rw'], exec_paths: ['/bin/sh'], unlisted: 'deny' },
  });
  const machine = machineOf([agent], HISTORY);
  const text = await printed(() => explainCommand(machine, 'web', {}));
  expect(text).toContain('agent 7 (web), running: ');
  expect(text).toContain('the policy allows it by now');
  expect(text).toContain('swarmctl update 7 --syscall mount=allow --exec-path /bin/sh');
  expect(text).toContain('{"id":7,"syscalls":{"mount":"allow"},"exec_paths":["/bin/sh","/usr/bin/env"]}');
  const quiet = machineOf([agentOf(9)], HISTORY);
  expect(await printed(() => explainCommand(quiet, '9', {}))).toBe(
    'agent 9, running: nothing was denied, audited or reported\n',
  );
  expect(await printed(() => explainCommand(machineOf([]), undefined, {}))).toBe(
    'No denial of any agent is kept.\n',
  );
  await expect(explainCommand(quiet, '10', {})).rejects.toMatchObject({ code: 'ESRCH' });
  await expect(explainCommand(quiet, 'nobody', {})).rejects.toMatchObject({ code: 'ESRCH' });
  const twins = machineOf([agentOf(7, { name: 'web' }), agentOf(9, { name: 'web' })]);
  await expect(explainCommand(twins, 'web', {})).rejects.toMatchObject({ code: 'EEXIST' });
});

test('CLI-58: learn makes a policy of what was given and needed, with limits above the peaks, and says what it lacks', () => {
  const denials = new Denials();
  const reported = { action: 'report', rule: 'deny' };
  denials.add(violationOf(1, { kind: 'device', device: 'c 10:229 rw', ...reported }));
  denials.add(violationOf(2, { kind: 'syscall', syscall: 'mount', ...reported, rule: 'kill' }));
  denials.add(violationOf(3, { kind: 'syscall', syscall: 'getppid', action: 'audit', rule: 'audit' }));
  const end = { violations: 0, audited: 3, memoryPeak: 10_000_000, oom: false };
  const given = { name: 'web', syscalls: { getppid: 'audit', mount: 'kill' } } as const;
  const observed = { given, denials, end, pidsPeak: 3, lost: 0 };
  const { policy, remarks, doubts } = learn(observed, 50);
  expect(policy).toEqual({
    name: 'web',
    devices: [...USUAL, 'c 10:229 rw'],
    syscalls: { getppid: 'audit', mount: 'allow' },
    memory_limit: 15 << 20,
    pids_limit: 5,
  });
  expect(createRequest.safeParse(policy).success).toBe(true);
  expect(remarks.join('\n')).toContain('--syscall mount=allow: needed once, by program. mount reaches');
  expect(remarks.join('\n')).toContain('syscall getppid: audited 1×');
  expect(doubts).toEqual([]);
  const doubtful = (change: object) => learn({ ...observed, ...change }, 0).doubts.join('\n');
  expect(doubtful({ lost: 4 })).toContain('4 events were overwritten');
  expect(doubtful({ end: { ...end, audited: 5 } })).toContain('2 violations were counted and not told');
  expect(doubtful({ end: { ...end, oom: true } })).toContain('ran out of memory');
  denials.add(violationOf(4, { kind: 'execve', file: './tool', ...reported }));
  expect(doubtful({})).toContain('execve ./tool: the event has no whole path');
  const summed = eventOf(5, { event: 'suppressed', agent: 7, count: 9, kind: 'fork' });
  if (summed.event === 'suppressed') denials.add(summed);
  expect(doubtful({})).toContain('9 violations were summed up');
});

/** Paths that lead a process to something else than whoever writes the policy. */
const OWN_PATHS = [
  ...['/proc/self/exe', '/proc/self/fd/3', '/proc/1/root/bin/sh', '//proc/./thread-self/exe', '/proc'],
  ...['/dev/fd/3', '/dev//fd/3/tool', '/dev/stdin', '/tmp/../proc/self/exe', '/srv/link/../tool'],
];

test('CLI-81: a path that leads each process to another file is never proposed, and the reason is told', async () => {
  const rules = { exec_paths: ['/usr/bin/app'] };
  const denied = OWN_PATHS.map((path, seq) => violationOf(seq + 2, { kind: 'execve', file: path }));
  for (const violation of denied) {
    expect.soft(needsOf(violation, rules), violation.file).toEqual([]);
    expect.soft(hopeless(violation), violation.file).toMatch(/: list the file, .*--exec-path$/);
  }
  const near = violationOf(40, { kind: 'execve', file: '/process/fd' });
  expect(needsOf(near, rules)).toEqual([file('/process/fd')]);
  const events = [eventOf(1, { event: 'created', agent: 7, name: 'web' }), ...denied, near];
  const told = JSON.parse(
    await printed(() => explainCommand(machineOf([], events), '7', { json: true })),
  ) as {
    policy: object;
    notes: string[];
  };
  expect(told.policy).toEqual({ exec_paths: ['/process/fd'] });
  expect(told.notes.join('\n')).toContain('if the agent had a root of its own');
  // One that runs in a root of its own: none of its paths is one of the machine.
  const machine = machineOf([agentOf(7, { policy: rules })], events, [1007]);
  const rooted = await printed(() => explainCommand(machine, '7', {}));
  expect(rooted).not.toContain('allow:');
  expect(rooted.replace(/\s+/g, ' ')).toContain('denied execve /process/fd');
  expect(rooted.replace(/\s+/g, ' ')).toContain('the agent has a root of its own');
  expect(rooted).toContain('There is nothing more that a policy could allow.');
});

test('CLI-82: what learn proposes for a program with a root of its own are the files there, whatever links lead to them', async ({}, info) => {
  const root = info.outputPath('root');
  const tools = info.outputPath('tools');
  for (const directory of ['usr/bin', 'etc/alternatives', 'run', 'tools'])
    await mkdir(join(root, directory), { recursive: true });
  await mkdir(tools);
  await writeFile(join(root, 'usr/bin/dash'), '');
  await writeFile(join(tools, 'hammer'), '');
  const links: Readonly<Record<string, string>> = {
    bin: 'usr/bin',
    'usr/bin/sh': '/bin/dash',
    'usr/bin/awk': '/etc/alternatives/awk',
    'etc/alternatives/awk': '../../usr/bin/dash',
    'usr/bin/self': '/proc/self/exe',
    'usr/bin/loop': 'loop',
    'usr/bin/hammer': '/tools/hammer',
    'usr/bin/out': '../../../../../../../../../../../../bin/dash',
  };
  for (const [path, target] of Object.entries(links)) await symlink(target, join(root, path));
  const place = placeIn({
    directory: root,
    binds: [{ source: tools, target: '/tools' }],
    tmpfs: [{ target: '/run' }],
  });
  const learnt = (path: string, where: Place) => {
    const denials = new Denials();
    denials.add(violationOf(1, { kind: 'execve', file: path, action: 'report' }));
    const end = { violations: 0, audited: 1, oom: false, memoryPeak: undefined };
    const observed = { given: {}, denials, end, pidsPeak: 1, lost: 0, place: where };
    const { policy, doubts } = learn(observed, 0);
    return policy.exec_paths ?? doubts;
  };
  const dash = [join(root, 'usr/bin/dash')];
  const hammer = [join(tools, 'hammer')];
  const files = { '/bin/sh': dash, '/usr/bin/awk': dash, '/usr/bin/out': dash, '/bin/../bin/dash': dash };
  for (const [path, paths] of Object.entries({ ...files, '/tools/hammer': hammer, '/bin/hammer': hammer }))
    expect.soft(learnt(path, place), path).toEqual(paths);
  const none = ['/bin/self', '/bin/loop', '/bin/nothing', '/run/tool', '/dev/shm/tool', '/proc/self/exe'];
  for (const path of none)
    expect
      .soft(learnt(path, place), path)
      .toEqual([`execve ${path}: no file of this machine is at this path of its root`]);
  // Targets of mounts are behind links, too.
  const app = info.outputPath('app');
  await writeFile(app, '');
  const mounted = placeIn({
    directory: root,
    tmpfs: [{ target: '/usr/bin/self.d' }],
    binds: [
      { source: app, target: '/bin/app' },
      { source: tools, target: '/new/tools' },
      { source: app, target: '/new/tools/app' },
      { source: app, target: '/bin/self.d/app' },
    ],
  });
  for (const path of ['/bin/app', '/usr/bin/app', '/new/tools/app', '/usr/bin/self.d/app'])
    expect.soft(learnt(path, mounted), path).toEqual([app]);
  expect.soft(learnt('/new/tools/hammer', mounted)).toEqual(hammer);
  expect.soft(learnt('/bin/self.d/other', mounted)).toEqual([expect.stringContaining('no file of this')]);
  const overlay = placeIn({ directory: root, overlay: 'tmpfs' });
  expect(learnt('/bin/sh', overlay)).toEqual([
    'execve /bin/sh: its root is an overlay, and exec_paths cannot name the files of one',
  ]);
});

test('CLI-89: the path of an execve is proposed and printed as the text that its bytes are, and not if they are none', async () => {
  const bytes = (path: string) => Buffer.from(path).toString('latin1');
  const café = violationOf(1, { kind: 'execve', file: bytes('/opt/café/bin'), comm: bytes('größe') });
  expect(needsOf(café)).toEqual([{ of: 'file', path: '/opt/café/bin' }]);
  const odd = violationOf(2, { kind: 'execve', file: '/opt/caf\u00e9/bin' });
  expect(needsOf(odd)).toEqual([]);
  expect(hopeless(odd)).toMatch(/^the path is not UTF-8: /);
  for (const command of [
    (swarm: Swarm) => explainCommand(swarm, '7', {}),
    (swarm: Swarm) => eventsCommand(swarm, {}),
  ]) {
    const text = await printed(() => command(machineOf([], [café, odd])));
    expect(text).toContain('/opt/café/bin');
    expect(text).toContain(String.raw`/opt/caf\xe9/bin`);
    expect(text).toContain('größe');
  }
});

test('CLI-90: a process whose root cannot be looked at does not keep explain from explaining', async () => {
  const before = process.geteuid?.() ?? 0;
  expect(await locate({ processes: [process.pid, 4_194_304] })).toMatchObject({ rooted: [false, null] });
  process.seteuid?.(65_534);
  try {
    expect(await locate({ processes: [1] })).toMatchObject({ rooted: [null] });
  } finally {
    process.seteuid?.(before);
  }
  const denied = violationOf(1, { kind: 'execve', file: '/usr/bin/env' });
  const machine = machineOf([agentOf(7, { policy: { exec_paths: ['/bin/sh'] } })], [denied]);
  machine.locate = () => Promise.resolve({ devices: [], paths: [], rooted: [null] });
  const text = (await printed(() => explainCommand(machine, '7', {}))).replace(/\s+/g, ' ');
  expect(text).toContain('--exec-path /usr/bin/env');
  expect(text).toContain('if the agent had a root of its own (--rootfs), name the files there instead');
});

test('CLI-91: a filter of events hides neither lost events nor those of a kind that this version does not know', async () => {
  const lost = eventOf(1, { event: 'lost', count: 3 });
  const later = parseEvent('{"seq":2,"time":5,"event":"frozen_over","agent":9,"depth":4}');
  const created = eventOf(3, { event: 'created', agent: 7 });
  const lines = async (...filter: string[]) => {
    const text = await printed(() => eventsCommand(machineOf([], [lost, later, created]), { filter }));
    return text.split('\n').filter(Boolean);
  };
  const LOST = expect.stringContaining('3 events were overwritten');
  const LATER = expect.stringMatching(/ frozen_over +9 +\{"depth":4\}$/);
  expect(await lines('agent=9')).toEqual([LOST, LATER]);
  expect(await lines('event=frozen_over')).toEqual([LOST, LATER]);
  expect(await lines('depth=4', 'event=frozen_over')).toEqual([LOST, LATER]);
  expect(await lines('event=created')).toEqual([LOST, expect.stringContaining('created')]);
});

test('CLI-108: the filter of events on comm takes names as they are shown', async () => {
  const names = ['caf\u00e9', 'Ã©', 'a\u001bz', 'plain'];
  const events = names.map((name, index) =>
    violationOf(index + 1, {
      kind: 'device',
      device: 'c 1:1 r',
      comm: Buffer.from(name).toString('latin1'),
    }),
  );
  events.push(violationOf(5, { kind: 'device', device: 'c 1:1 r', comm: '\u00e9' }));
  const found = async (comm: string) => {
    const filter = [`comm=${comm}`];
    const text = await printed(() => eventsCommand(machineOf([], events), { filter, format: '{{.seq}}' }));
    return text.split('\n').filter(Boolean);
  };
  const all = await printed(() => eventsCommand(machineOf([], events), {}));
  const shown = [...all.matchAll(/\((.*), pid/g)].map(([, name = '']) => name);
  expect(shown).toEqual(['café', 'Ã©', String.raw`a\x1bz`, 'plain', String.raw`\xe9`]);
  for (const [index, name] of shown.entries()) expect.soft(await found(name), name).toEqual([`${index + 1}`]);
});
