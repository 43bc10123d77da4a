import { createRequest } from '../../client/abi/request.js';
import { expect, test } from '../support/fixtures.js';
import { NAMESPACES, expectBorn, hold, onlyAgent } from '../support/guest.js';
import { uploadRival } from '../support/moments.js';

/** A hundred forks take a while in an emulated guest. */
const SLOWLY = { timeout: 60_000 };

const DEFAULTS = {
  memory_limit: 0,
  cpu_quota: 0,
  pids_limit: 0,
  namespace_flags: 127,
  devices: ['c 1:3 rwm', 'c 1:5 rwm', 'c 1:7 rwm', 'c 1:8 rwm', 'c 1:9 rwm', 'c 5:0 rwm', 'c 5:2 rwm'].concat(
    'c 136:* rwm',
  ),
  syscalls: {
    fork: 'allow',
    thread: 'allow',
    execve: 'allow',
    unshare: 'deny',
    setns: 'deny',
    autoload: 'deny',
  },
  persist: false,
  privileged: false,
  propagation: 'private',
  network: 'own',
  proc: true,
  devpts: true,
  oom_group: true,
  sockets: ['unix', 'inet', 'inet6', 'netlink/route'],
  core: false,
  // In the order of their numbers.
  capabilities: ['chown', 'dac_override', 'fowner', 'fsetid', 'kill', 'setgid', 'setuid', 'setpcap'].concat([
    'net_bind_service',
    'sys_chroot',
    'setfcap',
  ]),
  no_new_privs: true,
};

test('INSPECT-01: a registered agent is told with its policy, defaults filled in', async ({ loaded }) => {
  const id = await loaded.swarm.create({});
  expect(await loaded.swarm.inspect(id)).toEqual({
    id,
    name: null,
    state: 'registered',
    frozen: 'no',
    violations: 0,
    audited: 0,
    ids: null,
    cgroup: null,
    namespaces: null,
    usage: { pids: 0, oom_kills: 0, runtime_usec: 0, cpu_usec: 0 },
    policy: DEFAULTS,
    members: [],
    joining: [],
    starting: [],
  });
  await loaded.swarm.destroy(id);
});

test('INSPECT-02: what is printed makes an equal agent: every key comes back as it was given', async ({
  loaded,
}) => {
  const policy = {
    memory_limit: 65537,
    cpu_quota: 150,
    pids_limit: 7,
    namespace_flags: 255,
    devices: ['a *:* r', 'b 8:* rw', 'c 10:200 m', 'c *:1048575 rwm'],
    syscalls: {
      fork: 'deny',
      thread: 'kill',
      execve: 'audit',
      unshare: 'allow',
      setns: 'kill',
      autoload: 'audit',
    },
    exec_paths: ['/usr/bin/true', '/usr/local/bin/'],
    persist: true,
    privileged: true,
    propagation: 'slave',
    proc: false,
    devpts: false,
    oom_group: false,
    sockets: ['unix', '63', 'netlink/generic', 'inet/sctp', 'alg/7'],
    core: true,
    capabilities: ['dac_override', 'sys_admin', 'checkpoint_restore'],
    no_new_privs: true,
    hostname: 'a.b-c',
  } as const;
  const { devices, exec_paths, sockets, capabilities } = policy;
  const id = await loaded.swarm.create({
    ...policy,
    devices: [...devices],
    exec_paths: [...exec_paths],
    sockets: [...sockets],
    capabilities: [...capabilities],
    name: 'x.y-z_1',
  });
  const first = await loaded.swarm.inspect(id);
  // Paths come in an order of their own.
  first.policy.exec_paths?.sort();
  expect(first).toMatchObject({ name: 'x.y-z_1', policy });
  const again = await loaded.swarm.create(createRequest.parse(first.policy));
  const second = await loaded.swarm.inspect(again);
  second.policy.exec_paths?.sort();
  expect(second.policy).toEqual(first.policy);
  await loaded.swarm.destroy(id, again);
});

test('INSPECT-03: a running agent is told with its members, namespaces, cgroup, ids and counters', async ({
  loaded,
}) => {
  const running = loaded.swarm.run(
    { memory_limit: 1 << 26, pids_limit: 20, syscalls: { thread: 'audit' } },
    'attempt setns /proc/self/ns/uts -- setns /proc/self/ns/net -- thread; sleep 100 & wait',
  );
  await expectBorn(loaded, 1);
  const { id, pid } = await onlyAgent(loaded);
  await expect.poll(async () => (await loaded.swarm.inspect(id)).audited).toBe(1);
  await expect.poll(async () => (await loaded.swarm.inspect(id)).members.length).toBe(2);
  const agent = await loaded.swarm.inspect(id);
  expect(agent).toMatchObject({ id, state: 'running', violations: 2 });
  expect(agent.cgroup).toMatch(/^\/swarm\/memory\/p?\d+$/);
  const members = await loaded.sh(`cat /sys/fs/cgroup${agent.cgroup ?? ''}/cgroup.procs`);
  expect(agent.members.map(String)).toEqual(members.split('\n'));
  expect(agent.members[0]).toBe(pid);
  expect(await loaded.sh(`awk '{ print $2, $3 }' /proc/${pid}/uid_map`)).toBe(
    `${agent.ids?.first ?? 0} ${agent.ids?.count ?? 0}`,
  );
  for (const name of Object.keys(NAMESPACES) as (keyof typeof NAMESPACES)[])
    expect(await loaded.sh(`readlink /proc/${pid}/ns/${name}`)).toBe(
      `${name}:[${agent.namespaces?.[name] ?? 0}]`,
    );
  await loaded.swarm.destroy(id);
  await running;
  await expect(loaded).toHaveActiveAgents(0);
});

test('INSPECT-04: an armed agent says so', async ({ loaded }) => {
  const terminal = await loaded.terminal();
  await terminal.type(`echo '{"spawn":true,"cpu_quota":5}' >/proc/swarm/create`);
  const { id } = await onlyAgent(loaded);
  expect(await loaded.swarm.inspect(id)).toMatchObject({
    state: 'armed',
    cgroup: expect.stringMatching(/^\/swarm\/plain\/p?\d+$/),
    members: [],
    joining: [],
    starting: [],
    namespaces: null,
  });
  terminal.close();
  await expect(loaded).toHaveActiveAgents(0);
});

test('INSPECT-05: a hundred members are told whole, in pieces of any size', async ({ loaded }) => {
  const running = loaded.swarm.run({}, 'for i in $(seq 100); do sleep 100 & done; wait');
  await expectBorn(loaded, 1);
  const { id } = await onlyAgent(loaded);
  await expect.poll(async () => (await loaded.swarm.inspect(id)).members.length, SLOWLY).toBe(101);
  const ask = `exec 3<>/proc/swarm/inspect; echo ${id} >&3;`;
  const whole = await loaded.sh(`${ask} cat <&3`);
  // What it uses has grown meanwhile.
  const fixed = (text: string) => text.replace(/"usage":\{[^}]*\}/, '');
  expect(fixed(await loaded.sh(`${ask} dd bs=1 <&3 2>/dev/null`))).toBe(fixed(whole));
  await loaded.swarm.destroy(id);
  await running;
});

test('INSPECT-06: what is no id, or nobody’s, is refused, and the answer before stays', async ({
  loaded,
}) => {
  const id = await loaded.swarm.create({});
  const ask = async (text: string) =>
    (await loaded.exec('swarmio /proc/swarm/inspect', { stdin: text })).stderr.trim();
  for (const text of ['x\n', `${id}\n${id}\n`, '0\n', `${id} ${id}`, ' '.repeat(100), '-1'])
    expect(await ask(text), text).toBe('EINVAL');
  expect(await ask('999999\n')).toBe('ESRCH');
  expect(await ask(`${id}`)).toBe(`written ${`${id}`.length}`);
  expect((await loaded.exec('cat /proc/swarm/inspect')).stderr).toContain('No data available');
  expect(
    JSON.parse(
      await loaded.sh(
        `exec 3<>/proc/swarm/inspect; echo ${id} >&3; echo 999999 2>/dev/null >&3; printf ${id} >&3; cat <&3`,
      ),
    ),
  ).toMatchObject({ id });
  await loaded.swarm.destroy(id);
});

test('INSPECT-07: it is for who may give orders, and no member may, whoever opened it', async ({
  loaded,
}) => {
  const id = await loaded.swarm.create({});
  const { stdout, stderr } = await loaded.swarm.launch(
    {},
    ['/bin/bash', '-c', 'attempt read /proc/swarm/inspect; cat <&9; echo 1 >&9; true'],
    { under: `exec 9<>/proc/swarm/inspect; echo ${id} >&9;` },
  );
  expect(stdout).toBe('read EACCES\n');
  expect(stderr.match(/not permitted/g)).toHaveLength(2);
  await loaded.swarm.destroy(id);
});

test('SCALE-06: a policy takes at most 1 KiB of kernel memory', async ({ loaded }) => {
  const bytes = Number(await loaded.sh('cat /sys/kernel/slab/swarm_policy/object_size'));
  expect(bytes).toBeGreaterThan(400);
  expect(bytes).toBeLessThanOrEqual(1024);
});

/** The kernel's functions that print the files of a cgroup which inspect reads. */
const PRINTED = ['cpu_stat_show', 'memory_peak_show', 'cgroup_freeze_show', 'cgroup_events_show'];

test('INSPECT-08: where there is no memory to read a file of the cgroup, the answer is ENOMEM, and no field is left out', async ({
  loaded,
  stage,
}) => {
  await uploadRival(loaded, stage, 'swarm_redirect.ko');
  const { line, release } = hold(loaded);
  const running = loaded.swarm.run({ memory_limit: 1 << 26 }, line);
  await expectBorn(loaded, 1);
  const { id } = await onlyAgent(loaded);
  const inspected = async () => (await loaded.exec(`echo ${id} | swarmio /proc/swarm/inspect`)).stderr.trim();
  for (const shown of PRINTED) {
    await loaded.sh(`insmod /root/swarm_redirect.ko function=${shown} comm=swarmio answer=-12`);
    expect.soft(await inspected(), shown).toBe('ENOMEM');
    const hits = await loaded.sh('cat /sys/module/swarm_redirect/parameters/hits; rmmod swarm_redirect');
    expect(Number(hits), shown).toBeGreaterThan(0);
    expect(await inspected(), shown).toMatch(/^written \d+$/);
  }
  expect(await loaded.swarm.inspect(id)).toMatchObject({
    frozen: 'no',
    usage: { memory_peak: expect.any(Number), user_usec: expect.any(Number) },
  });
  await release();
  await running;
  await expect(loaded).toHaveActiveAgents(0);
});

test('INSPECT-09: showing an agent whose process has 12,000 threads costs hardly more while others start and end all the time', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  const object = JSON.stringify({ spawn: true, namespace_flags: 0, privileged: true });
  await loaded.sh(
    `setsid launch '${object}' /usr/local/bin/threads churn 12000 3 >/tmp/churn 2>&1 </dev/null &`,
  );
  await expect.poll(() => loaded.sh('cat /tmp/churn'), { timeout: 60_000 }).toMatch(/ready$/);
  const { id, pid } = await onlyAgent(loaded);
  /** The time in the kernel that so many looks take, in seconds. */
  const look = async () => {
    const looks = `for i in {1..30}; do echo ${id} | swarmio /proc/swarm/inspect >/dev/null 2>&1; done`;
    return Number(await loaded.sh(`TIMEFORMAT=%S; { time ${looks}; } 2>&1`, { timeoutMs: 120_000 }));
  };
  const churned = await look();
  // A stopped process starts no threads.
  await loaded.sh(`kill -STOP ${pid}`);
  const quiet = await look();
  expect(quiet).toBeGreaterThan(0);
  // Twice over all threads, and waiting for those that end meanwhile.
  expect(churned / quiet).toBeLessThan(4);
  await swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});
