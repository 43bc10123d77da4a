/** /proc/swarm/update: other limits and rules for an agent that exists, and stopping its processes. */
import { jsonLines } from '../../harness/util/json-lines.js';
import { gated, instant } from '../support/figures.js';
import type { AgentRequest, UpdateRequest } from '../../client/client.js';
import { quoted } from '../../client/client.js';
import type { SwarmEvent } from '../../client/events.js';
import { agentCgroup, agentCgroupDir, agentCgroups, expectNoAgentCgroups } from '../support/cgroups.js';
import { expect, test } from '../support/fixtures.js';
import { attempts, background, onlyAgent } from '../support/guest.js';
import { reload } from '../support/loaded-guest.js';
import { delayed, uploadRival } from '../support/moments.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

const MiB = 1 << 20;
const ROOT = '/sys/fs/cgroup';
const MEMORY = /^\/swarm\/memory\/p?\d+$/;
const PLAIN = /^\/swarm\/plain\/p?\d+$/;

/** A file of an agent's cgroup. */
const file = async (guest: LoadedGuest, id: number, name: string) =>
  (await guest.sh(`cat ${await agentCgroupDir(guest, id)}/${name}`)).trim();

/** Starts an agent that carries out what is written to its input, a line of a shell at a time. */
async function start(guest: LoadedGuest, request: AgentRequest = {}) {
  const input = `/run/input-${Math.random().toString(36).slice(2)}`;
  const known = new Set((await guest.swarm.agents()).map(({ id }) => id));
  const object = JSON.stringify({ spawn: true, ...request });
  await guest.sh(`mkfifo -m 666 ${input} && touch ${input}.out && chmod 666 ${input}.out`);
  // Whoever holds it open for reading and writing keeps the agent from reading its end.
  await background(guest, `sh -c 'exec 9<>${input}; sleep 1000'`);
  await background(
    guest,
    `sh -c ${quoted(`launch ${quoted(object)} /bin/sh <${input} >>${input}.out 2>&1`)}`,
  );
  const found = async () => (await guest.swarm.agents()).find(({ id, pid }) => !known.has(id) && pid > 0);
  await expect.poll(found).toBeTruthy();
  const { id = 0, pid = 0 } = (await found()) ?? {};
  const say = (line: string) => guest.sh(`echo ${quoted(line)} >${input}`);
  let words = 0;
  /** Has the agent run a line, and returns what that has printed. */
  const run = async (line: string) => {
    const end = `end-${++words}`;
    await guest.sh(`: >${input}.out`);
    await say(`${line}; echo ${end}`);
    await expect.poll(() => guest.sh(`cat ${input}.out`), { timeout: 30_000 }).toContain(end);
    return (await guest.sh(`cat ${input}.out`)).replace(end, '').trim();
  };
  return { id, pid, say, run };
}

/** The state of an update's refusal: the errno, the key and the message. */
async function refused(guest: LoadedGuest, request: UpdateRequest | string) {
  const text = typeof request === 'string' ? request : JSON.stringify(request);
  const { answers } = await guest.swarm.write(text, undefined, 'update');
  expect(answers).toHaveLength(1);
  return answers[0];
}

/** Writes an update whose writer is killed after so many milliseconds, and waits for what it does then. */
async function killed(guest: LoadedGuest, request: UpdateRequest, delay: number, under = '') {
  const line = `timeout -s KILL 0.${`${delay}`.padStart(3, '0')} ${under} swarmio /proc/swarm/update`;
  // Timeout kills itself with it.
  await guest.exec(`${line}; while pgrep -x swarmio >/dev/null; do sleep 0.05; done`, {
    stdin: JSON.stringify(request),
  });
}

/** The cgroups of an agent's members, with how many of them are in each. */
async function whereabouts(guest: LoadedGuest, members: readonly number[]) {
  const files = members.map((member) => `/proc/${member}/cgroup`).join(' ');
  return (await guest.sh(`cat ${files} | sort | uniq -c`)).trim();
}

test('UPDATE-01: limits change while an agent runs, are lifted by 0, and an event names the keys', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  const agent = await start(loaded, { memory_limit: 64 * MiB, cpu_quota: 50, pids_limit: 20 });
  const { id } = agent;
  const events = await swarm.eventsDuring(async () => {
    await swarm.update({ id, memory_limit: 32 * MiB, cpu_quota: 25, pids_limit: 2 });
    await swarm.update({ id, oom_group: false });
  });
  expect(events).toMatchObject([
    { event: 'updated', agent: id, keys: ['memory_limit', 'cpu_quota', 'pids_limit'] },
    { event: 'updated', agent: id, keys: ['oom_group'] },
  ]);
  const files = async () =>
    Promise.all(
      ['memory.max', 'memory.swap.max', 'memory.oom.group', 'cpu.max', 'pids.max'].map(
        async (name) => (await file(loaded, id, name)).split(' ')[0],
      ),
    );
  expect(await files()).toEqual([`${32 * MiB}`, '0', '0', '25000', '2']);
  expect((await swarm.inspect(id)).policy).toMatchObject({
    ...{ memory_limit: 32 * MiB, cpu_quota: 25, pids_limit: 2, oom_group: false },
    syscalls: { fork: 'allow', setns: 'deny' },
  });
  // By effect: one child of the shell is one too many with another of its own.
  const fork = 'attempt fork; (attempt fork; true)';
  expect(await agent.run(fork)).toMatch(/^fork EAGAIN\n.*Cannot fork$/);
  await swarm.update({ id, pids_limit: 20 });
  expect(await agent.run(fork)).toBe('fork ok\nfork ok');
  // The one that the kernel chooses is killed, and the shell goes on.
  expect(await agent.run(`consume memory ${64 * MiB} >/dev/null; echo $?`)).toMatch(/137$/);
  await swarm.update({ id, memory_limit: 0, cpu_quota: 0, pids_limit: 0 });
  expect(await files()).toEqual(['max', 'max', '0', 'max', 'max']);
  expect(await agent.run(`consume memory ${64 * MiB} >/dev/null; echo $?`)).toBe('0');
  await swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('UPDATE-02: an agent without a cgroup gets one with all its processes, those that it forks meanwhile too', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  for (let round = 0; round < 5; round++) {
    const agent = await start(loaded, round % 2 === 0 ? {} : { namespace_flags: 126 });
    const { id } = agent;
    expect((await swarm.inspect(id)).cgroup).toBeNull();
    // Many parents that fork as fast as they can.
    await agent.say('for i in 1 2 3 4; do (while :; do (:); (: & wait); done) & done');
    await agent.run('true');
    await swarm.update({ id, pids_limit: 500, memory_limit: 256 * MiB });
    const cgroup = await agentCgroup(loaded, id);
    expect(cgroup).toMatch(MEMORY);
    expect(await file(loaded, id, 'pids.max')).toBe('500');
    // Whoever is a member is in there, however often one looks; the oracle says the same at the end.
    for (let look = 0; look < 5; look++) {
      const { members } = await swarm.inspect(id);
      const { stdout } = await loaded.exec(
        `for p in ${members.join(' ')}; do cat /proc/$p/cgroup 2>/dev/null; done | sort -u`,
      );
      expect(stdout.trim()).toBe(`0::${cgroup}`);
    }
    await swarm.destroy(id);
    await expect(loaded).toHaveActiveAgents(0);
  }
});

test('UPDATE-03: a memory limit for an agent that had others moves it to another cgroup, and its figures go on', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  const agent = await start(loaded, { cpu_quota: 100 });
  const { id } = agent;
  expect((await swarm.inspect(id)).cgroup).toMatch(PLAIN);
  await agent.run('/usr/local/bin/ending burn 500');
  const before = (await swarm.inspect(id)).usage;
  await swarm.update({ id, memory_limit: 64 * MiB });
  const after = await swarm.inspect(id);
  expect(after.cgroup).toMatch(MEMORY);
  expect(await file(loaded, id, 'cpu.max')).toBe('100000 100000');
  expect(after.usage.cpu_usec).toBeGreaterThanOrEqual(before.cpu_usec);
  expect(before.cpu_usec).toBeGreaterThan(500_000);
  const { user_usec = NaN, system_usec = NaN } = after.usage;
  expect(user_usec + system_usec).toBeGreaterThan(500_000);
  // More than the limit leaves no room for.
  const many = await start(loaded, { cpu_quota: 100 });
  const former = await agentCgroup(loaded, many.id);
  expect(former).toMatch(PLAIN);
  await many.say(`consume keep ${64 * MiB}`);
  await expect.poll(async () => (await swarm.inspect(many.id)).members.length).toBe(2);
  // All of it: a limit that is set before is kept by killing.
  const anonymous = `sed -n 's/^RssAnon:\\s*\\([0-9]*\\).*/\\1/p' /proc/$(pgrep -nx consume)/status`;
  await expect
    .poll(async () => Number(await loaded.sh(anonymous)) * 1024, { timeout: 60_000 })
    .toBeGreaterThanOrEqual(64 * MiB);
  await expect
    .poll(() => refused(loaded, { id: many.id, memory_limit: 16 * MiB }))
    .toMatchObject({ error: 'ENOSPC', field: 'memory_limit' });
  expect((await swarm.inspect(many.id)).cgroup).toBe(former);
  const events = await swarm.eventsDuring(async () => {
    await swarm.destroy(id, many.id);
    await expect(loaded).toHaveActiveAgents(0);
  });
  const end = events.find(
    (each): each is Extract<SwarmEvent, { event: 'destroyed' }> =>
      each.event === 'destroyed' && each.agent === id,
  );
  expect(end?.cpu_usec).toBeGreaterThanOrEqual(before.cpu_usec);
  await expectNoAgentCgroups(loaded);
});

test('UPDATE-04: rules on calls, devices and files hold at once for every process of the agent', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  const agent = await start(loaded, { capabilities: 'all' });
  const { id } = agent;
  const tried = async () =>
    attempts(await agent.run('attempt fork -- unshare 4000000 -- read /dev/zero -- read /dev/null')).map(
      (each) => each.replace(/.* /, ''),
    );
  expect(await tried()).toEqual(['ok', 'EPERM', 'ok', 'ok']);
  await swarm.update({ id, syscalls: { unshare: 'allow' }, devices: ['c 1:3 rw'] });
  expect(await tried()).toEqual(['ok', 'ok', 'EPERM', 'ok']);
  expect((await swarm.inspect(id)).policy).toMatchObject({
    devices: ['c 1:3 rw'],
    syscalls: { fork: 'allow', thread: 'allow', execve: 'allow', unshare: 'allow', setns: 'deny' },
  });
  await swarm.update({ id, exec_paths: ['/usr/bin/true'] });
  expect(await agent.run('/usr/bin/true && echo yes; /usr/bin/id || echo no')).toMatch(/^yes\n[^]*no$/);
  // Rules that are not named keep the files, and files the rules.
  await swarm.update({ id, syscalls: { setns: 'audit' } });
  expect((await swarm.inspect(id)).policy).toMatchObject({
    exec_paths: [expect.stringMatching(/true$/)],
    unlisted: 'deny',
    syscalls: { setns: 'audit', unshare: 'allow' },
  });
  await swarm.update({ id, unlisted: 'audit' });
  expect(await agent.run('/usr/bin/id -u')).toBe('0');
  await swarm.update({ id, exec_paths: [] });
  expect((await swarm.inspect(id)).policy.exec_paths).toBeUndefined();
  await swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

for (const [cgroup_pool, note] of [
  [16, ''],
  [0, ', without cgroups made ahead'],
] as const)
  test(`UPDATE-05: an update that is refused says why and changes nothing${note}`, async ({
    loaded: given,
  }) => {
    await given.unload();
    const loaded = await reload(given, { cgroup_pool });
    const { swarm } = loaded;
    const { id } = await start(loaded, { pids_limit: 20 });
    const registered = await swarm.create({});
    const before = await swarm.inspect(id);
    const rows: [request: string, error: string, field: string, message: RegExp][] = [
      ['{}', 'EINVAL', 'id', /missing/],
      [`{"id":${id}}`, 'EINVAL', '', /nothing is to be changed/],
      [`{"id":${id},"name":"x"}`, 'EINVAL', 'name', /unknown key/],
      [`{"id":${id},"pids_limit":5,"pids_limit":6}`, 'EINVAL', 'pids_limit', /twice/],
      [`{"id":${id},"pids_limit":5,"cpu_quota":100000}`, 'EINVAL', 'cpu_quota', /from 0/],
      [`{"id":${id},"pids_limit":5,"syscalls":{"fork":"no"}}`, 'EINVAL', 'syscalls', /expected 'allow'/],
      [`{"id":${id},"pids_limit":5,"exec_paths":["/nowhere"]}`, 'EINVAL', 'exec_paths', /does not exist/],
      [`{"id":${id},"pids_limit":5,"memory_limit":65536,"frozen":1}`, 'EINVAL', 'frozen', /true or false/],
      [`{"id":${registered + 100},"pids_limit":5}`, 'ESRCH', 'id', /there is no agent/],
      [`{"id":${registered},"frozen":true}`, 'EBUSY', 'frozen', /no process/],
    ];
    for (const [request, error, field, message] of rows)
      expect
        .soft(await refused(loaded, request), request)
        .toMatchObject({ error, field, message: expect.stringMatching(message) });
    // Where cgroup v2 refuses a part, the rest is undone.
    const path = `${ROOT}${before.cgroup ?? ''}`;
    await loaded.sh(`echo -pids >${ROOT}/swarm/plain/cgroup.subtree_control`);
    expect(
      await refused(loaded, { id, cpu_quota: 10, pids_limit: 5, syscalls: { fork: 'deny' }, frozen: true }),
    ).toMatchObject({ error: 'EOPNOTSUPP', field: 'pids_limit' });
    expect((await loaded.sh(`cat ${path}/cpu.max ${path}/cgroup.freeze`)).split('\n')).toEqual([
      'max 100000',
      '0',
    ]);
    await loaded.sh(`echo +pids >${ROOT}/swarm/plain/cgroup.subtree_control`);
    // Where no cgroup can be made, the agent stays where it was.
    await loaded.sh(`echo 0 >${ROOT}/swarm/memory/cgroup.max.descendants`);
    expect(await refused(loaded, { id, memory_limit: 64 * MiB })).toMatchObject({ error: 'ENOSPC' });
    await loaded.sh(`echo max >${ROOT}/swarm/memory/cgroup.max.descendants`);
    expect(await swarm.inspect(id)).toEqual({ ...before, usage: expect.anything() });
    await swarm.destroy(id, registered);
    await expect(loaded).toHaveActiveAgents(0);
  });

test('UPDATE-06: an agent without a process has its new limits and rules when it gets one', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  const id = await swarm.create({ persist: true });
  const run = (line: string) => loaded.exec(`launch --file spawn '{"id":${id}}' /bin/sh -c ${quoted(line)}`);
  await swarm.update({ id, pids_limit: 7, syscalls: { thread: 'deny' } });
  expect((await swarm.inspect(id)).cgroup).toBeNull();
  await run('true');
  await expect.poll(async () => (await swarm.inspect(id)).state).toBe('registered');
  expect(await file(loaded, id, 'pids.max')).toBe('7');
  await swarm.update({ id, pids_limit: 9, memory_limit: 64 * MiB });
  expect((await run('exit 3')).code).toBe(3);
  await expect.poll(async () => (await swarm.inspect(id)).state).toBe('registered');
  expect(await file(loaded, id, 'memory.max')).toBe(`${64 * MiB}`);
  expect(await file(loaded, id, 'pids.max')).toBe('9');
  await swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('UPDATE-07: an execve that a change meets half-way is decided on by one policy, the old one or the new', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  await loaded.sh(
    'mkdir -p /srv/mix && cp /bin/true /srv/mix/interpreter && printf "#!/srv/mix/interpreter\\n" >/srv/mix/script && chmod 755 /srv/mix/script',
  );
  const agent = await start(loaded);
  const { id } = agent;
  const [script, interpreter] = ['/srv/mix/script', '/srv/mix/interpreter'];
  const lists = (paths: string[]) => JSON.stringify({ id, exec_paths: paths });
  await swarm.update({ id, exec_paths: [script, interpreter] });
  expect(await agent.run(`${script} && echo both`)).toBe('both');
  // Either list lacks one of the two, so no execve of the script may succeed.
  await swarm.update({ id, exec_paths: [script] });
  const changes = `while [ ! -e /run/mixed ]; do echo '${lists([interpreter])}'; echo '${lists([script])}'; done >/proc/swarm/update`;
  await background(loaded, `bash -c ${quoted(changes)}`);
  await agent.say(
    `tries=0; while [ ! -e /run/mixed ]; do if ${script} 2>/dev/null; then : >/tmp/mixture; fi; tries=$((tries+1)); done; echo tries $tries`,
  );
  const count = async (event: SwarmEvent['event']) =>
    (await swarm.events()).filter((each) => each.event === event && 'agent' in each && each.agent === id)
      .length;
  await expect.poll(() => count('updated'), { timeout: 60_000 }).toBeGreaterThan(200);
  await expect
    .poll(async () => (await swarm.inspect(id)).violations, { timeout: 60_000 })
    .toBeGreaterThan(200);
  await loaded.sh('touch /run/mixed');
  await agent.run('echo said');
  expect(await loaded.sh('ls /tmp/mixture 2>/dev/null; true')).toBe('');
  await swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('UPDATE-21: a call beside changes of sockets, devices and autoload gets the answer of the old rules or of the new', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  await loaded.sh('rm -f /run/changed');
  // Nothing here has the family 30, so the kernel asks for its module each time, if it gets so far.
  const tries = 'socketpair 1 1 0 -- read /dev/zero -- socket 30 5 0';
  const agent = swarm.launch({ sockets: ['unix', 'tipc'] }, [
    ...['/usr/local/bin/attempt', '--during', '/run/changed', ...tries.split(' ')],
  ]);
  await expect(loaded).toHaveActiveAgents(1);
  const [{ id } = { id: 0 }] = await swarm.agents();
  const rules: UpdateRequest[] = [
    { id, sockets: ['unix', 'tipc'], devices: ['c 1:5 r'], syscalls: { autoload: 'deny' } },
    { id, sockets: ['inet', 'tipc'], devices: [], syscalls: { autoload: 'audit' } },
  ];
  const objects = rules.map((each) => `echo ${quoted(JSON.stringify(each))}`).join('; ');
  const changes = `while [ ! -e /run/changed ]; do ${objects}; done >/proc/swarm/update`;
  await background(loaded, `bash -c ${quoted(changes)}`);
  const count = async (event: SwarmEvent['event']) =>
    (await swarm.events()).filter((each) => each.event === event && 'agent' in each && each.agent === id)
      .length;
  await expect.poll(() => count('updated'), { timeout: 60_000 }).toBeGreaterThan(200);
  const counted = async () => {
    const { violations, audited } = await swarm.inspect(id);
    return Math.min(violations, audited);
  };
  await expect.poll(counted, { timeout: 60_000 }).toBeGreaterThan(50);
  await loaded.sh('touch /run/changed');
  expect(attempts((await agent).stdout).sort()).toEqual([
    ...['read EPERM', 'read ok', 'socket EAFNOSUPPORT', 'socketpair EAFNOSUPPORT', 'socketpair ok'],
  ]);
  await expect(loaded).toHaveActiveAgents(0);
});

test('UPDATE-26: from one instant on no call of any member obeys the old rules, and that is before the answer', async ({
  loaded,
}) => {
  // Hooked all the time, so that no update has to wait for that.
  const other = await loaded.swarm.create({ name: 'other', syscalls: { getppid: 'deny' } });
  const [found] = jsonLines(await loaded.sh('instant 200 3 4', { timeoutMs: 120_000 }), instant);
  expect(found).toMatchObject({ late: 0, mixed: 0, unexpected: 0 });
  expect(found?.calls).toBeGreaterThan(50_000);
  await loaded.swarm.destroy(other);
  await expect(loaded).toHaveActiveAgents(0);
});

test('UPDATE-08: changes beside births, joins, forks and ends leave nothing behind', async ({ loaded }) => {
  const { swarm } = loaded;
  const loops = [
    // Limits come and go, and with them cgroups; agents are stopped and go on.
    `while [ ! -e /run/stormed ]; do for i in $(sed 's/^ID: \\([0-9]*\\),.*/\\1/' /proc/swarm/agents); do echo "{\"id\":$i,\"pids_limit\":$((RANDOM % 50 + 20))}"; echo "{\"id\":$i,\"memory_limit\":268435456,\"frozen\":true}"; echo "{\"id\":$i,\"memory_limit\":0,\"frozen\":false,\"syscalls\":{\"thread\":\"deny\"}}"; done; done >/proc/swarm/update 2>/dev/null`,
    `while [ ! -e /run/stormed ]; do launch '{"spawn":true}' /bin/sh -c 'for i in 1 2 3; do (:); done'; done`,
    `while [ ! -e /run/stormed ]; do launch '{"spawn":true,"cpu_quota":50}' /bin/sh -c '(: & : & wait)'; done`,
    `while [ ! -e /run/stormed ]; do for i in $(sed 's/^ID: \\([0-9]*\\), PID: \\([0-9]*\\),.*/\\1:\\2/' /proc/swarm/agents); do join \${i%:*} \${i#*:} /bin/true; done; done`,
    `while [ ! -e /run/stormed ]; do sleep 0.3; for i in $(sed 's/^ID: \\([0-9]*\\),.*/\\1/' /proc/swarm/agents); do echo $i; done; done >/proc/swarm/destroy`,
  ];
  for (const line of loops) await background(loaded, `bash -c ${quoted(`${line} 2>/dev/null`)}`);
  const { created: before } = await swarm.status();
  await expect
    .poll(async () => (await swarm.status()).created - before, { timeout: 100_000 })
    .toBeGreaterThan(100);
  await loaded.sh('touch /run/stormed');
  await expect
    .poll(() => loaded.sh(`pgrep -f '[s]tormed' >/dev/null && echo busy || echo done`), { timeout: 30_000 })
    .toBe('done');
  await swarm.destroy(...(await swarm.agents()).map(({ id }) => id));
  await expect(loaded).toHaveActiveAgents(0);
  expect(await swarm.metrics()).toContain('swarm_guard_agents_frozen 0\n');
  await expectNoAgentCgroups(loaded, 20_000);
});

test('UPDATE-09: a process that joins, and executes while its agent is moved to another cgroup, is not killed for that', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  const ids: number[] = [];
  for (let round = 0; round < 4; round++) {
    const { id, pid } = await start(loaded, { cpu_quota: 100 });
    ids.push(id);
    await background(
      loaded,
      `bash -c ${quoted(`for i in $(seq 1 30); do join ${id} ${pid} /bin/true || echo $? >>/run/killed; done; touch /run/joined-${id}`)}`,
    );
    await loaded.sh(`sleep 0.${round + 2}`);
    await swarm.update({ id, memory_limit: 256 * MiB });
    await expect
      .poll(() => loaded.exec(`[ -e /run/joined-${id} ]`), { timeout: 60_000 })
      .toMatchObject({ code: 0 });
    await swarm.destroy(id);
    await expect(loaded).toHaveActiveAgents(0);
  }
  expect(await loaded.sh('cat /run/killed 2>/dev/null; true')).toBe('');
  const violations = (await swarm.events()).filter(({ event }) => event === 'violation');
  expect(violations.filter((each) => 'agent' in each && ids.includes(each.agent))).toEqual([]);
});

test('UPDATE-10: an agent is not moved out of a cgroup that others have frozen, nor a privileged one that its namespace protects', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  const plain = await start(loaded, { pids_limit: 20 });
  await loaded.sh(`echo 1 >${ROOT}/swarm/plain/cgroup.freeze`);
  expect(await refused(loaded, { id: plain.id, memory_limit: 64 * MiB })).toMatchObject({
    error: 'EBUSY',
    message: expect.stringMatching(/somebody else has frozen/),
  });
  await loaded.sh(`echo 0 >${ROOT}/swarm/plain/cgroup.freeze`);
  await swarm.update({ id: plain.id, memory_limit: 64 * MiB });
  const privileged = await start(loaded, { privileged: true, namespace_flags: 95, pids_limit: 20 });
  const cgroup = await agentCgroup(loaded, privileged.id);
  expect(cgroup).toMatch(PLAIN);
  expect(await refused(loaded, { id: privileged.id, memory_limit: 64 * MiB })).toMatchObject({
    error: 'EOPNOTSUPP',
    message: expect.stringMatching(/privileged agent with a cgroup namespace/),
  });
  await swarm.update({ id: privileged.id, pids_limit: 30 });
  expect((await swarm.inspect(privileged.id)).cgroup).toBe(cgroup);
  await swarm.destroy(plain.id, privileged.id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('UPDATE-11: a limit that is named is written again, members that were moved away come back, and a cgroup that was removed is told', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  const agent = await start(loaded, { pids_limit: 20 });
  const { id } = agent;
  await loaded.sh(`echo max >${await agentCgroupDir(loaded, id)}/pids.max`);
  await loaded.sh(`mkdir ${ROOT}/elsewhere && echo ${agent.pid} >${ROOT}/elsewhere/cgroup.procs`);
  await swarm.update({ id, pids_limit: 20, frozen: true });
  expect(await file(loaded, id, 'pids.max')).toBe('20');
  expect(await file(loaded, id, 'cgroup.procs')).toBe(`${agent.pid}`);
  await expect.poll(async () => (await swarm.inspect(id)).state).toBe('frozen');
  await swarm.destroy(id);
  await loaded.sh(`rmdir ${ROOT}/elsewhere`);
  const limits = { memory_limit: 64 * MiB, cpu_quota: 50 };
  const other = (await start(loaded, limits)).id;
  const dir = await agentCgroupDir(loaded, other);
  await loaded.sh(`cd ${dir}; echo max >memory.max; echo 0 >memory.oom.group; echo max >cpu.max`);
  await swarm.update({ id: other, ...limits });
  expect((await loaded.sh(`cd ${dir}; cat memory.max memory.oom.group cpu.max`)).trim()).toBe(
    `${64 * MiB}\n1\n50000 100000`,
  );
  await swarm.destroy(other);
  const kept = await swarm.create({ persist: true, pids_limit: 20 });
  await loaded.exec(`launch --file spawn '{"id":${kept}}' /bin/true`);
  await expect.poll(async () => (await swarm.inspect(kept)).state).toBe('registered');
  const removed = await agentCgroupDir(loaded, kept);
  await loaded.sh(`rmdir ${removed}`);
  const gone = { error: 'EBUSY', message: expect.stringMatching(/was removed by an administrator/) };
  expect(await refused(loaded, { id: kept, pids_limit: 5 })).toMatchObject(gone);
  // One of the same name is another.
  await loaded.sh(`mkdir ${removed}`);
  expect(await refused(loaded, { id: kept, pids_limit: 5 }), 'made anew').toMatchObject(gone);
  await swarm.destroy(kept);
  await expect(loaded).toHaveActiveAgents(0);
  await loaded.sh(`rmdir ${removed}`);
});

test('UPDATE-12: if the writer is killed while processes are moved, all of them are back, or all are moved', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  const agent = await start(loaded, { cpu_quota: 100 });
  const { id } = agent;
  await agent.say('i=0; while [ $i -lt 150 ]; do sleep 1000 & i=$((i+1)); done');
  await expect.poll(async () => (await swarm.inspect(id)).members.length, { timeout: 90_000 }).toBe(151);
  // Of this agent alone, for no other goes meanwhile.
  await expect.poll(() => agentCgroups(loaded)).toBe(1);
  await loaded.sh(
    'echo >/sys/kernel/tracing/trace; echo 1 >/sys/kernel/tracing/events/cgroup/cgroup_rmdir/enable',
  );
  const plain = await agentCgroup(loaded, id);
  expect(plain).toMatch(PLAIN);
  const undone = () => loaded.exec("grep -q 'path=/swarm/memory/' /sys/kernel/tracing/trace");
  for (let delay = 10; delay < 400; delay += 10) {
    const under = delay % 20 === 0 ? '' : 'unshare --cgroup';
    await killed(loaded, { id, memory_limit: 256 * MiB }, delay, under);
    const { members, cgroup } = await swarm.inspect(id);
    expect(await whereabouts(loaded, members)).toBe(`151 0::${cgroup ?? ''}`);
    if (cgroup !== plain || (await undone()).code === 0) break;
  }
  expect((await undone()).code, 'the move was undone once').toBe(0);
  await swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('UPDATE-13: a privileged agent with a cgroup namespace is not moved while a thread is armed for it', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  const request = JSON.stringify({ spawn: true, privileged: true, namespace_flags: 95, pids_limit: 20 });
  // By builtins alone: a fork would be the birth.
  const script = [
    'exec 3<>/proc/swarm/create 4<>/proc/swarm/update',
    `echo ${quoted(request)} >&3; read -r a <&3; id=\${a//[^0-9]/}`,
    `echo "{\\"id\\":$id,\\"memory_limit\\":67108864}" >&4; read -r b <&4; echo "$b"`,
    `echo "{\\"id\\":$id,\\"frozen\\":true}" >&4; read -r c <&4; echo "$c"`,
  ].join('; ');
  const answers = await loaded.sh(`bash -c ${quoted(script)}`);
  expect(
    answers
      .trim()
      .split('\n')
      .map((each): unknown => JSON.parse(each)),
  ).toMatchObject([{ error: 'EOPNOTSUPP' }, { error: 'EBUSY', field: 'frozen' }]);
  await expect(loaded).toHaveActiveAgents(0);
  // Without a process, and nobody armed, it is.
  const kept = await swarm.create({
    persist: true,
    privileged: true,
    namespace_flags: 95,
    pids_limit: 20,
  });
  await swarm.update({ id: kept, memory_limit: 64 * MiB });
  await swarm.destroy(kept);
  await expect(loaded).toHaveActiveAgents(0);
});

test('UPDATE-14: a memory limit that was lifted does not come back over a process that has more', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  const { id, pid } = await start(loaded, {
    privileged: true,
    namespace_flags: 0,
    memory_limit: 32 * MiB,
  });
  await swarm.update({ id, memory_limit: 0 });
  await background(loaded, `consume keep ${64 * MiB}`);
  const consumer = async () => Number(await loaded.sh('pgrep -nx consume || true'));
  const resident = async () =>
    Number(await loaded.sh(`awk '/^RssAnon/ {print $2}' /proc/${await consumer()}/status`));
  await expect.poll(resident, { timeout: 30_000 }).toBeGreaterThan((60 * MiB) / 1024);
  const large = await consumer();
  await swarm.attach(id, large);
  expect(await refused(loaded, { id, memory_limit: 32 * MiB })).toMatchObject({
    error: 'ENOSPC',
    field: 'memory_limit',
  });
  expect(await file(loaded, id, 'memory.max')).toBe('max');
  expect((await swarm.inspect(id)).members.toSorted()).toEqual([pid, large].toSorted());
  await swarm.destroy(id);
  // Nor does the first limit of one that has no cgroup yet.
  const free = await start(loaded);
  await free.say(`consume keep ${64 * MiB}`);
  await expect.poll(async () => (await swarm.inspect(free.id)).members.length).toBe(2);
  const [, consuming] = (await swarm.inspect(free.id)).members;
  await expect
    .poll(async () => Number(await loaded.sh(`awk '/^RssAnon/ {print $2}' /proc/${consuming ?? 0}/status`)), {
      timeout: 30_000,
    })
    .toBeGreaterThan((60 * MiB) / 1024);
  expect(await refused(loaded, { id: free.id, memory_limit: 32 * MiB })).toMatchObject({
    error: 'ENOSPC',
    field: 'memory_limit',
  });
  expect((await swarm.inspect(free.id)).cgroup).toBeNull();
  await swarm.destroy(free.id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('UPDATE-15: an agent is not moved if anybody else has frozen one of its processes, whether or not it is frozen by update', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  const frozen = { error: 'EBUSY', message: expect.stringMatching(/somebody else has frozen/) };
  const twice = await start(loaded, { pids_limit: 20 });
  await swarm.update({ id: twice.id, frozen: true });
  await loaded.sh(`echo 1 >${ROOT}/swarm/plain/cgroup.freeze`);
  expect(
    await refused(loaded, { id: twice.id, memory_limit: 64 * MiB, frozen: false }),
    'frozen from above as well',
  ).toMatchObject(frozen);
  await loaded.sh(`echo 0 >${ROOT}/swarm/plain/cgroup.freeze`);
  await swarm.update({ id: twice.id, memory_limit: 64 * MiB, frozen: false });
  // Two processes in two cgroups, the second of which is frozen.
  const apart = await start(loaded, { privileged: true, namespace_flags: 0 });
  await background(loaded, 'sleep 1234');
  const second = Number(await loaded.sh('pgrep -fnx "sleep 1234"'));
  await swarm.attach(apart.id, second);
  await loaded.sh(
    `mkdir ${ROOT}/cold && echo ${second} >${ROOT}/cold/cgroup.procs && echo 1 >${ROOT}/cold/cgroup.freeze`,
  );
  expect(await refused(loaded, { id: apart.id, pids_limit: 20 }), 'one of two').toMatchObject(frozen);
  expect((await loaded.sh(`cat ${ROOT}/cold/cgroup.procs`)).trim()).toBe(`${second}`);
  await loaded.sh(`echo 0 >${ROOT}/cold/cgroup.freeze`);
  await swarm.update({ id: apart.id, pids_limit: 20 });
  await swarm.destroy(twice.id, apart.id);
  await expect(loaded).toHaveActiveAgents(0);
  await loaded.sh(`rmdir ${ROOT}/cold`);
});

test('UPDATE-25: who has frozen a process is seen by its other threads if the first has exited, and in a cgroup below the agent’s', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  const launched = `launch '{"spawn":true,"privileged":true,"namespace_flags":0}' /usr/local/bin/ending leaders-gone 0`;
  await loaded.sh(`mkdir ${ROOT}/cold`);
  await background(
    loaded,
    `bash -c "echo 0 >${ROOT}/cold/cgroup.procs; exec ${launched.replaceAll('"', '\\"')}"`,
  );
  await expect.poll(async () => (await swarm.agents())[0]?.pid ?? 0).toBeGreaterThan(0);
  const { id, pid } = (await swarm.agents())[0] ?? { id: 0, pid: 0 };
  await expect.poll(() => loaded.sh(`cat /proc/${pid}/stat`)).toMatch(/^\d+ \(ending\) Z/);
  await loaded.sh(`echo 1 >${ROOT}/cold/cgroup.freeze`);
  expect((await swarm.inspect(id)).frozen).toBe('others');
  expect(await refused(loaded, { id, pids_limit: 20 })).toMatchObject({
    error: 'EBUSY',
    message: expect.stringMatching(/somebody else has frozen/),
  });
  await loaded.sh(`echo 0 >${ROOT}/cold/cgroup.freeze`);
  // Frozen by update only, with its process in a cgroup below its own.
  const below = await start(loaded, { privileged: true, namespace_flags: 0, pids_limit: 20 });
  const sub = `${await agentCgroupDir(loaded, below.id)}/sub`;
  await loaded.sh(`mkdir ${sub} && echo ${below.pid} >${sub}/cgroup.procs`);
  await swarm.update({ id: below.id, frozen: true });
  await expect.poll(async () => (await swarm.inspect(below.id)).state).toBe('frozen');
  await swarm.update({ id: below.id, memory_limit: 64 * MiB });
  expect(await agentCgroup(loaded, below.id)).toMatch(MEMORY);
  await swarm.destroy(id, below.id);
  await expect(loaded).toHaveActiveAgents(0);
  await loaded.sh(`rmdir ${ROOT}/cold`);
});

test('UPDATE-16: a cgroup that an update has made, and an administrator has removed, keeps no process from forking', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  const agent = await start(loaded);
  await swarm.update({ id: agent.id, pids_limit: 20 });
  const before = (await swarm.inspect(agent.id)).cgroup ?? '';
  await loaded.sh(
    `mkdir ${ROOT}/outside && echo ${agent.pid} >${ROOT}/outside/cgroup.procs && rmdir ${ROOT}${before}`,
  );
  expect(await agent.run('/bin/echo born; (exit 3); echo $?')).toBe('born\n3');
  await swarm.destroy(agent.id);
  await expect(loaded).toHaveActiveAgents(0);
  await loaded.sh(`rmdir ${ROOT}/outside`);
});

test('UPDATE-17: an execve whose rules are changed and changed back starts anew, so that its interpreter is decided on', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  // A program whose interpreter is a copy of the usual one, which is not listed.
  const usual = (
    await loaded.sh('ls /lib64/ld-linux-x86-64.so.2 /lib/ld-linux-aarch64.so.1 2>/dev/null || true')
  ).trim();
  const other = `/tmp/${'i'.repeat(usual.length - 5)}`;
  await loaded.sh(
    `mkdir -p /srv/bound && cp ${usual} ${other} && cp /bin/true /srv/bound/usual &&
     sed 's|${usual}|${other}|' /bin/true >/srv/bound/other && chmod 755 /srv/bound/*`,
  );
  const agent = await start(loaded);
  // Another one with the same rules keeps their policy: when they come back, it is the same one.
  const twin = await start(loaded);
  for (const { id } of [twin, agent]) await swarm.update({ id, exec_paths: ['/srv/bound/', usual] });
  const tried = (name: string) => agent.run(`/srv/bound/${name} && echo ran || echo refused`);
  expect(await tried('usual')).toBe('ran');
  expect(await tried('other')).toMatch(/refused$/);
  // Changed after the program is decided on, and back before its interpreter is read.
  const change = (fork: string) =>
    quoted(`echo '{"id":${agent.id},"syscalls":{"fork":"${fork}"}}' >/proc/swarm/update`);
  await loaded.sh('cat >/run/gate.sh', {
    stdin: `exec gate ${other} ${change('deny')} ${change('allow')} >/run/gate.out 2>&1\n`,
  });
  await background(loaded, 'sh /run/gate.sh');
  await expect.poll(() => loaded.sh('cat /run/gate.out 2>/dev/null || true')).toBe('ready');
  const events = await swarm.eventsDuring(async () => {
    expect(await tried('other')).toMatch(/refused$/);
  });
  expect(jsonLines(await loaded.sh('cat /run/gate.out'), gated)).toEqual([
    { stage: 1, status: 0 },
    { stage: 2, status: 0 },
  ]);
  expect(events.map(({ event }) => event)).toEqual(['updated', 'updated', 'violation']);
  await swarm.destroy(agent.id, twin.id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('UPDATE-18: if an update fails and the new cgroup cannot go, all processes of the agent are in there, under the limits that they had', async ({
  loaded,
}) => {
  // The new cgroup's name is known before it is there.
  await loaded.unload();
  const guest = await reload(loaded, { cgroup_pool: 0 });
  const { swarm } = guest;
  const agent = await start(guest, { cpu_quota: 100 });
  const { id } = agent;
  const plain = await agentCgroup(guest, id);
  const path = `${ROOT}/swarm/memory/${id}`;
  await agent.say('i=0; while [ $i -lt 150 ]; do sleep 1000 & i=$((i+1)); done');
  await expect.poll(async () => (await swarm.inspect(id)).members.length, { timeout: 90_000 }).toBe(151);
  // Somebody else's process keeps the directory from being removed.
  const intruder = await background(
    guest,
    `bash -c ${quoted(`until echo $$ >${path}/cgroup.procs; do :; done; exec sleep 1000`)}`,
  );
  for (let delay = 10; delay < 400; delay += 10) {
    await killed(guest, { id, memory_limit: 256 * MiB }, delay);
    const { members, cgroup } = await swarm.inspect(id);
    expect(await whereabouts(guest, members)).toBe(`151 0::${cgroup ?? ''}`);
    if (cgroup !== plain) break;
  }
  expect((await swarm.inspect(id)).policy.memory_limit, 'the writer was killed in time').toBe(0);
  expect(await guest.sh(`cat ${path}/memory.max ${path}/cpu.max`)).toBe('max\n100000 100000');
  expect(await guest.sh(`cat /proc/${intruder}/cgroup`)).toBe(`0::/swarm/memory/${id}`);
  // It is the agent's for good.
  await swarm.update({ id, memory_limit: 256 * MiB });
  expect(await file(guest, id, 'memory.max')).toBe(`${256 * MiB}`);
  await swarm.destroy(id);
  await expect(guest).toHaveActiveAgents(0);
  await expectNoAgentCgroups(guest, 20_000);
});

test('UPDATE-19: a child stays where its parent is that an administrator has moved out of the cgroup that an update made', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  const apart = '/apart';
  const cases: readonly { limits: AgentRequest; spread?: boolean; home?: boolean }[] = [
    { limits: {} },
    { limits: { cpu_quota: 100 } },
    // To where the agent was before: as if the fork had begun there.
    { limits: {}, home: true },
    // The agent was in two cgroups before.
    { limits: {}, spread: true },
  ];
  for (const { limits, spread = false, home = false } of cases) {
    const agent = await start(loaded, limits);
    const { id, pid } = agent;
    await loaded.sh(`mkdir ${ROOT}${apart} ${ROOT}/other`);
    const before = (await loaded.sh(`cut -d: -f3 /proc/${pid}/cgroup`)).trim();
    if (spread) {
      await agent.say('sleep 1000 &');
      await expect.poll(async () => (await swarm.inspect(id)).members.length).toBe(2);
      await loaded.sh(`echo ${(await swarm.inspect(id)).members[1]} >${ROOT}/other/cgroup.procs`);
    }
    await swarm.update({ id, memory_limit: 256 * MiB });
    const chosen = home ? before : apart;
    await loaded.sh(`echo ${pid} >${ROOT}${chosen}/cgroup.procs`);
    await agent.say('sleep 1000 &');
    const all = spread ? 3 : 2;
    await expect.poll(async () => (await swarm.inspect(id)).members.length).toBe(all);
    const child = (await swarm.inspect(id)).members.at(-1);
    const where = await loaded.sh(`cat /proc/${pid}/cgroup /proc/${child}/cgroup`);
    expect(where.trim().split('\n')).toEqual([`0::${chosen}`, `0::${chosen}`]);
    if (home) {
      // Nothing could be moved there now.
      const control = `${await agentCgroupDir(loaded, id)}/cgroup.subtree_control`;
      await loaded.sh(`echo +memory >${control}`);
      expect(await agent.run('(exit 3); echo $?')).toBe('3');
      await loaded.sh(`echo -memory >${control}`);
    }
    await swarm.update({ id, pids_limit: 20 });
    expect((await file(loaded, id, 'cgroup.procs')).split('\n')).toHaveLength(all);
    await swarm.destroy(id);
    await expect(loaded).toHaveActiveAgents(0);
    await loaded.sh(`rmdir ${ROOT}${apart} ${ROOT}/other`);
  }
});

test('UPDATE-20: an agent of more than a thousand processes is moved as a whole', async ({ loaded }) => {
  test.slow();
  const { swarm } = loaded;
  const agent = await start(loaded);
  const { id } = agent;
  await loaded.sh('mkfifo -m 644 /tmp/never');
  // Below what is looked at in one go, and above. Each waits for a writer.
  for (const limit of [{ pids_limit: 5000 }, { memory_limit: 512 * MiB }]) {
    const { length } = (await swarm.inspect(id)).members;
    await agent.say('i=0; while [ $i -lt 530 ]; do (: </tmp/never) & i=$((i+1)); done');
    await expect
      .poll(async () => (await swarm.inspect(id)).members.length, { timeout: 60_000 })
      .toBe(length + 530);
    await swarm.update({ id, ...limit });
    expect((await file(loaded, id, 'cgroup.procs')).split('\n')).toHaveLength(length + 530);
  }
  await swarm.destroy(id);
  await expect.poll(async () => (await swarm.agents()).length, { timeout: 100_000 }).toBe(0);
  await expect(loaded).toHaveActiveAgents(0);
});

interface TwoRules {
  /** The call as \`attempt\` names it, with its arguments; and by the entry of 32-bit programs, if it has one there. */
  readonly call: string;
  /** Runs between the hook on the call and the one on what it does. */
  readonly between: string;
  /** A policy under which the attempt is denied. */
  readonly before: AgentRequest;
  readonly answer: string;
  /** Its name is denied. */
  readonly after: AgentRequest;
}

const TWO_RULES: readonly TwoRules[] = [
  {
    call: 'socket 1 1 0',
    between: '__sock_create',
    before: { sockets: ['inet'], syscalls: { socket: 'allow' } },
    answer: 'EAFNOSUPPORT',
    after: { sockets: ['unix'], syscalls: { socket: 'deny' } },
  },
  {
    call: 'read /dev/null',
    between: 'alloc_empty_file',
    before: { devices: [], syscalls: { openat: 'allow' } },
    answer: 'EPERM',
    after: { devices: ['c 1:3 r'], syscalls: { openat: 'deny' } },
  },
];

for (const { call, between, before, answer, after } of TWO_RULES) {
  const [name = ''] = call.split(' ');
  test(`UPDATE-22: one policy allows all of a call in the middle of which the rules change: ${name}`, async ({
    loaded,
    stage,
  }) => {
    const { swarm } = loaded;
    const agent = await start(loaded);
    const { id } = agent;
    const attempt = () => agent.run(`attempt ${call}`);
    // Hooked already, so that the change has not to wait for the call that is slow.
    const other = await swarm.create({ name: 'other', syscalls: after.syscalls ?? {} });
    await swarm.update({ id, ...after });
    expect(await attempt()).toBe(`${name} EPERM`);
    await swarm.update({ id, ...before });
    expect(await attempt()).toBe(`${name} ${answer}`);
    const slow = { function: between, comm: 'attempt', ms: 3000 };
    const events = await swarm.eventsDuring(() =>
      delayed(loaded, stage, slow, async () => {
        const order = JSON.stringify({ id, ...after });
        await background(
          loaded,
          `bash -c ${quoted(`until read -r hits </sys/module/swarm_delay/parameters/hits && [ "$hits" = 1 ]; do :; done; echo '${order}' >/proc/swarm/update`)}`,
        );
        expect(await attempt()).toBe(`${name} EPERM`);
      }),
    );
    const [syscall] = Object.keys(after.syscalls ?? {});
    expect(events.filter(({ event }) => event === 'violation')).toMatchObject([
      { agent: id, kind: 'syscall', syscall },
    ]);
    await swarm.destroy(id, other);
    await expect(loaded).toHaveActiveAgents(0);
  });
}

test('FREEZE-01: a frozen agent does not run, and runs on when it is thawed', async ({ loaded }) => {
  const { swarm } = loaded;
  const witness = await start(loaded);
  for (const limits of [{}, { pids_limit: 20 }]) {
    const agent = await start(loaded, limits);
    const { id } = agent;
    await agent.say(`while :; do n=$((n+1)); echo $n >/tmp/count-${id}; done`);
    const count = async () => Number(await loaded.sh(`cat /tmp/count-${id} 2>/dev/null || echo 0`));
    await expect.poll(count).toBeGreaterThan(0);
    await swarm.update({ id, frozen: true });
    await expect.poll(async () => (await swarm.inspect(id)).frozen).toBe('update');
    expect((await swarm.inspect(id)).state).toBe('frozen');
    expect(await swarm.metrics()).toContain('swarm_guard_agents_frozen 1\n');
    const stopped = await count();
    // While another one runs on as far.
    await witness.run('i=0; while [ $i -lt 500 ]; do i=$((i+1)); echo $i >/tmp/count-witness; done');
    expect(await count()).toBe(stopped);
    await swarm.update({ id, frozen: false });
    expect(await swarm.inspect(id)).toMatchObject({ state: 'running', frozen: 'no' });
    expect(await swarm.metrics()).toContain('swarm_guard_agents_frozen 0\n');
    await expect.poll(count).toBeGreaterThan(stopped);
    await swarm.destroy(id);
    await expect(loaded).toHaveActiveAgents(1);
  }
  await swarm.destroy(witness.id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('FREEZE-02: a frozen agent gets no process by spawn; one that is attached stops; limits change; it is destroyed', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  const shared = { privileged: true, namespace_flags: 0 } as const;
  const { id } = await start(loaded, shared);
  await swarm.update({ id, frozen: true });
  const { answers } = await swarm.write(`{"id":${id}}`, undefined, 'spawn');
  expect(answers).toMatchObject([{ error: 'EBUSY', field: 'id', message: expect.stringMatching(/frozen/) }]);
  const other = await background(loaded, 'sh -c "while :; do :; done"');
  await swarm.attach(id, other);
  await expect.poll(async () => (await swarm.inspect(id)).frozen).toBe('update');
  await swarm.update({ id, cpu_quota: 10, pids_limit: 3 });
  expect(await file(loaded, id, 'cpu.max')).toBe('10000 100000');
  // To another cgroup, where it stays frozen.
  await swarm.update({ id, memory_limit: 64 * MiB });
  await expect.poll(async () => (await swarm.inspect(id)).frozen).toBe('update');
  const rules: AgentRequest = {
    syscalls: { fork: 'deny', getppid: 'audit' },
    sockets: ['unix'],
    exec_paths: ['/usr/bin/'],
  };
  await swarm.update({ id, ...rules, devices: [], unlisted: 'kill', oom_group: false });
  expect(await swarm.inspect(id)).toMatchObject({
    frozen: 'update',
    state: 'frozen',
    policy: { ...rules, devices: [], unlisted: 'kill', oom_group: false },
  });
  expect((await loaded.exec('rmmod swarm_guard')).stderr).toMatch(/in use/);
  expect((await swarm.inspect(id)).state).toBe('frozen');
  const events = await swarm.eventsDuring(async () => {
    await swarm.destroy(id);
    await expect(loaded).toHaveActiveAgents(0);
  });
  expect(events).toMatchObject([{ event: 'destroyed', agent: id, reason: 'request', signal: 9 }]);
  expect(await swarm.metrics()).toContain('swarm_guard_agents_frozen 0\n');
});

test('FREEZE-05: a thread was armed for an agent that is frozen then: its child stops before it runs', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  const { id, pid } = await start(loaded);
  // It stops before it enters anything.
  await background(
    loaded,
    `sh -c ${quoted(`join --wait 3000 ${id} ${pid} /bin/echo ran >/run/late.out 2>/run/late.err; echo $? >/run/late.code`)}`,
  );
  const said = (name: string) => loaded.sh(`cat /run/late.${name} 2>/dev/null || true`);
  await expect.poll(() => said('err')).toContain(`{"id":${id}}`);
  await swarm.update({ id, frozen: true });
  await expect.poll(() => said('err'), { timeout: 30_000 }).toContain('pid ');
  const child = Number(/pid (\d+)/.exec(await said('err'))?.[1]);
  await expect.poll(async () => (await swarm.inspect(id)).members).toContain(child);
  await expect.poll(async () => (await swarm.inspect(id)).state).toBe('frozen');
  // Not one instruction of its own, nor a namespace entered.
  const namespaces = (process: number | string) => loaded.sh(`readlink /proc/${process}/ns/*`);
  expect(await namespaces(child)).toBe(await namespaces(1));
  expect(await said('out')).toBe('');
  await swarm.update({ id, frozen: false });
  await expect.poll(() => said('code'), { timeout: 30_000 }).toBe('0');
  expect(await said('out')).toBe('ran');
  await swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('FREEZE-03: memory beyond the limit kills a frozen agent; one that persists runs in its next life', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  const agent = await start(loaded, { persist: true, memory_limit: 128 * MiB });
  const { id } = agent;
  await agent.say(`consume keep ${64 * MiB}`);
  await expect.poll(async () => (await swarm.inspect(id)).usage.memory ?? 0).toBeGreaterThan(60 * MiB);
  await swarm.update({ id, frozen: true });
  await expect.poll(async () => (await swarm.inspect(id)).state).toBe('frozen');
  await swarm.update({ id, memory_limit: 8 * MiB });
  await expect.poll(async () => (await swarm.inspect(id)).state).toBe('registered');
  expect((await swarm.inspect(id)).usage.oom_kills).toBeGreaterThan(0);
  expect((await swarm.inspect(id)).frozen).toBe('no');
  expect(await swarm.metrics()).toContain('swarm_guard_agents_frozen 0\n');
  const again = await loaded.exec(`launch --file spawn '{"id":${id}}' /bin/sh -c 'exit 5'`);
  expect(again.code).toBe(5);
  await swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('FREEZE-04: an agent that others have frozen says so', async ({ loaded }) => {
  const { swarm } = loaded;
  const { id } = await start(loaded, { pids_limit: 20 });
  const frozen = async () => (await swarm.inspect(id)).frozen;
  await loaded.sh(`echo 1 >${ROOT}/swarm/plain/cgroup.freeze`);
  await expect.poll(frozen).toBe('others');
  expect((await swarm.inspect(id)).state).toBe('frozen');
  // What others have asked for, update does not take back.
  await swarm.update({ id, frozen: false });
  expect(await frozen()).toBe('others');
  await loaded.sh(`echo 0 >${ROOT}/swarm/plain/cgroup.freeze`);
  await expect.poll(frozen).toBe('no');
  await loaded.sh(`echo 1 >${await agentCgroupDir(loaded, id)}/cgroup.freeze`);
  await expect.poll(frozen).toBe('others');
  await swarm.update({ id, frozen: false });
  await expect.poll(frozen).toBe('no');
  await swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('FREEZE-06: an agent without a cgroup of its own that others have frozen where it is says so', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  const { id, pid } = await start(loaded, {});
  const seen = async () => {
    const { frozen, state } = await swarm.inspect(id);
    return { frozen, state };
  };
  const others = { frozen: 'others', state: 'frozen' };
  const runs = { frozen: 'no', state: 'running' };
  const held = `${ROOT}/held`;
  await loaded.sh(`mkdir -p ${held}/below; echo ${pid} >${held}/below/cgroup.procs`);
  expect(await seen()).toEqual(runs);
  for (const dir of [`${held}/below`, held]) {
    await loaded.sh(`echo 1 >${dir}/cgroup.freeze`);
    await expect.poll(seen).toEqual(others);
    // Which counts what update has frozen.
    expect(await swarm.metrics()).toContain('swarm_guard_agents_frozen 0\n');
    await loaded.sh(`echo 0 >${dir}/cgroup.freeze`);
    await expect.poll(seen).toEqual(runs);
  }
  await swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
  await loaded.sh(`rmdir ${held}/below ${held}`);
});

for (const [where, limits] of [
  ['in its own cgroup', { pids_limit: 20 }],
  ['without a cgroup of its own', {}],
] as const)
  test(`FREEZE-08: an agent ${where} that others have frozen gets no process by spawn, stops one that is attached, and is destroyed`, async ({
    loaded,
  }) => {
    const { swarm } = loaded;
    const { id, pid } = await start(loaded, { privileged: true, namespace_flags: 0, ...limits });
    const own = 'pids_limit' in limits;
    const dir = own ? await agentCgroupDir(loaded, id) : `${ROOT}/held`;
    if (!own) await loaded.sh(`mkdir ${dir}; echo ${pid} >${dir}/cgroup.procs`);
    const spawn = async () => (await swarm.write(`{"id":${id}}`, undefined, 'spawn')).answers;
    await loaded.sh(`echo 1 >${dir}/cgroup.freeze`);
    expect(await spawn()).toMatchObject([
      {
        error: 'EBUSY',
        field: 'id',
        message: expect.stringMatching(/^somebody else has frozen the cgroups/),
      },
    ]);
    if (own) {
      const other = await background(loaded, 'sh -c "while :; do :; done"');
      await swarm.attach(id, other);
      const stopped = () => loaded.sh(`grep -q 'frozen 1' ${dir}/cgroup.events && cat ${dir}/cgroup.procs`);
      await expect.poll(stopped).toContain(String(other));
    }
    await loaded.sh(`echo 0 >${dir}/cgroup.freeze`);
    expect(await spawn(), 'thawed').toMatchObject([{ id }]);
    await loaded.sh(`echo 1 >${dir}/cgroup.freeze`);
    await swarm.destroy(id);
    await expect(loaded).toHaveActiveAgents(0);
    if (!own) await loaded.sh(`rmdir ${dir}`);
  });

test('FREEZE-08: a first process that is born into a frozen cgroup stops before it runs, until that is thawed', async ({
  loaded,
}) => {
  const parent = `${ROOT}/swarm/plain/cgroup.freeze`;
  await loaded.sh(`rm -f /run/born; echo 1 >${parent}`);
  await background(
    loaded,
    `launch '{"spawn":true,"pids_limit":9}' /bin/sh -c ${quoted('echo born >/run/born; sleep 1000')}`,
  );
  await expect(loaded).toHaveActiveAgents(1);
  const { id } = await onlyAgent(loaded);
  await expect.poll(async () => (await loaded.swarm.inspect(id)).frozen).toBe('others');
  expect((await loaded.exec('test -e /run/born')).code, 'it has not run').toBe(1);
  await loaded.sh(`echo 0 >${parent}`);
  await expect.poll(() => loaded.sh('cat /run/born 2>/dev/null || true')).toBe('born');
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

for (const [how, request, slow] of [
  ['its files are written', { memory_limit: 1 << 26 }, 'memory_max_write'],
  ['it is moved to a new cgroup', { pids_limit: 20 }, 'cgroup_procs_write'],
] as const)
  test(`FREEZE-07: while update freezes an agent, inspect does not say that others have: while ${how}`, async ({
    loaded,
    stage,
  }) => {
    const { swarm } = loaded;
    const { id } = await start(loaded, request);
    const called = () => loaded.sh('cat /sys/module/swarm_delay/parameters/hits');
    const delay = { function: slow, ms: 2000 };
    await delayed(loaded, stage, delay, async () => {
      let over = false;
      const update = swarm.update({ id, frozen: true, memory_limit: 1 << 25 }).then(() => (over = true));
      await expect.poll(called, { intervals: [50] }).not.toBe('0');
      const { frozen } = await swarm.inspect(id);
      expect(over, 'it is slow').toBe(false);
      expect(frozen).toMatch(how.startsWith('its') ? /^(freezing|update)$/ : /^freezing$/);
      await update;
    });
    await expect.poll(async () => (await swarm.inspect(id)).frozen).toBe('update');
    await swarm.update({ id, frozen: false });
    await expect.poll(async () => (await swarm.inspect(id)).frozen).toBe('no');
    await swarm.destroy(id);
    await expect(loaded).toHaveActiveAgents(0);
  });

test('UPDATE-23: where there is no memory to find the cgroup, an update fails with ENOMEM and changes nothing', async ({
  loaded,
  stage,
}) => {
  await uploadRival(loaded, stage, 'swarm_redirect.ko');
  const { id } = await start(loaded, { pids_limit: 20 });
  await loaded.sh('insmod /root/swarm_redirect.ko function=vfs_path_lookup comm=swarmio answer=-12');
  const answer = await refused(loaded, { id, pids_limit: 5 });
  const hits = await loaded.sh('cat /sys/module/swarm_redirect/parameters/hits; rmmod swarm_redirect');
  expect(Number(hits)).toBeGreaterThan(0);
  expect(answer).toMatchObject({ error: 'ENOMEM', message: 'out of memory' });
  expect(await file(loaded, id, 'pids.max')).toBe('20');
  await loaded.swarm.update({ id, pids_limit: 5 });
  expect(await file(loaded, id, 'pids.max')).toBe('5');
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test("UPDATE-24: a directory that root has made in the place of the cgroup of an agent is not the agent's: nobody in it is killed, thawed or billed", async ({
  loaded,
}) => {
  const { swarm } = loaded;
  const registered = (id: number) =>
    expect.poll(async () => (await swarm.inspect(id)).state).toBe('registered');
  /** Puts a directory with somebody else's process, which has used a second of CPU time, in the cgroup's place. */
  const replace = async (id: number) => {
    const dir = await agentCgroupDir(loaded, id);
    await loaded.sh(`rmdir ${dir} && mkdir ${dir}`);
    const line = `echo 0 >${dir}/cgroup.procs; /usr/local/bin/ending burn 1000; exec sleep 1000`;
    const pid = await background(loaded, `sh -c ${quoted(line)}`);
    await expect.poll(() => loaded.sh(`cat /proc/${pid}/comm`), { timeout: 30_000 }).toBe('sleep');
    return { dir, pid };
  };
  const kept = await swarm.create({ persist: true, pids_limit: 20 });
  await loaded.exec(`launch --file spawn '{"id":${kept}}' /bin/true`);
  await registered(kept);
  const chilled = await start(loaded, { persist: true, pids_limit: 20 });
  await swarm.update({ id: chilled.id, frozen: true });
  await expect.poll(async () => (await swarm.inspect(chilled.id)).state).toBe('frozen');
  await loaded.sh(`kill -KILL ${chilled.pid}`);
  await registered(chilled.id);
  const strangers = [await replace(kept), await replace(chilled.id)];
  const frozen = `${strangers[1]?.dir}/cgroup.freeze`;
  await loaded.sh(`echo 1 >${frozen}`);
  const events = await swarm.eventsDuring(async () => {
    await swarm.destroy(kept);
    // It cannot be born where it belongs, and goes.
    await loaded.exec(`launch --file spawn '{"id":${chilled.id}}' /bin/true`);
    await expect(loaded).toHaveActiveAgents(0);
  });
  const end = events.find(
    (each): each is Extract<SwarmEvent, { event: 'destroyed' }> =>
      each.event === 'destroyed' && each.agent === kept,
  );
  expect(end).toMatchObject({ reason: 'request', exit: 0 });
  expect(end?.cpu_usec).toBeLessThan(900_000);
  expect(await loaded.sh(`cat ${frozen}`)).toBe('1');
  // What is in the way of a removal is killed after a second.
  await loaded.sh('sleep 3');
  for (const { dir, pid } of strangers) {
    expect(await loaded.sh(`cat ${dir}/cgroup.procs`)).toBe(`${pid}`);
    await loaded.sh(`kill -KILL ${pid}; while ! rmdir ${dir}; do sleep 0.1; done`);
  }
});
