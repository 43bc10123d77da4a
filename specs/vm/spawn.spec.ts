/** /proc/swarm/spawn: a process for an agent that exists, its first or one more. */
import { jsonLines } from '../../harness/util/json-lines.js';
import { snatched } from '../support/figures.js';
import { quoted } from '../../client/client.js';
import type { AgentRequest } from '../../client/client.js';
import { prepareDocumented } from '../support/examples.js';
import { agentCgroup } from '../support/cgroups.js';
import { expect, test } from '../support/fixtures.js';
import { MOUNT_CALLS } from '../support/former-calls.js';
import { attempts, background, moduleLog, SHOW_NAMESPACES } from '../support/guest.js';
import { reload } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';
import { uploadRival } from '../support/moments.js';

/** Every namespace that a default agent has, as CLONE_NEW*. */
const CLONE = {
  mnt: 0x20000,
  cgroup: 0x2000000,
  uts: 0x4000000,
  ipc: 0x8000000,
  user: 0x10000000,
  pid: 0x20000000,
  net: 0x40000000,
} as const;
const ALL = Object.values(CLONE).reduce((all, each) => all + each, 0);
const CLONE_VM = 0x100;
const CLONE_VFORK = 0x4000;
const KILLED = 128 + 9;

/** Starts a first process for an agent that exists, and waits for its end. */
const begin = (guest: LoadedGuest, id: number, line: string) =>
  guest.exec(`launch --file spawn '{"id":${id}}' /bin/sh -c ${quoted(line)}`);

/** Starts an agent whose first process waits, by default at once. */
async function start(
  guest: LoadedGuest,
  request: AgentRequest = {},
  command = '/usr/local/bin/consume wait',
) {
  const known = new Set((await guest.swarm.agents()).map(({ id }) => id));
  const object = JSON.stringify({ spawn: true, ...request });
  await background(guest, `launch ${quoted(object)} ${command}`);
  const found = async () => {
    const agent = (await guest.swarm.agents()).find(({ id, pid }) => !known.has(id) && pid > 0);
    const name = agent && (await guest.exec(`cat /proc/${agent.pid}/comm`)).stdout;
    return name === 'consume\n' ? agent : undefined;
  };
  await expect.poll(found).toBeTruthy();
  const { id, pid } = (await found()) ?? { id: 0, pid: 0 };
  return { id, pid };
}

/** Starts a hostile agent, which says in a file what has come of it. */
async function startHostile(guest: LoadedGuest, request: AgentRequest, program: string) {
  const object = JSON.stringify({ spawn: true, ...request });
  await guest.sh(
    `setsid launch ${quoted(object)} /usr/local/bin/${program} >/tmp/hostile 2>&1 </dev/null & sleep 0.1`,
  );
  await expect.poll(() => guest.sh('cat /tmp/hostile')).toContain('ready');
  return (await guest.swarm.agents()).at(-1) ?? { id: 0, pid: 0 };
}

/** Agents that lack no capability and no call that a process that joins has: one inside, one that is root outside too. */
const CAPABLE: AgentRequest = {
  capabilities: 'all',
  syscalls: { ...MOUNT_CALLS, pidfd_getfd: 'allow' },
};
const POWERFUL: AgentRequest = { namespace_flags: 0x05, privileged: true };
const JOIN_POWERFUL = `--ids -1 --enter ${(CLONE.pid + CLONE.mnt).toString(16)}`;

/** Runs a shell line as one more process of an agent, and waits for its end. */
const join = (guest: LoadedGuest, { id, pid }: { id: number; pid: number }, line: string, options = '') =>
  guest.exec(`join ${options} ${id} ${pid} /bin/sh -c ${quoted(line)}`);

test('SPAWN-01: an agent that is registered gets its first process, in fresh namespaces, by a write of its id', async ({
  loaded,
}) => {
  const id = await loaded.swarm.create({ name: 'later', pids_limit: 20 });
  expect(await loaded.swarm.inspect(id)).toMatchObject({ state: 'registered', cgroup: null, members: [] });
  const outside = (await loaded.sh(SHOW_NAMESPACES)).split('\n');
  const events = await loaded.swarm.eventsDuring(async () => {
    const ran = await begin(loaded, id, `echo $$; id -u; cat /proc/self/cgroup; ${SHOW_NAMESPACES}`);
    expect(ran.stderr).toMatch(new RegExp(`^\\{"id":${id}\\}\npid \\d+\n$`));
    const [pid, uid, cgroup, ...inside] = ran.stdout.split('\n').filter(Boolean);
    expect([pid, uid, cgroup]).toEqual(['1', '0', '0::/']);
    expect(inside.filter((each) => outside.includes(each))).toEqual([expect.stringMatching(/^time:/)]);
    await expect(loaded).toHaveActiveAgents(0);
  });
  expect(events).toMatchObject([
    { event: 'spawned', agent: id, by: 'spawn' },
    { event: 'destroyed', agent: id, reason: 'exit' },
  ]);
});

test('SPAWN-16: a fork of an armed thread that fails is told with its errno, and the thread stays armed', async ({
  loaded,
}) => {
  const CLONE_PIDFD = 0x1000;
  // Without a place for the descriptor, behind all that the module looks at.
  const first = CLONE_PIDFD.toString(16);
  const known = await loaded.swarm.create({ persist: true });
  const told = await loaded.swarm.eventsDuring(async () => {
    const { code } = await loaded.swarm.launch({}, ['/bin/true'], { via: 'clone3', first });
    expect(code).toBe(0);
    await expect(loaded).toHaveActiveAgents(1);
    // Of one that exists: no room is left in the launcher's own cgroup since it has armed.
    const dir = '/sys/fs/cgroup/tight';
    const tight = `echo $$ >${dir}/cgroup.procs; echo '{"id":${known}}' >/proc/swarm/spawn; echo 1 >${dir}/pids.max; /bin/true; :`;
    // Which does all but the last itself, and tries no fork twice.
    const { stderr } = await loaded.exec(`mkdir ${dir}; sh -c ${quoted(tight)}`);
    expect(stderr).toContain('Cannot fork');
    await expect.poll(() => loaded.exec(`rmdir ${dir}`)).toMatchObject({ code: 0 });
    expect((await begin(loaded, known, 'exit 3')).code).toBe(3);
  });
  const failed = (agent: number, error: string) => ({ event: 'fork_failed', agent, error });
  const expected = [
    { event: 'created' },
    failed(known + 1, 'EFAULT'),
    { event: 'spawned', agent: known + 1 },
    { event: 'destroyed', agent: known + 1, exit: 0 },
    failed(known, 'EAGAIN'),
    { event: 'spawned', agent: known },
  ];
  expect(told).toMatchObject(expected);
  await loaded.swarm.destroy(known);
  await expect(loaded).toHaveActiveAgents(0);
});

test('SPAWN-23: a fork that the module itself refuses is told, and the thread stays armed', async ({
  loaded,
}) => {
  const CLONE_FS = '200';
  const agent = await start(loaded);
  const told = await loaded.swarm.eventsDuring(async () => {
    const shared = { via: 'clone3', first: CLONE_FS } as const;
    const { code, id } = await loaded.swarm.launch({}, ['/bin/true'], shared);
    expect([code, id]).toEqual([0, agent.id + 1]);
    await expect(loaded).toHaveActiveAgents(1);
    // One more of an agent that runs; what is forked then enters nothing, and is killed.
    await loaded.exec(`launch --via clone3 --first ${CLONE_FS} --file spawn '{"id":${agent.id}}' /bin/true`);
  });
  const failed = told.filter(({ event }) => event === 'fork_failed');
  expect(failed).toMatchObject([
    { agent: agent.id + 1, error: 'EINVAL', pid: expect.any(Number) },
    { agent: agent.id, error: 'EINVAL' },
  ]);
  expect(told.slice(0, 3)).toMatchObject([{ event: 'created' }, failed[0], { event: 'spawned' }]);
  await loaded.swarm.destroy(agent.id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('SPAWN-29: a limit that a fork of an armed thread meets is named by the log, the event has the errno, and the thread stays armed', async ({
  loaded,
}) => {
  const running = await start(loaded);
  const sys = '/proc/sys';
  const { stdout } = await loaded.exec(`cat ${sys}/kernel/pid_max`);
  const prepared = {
    // Behind the numbers of the boot the lowest that is given again is 300, which is taken then.
    pid_max: `echo 1000 >${sys}/kernel/ns_last_pid; true & wait $!; echo 301 >${sys}/kernel/pid_max; sleep 60 >/dev/null 2>&1 & echo ${stdout.trim()} >${sys}/kernel/pid_max`,
    tight: 'mkdir /sys/fs/cgroup/tight; echo $$ >/sys/fs/cgroup/tight/cgroup.procs',
  };
  const rows: [squeezed: string, error: string, named: RegExp | undefined, before?: string][] = [
    ['capability', 'EPERM', undefined],
    [`${sys}/user/max_uts_namespaces=0`, 'ENOSPC', /user\.max_uts_namespaces is 0, but a birth needs 1 /],
    [`${sys}/kernel/threads-max=20`, 'EAGAIN', /kernel\.threads-max is 20, but a birth needs \d+ /],
    [
      `${sys}/kernel/pid_max=301`,
      'EAGAIN',
      /kernel\.pid_max is 301, but a birth needs 302 /,
      prepared.pid_max,
    ],
    [
      '/sys/fs/cgroup/tight/pids.max=1',
      'EAGAIN',
      /pids\.max of the cgroup \/tight is 1 .*, but a birth needs 2 /,
      prepared.tight,
    ],
  ];
  for (const [squeezed, error, named, before = ':'] of rows) {
    for (const joins of [false, true]) {
      // One that joins makes no namespaces: neither the capability nor their number matters to it.
      if (joins && !squeezed.includes('/kernel/') && !squeezed.includes('tight')) continue;
      const what = `${squeezed}${joins ? ', for one more' : ''}`;
      await loaded.sh('dmesg -C');
      const order = joins ? `--file spawn '{"id":${running.id}}'` : `'{"spawn":true}'`;
      const told = await loaded.swarm.eventsDuring(async () => {
        const ran = await loaded.exec(`${before}; launch --squeeze ${squeezed} ${order} /bin/true`);
        expect.soft(ran.stderr, what).toContain(`first ${error}\n`);
        // It has entered nothing, so it is killed at its execve.
        expect.soft(ran.code, what).toBe(joins ? KILLED : 0);
        await expect(loaded).toHaveActiveAgents(1);
      });
      const failed = told.filter(({ event }) => event === 'fork_failed');
      expect.soft(failed, what).toMatchObject([{ error, pid: expect.any(Number) }]);
      expect
        .soft(
          told.map(({ event }) => event),
          what,
        )
        .toContain('spawned');
      const lines = (await moduleLog(loaded)).filter((line) => line.includes('a fork for it failed'));
      expect.soft(lines, what).toEqual(named ? [expect.stringMatching(named)] : []);
      await loaded.exec('pkill -x sleep; rmdir /sys/fs/cgroup/tight');
    }
  }
  await loaded.swarm.destroy(running.id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('SPAWN-02: an agent that persists is run again and again under its id, with its ids and limits', async ({
  loaded,
}) => {
  const id = await loaded.swarm.create({ persist: true, memory_limit: 1 << 26 });
  const show = `cat /proc/self/uid_map; ${SHOW_NAMESPACES}`;
  const runs: string[][] = [];
  const cgroups = new Set<string>();
  for (let run = 0; run < 3; run++) {
    const { code, stdout } = await begin(loaded, id, `${show}; exit ${run}`);
    expect(code).toBe(run);
    runs.push(stdout.split('\n').filter(Boolean));
    await expect.poll(async () => (await loaded.swarm.inspect(id)).state).toBe('registered');
    cgroups.add(await agentCgroup(loaded, id));
  }
  const maps = new Set(runs.map(([map]) => map));
  expect(maps.size, 'one range of ids').toBe(1);
  expect([...cgroups], 'one cgroup').toEqual([expect.stringMatching(/^\/swarm\/memory\/p?\d+$/)]);
  // Namespaces may get the number of one that is gone, so no more is said of them than that they are not the host's.
  const outside = (await loaded.sh(SHOW_NAMESPACES)).split('\n');
  for (const [, ...inside] of runs)
    expect(inside.filter((each) => outside.includes(each))).toEqual([expect.stringMatching(/^time:/)]);
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('SPAWN-03: what cannot be armed has an answer that says why, and leaves the agent as it was', async ({
  loaded,
}) => {
  const id = await loaded.swarm.create({ memory_limit: 1 << 26 });
  const rows: [text: string, error: string, field: string, message: RegExp][] = [
    ['{"id":0}', 'EINVAL', 'id', /from 1/],
    ['{}', 'EINVAL', 'id', /missing/],
    [`{"id":${id},"pid":1}`, 'EINVAL', 'pid', /unknown key/],
    [`${id}\n`, 'EINVAL', '', /expected an object/],
    [`{"id":${id + 100}}`, 'ESRCH', 'id', /there is no agent/],
  ];
  for (const [text, error, field, message] of rows) {
    const { writes, answers } = await loaded.swarm.write(text, undefined, 'spawn');
    expect.soft(writes, text).toEqual([error]);
    expect.soft(answers, text).toMatchObject([{ error, field, message: expect.stringMatching(message) }]);
  }
  const chrooted = await loaded.exec(
    `exec 3>/proc/swarm/spawn; mount --bind / /mnt && chroot /mnt bash -c 'echo "{\\"id\\":${id}}" >&3'; umount /mnt`,
  );
  expect(chrooted.stderr).toContain('Operation not permitted');
  // The shell that writes is armed, so a second order from it is refused; it ends, and the agent goes with it.
  expect(await loaded.swarm.inspect(id)).toMatchObject({ state: 'registered', cgroup: null });
  const twice = await loaded.exec(
    `exec 3<>/proc/swarm/spawn; echo '{"id":${id}}' >&3; read -r one <&3; echo "$one" >&2; echo '{"id":${id}}' >&3; read -r two <&3; echo "$two" >&2`,
  );
  expect(twice.stderr).toContain(`{"id":${id}}`);
  expect(twice.stderr).toMatch(/"error":"EBUSY","field":"id","offset":0,"message":"a thread is armed for/);
  await expect(loaded).toHaveActiveAgents(0);
});

test('SPAWN-04: one more process is a member, in the cgroup, in the namespaces; rules count; it ends with the agent', async ({
  loaded,
}) => {
  const agent = await start(loaded, { pids_limit: 20 });
  const show = `cat /proc/self/cgroup; ${SHOW_NAMESPACES}; id -u; ps -o sess= -p $$ 2>/dev/null; attempt unshare 4000000`;
  const inside = (
    await loaded.sh(
      `for n in pid net mnt uts ipc user cgroup time; do readlink /proc/${agent.pid}/ns/$n; done`,
    )
  ).split('\n');
  const before = await loaded.swarm.status();
  const events = await loaded.swarm.eventsDuring(async () => {
    const { code, stdout, stderr } = await join(loaded, agent, show);
    expect(stderr).toMatch(new RegExp(`^\\{"id":${agent.id}\\}\npid \\d+\n$`));
    expect(code).toBe(0);
    const lines = attempts(stdout);
    expect(lines[0]).toBe('0::/');
    expect(lines.slice(1, 9)).toEqual(inside);
    expect(lines[9]).toBe('0');
    expect(lines.at(-1)).toBe('unshare EPERM');
  });
  expect(events.map(({ event }) => event)).toEqual(['spawned', 'violation']);
  expect(events[0]).toMatchObject({ agent: agent.id, by: 'spawn' });
  const after = await loaded.swarm.status();
  expect(after).toEqual({ ...before, violations: before.violations + 1 });
  // Two that stay, one of which enters the pid namespace early.
  await background(loaded, `join --early 1 ${agent.id} ${agent.pid} /usr/local/bin/consume wait`);
  await background(loaded, `join ${agent.id} ${agent.pid} /usr/local/bin/consume wait`);
  await expect.poll(() => loaded.sh('pgrep -c -x consume || true')).toBe('3');
  const { members, joining, namespaces } = await loaded.swarm.inspect(agent.id);
  expect(members).toHaveLength(4);
  expect(members[0]).toBe(agent.pid);
  expect(joining, 'the one between, which only waits for its child').toHaveLength(1);
  expect(`pid:[${namespaces?.pid ?? 0}]`).toBe(inside[0]);
  await loaded.swarm.destroy(agent.id);
  await expect(loaded).toHaveActiveAgents(0);
  await expect.poll(() => loaded.sh('pgrep -x "consume|join" || true')).toBe('');
});

test('SPAWN-05: a rule on execve counts from the first program that it executes, exec_paths for that one', async ({
  loaded,
}) => {
  const agent = await start(loaded, {
    syscalls: { execve: 'deny', fork: 'deny' },
    exec_paths: ['/usr/local/bin/', '/bin/sh'],
  });
  // A fork before the execve is the launcher's own affair.
  const joined = await join(loaded, agent, 'echo here; (attempt kill 1); attempt kill 1');
  expect(joined.stdout).toBe('here\n');
  const unlisted = await loaded.exec(`join ${agent.id} ${agent.pid} /usr/bin/id`);
  expect(unlisted.code, 'not executed').toBe(127);
  await loaded.swarm.destroy(agent.id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('SPAWN-06: a process that is not in each of the agent’s namespaces, with its ids, is killed at its execve', async ({
  loaded,
}) => {
  const agent = await start(loaded, { pids_limit: 20 });
  const other = await start(loaded);
  const killed = async (what: string, options: string, target = agent) => {
    const events = await loaded.swarm.eventsDuring(async () => {
      const { code, stdout } = await loaded.exec(
        `join ${options} ${agent.id} ${target.pid} /bin/sh -c 'echo ran'`,
      );
      expect.soft(stdout, what).toBe('');
      expect.soft(code, what).toBe(KILLED);
    });
    const violation = events.find(({ event }) => event === 'violation');
    expect
      .soft(violation, what)
      .toMatchObject({ agent: agent.id, kind: 'adopt', action: 'kill', comm: 'join' });
  };
  for (const [name, bit] of Object.entries(CLONE)) {
    const own = name === 'user' ? '--ids -1 ' : '';
    await killed(`all but ${name}`, `${own}--enter ${(ALL - bit).toString(16)}`);
  }
  await killed('none', '--ids -1 --enter 0');
  await killed('ids of the host', '--ids -1');
  await killed("another agent's", '', other);
  await killed('a time namespace that it would execute in', '--unshare 80');
  await killed('a pid namespace that it would fork into', '--unshare 20000000');
  await killed('another cgroup', '--leave /sys/fs/cgroup/cgroup.procs');
  expect((await join(loaded, agent, 'echo ran')).stdout, 'all of them').toBe('ran\n');
  expect(await loaded.swarm.inspect(agent.id)).toMatchObject({ members: [agent.pid], joining: [] });
  await loaded.swarm.destroy(agent.id, other.id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('SPAWN-22, SPAWN-25: a process that enters a namespace that is not the agent’s is killed at once; those that it is in already are none of these', async ({
  loaded,
}) => {
  const agent = await start(loaded);
  const other = await start(loaded);
  // A program that is not there: nobody comes as far as to execute anything.
  const enter = (options: string, target: number | string) =>
    loaded.exec(`join --ids -1 ${options} ${agent.id} ${target} /nonexistent`);
  for (const [name, bit] of Object.entries(CLONE)) {
    const events = await loaded.swarm.eventsDuring(async () => {
      expect
        .soft(await enter(`--enter ${bit.toString(16)}`, other.pid), name)
        .toMatchObject({ code: KILLED });
    });
    expect
      .soft(
        events.filter(({ event }) => event === 'violation'),
        name,
      )
      .toMatchObject([{ agent: agent.id, kind: 'adopt', action: 'kill', comm: 'join' }]);
    // The kernel lets nobody enter the user namespace that he is in.
    for (const target of name === 'user' ? [agent.pid] : [agent.pid, '$$'])
      expect
        .soft((await enter(`--enter ${bit.toString(16)}`, target)).code, `${name} of ${target}`)
        .toBe(127);
  }
  await loaded.swarm.update({ id: agent.id, syscalls: { setns: 'allow' } });
  const uts = `--enter ${CLONE.uts.toString(16)}`;
  expect((await enter(uts, other.pid)).code, 'what the policy allows the agent').toBe(KILLED);
  expect((await enter(uts, agent.pid)).code).toBe(127);
  await loaded.swarm.destroy(agent.id, other.id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('SPAWN-28: a process that joins is killed for a namespace that is not the agent’s, by whichever way it enters that', async ({
  loaded,
}) => {
  // Its first process is in the agent's namespaces; one more has nested ones, and the agent's for the rest.
  const agent = await start(
    loaded,
    { syscalls: { unshare: 'allow' } },
    "/bin/sh -c 'unshare -Un consume wait & exec consume wait'",
  );
  await expect.poll(() => loaded.sh('pgrep -c -x consume || true')).toBe('2');
  const nested = Number(await loaded.sh(`pgrep -x consume | grep -vx ${agent.pid}`));
  const { net, uts, user, ipc } = CLONE;
  const several = (...bits: number[]) => `--enter ${bits.reduce((all, bit) => all + bit).toString(16)}`;
  const then = (pid: number | string, name: string) => `--then /proc/${pid}/ns/${name}`;
  const other = await start(loaded);
  const rows: [what: string, options: string, target: number, code: number][] = [
    ['several at once, all of which are the agent’s', several(uts, ipc, net), agent.pid, 127],
    ['several at once, of which one is nested', several(uts, ipc, net), nested, KILLED],
    ['several at once, none of which is nested', several(uts, ipc), nested, 127],
    ['a nested user namespace', several(user), nested, KILLED],
    [
      'a nested user namespace from the agent’s',
      `${several(user)} ${then(nested, 'user')}`,
      agent.pid,
      KILLED,
    ],
    ['several of another agent', several(user, uts, net), other.pid, KILLED],
    ['by a file, the agent’s', `--enter 0 ${then(agent.pid, 'net')}`, agent.pid, 127],
    ['by a file, the one that it is in', `--enter 0 ${then('self', 'net')}`, agent.pid, 127],
    ['by a file, a nested one', `--enter 0 ${then(nested, 'net')}`, agent.pid, KILLED],
    ['by a file, another agent’s', `--enter 0 ${then(other.pid, 'ipc')}`, agent.pid, KILLED],
    ['back to its launcher’s', `${several(uts)} ${then('self', 'uts')}`, agent.pid, KILLED],
    ['for its children, another agent’s', `--enter 0 ${then(other.pid, 'pid')}`, agent.pid, KILLED],
    ['for its children, the agent’s', `--enter 0 ${then(agent.pid, 'pid')}`, agent.pid, 127],
  ];
  for (const [what, options, target, code] of rows) {
    const events = await loaded.swarm.eventsDuring(async () => {
      // A program that is not there: nobody comes as far as to execute anything.
      const ran = await loaded.exec(`join --ids -1 ${options} ${agent.id} ${target} /nonexistent`);
      expect.soft(ran.code, `${what}: ${ran.stderr}`).toBe(code);
    });
    const kinds = events.flatMap((event) => (event.event === 'violation' ? [event.kind] : []));
    expect.soft(kinds, what).toEqual(code === KILLED ? ['adopt'] : []);
  }
  await loaded.swarm.destroy(agent.id, other.id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('SPAWN-07: a fork that shares with its launcher, or makes namespaces, fails with EINVAL; the thread stays armed', async ({
  loaded,
}) => {
  const agent = await start(loaded);
  for (const [what, flags] of [
    ['vfork', CLONE_VM | CLONE_VFORK],
    ['memory', CLONE_VM],
    ['files', 0x400],
    ['a user namespace', CLONE.user],
    ['a pid namespace', CLONE.pid],
    ['a time namespace', 0x80],
  ] as const) {
    const { stdout, stderr } = await join(loaded, agent, 'echo ran', `--first ${flags.toString(16)}`);
    expect.soft(stderr, what).toContain('first EINVAL\n');
    expect.soft(stdout, what).toBe('ran\n');
  }
  await loaded.swarm.destroy(agent.id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('SPAWN-08: an agent that ends while a thread is armed to join it: the fork fails with ECANCELED', async ({
  loaded,
}) => {
  for (const [how, reason] of [
    ['destroy', 'request'],
    ['exit', 'exit'],
  ] as const) {
    const agent = await start(loaded);
    const armed = loaded.exec(`join --wait 4000 ${agent.id} ${agent.pid} /bin/sh -c 'echo ran'`);
    const asked = () => loaded.sh('pgrep -x join || true');
    await expect.poll(asked).not.toBe('');
    // Armed by then, and kept from forking.
    await loaded.sh('sleep 1; pkill -STOP -x join');
    await (how === 'destroy' ? loaded.swarm.destroy(agent.id) : loaded.sh(`kill -9 ${agent.pid}`));
    await expect.poll(() => loaded.sh(`[ -e /proc/${agent.pid} ] && echo there || true`)).toBe('');
    expect((await loaded.swarm.status()).active, 'not gone while the thread is armed').toBe(1);
    expect((await loaded.exec('rmmod swarm_guard')).stderr).toContain('in use');
    await loaded.sh('pkill -CONT -x join');
    const { code, stdout, stderr } = await armed;
    expect.soft(stderr, how).toContain('fork: ECANCELED');
    expect.soft([code, stdout], how).toEqual([126, '']);
    await expect(loaded).toHaveActiveAgents(0);
    const ends = (await loaded.swarm.events()).filter(({ event }) => event === 'destroyed');
    expect.soft(ends.at(-1), how).toMatchObject({ agent: agent.id, reason });
  }
});

test('SPAWN-09: an armed thread that exits leaves the agent as it was; a process that ends before its execve, too', async ({
  loaded,
}) => {
  const agent = await start(loaded);
  await loaded.sh(`exec 3<>/proc/swarm/spawn; echo '{"id":${agent.id}}' >&3`);
  const missing = await loaded.exec(`join ${agent.id} ${agent.pid} /nowhere`);
  expect(missing.code).toBe(127);
  expect(await loaded.swarm.inspect(agent.id)).toMatchObject({ state: 'running', members: [agent.pid] });
  await loaded.swarm.destroy(agent.id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('SPAWN-10, SPAWN-26: limits that leave no room for one more are told at arming', async ({ loaded }) => {
  const agent = await start(loaded, { pids_limit: 1 });
  const { code, stderr } = await join(loaded, agent, 'true');
  expect(code).toBe(125);
  expect(stderr).toMatch(/"error":"ENOSPC".*pids.max of the cgroup .* is 1 /);
  await loaded.sh('echo 1 >/proc/sys/fs/suid_dumpable');
  const traceable = await join(loaded, agent, 'true');
  await loaded.sh('echo 0 >/proc/sys/fs/suid_dumpable');
  expect(traceable.stderr).toMatch(/"error":"EPERM".*fs.suid_dumpable/);
  await loaded.swarm.destroy(agent.id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('SPAWN-11: a hostile agent that waits for the process can neither look into it, nor take from it, nor seize it', async ({
  loaded,
}) => {
  for (const [request, options] of [
    [CAPABLE, ''],
    [CAPABLE, '--early 1'],
    [POWERFUL, JOIN_POWERFUL],
    [POWERFUL, `--early 1 ${JOIN_POWERFUL}`],
  ] as const) {
    const what = `${JSON.stringify(request)} ${options}`;
    const agent = await startHostile(loaded, request, 'trap join 2000');
    const ran = await join(loaded, agent, 'echo ran', `${options} --pause 4000`);
    expect(ran, what).toMatchObject({ code: 0, stdout: 'ran\n' });
    await expect.poll(() => loaded.sh('cat /tmp/hostile'), { timeout: 60_000 }).toContain('pidfd_getfd');
    const found = Object.fromEntries(
      (await loaded.sh('cat /tmp/hostile')).split('\n').map((line) => line.split(' ') as [string, string]),
    );
    expect(found, what).toHaveProperty('met');
    expect(found['stop'], 'signals reach it, and only delay it').toBe('ok');
    for (const way of ['seize', 'attach', 'process_vm_readv', 'process_vm_writev', 'pidfd_getfd'])
      expect.soft(found[way], `${what} ${way}`).toBe('EPERM');
    // CAP_PERFMON outside reads the environment of any process.
    for (const way of ['mem', 'fd', 'root', ...(request === POWERFUL ? [] : ['environ'])])
      expect.soft(found[way], `${what} ${way}`).toMatch(/^(EPERM|EACCES)$/);
    await expect(loaded).toHaveActiveAgents(0);
  }
});

test('SPAWN-18: a hostile agent that is root outside and sees the process before it has entered anything can neither look into it, nor take from it, nor seize it', async ({
  loaded,
}) => {
  // It shares the launcher's namespaces, so that it sees every process.
  const request: AgentRequest = { namespace_flags: 0, privileged: true };
  const agent = await startHostile(loaded, request, 'trap unentered 2000 inherited');
  const ran = await join(loaded, agent, 'echo ran', '--ids -1 --enter 0 --before 4000');
  expect(ran).toMatchObject({ code: 0, stdout: 'ran\n' });
  expect(ran.stderr).toContain('dumpable 0\n');
  await expect.poll(() => loaded.sh('cat /tmp/hostile'), { timeout: 60_000 }).toContain('pidfd_getfd');
  const found = Object.fromEntries(
    (await loaded.sh('cat /tmp/hostile')).split('\n').map((line) => line.split(' ') as [string, string]),
  );
  expect(found).toHaveProperty('met');
  expect(found['stop'], 'signals reach it, and only delay it').toBe('ok');
  for (const way of ['seize', 'attach', 'process_vm_readv', 'process_vm_writev', 'pidfd_getfd'])
    expect.soft(found[way], way).toBe('EPERM');
  // CAP_PERFMON outside reads the environment of any process.
  for (const way of ['mem', 'fd', 'root']) expect.soft(found[way], way).toMatch(/^(EPERM|EACCES)$/);
  await loaded.swarm.destroy(agent.id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('SPAWN-19: a process that was to join and cannot dies before it runs; an event and the log say why, and the agent goes on', async ({
  loaded,
  stage,
}) => {
  const agent = await start(loaded, { pids_limit: 20 });
  await uploadRival(loaded, stage, 'swarm_redirect.ko');
  await loaded.sh(
    'insmod /root/swarm_redirect.ko function=cgroup_procs_write comm=join answer=-12; dmesg -C',
  );
  const events = await loaded.swarm.eventsDuring(async () => {
    const ran = await join(loaded, agent, 'echo ran');
    expect(ran).toMatchObject({ code: KILLED, stdout: '' });
    expect(ran.stderr).toContain(`{"id":${agent.id}}\npid `);
  });
  expect(await loaded.sh('cat /sys/module/swarm_redirect/parameters/hits; rmmod swarm_redirect')).toBe('1');
  expect(events).toMatchObject([{ event: 'fork_failed', agent: agent.id, error: 'ENOMEM' }]);
  expect(await moduleLog(loaded)).toEqual([
    expect.stringContaining(
      `agent ${agent.id}: a process that was to join it was killed before it ran: joining its cgroup failed with -12`,
    ),
  ]);
  expect(await loaded.swarm.inspect(agent.id)).toMatchObject({
    state: 'running',
    members: [agent.pid],
    joining: [],
  });
  // The thread's end has disarmed it, and the next one joins.
  expect(await join(loaded, agent, 'echo ran')).toMatchObject({ code: 0, stdout: 'ran\n' });
  await loaded.swarm.destroy(agent.id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('SPAWN-20: a process joins an agent that has no namespaces of its own, and is one of its members from its execve on', async ({
  loaded,
}) => {
  const agent = await start(loaded, { namespace_flags: 0, privileged: true });
  const events = await loaded.swarm.eventsDuring(async () => {
    const ran = await join(loaded, agent, 'echo ran', '--ids -1 --enter 0');
    expect(ran).toMatchObject({ code: 0, stdout: 'ran\n' });
  });
  expect(events).toMatchObject([{ event: 'spawned', agent: agent.id, by: 'spawn' }]);
  await background(loaded, `join --ids -1 --enter 0 ${agent.id} ${agent.pid} /usr/local/bin/consume wait`);
  await expect
    .poll(() => loaded.swarm.inspect(agent.id))
    .toMatchObject({ members: [agent.pid, expect.any(Number)], joining: [], starting: [] });
  await loaded.swarm.destroy(agent.id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('SPAWN-21: with enforce=0 a process that joins from outside is told, goes on, and is a member from its execve on', async ({
  loaded: given,
}) => {
  await given.unload();
  const loaded = await reload(given, { enforce: 0 });
  const listed = ['/usr/local/bin/consume'];
  const agent = await start(loaded, { exec_paths: listed }, '/usr/local/bin/consume wait');
  const events = await loaded.swarm.eventsDuring(async () => {
    const ran = await join(loaded, agent, 'echo ran', '--ids -1 --enter 0');
    expect(ran).toMatchObject({ code: 0, stdout: 'ran\n' });
  });
  const told = events.flatMap((event) => (event.event === 'violation' ? [[event.kind, event.action]] : []));
  expect(told).toEqual([
    ['adopt', 'report'],
    ['execve', 'report'],
  ]);
  await background(loaded, `join --ids -1 --enter 0 ${agent.id} ${agent.pid} /usr/local/bin/consume wait`);
  await expect
    .poll(() => loaded.swarm.inspect(agent.id))
    .toMatchObject({ members: [agent.pid, expect.any(Number)], joining: [] });
  await loaded.swarm.destroy(agent.id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('SPAWN-12: neither while it executes nor while it exits does the agent get a descriptor of the process', async ({
  loaded,
}) => {
  test.setTimeout(300_000);
  for (const [request, options] of [
    [CAPABLE, ''],
    [POWERFUL, JOIN_POWERFUL],
  ] as const) {
    for (const way of ['exec', 'exit']) {
      const what = `${JSON.stringify(request)} ${way}`;
      const { id, pid } = await startHostile(loaded, request, `snatch ${way} join 4000`);
      // Memory takes time to give back, in the middle of an execve and of an exit.
      await loaded.sh(
        `until grep -q taken /tmp/hostile; do join --touch 64 --pause 100 ${options} ${id} ${pid} /bin/true; done 2>/dev/null; true`,
      );
      const [told] = jsonLines(await loaded.sh('cat /tmp/hostile'), snatched);
      expect.soft(told?.taken, what).toBe(0);
      expect.soft(told?.met, what).toBeGreaterThan(0);
      await expect(loaded).toHaveActiveAgents(0);
    }
  }
});

test('SPAWN-13: a process that joins has the root of the agent’s first process, and is in a directory below it, or is killed', async ({
  loaded,
}) => {
  await loaded.sh('mount --bind / /mnt');
  const mounts = `--enter ${(ALL - CLONE.mnt).toString(16)}`;
  for (const [what, request, command, rows] of [
    ['mounts of its own', {}, undefined, { '--root /': KILLED, '--cwd /': KILLED, '': 0 }],
    [
      'no mounts of its own',
      { namespace_flags: 0x7b },
      undefined,
      {
        [`${mounts} --root /mnt`]: KILLED,
        [`${mounts} --root /mnt --cwd /`]: KILLED,
        [`${mounts} --cwd /root`]: 0,
      },
    ],
    [
      'a root of its own',
      CAPABLE,
      "/bin/sh -c 'mount --rbind / /mnt && exec chroot /mnt consume wait'",
      { '--root /': KILLED, '--cwd /': KILLED, '': 0 },
    ],
  ] as const) {
    const agent = await start(loaded, request, command);
    for (const [options, code] of Object.entries(rows)) {
      const events = await loaded.swarm.eventsDuring(async () => {
        const ran = await join(loaded, agent, 'echo ran', options);
        expect.soft(ran, `${what}: ${options}`).toMatchObject({ code, stdout: code ? '' : 'ran\n' });
      });
      const kinds = events.flatMap((event) => (event.event === 'violation' ? [event.kind] : []));
      expect.soft(kinds, `${what}: ${options}`).toEqual(code ? ['adopt'] : []);
    }
    expect(await loaded.swarm.inspect(agent.id)).toMatchObject({ members: [agent.pid], joining: [] });
    await loaded.swarm.destroy(agent.id);
    await expect(loaded).toHaveActiveAgents(0);
  }
  await loaded.sh('umount /mnt');
});

test('SPAWN-14: a directory that is left where the cgroup would be is told; ids of other agents are not skipped for it', async ({
  loaded: given,
}) => {
  // Where one that was made ahead would not do.
  await given.unload();
  const loaded = await reload(given, { cgroup_pool: 0 });
  const id = await loaded.swarm.create({ pids_limit: 5 });
  const left = `/sys/fs/cgroup/swarm/plain/${id}`;
  await loaded.sh(`mkdir ${left}`);
  const stranger = await background(loaded, 'consume wait');
  await loaded.sh(`echo ${stranger} >${left}/cgroup.procs`);
  for (let round = 0; round < 2; round++) {
    const { writes, answers } = await loaded.swarm.write(`{"id":${id}}`, undefined, 'spawn');
    expect(writes).toEqual(['EBUSY']);
    expect(answers).toMatchObject([
      { error: 'EBUSY', message: expect.stringMatching(/holds processes; end them first/) },
    ]);
  }
  const next = await loaded.swarm.create({});
  expect(next).toBe(id + 1);
  await loaded.sh(`kill -9 ${stranger}; while [ -e /proc/${stranger} ]; do sleep 0.1; done`);
  expect((await begin(loaded, id, 'echo ran')).stdout).toBe('ran\n');
  await loaded.swarm.destroy(next);
  await expect(loaded).toHaveActiveAgents(0);
});

test('SPAWN-15: the program in docs/abi/spawn.md starts a program as root of an agent, and ends as that does', async ({
  loaded,
  stage,
}) => {
  const { path } = await prepareDocumented('abi/spawn.md', '/* join ID PID PROGRAM', stage.kernel.arch);
  await loaded.upload(path, '/root/documented', '755');
  const agent = await start(loaded);
  const line = `id -u; echo $(ls /proc/self/fd/ | head -n 3) $(ls /proc/self/fd/7 /proc/self/fd/8 2>/dev/null); ${SHOW_NAMESPACES}; kill -USR1 $$`;
  const ran = await loaded.exec(
    `/root/documented ${agent.id} ${agent.pid} /bin/sh -c ${quoted(line)} 7</root 8</usr`,
  );
  const inside = await loaded.sh(
    `for n in pid net mnt uts ipc user cgroup time; do readlink /proc/${agent.pid}/ns/$n; done`,
  );
  expect(ran.stdout.trim().split('\n')).toEqual(['0', '0 1 2', ...inside.split('\n')]);
  expect(ran.code).toBe(128 + 10);
  await loaded.swarm.destroy(agent.id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('SPAWN-24: the pid that agents shows is of a process by which another one can join, even if an older one has yet to join', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  await loaded.sh('mkfifo -m 644 /run/leave');
  // Without a pid namespace, which ends with its first process.
  const first = `read x </run/leave; sleep 1000 & exit 0`;
  const object = JSON.stringify({ spawn: true, namespace_flags: 126 });
  await background(loaded, `launch ${quoted(object)} /bin/sh -c ${quoted(first)}`);
  const only = async () => (await swarm.agents())[0] ?? { id: 0, pid: 0 };
  await expect.poll(async () => (await only()).pid).toBeGreaterThan(0);
  await expect.poll(async () => (await swarm.inspect((await only()).id)).starting).toEqual([]);
  const { id, pid } = await only();
  const enter = `--enter ${(ALL - CLONE.pid).toString(16)}`;
  await background(loaded, `join ${enter} --before 60000 ${id} ${pid} /bin/true`);
  await expect.poll(async () => (await swarm.inspect(id)).joining.length).toBe(1);
  const [outside] = (await swarm.inspect(id)).joining;
  await loaded.sh('echo >/run/leave');
  await expect.poll(async () => (await swarm.inspect(id)).members.includes(pid)).toBe(false);
  const { members, namespaces } = await swarm.inspect(id);
  expect(members).toEqual([outside, expect.any(Number)]);
  expect((await only()).pid).toBe(members[1]);
  expect(namespaces?.mnt).toBe(
    Number(/\d+/.exec(await loaded.sh(`readlink /proc/${members[1]}/ns/mnt`))?.[0]),
  );
  const joined = await join(loaded, await only(), 'echo joined', enter);
  expect(joined).toMatchObject({ code: 0, stdout: 'joined\n' });
  // When nobody is inside, it is the oldest one again.
  await loaded.sh(`kill -KILL ${members[1]}`);
  await expect.poll(async () => (await swarm.inspect(id)).members).toEqual([outside]);
  expect((await only()).pid).toBe(outside);
  await swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});
