/** /proc/swarm/attach: one more process into an agent that runs. */
import { join } from 'node:path';
import { quoted } from '../../client/client.js';
import type { AgentRequest } from '../../client/client.js';
import { agentCgroupDir, agentCgroupLine, expectNoAgentCgroups } from '../support/cgroups.js';
import { expect, test } from '../support/fixtures.js';
import { attempts, background, moduleLog, violationsDuring } from '../support/guest.js';
import { reload } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';
import { uploadRival } from '../support/moments.js';
import { buildTestModules } from '../support/module.js';

/** Without a pid namespace, processes outlive the first. */
const SHARED_PIDS = 126;

/** Starts an agent whose first process waits; returns its id and that process. */
async function start(guest: LoadedGuest, request: AgentRequest = {}): Promise<{ id: number; pid: number }> {
  const known = new Set((await guest.swarm.agents()).map(({ id }) => id));
  const object = JSON.stringify({ spawn: true, ...request });
  await background(guest, `launch '${object}' /usr/local/bin/consume wait`);
  const ready = async () => {
    const agent = (await guest.swarm.agents()).find(({ id, pid }) => !known.has(id) && pid > 0);
    const comm = agent && (await guest.exec(`cat /proc/${agent.pid}/comm`)).stdout;
    return comm === 'consume\n' ? agent : undefined;
  };
  await expect.poll(ready).toBeTruthy();
  const { id, pid } = (await ready()) ?? { id: 0, pid: 0 };
  return { id, pid };
}

let names = 0;

/** The process whose command line begins with a name, once there is one. */
async function named(guest: LoadedGuest, name: string): Promise<number> {
  let found = '';
  await expect
    .poll(async () => (found = await guest.sh(`pgrep -fx '${name}( .*)?' || true`)))
    .toMatch(/^\d+$/);
  return Number(found);
}

/** Starts a process in namespaces of another, not attached to anything; returns its id. */
async function enter(guest: LoadedGuest, target: number, program = 'consume wait', options = '--all') {
  const name = `entered-${++names}`;
  await background(guest, `nsenter --target ${target} ${options} bash -c 'exec -a ${name} ${program}'`);
  return named(guest, name);
}

const alive = async (guest: LoadedGuest, pid: number) => (await guest.exec(`kill -0 ${pid}`)).code === 0;
const cgroupOf = (guest: LoadedGuest, pid: number) => guest.sh(`cat /proc/${pid}/cgroup`);
const object = (id: number, pid: number) => JSON.stringify({ id, pid });

test('ATTACH-01: a process joins the agent and its cgroup; its later forks are members; destroying kills it', async ({
  loaded,
}) => {
  const { id, pid } = await start(loaded, { cpu_quota: 50 });
  const before = await loaded.swarm.status();
  await loaded.sh('mkfifo -m 666 /tmp/go /tmp/done');
  const shell = await enter(
    loaded,
    pid,
    `bash -c "attempt unshare 4000000 >/tmp/outside; read x </tmp/go; attempt unshare 4000000 >/tmp/inside; (setsid consume wait &); echo >/tmp/done; exec consume wait"`,
  );
  await expect.poll(() => loaded.sh('cat /tmp/outside || true')).toBe('unshare ok');
  expect(await cgroupOf(loaded, shell)).not.toContain('swarm');
  const events = await loaded.swarm.eventsDuring(() => loaded.swarm.attach(id, shell));
  expect(events).toMatchObject([{ event: 'spawned', agent: id, pid: shell, by: 'attach' }]);
  expect(await cgroupOf(loaded, shell)).toBe(await agentCgroupLine(loaded, id));
  expect(await cgroupOf(loaded, shell)).toContain('/swarm/plain/');
  expect(await loaded.swarm.agents()).toMatchObject([{ id, pid }]);
  expect(await loaded.swarm.status(), 'no other agent').toEqual(before);
  await loaded.sh('echo >/tmp/go; read x </tmp/done');
  expect(attempts(await loaded.sh('cat /tmp/inside'))).toEqual(['unshare EPERM']);
  expect((await loaded.swarm.status()).violations).toBe(before.violations + 1);
  const procs = (await loaded.sh(`cat ${await agentCgroupDir(loaded, id)}/cgroup.procs`))
    .split('\n')
    .map(Number);
  expect(procs).toHaveLength(3);
  expect(procs).toEqual(expect.arrayContaining([pid, shell]));
  expect((await loaded.exec('rmmod swarm_guard')).stderr).toContain('in use');
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
  for (const each of procs) expect(await alive(loaded, each), String(each)).toBe(false);
  await expectNoAgentCgroups(loaded);
});

test('ATTACH-02: an agent lives on with the process that was attached, and keeps the module loaded', async ({
  loaded,
}) => {
  const { id, pid } = await start(loaded, { namespace_flags: SHARED_PIDS, pids_limit: 9 });
  const one = await enter(loaded, pid);
  const two = await enter(loaded, pid);
  await loaded.swarm.attach(id, one);
  await loaded.sh(`kill -9 ${pid}`);
  await expect.poll(async () => (await loaded.swarm.agents()).map((agent) => agent.pid)).toEqual([one]);
  expect((await loaded.exec('rmmod swarm_guard')).stderr).toContain('in use');
  // The namespaces to be in are those of the oldest process left.
  await loaded.swarm.attach(id, two);
  await loaded.sh(`kill -9 ${one}`);
  await expect.poll(async () => (await loaded.swarm.agents()).map((agent) => agent.pid)).toEqual([two]);
  await loaded.sh(`kill -9 ${two}`);
  await expect(loaded).toHaveActiveAgents(0);
  await loaded.unload();
  await reload(loaded);
});

test('ATTACH-03: many are attached in one write, and objects may be cut anywhere', async ({ loaded }) => {
  const { id, pid } = await start(loaded, { pids_limit: 50 });
  const pids: number[] = [];
  for (let count = 0; count < 6; count++) pids.push(await enter(loaded, pid));
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = pids;
  const text = `\n ${object(id, a)}\t${object(id, b)}\n`;
  expect(await loaded.swarm.writeAttach(text)).toEqual([text.length]);
  expect((await loaded.swarm.writeAttach(object(id, c), 3)).every((each) => typeof each === 'number')).toBe(
    true,
  );
  const mixed = `${object(id, d)} ${object(id, a)} ${object(id, e)}\n`;
  expect(await loaded.swarm.writeAttach(mixed), 'one among them is a member already').toEqual([mixed.length]);
  const failing = `${object(id, f)} ${object(id, a)}`;
  expect(await loaded.swarm.writeAttach(failing), 'up to the last that succeeded').toEqual([
    object(id, f).length,
  ]);
  const procs = (await loaded.sh(`cat ${await agentCgroupDir(loaded, id)}/cgroup.procs`))
    .split('\n')
    .map(Number);
  expect(procs.sort()).toEqual([pid, ...pids].sort());
  const first = `${object(id, a)} ${object(id, pid)}`;
  expect(await loaded.swarm.writeAttach(first), 'nothing behind the first that fails').toEqual(['EBUSY']);
  await loaded.sh('dmesg -C');
  expect(await loaded.swarm.writeAttach(`{"id":${id},`)).toEqual([`{"id":${id},`.length]);
  expect(await loaded.kernelLog()).toContain('attach: closed in the middle of an object');
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('ATTACH-04: what cannot be attached has an error that says why, and is left as it was', async ({
  loaded,
}) => {
  const { id, pid } = await start(loaded, { memory_limit: 1 << 26 });
  const registered = await loaded.swarm.create({ persist: true });
  const outside = await background(loaded, 'consume wait');
  const entered = await enter(loaded, pid);
  const other = await start(loaded);
  const foreign = await enter(loaded, other.pid);
  const status = await loaded.swarm.status();
  const free = Number(await loaded.sh('cat /proc/sys/kernel/ns_last_pid')) + 20_000;
  // The kernel's log takes ten such lines in five seconds.
  const rows: [text: string, error: string, message: RegExp | undefined][] = [
    [object(id, 2), 'EPERM', undefined],
    [object(other.id, pid), 'EBUSY', undefined],
    [`{"pid":${entered}}`, 'EINVAL', undefined],
    [`{"id":${id},"pid":0}`, 'EINVAL', undefined],
    [`{"id":${id},"pid":${entered},"spawn":true}`, 'EINVAL', undefined],
    [`{"id":${id},"id":${id},"pid":${entered}}`, 'EINVAL', undefined],
    [`[${id},${entered}]`, 'EINVAL', undefined],
    [object(id + 100, entered), 'ESRCH', /id: no agent \d+ runs/],
    [object(registered, entered), 'ESRCH', /id: no agent \d+ runs: .* it has no process/],
    [object(id, free), 'ESRCH', /pid: there is no process/],
    [object(id, 1), 'EPERM', /pid: kernel threads and process 1/],
    [object(id, pid), 'EBUSY', /pid: the process belongs to an agent already/],
    [`{"id":${id}}`, 'EINVAL', /pid: the key is missing/],
    [`{"id":${id},"pid":${entered}${' '.repeat(4096)}}`, 'E2BIG', /4096 bytes/],
  ];
  for (const [text, error, message] of rows) {
    await loaded.sh(`echo ${message ? 1 : 0} >/sys/module/swarm_guard/parameters/debug; dmesg -C`);
    expect.soft(await loaded.swarm.writeAttach(text), text).toEqual([error]);
    const told: unknown[] = message ? [expect.stringMatching(message)] : [];
    expect.soft(await moduleLog(loaded), text).toEqual(told);
  }
  expect(await loaded.swarm.status(), 'no violation, no agent').toEqual(status);
  // These are violations: the process is not in the agent's namespaces.
  for (const [wrong, message] of [
    [outside, /pid: the process is not in the agent's pid namespace/],
    [foreign, /pid: the process is not in the agent's pid namespace/],
  ] as const) {
    await loaded.sh('dmesg -C');
    const violations = await violationsDuring(loaded, async () => {
      expect.soft(await loaded.swarm.writeAttach(object(id, wrong))).toEqual(['EPERM']);
    });
    expect.soft(violations).toBe(1);
    expect.soft(await loaded.kernelLog()).toMatch(message);
  }
  await loaded.sh('echo 0 >/sys/module/swarm_guard/parameters/debug');
  for (const each of [outside, entered, foreign])
    expect(await cgroupOf(loaded, each), 'its cgroup').not.toContain('swarm');
  await loaded.swarm.destroy(id, other.id, registered);
  await expect(loaded).toHaveActiveAgents(0);
  expect(await alive(loaded, outside)).toBe(true);
  await loaded.sh(`kill ${outside}`);
});

test('ATTACH-05: where there is no memory to move a process, attaching it fails with ENOMEM, and it is left as it was', async ({
  loaded,
  stage,
}) => {
  const dir = await buildTestModules(stage.kernel, 'rivals');
  await loaded.upload(join(dir, 'swarm_redirect.ko'), '/root/swarm_redirect.ko');
  const { id, pid } = await start(loaded, { memory_limit: 1 << 26 });
  const entered = await enter(loaded, pid);
  await loaded.sh('insmod /root/swarm_redirect.ko function=cgroup_procs_write comm=swarmio answer=-12');
  expect(await loaded.swarm.writeAttach(object(id, entered))).toEqual(['ENOMEM']);
  const hits = await loaded.sh('cat /sys/module/swarm_redirect/parameters/hits; rmmod swarm_redirect');
  expect(hits, 'moves that failed').toBe('1');
  expect(await cgroupOf(loaded, entered)).not.toContain('swarm');
  await loaded.swarm.attach(id, entered);
  expect(await cgroupOf(loaded, entered)).toBe(await agentCgroupLine(loaded, id));
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('ATTACH-17: where an agent ends while its last process and the one that is attached exit, its end is told with how long it ran', async ({
  loaded,
  stage,
}) => {
  await uploadRival(loaded, stage, 'swarm_redirect.ko');
  const { id, pid } = await start(loaded, { memory_limit: 1 << 26 });
  const entered = await enter(loaded, pid);
  const parameters = '/sys/module/swarm_redirect/parameters';
  await loaded.sh('insmod /root/swarm_redirect.ko function=cgroup_procs_write comm=swarmio answer=1 hold=1');
  const events = await loaded.swarm.eventsDuring(async () => {
    const attached = loaded.swarm.writeAttach(object(id, entered));
    await expect.poll(() => loaded.sh(`cat ${parameters}/hits`)).toBe('1');
    // Process 1 of a pid namespace, so it takes the other with it.
    await loaded.sh(
      `kill -9 ${pid}; while [ -e /proc/${pid} ] || [ -e /proc/${entered} ]; do sleep 0.1; done`,
    );
    await loaded.sh(`echo 0 >${parameters}/hold`);
    expect(await attached).toEqual(['ESRCH']);
    await expect(loaded).toHaveActiveAgents(0);
  });
  await loaded.sh('rmmod swarm_redirect');
  const ends = events.flatMap((event) => (event.event === 'destroyed' ? [event.runtime_usec ?? 0] : []));
  expect(ends).toHaveLength(1);
  expect(ends[0]).toBeGreaterThan(1000);
  expect(ends[0]).toBeLessThan(600_000_000);
});

test('ATTACH-18: a process can be attached to an agent although the first thread of each of its 1,101 processes has exited', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  const CHILDREN = 1100;
  const object = JSON.stringify({ spawn: true, namespace_flags: 0, privileged: true });
  await background(loaded, `launch '${object}' /usr/local/bin/ending leaders-gone ${CHILDREN}`);
  const only = async () => (await swarm.agents())[0]?.id ?? 0;
  await expect.poll(only).toBeGreaterThan(0);
  const id = await only();
  // Z is what /proc shows of a process whose first thread has exited.
  const zombies = () => loaded.sh("cat /proc/[0-9]*/stat 2>/dev/null | grep -c '^[0-9]* (ending) Z'");
  await expect.poll(zombies, { timeout: 60_000 }).toBe(`${CHILDREN + 1}`);
  const { members, namespaces } = await swarm.inspect(id);
  expect(members).toHaveLength(CHILDREN + 1);
  expect(namespaces?.mnt).toBe(Number(/\d+/.exec(await loaded.sh('readlink /proc/self/ns/mnt'))?.[0]));
  const [agent] = await swarm.agents();
  expect(members).toContain(agent?.pid);
  const pid = await background(loaded, 'sleep 1000');
  await swarm.attach(id, pid);
  expect((await swarm.inspect(id)).members).toContain(pid);
  await swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('ATTACH-19: a process can be attached to an agent although 1,100 dead threads of its process, which another one traces, stay', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  const THREADS = 1100;
  const object = JSON.stringify({ spawn: true, namespace_flags: 0, privileged: true });
  await background(loaded, `launch '${object}' /usr/local/bin/threads traced ${THREADS}`);
  const process = async () => (await swarm.agents())[0] ?? { id: 0, pid: 0 };
  await expect.poll(async () => (await process()).pid).toBeGreaterThan(0);
  const { id, pid: first } = await process();
  const zombies = () =>
    loaded.sh(`cat /proc/${first}/task/[0-9]*/stat 2>/dev/null | grep -c '^[0-9]* (threads) Z' || true`);
  // With the process's first thread; and the tracer has lost its own.
  await expect.poll(zombies, { timeout: 60_000 }).toBe(String(THREADS + 1));
  const { members, namespaces } = await swarm.inspect(id);
  expect(members).toHaveLength(2);
  const tracer = members.find((pid) => pid !== first) ?? 0;
  await expect.poll(() => loaded.sh(`cat /proc/${tracer}/stat`)).toMatch(/^\d+ \(threads\) Z/);
  expect(namespaces?.mnt).toBe(Number(/\d+/.exec(await loaded.sh('readlink /proc/self/ns/mnt'))?.[0]));
  const pid = await background(loaded, 'sleep 1000');
  await swarm.attach(id, pid);
  expect((await swarm.inspect(id)).members).toContain(pid);
  await swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('ATTACH-20: attaching a process of 8,000 threads, each with directories of its own, takes less time than starting them did', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  await background(
    loaded,
    `launch '{"spawn":true,"namespace_flags":0,"privileged":true}' /usr/local/bin/consume wait`,
  );
  await expect.poll(async () => (await swarm.agents())[0]?.pid ?? 0).toBeGreaterThan(0);
  const id = (await swarm.agents())[0]?.id ?? 0;
  const pid = await background(loaded, "bash -c 'exec threads apart 8000 >/tmp/apart'");
  await expect.poll(() => loaded.sh('cat /tmp/apart || true'), { timeout: 60_000 }).toBe('ready');
  // In ticks, a hundredth of a second each (proc(5)).
  const started = await loaded.sh(`cut -d ' ' -f 14,15 /proc/${pid}/stat`);
  const [user, system] = started.split(' ').map(Number);
  const took = await loaded.sh(
    `TIMEFORMAT=%S; { time swarmio /proc/swarm/attach <<<'${object(id, pid)}' >/dev/null 2>&1; } 2>&1`,
  );
  expect((await swarm.inspect(id)).members).toContain(pid);
  expect(Number(took) * 100).toBeLessThan((user ?? 0) + (system ?? 0));
  await swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('ATTACH-22: a thread in another namespace is found, although it starts the next one and exits before it is looked at', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  const UTS = 8;
  const { id, pid } = await start(loaded, { namespace_flags: UTS, privileged: true });
  const slipping = await enter(loaded, pid, 'threads slip 3000', '--uts');
  await expect
    .poll(() => loaded.sh(`ls /proc/${slipping}/task | wc -l`).then(Number), { timeout: 60_000 })
    .toBeGreaterThan(3001);
  for (let round = 0; round < 20; round++)
    expect(['EPERM', 'EBUSY']).toContain((await swarm.writeAttach(object(id, slipping)))[0]);
  expect((await swarm.inspect(id)).members).toEqual([pid]);
  await loaded.sh(`kill -9 ${slipping}`);
  await swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test("ATTACH-06: each namespace that the policy names must be the agent's own, and so must be its ids", async ({
  loaded,
}) => {
  const { id, pid } = await start(loaded);
  const all = { pid: '-p', net: '-n', mnt: '-m', uts: '-u', ipc: '-i', user: '-U', cgroup: '-C' };
  const attach = async (agent: number, options: string) => {
    const entered = await enter(loaded, pid, 'consume wait', options);
    const [answer] = await loaded.swarm.writeAttach(object(agent, entered));
    if (typeof answer === 'string') await loaded.sh(`kill -9 ${entered}`);
    return answer;
  };
  for (const [name, flag] of Object.entries(all)) {
    const others = Object.values(all).filter((each) => each !== flag);
    expect.soft(await attach(id, others.join(' ')), `all but ${name}`).toBe('EPERM');
  }
  expect.soft(await attach(id, '--all --preserve-credentials'), 'root outside').toBe('EPERM');
  expect.soft(await attach(id, '--all')).toBeGreaterThan(0);
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('ATTACH-07: an agent that is armed or registered has nothing to be attached to', async ({ loaded }) => {
  const other = await start(loaded);
  const entered = await enter(loaded, other.pid);
  const armed = await loaded.exec(
    `echo '{"spawn":true}' >/proc/swarm/create
     { read -r line; while read -r next; do line=$next; done; } </proc/swarm/agents
     id=\${line#ID: }; echo "{\\"id\\":\${id%%,*},\\"pid\\":${entered}}" >/proc/swarm/attach`,
  );
  expect(armed.stderr).toContain('resource busy');
  await expect(loaded).toHaveActiveAgents(1);
  // Registered again, once its last process has exited.
  const { id } = await loaded.swarm.run({ persist: true }, 'true');
  await expect.poll(async () => (await loaded.swarm.agents()).find((agent) => agent.id === id)?.pid).toBe(0);
  expect(await loaded.swarm.writeAttach(object(id, entered))).toEqual(['ESRCH']);
  await loaded.swarm.destroy(id, other.id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('ATTACH-08: attaching needs CAP_SYS_ADMIN, of opener and writer, and no member may', async ({
  loaded,
}) => {
  const { id, pid } = await start(loaded);
  const entered = await enter(loaded, pid);
  const text = object(id, entered);
  for (const [launcher, error] of [
    ['setpriv --reuid 65534 --regid 65534 --clear-groups', 'EACCES'],
    ['unshare -r', 'EPERM'],
  ] as const) {
    expect((await loaded.exec(`${launcher} swarmio /proc/swarm/attach`, { stdin: text })).stderr).toBe(
      `${error}\n`,
    );
    const given = await loaded.exec(`exec 3>/proc/swarm/attach; ${launcher} bash -c "echo '${text}' >&3"`);
    expect(given.stderr).toMatch(/: Operation not permitted\n$/);
  }
  const member = await loaded.swarm.run({}, `echo '${text}' >&3`, { under: 'exec 3>/proc/swarm/attach;' });
  expect(member.stderr).toMatch(/Operation not permitted|I\/O error/);
  await loaded.swarm.attach(id, entered);
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('ATTACH-09: ids of processes are those of the pid namespace of the writer, for pid of create too', async ({
  loaded,
}) => {
  const { id, pid } = await start(loaded, { pids_limit: 20, namespace_flags: SHARED_PIDS });
  const unshare = 'unshare --user --map-root-user --net --mount --uts --ipc --cgroup';
  const script = [
    `${unshare} bash -c "exec -a nested-1 consume wait" & one=$!`,
    `nsenter --target ${pid} -U -n -m -u -i -C bash -c "exec -a nested-2 consume wait" & two=$!`,
    'until [ "$(pgrep -fxc "nested-. wait")" = 2 ]; do sleep 0.1; done',
    `echo "{\\"pid\\":$one,\\"pids_limit\\":9,\\"namespace_flags\\":${SHARED_PIDS}}" >/proc/swarm/create`,
    `echo "{\\"id\\":${id},\\"pid\\":$two}" >/proc/swarm/attach`,
    'echo $one $two $$; cat /proc/self/cgroup; wait',
  ];
  await loaded.writeFile('/tmp/writer', script.join('\n'));
  const events = await loaded.swarm.eventsDuring(async () => {
    await background(
      loaded,
      'unshare --pid --fork bash -c "exec -a nested-0 sh /tmp/writer >/tmp/written 2>&1"',
    );
    await expect.poll(() => loaded.sh('cat /tmp/written 2>/dev/null || true')).toMatch(/^2 3 1\n0::/m);
  });
  // What has these ids in the initial namespace is a kernel thread, which no cgroup but the root takes.
  expect(await loaded.sh('cat /tmp/written')).not.toContain('swarm');
  const adopted = (await loaded.swarm.agents()).find((agent) => agent.id !== id);
  const [one, two] = [await named(loaded, 'nested-1'), await named(loaded, 'nested-2')];
  expect(adopted?.pid).toBe(one);
  expect(events).toMatchObject([
    { event: 'created', agent: adopted?.id },
    { event: 'spawned', agent: adopted?.id, pid: one, by: 'pid' },
    { event: 'spawned', agent: id, pid: two, by: 'attach' },
  ]);
  expect(await cgroupOf(loaded, one)).toBe(await agentCgroupLine(loaded, adopted?.id ?? 0));
  expect(await cgroupOf(loaded, two)).toBe(await agentCgroupLine(loaded, id));
  expect(await cgroupOf(loaded, one)).not.toBe(await cgroupOf(loaded, two));
  await loaded.swarm.destroy(id, adopted?.id ?? 0);
  await expect(loaded).toHaveActiveAgents(0);
});

test('ATTACH-10: attached while it is destroyed, a process dies or never was a member', async ({
  loaded,
}) => {
  for (let round = 0; round < 4; round++) {
    const { id, pid } = await start(loaded, { namespace_flags: SHARED_PIDS, pids_limit: 20 });
    const pids = [await enter(loaded, pid), await enter(loaded, pid)];
    const lines = pids.map((each) => `echo '${object(id, each)}' >/proc/swarm/attach`);
    await loaded.exec(`(${lines[0] ?? ''}) & (${lines[1] ?? ''}) & echo ${id} >/proc/swarm/destroy; wait`);
    await expect(loaded).toHaveActiveAgents(0);
    await expectNoAgentCgroups(loaded);
    for (const each of pids)
      if (await alive(loaded, each)) expect(await cgroupOf(loaded, each)).not.toContain('swarm');
    await loaded.exec(`kill -9 ${pids.join(' ')}`);
  }
  await loaded.unload();
  await reload(loaded);
});

/** A descriptor 8 of the host's root directory, which the process to attach inherits. */
const HOST_ROOT = 'exec 8</;';

/** Starts a process in an agent's namespaces by a shell line, whose last command bears the name $NAME. */
async function enterBy(guest: LoadedGuest, target: number, line: string, before = '') {
  const name = `entered-${++names}`;
  const inside = `nsenter --target ${target} --all bash -c ${quoted(`NAME=${name}; ${line}`)}`;
  await background(guest, `bash -c ${quoted(`${before} ${inside}`)}`);
  return named(guest, name);
}

test("ATTACH-13: a process must have the root of the agent's first process, and be in a directory below it", async ({
  loaded,
}) => {
  const { id, pid } = await start(loaded);
  const waits = 'exec -a $NAME consume wait';
  for (const [line, before, refused] of [
    [`mount --rbind / /mnt; chroot /mnt bash -c "${waits}"`, '', true],
    [`cd -P /proc/self/fd/8; ${waits}`, HOST_ROOT, true],
    [`cd /usr; ${waits}`, HOST_ROOT, false],
  ] as const) {
    const entered = await enterBy(loaded, pid, line, before);
    const violations = await violationsDuring(loaded, async () => {
      const { answers } = await loaded.swarm.write(object(id, entered), undefined, 'attach');
      const expected = refused
        ? { error: 'EPERM', field: 'pid', message: expect.stringMatching(/another root|outside that root/) }
        : { id };
      expect.soft(answers, line).toMatchObject([expected]);
    });
    expect.soft(violations, line).toBe(refused ? 1 : 0);
    await loaded.sh(`kill -9 ${entered}`);
  }
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('ATTACH-14: a process that has prepared another pid namespace for its children is refused', async ({
  loaded,
}) => {
  const { id, pid } = await start(loaded);
  const entered = await enterBy(loaded, pid, 'unshare --pid bash -c "exec -a $NAME consume wait"');
  const { answers } = await loaded.swarm.write(object(id, entered), undefined, 'attach');
  expect(answers).toMatchObject([
    { error: 'EPERM', message: expect.stringMatching(/prepared another pid namespace/) },
  ]);
  await loaded.sh(`kill -9 ${entered}`);
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('ATTACH-15: a process that was attached with after_exec, and is elsewhere at its execve, is killed there', async ({
  loaded,
}) => {
  const { id, pid } = await start(loaded, { pids_limit: 20 });
  await loaded.sh('mkfifo -m 666 /run/go');
  for (const [step, killed] of [
    ['cd -P /proc/self/fd/8', true],
    ['echo 0 >&9', true],
    ['cd /usr', false],
  ] as const) {
    await loaded.writeFile('/run/steps', `read go </run/go; ${step}; exec consume wait`);
    const entered = await enterBy(
      loaded,
      pid,
      'exec -a $NAME bash /run/steps',
      `${HOST_ROOT} exec 9>/sys/fs/cgroup/cgroup.procs;`,
    );
    const text = JSON.stringify({ id, pid: entered, after_exec: true });
    const violations = await violationsDuring(loaded, async () => {
      expect(await loaded.swarm.writeAttach(text), step).toEqual([text.length]);
      await loaded.sh('echo go >/run/go');
      const program = () => loaded.sh(`cat /proc/${entered}/comm 2>/dev/null || echo gone`);
      await expect.poll(program, step).toBe(killed ? 'gone' : 'consume');
    });
    expect.soft(violations, step).toBe(killed ? 1 : 0);
    expect.soft((await loaded.swarm.inspect(id)).members, step).toEqual(killed ? [pid] : [pid, entered]);
  }
  await loaded.sh('rm /run/go /run/steps');
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('ATTACH-16: an agent whose oldest processes, over a thousand, have yet to join it is busy', async ({
  loaded,
}) => {
  test.setTimeout(400_000);
  const { id, pid } = await start(loaded, { namespace_flags: SHARED_PIDS });
  const [one, two] = [await enter(loaded, pid), await enter(loaded, pid)];
  await loaded.sh(`join --crowd 1100 ${id} ${pid} none >/tmp/crowd 2>&1 </dev/null & sleep 0.1`);
  await expect.poll(() => loaded.sh('cat /tmp/crowd'), { timeout: 50_000 }).toContain('gathered');
  await loaded.swarm.attach(id, one);
  await loaded.sh(`kill -9 ${pid}; while [ -e /proc/${pid} ]; do sleep 0.1; done`);
  const { answers } = await loaded.swarm.write(object(id, two), undefined, 'attach');
  expect(answers).toMatchObject([
    { error: 'EBUSY', field: 'id', message: expect.stringMatching(/oldest processes .* try again/) },
  ]);
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
  await loaded.sh(`kill -9 ${two}`);
});
