/** The effects of adopting and attaching on a process, its number and its limits, and of refusing them. */
import { quoted } from '../../client/client.js';
import {
  agentCgroupDir,
  agentCgroupLine,
  expectNoAgentCgroups,
  expectReadyCgroups,
} from '../support/cgroups.js';
import { expect, test } from '../support/fixtures.js';
import { background, destroyAll } from '../support/guest.js';
import { load } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';
import { uploadRival } from '../support/moments.js';

const MiB = 1 << 20;
const TOP = '/sys/fs/cgroup';
/** Without a pid namespace: the process that unshare becomes is in its new namespaces itself. */
const SHARED_PIDS = 126;
const APART = 'unshare --user --map-root-user --net --mount --uts --ipc --cgroup';

const cgroupOf = (guest: LoadedGuest, pid: number) => guest.sh(`cat /proc/${pid}/cgroup`);

/** Waits until a process is `hold` and has what it was told to have. */
async function held(guest: LoadedGuest, pid: number, bytes: number, threads: number): Promise<number> {
  await expect.poll(() => guest.sh(`cat /proc/${pid}/comm`)).toBe('hold');
  await expect.poll(() => guest.sh(`ls /proc/${pid}/task | wc -l`)).toBe(`${threads}`);
  const anonymous = `awk '/^RssAnon/ { print $2 }' /proc/${pid}/status`;
  await expect.poll(async () => Number(await guest.sh(anonymous))).toBeGreaterThan(bytes / 1024);
  return pid;
}

/** A process in namespaces of its own that has so much memory and so many threads. */
async function holder(guest: LoadedGuest, bytes: number, threads: number): Promise<number> {
  const pid = await background(guest, `${APART} hold ${bytes} ${threads}`);
  return held(guest, pid, bytes, threads);
}

/** The answer to what has no room. */
function noRoom(pattern: RegExp) {
  const message: unknown = expect.stringMatching(pattern);
  return { kind: 'refused', error: 'ENOSPC', field: 'pid', message };
}

/** The first answer to an object that is written to create. */
async function ask(guest: LoadedGuest, request: object) {
  return (await guest.swarm.write(JSON.stringify(request))).answers[0];
}

/** A running agent without a pid namespace of its own. */
async function start(guest: LoadedGuest, request: object): Promise<{ id: number; pid: number }> {
  const object = JSON.stringify({ spawn: true, namespace_flags: SHARED_PIDS, ...request });
  await background(guest, `launch ${quoted(object)} /usr/local/bin/consume wait`);
  await expect.poll(async () => (await guest.swarm.agents()).at(-1)?.pid ?? 0).toBeGreaterThan(0);
  const agent = (await guest.swarm.agents()).at(-1);
  await expect.poll(() => guest.sh(`cat /proc/${agent?.pid ?? 0}/comm`)).toBe('consume');
  return { id: agent?.id ?? 0, pid: agent?.pid ?? 0 };
}

/**
 * A script that writes an object about a process, which between the module's look at it and its move is
 * killed and reaped, so that its number becomes another's: prints both numbers, and what swarmio says.
 *
 * The process may be in no mount namespace that ends with it: that would wait for a grace period of RCU, and so until
 * the move is over.
 * @param order prints the object; $victim is the number of the process
 * @param prepare a line that comes before that
 */
const swap = (process: string, file: string, order: string, prepare = ':') => `
  ${process} & victim=$!
  until read -r name </proc/$victim/comm && [ "$name" = consume ]; do sleep 0.1; done
  ${prepare}
  insmod /root/swarm_delay.ko function=cgroup_procs_write ms=4000
  ${order} | swarmio /proc/swarm/${file} >/tmp/answer 2>/tmp/written & writer=$!
  until read -r hits </sys/module/swarm_delay/parameters/hits && [ "$hits" = 1 ]; do :; done
  kill -9 $victim; wait $victim 2>/dev/null
  echo $((victim - 1)) >/proc/sys/kernel/ns_last_pid
  consume wait & stranger=$!
  disown
  kill -0 $writer || stranger="$stranger, too late"
  wait
  rmmod swarm_delay
  echo $victim $stranger; cat /tmp/answer /tmp/written`;

/** A process that nobody has named is in no agent's cgroup, nor was it killed with one. */
async function expectLeftAlone(guest: LoadedGuest, stranger: number): Promise<void> {
  expect(await cgroupOf(guest, stranger), 'the stranger’s cgroup').not.toContain('swarm');
  expect(await guest.sh(`ps -o stat= -p ${stranger}`), 'the stranger').toMatch(/^[RS]/);
}

test('LIFE-21: a process whose number becomes another’s meanwhile is not there; the other is left alone', async ({
  loaded,
  stage,
}) => {
  await uploadRival(loaded, stage, 'swarm_delay.ko');
  const agent = await start(loaded, { pids_limit: 9 });
  const before = await loaded.swarm.status();
  const enter = `nsenter --target ${agent.pid} -U -n -m -u -i -C`;
  for (const [file, process, object] of [
    [
      'create',
      'consume wait',
      '{"pid":%d,"pids_limit":9,"namespace_flags":0,"privileged":true,"name":"late"}',
    ],
    ['attach', `${enter} consume wait`, `{"id":${agent.id},"pid":%d}`],
  ] as const) {
    await loaded.writeFile('/tmp/swap', swap(process, file, `printf '${object}' $victim`));
    const lines = (await loaded.sh('bash /tmp/swap', { timeoutMs: 60_000 })).split('\n');
    const [victim, stranger] = (lines.shift() ?? '').split(' ').map(Number);
    expect(stranger, 'the number is in use again').toBe(victim);
    expect(lines.at(-1)).toBe('ESRCH');
    if (file === 'create') expect(lines[0]).toContain('"error":"ESRCH","field":"pid"');
    await expectLeftAlone(loaded, stranger ?? 0);
    expect(await loaded.swarm.status()).toEqual(before);
    await loaded.sh(`kill -9 ${stranger ?? 0}`);
  }
  await loaded.swarm.destroy(agent.id);
  await expect(loaded).toHaveActiveAgents(0);
  await expectNoAgentCgroups(loaded);
});

test('LIFE-30: other limits move the processes of the agent, not one that has got the number of one of them', async ({
  loaded,
  stage,
}) => {
  await uploadRival(loaded, stage, 'swarm_delay.ko');
  const adopted = `printf '{"pid":%d,"namespace_flags":0,"privileged":true}' $victim | swarmio /proc/swarm/create 2>/dev/null`;
  const order = `printf '{"id":%d,"pids_limit":9}' $id`;
  const prepare = `id=$(${adopted} | sed 's/[^0-9]*\\([0-9]*\\).*/\\1/')`;
  await loaded.writeFile('/tmp/swap', swap('consume wait', 'update', order, prepare));
  const [numbers = '', ...said] = (await loaded.sh('bash /tmp/swap', { timeoutMs: 60_000 })).split('\n');
  const [victim, stranger] = numbers.split(' ').map(Number);
  expect(stranger, 'the number is in use again').toBe(victim);
  // Whoever is to be moved has exited, which is no mistake of the order's.
  expect(said.at(-1)).toMatch(/^written \d+$/);
  await expectLeftAlone(loaded, stranger ?? 0);
  await loaded.sh(`kill -9 ${stranger ?? 0}`);
  await expect(loaded).toHaveActiveAgents(0);
  await expectNoAgentCgroups(loaded);
});

test('CGROUP-21: where there is no memory to move a process, adopting it fails with ENOMEM, and nothing is left of that', async ({
  loaded,
  stage,
}) => {
  await uploadRival(loaded, stage, 'swarm_redirect.ko');
  const pid = await holder(loaded, MiB, 1);
  const before = [await cgroupOf(loaded, pid), await loaded.swarm.status()];
  const request = { pid, namespace_flags: SHARED_PIDS, pids_limit: 9 };
  await loaded.sh('insmod /root/swarm_redirect.ko function=cgroup_procs_write comm=swarmio answer=-12');
  expect(await ask(loaded, request)).toMatchObject({ kind: 'refused', error: 'ENOMEM' });
  const hits = await loaded.sh('cat /sys/module/swarm_redirect/parameters/hits; rmmod swarm_redirect');
  expect(hits, 'moves that failed').toBe('1');
  expect([await cgroupOf(loaded, pid), await loaded.swarm.status()]).toEqual(before);
  await expectNoAgentCgroups(loaded);
  await loaded.swarm.destroy(await loaded.swarm.create(request));
  await expect(loaded).toHaveActiveAgents(0);
});

test('LIFE-22: a refused adoption is a violation of nobody: the next agent has neither its event nor its count', async ({
  loaded,
}) => {
  const pid = await background(loaded, 'consume wait');
  const before = await loaded.swarm.status();
  const events = await loaded.swarm.eventsDuring(async () => {
    expect(await ask(loaded, { pid, name: 'refused' })).toMatchObject({ error: 'EPERM', field: 'pid' });
  });
  expect(events).toMatchObject([{ event: 'violation', agent: 0, kind: 'adopt', action: 'deny' }]);
  const id = await loaded.swarm.create({ name: 'innocent' });
  expect((await loaded.swarm.inspect(id)).violations).toBe(0);
  expect((await loaded.swarm.status()).violations).toBe(before.violations + 1);
  await loaded.swarm.destroy(id);
  await loaded.sh(`kill -9 ${pid}`);
});

test('LIFE-23: a process with more memory than memory_limit is neither adopted nor attached, and one with less is', async ({
  loaded,
}) => {
  const big = await holder(loaded, 64 * MiB, 1);
  const status = await loaded.swarm.status();
  const tight = { pid: big, memory_limit: 32 * MiB, namespace_flags: SHARED_PIDS };
  expect(await ask(loaded, tight)).toMatchObject(noRoom(/has \d{8} bytes/));
  expect(await cgroupOf(loaded, big)).not.toContain('swarm');
  expect(await loaded.swarm.status()).toEqual(status);
  const id = await loaded.swarm.create({ pid: big, memory_limit: 96 * MiB, namespace_flags: SHARED_PIDS });
  expect(await cgroupOf(loaded, big)).toBe(await agentCgroupLine(loaded, id));
  expect(await cgroupOf(loaded, big)).toContain('/swarm/memory/');
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);

  const agent = await start(loaded, { memory_limit: 32 * MiB });
  const enter = `nsenter --target ${agent.pid} -U -n -m -u -i -C`;
  for (const [bytes, answer] of [
    [64 * MiB, 'ENOSPC'],
    [1 * MiB, expect.any(Number)],
  ] as const) {
    const pid = await held(loaded, await background(loaded, `${enter} hold ${bytes} 1`), bytes, 1);
    const text = JSON.stringify({ id: agent.id, pid });
    expect(await loaded.swarm.writeAttach(text)).toEqual([answer]);
  }
  await loaded.swarm.destroy(agent.id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('LIFE-24: a process with more threads than pids.max has room for, of the agent or above, is neither adopted nor attached', async ({
  loaded,
}) => {
  const pid = await holder(loaded, 4096, 5);
  const status = await loaded.swarm.status();
  const own = await ask(loaded, { pid, pids_limit: 4, namespace_flags: SHARED_PIDS });
  expect(own).toMatchObject(
    noRoom(/pids\.max of the cgroup \/swarm\/plain\/p?\d+ is 4; .* 5 threads needs 5;/),
  );
  await loaded.sh(`echo 4 >${TOP}/swarm/pids.max`);
  const above = { pid, pids_limit: 9, namespace_flags: SHARED_PIDS };
  expect(await ask(loaded, above)).toMatchObject(noRoom(/pids\.max of the cgroup \/swarm is 4; /));
  expect(await loaded.swarm.status()).toEqual(status);
  expect(await cgroupOf(loaded, pid)).not.toContain('swarm');
  // Whoever is below that cgroup already is counted there already.
  await loaded.sh(`mkdir ${TOP}/swarm/other; echo ${pid} >${TOP}/swarm/other/cgroup.procs`);
  const id = await loaded.swarm.create(above);
  await loaded.sh(`rmdir ${TOP}/swarm/other; echo max >${TOP}/swarm/pids.max`);
  const more = await background(loaded, `nsenter --target ${pid} -U -n -m -u -i -C hold 4096 5`);
  await held(loaded, more, 4096, 5);
  const text = JSON.stringify({ id, pid: more });
  expect(await loaded.swarm.writeAttach(text), '5 and 5 are more than 9').toEqual(['ENOSPC']);
  await loaded.sh(`echo 10 >${await agentCgroupDir(loaded, id)}/pids.max`);
  expect(await loaded.swarm.writeAttach(text)).toEqual([text.length]);
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('CGROUP-13: cgroup.procs is written with the kernel’s credentials, by births and adoptions alike', async ({
  loaded,
  stage,
}) => {
  await uploadRival(loaded, stage, 'swarm_witness.ko');
  await loaded.sh('insmod /root/swarm_witness.ko file=cgroup.procs');
  const read = async () => loaded.sh('cd /sys/module/swarm_witness/parameters; echo $(cat own borrowed)');
  await loaded.swarm.run({ pids_limit: 9 }, 'true');
  expect(await read(), 'a birth').toBe('0 1');
  const pid = await holder(loaded, 4096, 1);
  const id = await loaded.swarm.create({ pid, pids_limit: 9, namespace_flags: SHARED_PIDS });
  expect(await read(), 'and an adoption').toBe('0 2');
  await loaded.sh(`echo $$ >${TOP}/cgroup.procs`);
  expect(await read(), 'and a shell, which has no others').toBe('1 2');
  await loaded.sh('rmmod swarm_witness');
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

/** The files of cgroup v2 that the module writes; and the directories that it makes. */
const WRITTEN = [
  ...['cgroup.procs', 'cgroup.freeze', 'cgroup.kill', 'cgroup.subtree_control', 'cpu.max'],
  ...['memory.max', 'memory.oom.group', 'memory.swap.max', 'pids.max', 'mkdir'],
];

test('CGROUP-20: cgroups are made, limited, frozen, left and emptied with the kernel’s credentials, whoever gives the order', async ({
  booted,
  module,
  stage,
}) => {
  await uploadRival(booted, stage, 'swarm_witness.ko');
  await booted.sh(`insmod /root/swarm_witness.ko file=${WRITTEN.join()}`);
  const seen = async (whose: 'own' | 'borrowed') =>
    (await booted.sh(`cat /sys/module/swarm_witness/parameters/${whose}`)).split(',').map(Number);
  const nobody = WRITTEN.map(() => 0);
  const guest = await load(booted, module.ko);
  const limits = { memory_limit: 64 * MiB, cpu_quota: 50, pids_limit: 9 };
  // The first one's cgroup is made for it, the second one's was made ahead.
  await guest.swarm.run(limits, 'true');
  await expectReadyCgroups(guest, 1);
  await guest.swarm.run(limits, 'true');

  const agent = await start(guest, { pids_limit: 9 });
  const enter = `nsenter --target ${agent.pid} -U -n -m -u -i -C`;
  const entered = await held(guest, await background(guest, `${enter} hold 4096 1`), 4096, 1);
  await guest.swarm.attach(agent.id, entered);
  await guest.sh(`join --enter 5e020000 ${agent.id} ${agent.pid} /bin/true`);
  const moved = await start(guest, {});
  for (const change of [{ pids_limit: 9 }, limits, { frozen: true }, { frozen: false }])
    await guest.swarm.update({ id: moved.id, ...change });
  expect(await cgroupOf(guest, moved.pid)).toContain('/swarm/memory/');
  expect(await seen('own'), 'nobody has done any of it').toEqual(nobody);

  const lodger = await background(guest, 'consume wait');
  await guest.sh(`echo ${lodger} >${await agentCgroupDir(guest, agent.id)}/cgroup.procs`);
  for (const { id } of [agent, moved]) await guest.swarm.destroy(id);
  await expectNoAgentCgroups(guest);
  for (const [index, times] of (await seen('borrowed')).entries())
    expect(times, WRITTEN[index]).toBeGreaterThan(0);
  expect(await seen('own'), 'but that').toEqual([1, ...nobody.slice(1)]);

  // A shell is seen at each of them.
  const files = WRITTEN.slice(0, -1).join(' ');
  await guest.sh(
    `cd ${TOP}/swarm/memory; mkdir mine; cd mine; for file in ${files}; do echo x >$file; done 2>/dev/null; cd ..; rmdir mine`,
  );
  expect(await seen('own')).toEqual([2, ...nobody.slice(1).map(() => 1)]);
  await guest.unload();
  await booted.sh('rmmod swarm_witness');
});

/** Writes an order about a process that is named by a pidfd, which is descriptor 9 of the writer. */
const byPidfd = (guest: LoadedGuest, file: string, pid: number, order: object) =>
  guest.exec(`pidfd ${pid} swarmio /proc/swarm/${file}`, { stdin: JSON.stringify(order) });

test('ATTACH-11: a process that is named by a pidfd is adopted and attached, also if the writer has no number for it', async ({
  loaded,
}) => {
  const [one, two, three] = [
    await holder(loaded, 4096, 1),
    await holder(loaded, 4096, 1),
    await holder(loaded, 4096, 1),
  ];
  const request = { pidfd: 9, pids_limit: 9, namespace_flags: SHARED_PIDS };
  const adopted = await byPidfd(loaded, 'create', one, request);
  expect(adopted.stdout).toMatch(/^{"id":\d+,"kept":\[.*\]}\n$/);
  const id = Number(/\d+/.exec(adopted.stdout)?.[0]);
  expect(await cgroupOf(loaded, one)).toBe(await agentCgroupLine(loaded, id));
  expect(await cgroupOf(loaded, one)).toContain('/swarm/plain/');
  expect((await loaded.swarm.inspect(id)).members).toEqual([one]);
  const enter = `nsenter --target ${one} -U -n -m -u -i -C`;
  const entered = await held(loaded, await background(loaded, `${enter} hold 4096 1`), 4096, 1);
  expect((await byPidfd(loaded, 'attach', entered, { id, pidfd: 9 })).stdout).toMatch(
    new RegExp(`^{"id":${id},"kept":`),
  );
  expect((await loaded.swarm.inspect(id)).members).toEqual([one, entered]);
  // The descriptor is inherited by a writer that is in a pid namespace in which the process is not.
  const text = JSON.stringify({ ...request, name: 'unseen' });
  await loaded.writeFile(
    '/tmp/unseen',
    `exec 8<>/proc/swarm/create; echo '${text}' >&8; read -r answer <&8; echo "$answer"; cat /proc/self/cgroup`,
  );
  const unseen = await loaded.exec(`pidfd ${two} unshare --pid --fork bash /tmp/unseen`);
  expect(unseen.stdout).toMatch(/^{"id":\d+,"kept":\[.*\]}\n0::\/(?!swarm)/);
  expect(await cgroupOf(loaded, two)).toContain('/swarm/plain/');

  const refused = async (pid: number, pidfd: number, file = 'create') => {
    const order = file === 'create' ? { ...request, pidfd } : { id, pidfd };
    return JSON.parse((await byPidfd(loaded, file, pid, order)).stdout) as unknown;
  };
  expect(await refused(three, 0), 'no pidfd').toMatchObject({ error: 'EBADF', field: 'pidfd' });
  expect(await refused(three, 700), 'no descriptor').toMatchObject({ error: 'EBADF', field: 'pidfd' });
  expect(await refused(three, 0, 'attach')).toMatchObject({ error: 'EBADF', field: 'pidfd' });
  expect(await refused(1, 9), 'process 1').toMatchObject({ error: 'EPERM', field: 'pidfd' });
  expect(await refused(one, 9), 'a member').toMatchObject({ error: 'EBUSY', field: 'pidfd' });
  const gone = await loaded.exec(
    `consume wait & p=$!; disown; pidfd $p bash -c "kill -9 $p; while [ -e /proc/$p ]; do sleep 0.1; done; cat >/proc/swarm/create"`,
    { stdin: JSON.stringify(request) },
  );
  expect(gone.stderr).toContain('No such process');
  expect(await cgroupOf(loaded, three)).not.toContain('swarm');
  await loaded.sh(`kill -9 ${three}`);
  await destroyAll(loaded);
  await expect(loaded).toHaveActiveAgents(0);
});

test('ATTACH-21: an execve that had begun before the process was adopted does not count for after_exec: the next one is the first', async ({
  loaded,
}) => {
  const script = 'read go </run/next; exec sleep 1000';
  await loaded.sh('mkfifo /run/next');
  const pid = await background(
    loaded,
    `${APART} bash -c 'exec threads held /run/free bash -c "${script}" >/tmp/held 2>&1'`,
  );
  await expect.poll(() => loaded.sh('cat /tmp/held || true')).toBe('held');
  const id = await loaded.swarm.create({
    pid,
    namespace_flags: SHARED_PIDS,
    after_exec: true,
    capabilities: ['kill'],
    syscalls: { umask: 'deny' },
  });
  await loaded.sh('touch /run/free');
  const runs = (program: RegExp) =>
    expect.poll(() => loaded.sh(`tr '\\0' ' ' </proc/${pid}/cmdline`)).toMatch(program);
  const privileges = () => loaded.sh(`grep -E '^(CapBnd|NoNewPrivs)' /proc/${pid}/status`);
  await runs(/^bash -c /);
  expect(await privileges(), 'nothing is cut yet').toMatch(
    /^CapBnd:\s*0*[1-9a-f][0-9a-f]{8,}\nNoNewPrivs:\s*0$/,
  );
  await loaded.sh('echo go >/run/next');
  await runs(/^sleep /);
  expect(await privileges()).toMatch(/^CapBnd:\s*0*20\nNoNewPrivs:\s*1$/);
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('ATTACH-12: with after_exec rules count from the next execve on, of what the process forks before, too', async ({
  loaded,
}) => {
  const policy = {
    namespace_flags: SHARED_PIDS,
    after_exec: true,
    pids_limit: 20,
    devices: ['c 1:3 rwm', 'c 5:0 rwm'],
    syscalls: { fork: 'deny', unshare: 'deny', execve: 'deny', umask: 'deny' },
    sockets: ['unix', 'netlink/route'],
    exec_paths: ['/bin/bash', '/usr/bin/bash', '/usr/local/bin/attempt'],
  };
  await loaded.sh('mkfifo /run/setup');
  // A shell that forks, and opens what will be denied, once it is adopted; then it executes a program.
  const script = [
    'read go </run/setup',
    ': </dev/zero && echo zero',
    'umask 22; : </dev/tcp/127.0.0.1/1',
    '(umask 22; : </dev/zero && echo child; exec bash -c ": </dev/zero || echo child denied")',
    'exec bash -c ": </dev/zero || echo denied; umask 22; : </dev/tcp/127.0.0.1/1; shopt -s execfail; exec attempt kill 1; (:)"',
  ];
  await loaded.writeFile('/tmp/setup', script.join('\n'));
  const pid = await background(loaded, `${APART} bash -c "exec bash /tmp/setup >/tmp/said 2>/dev/null"`);
  await expect.poll(() => loaded.sh(`tr '\\0' ' ' </proc/${pid}/cmdline`)).toBe('bash /tmp/setup ');
  const before = await loaded.swarm.status();
  const events = await loaded.swarm.eventsDuring(async () => {
    const id = await loaded.swarm.create({ pid, ...policy } as object);
    expect(await loaded.swarm.inspect(id)).toMatchObject({ members: [pid], joining: [] });
    await loaded.sh('echo go >/run/setup; rm /run/setup');
    await expect(loaded).toHaveActiveAgents(0);
  });
  const said = (await loaded.sh('cat /tmp/said')).split('\n');
  expect(said).toEqual(['zero', 'child', 'child denied', 'denied']);
  const violations = events.filter(({ event }) => event === 'violation');
  expect(violations.map((each) => (each.event === 'violation' ? each.kind : ''))).toEqual([
    'device',
    'device',
    'syscall',
    'socket',
    'execve',
    'fork',
  ]);
  expect((await loaded.swarm.status()).violations - before.violations).toBe(6);
});
