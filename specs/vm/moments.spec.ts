/** Things that happen in a moment too short to meet, unless a function of the kernel is made slow. */
import { quoted } from '../../client/client.js';
import { agentCgroupLine } from '../support/cgroups.js';
import { expect, test } from '../support/fixtures.js';
import { background, destroyAll, expectBorn, onlyAgent, shrink } from '../support/guest.js';
import { ORACLE, asLoaded, reload } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';
import { FILES_OF_ROOT, delayed, moment, opening } from '../support/moments.js';
import { destroyWhileForking, expectNothingLeft } from '../support/races.js';

test("LIFE-07: a process that is adopted or attached while it is being forked belongs to its parent's agent alone", async ({
  loaded,
  stage,
}) => {
  // Its number can be found already, and its parent has not told anybody of it.
  const slow = { function: 'sched_post_fork', ms: 10 };
  const counts = await delayed(loaded, stage, slow, () => moment(loaded, 'adopting 100'));
  expect(counts['early'], 'adoptions that came too early').toBeGreaterThan(50);
  expect(counts['early_attach'], 'attached too early').toBeGreaterThan(50);
  expect(counts).toMatchObject({ adopted: 0, attached: 0 });
  await expectNothingLeft(loaded);
});

/** Waits until a function has come to be slow. */
const UNTIL_SLOW = 'until [ "$(cat /sys/module/swarm_delay/parameters/hits)" -gt 0 ]; do :; done';

for (const [first, ...others] of [
  ['create', 'create', 'attach'],
  ['attach', 'create', 'create'],
] as const)
  test(`LIFE-32: of two adoptions and an attachment of one process at once, the one that comes first, here by ${first}, takes it, and the others fail with EBUSY`, async ({
    loaded,
    stage,
  }) => {
    const { swarm } = loaded;
    const policy = { namespace_flags: 0, privileged: true, pids_limit: 9 };
    const own = await background(loaded, 'sleep 1000');
    const agent = await swarm.create({ ...policy, pid: own });
    const pid = await background(loaded, 'sleep 1000');
    const objects = { create: { ...policy, pid }, attach: { id: agent, pid } };
    // The first keeps its CPU busy, and the others must not have to wait there.
    const order = (file: 'create' | 'attach', said: number) =>
      `echo ${quoted(JSON.stringify(objects[file]))} | taskset -c ${said === 0 ? 1 : 0} swarmio /proc/swarm/${file} >/tmp/said${said} 2>&1 &`;
    await loaded.writeFile(
      '/run/orders',
      `${order(first, 0)} ${UNTIL_SLOW}; ${others.map((file, i) => order(file, i + 1)).join(' ')} wait; cat /tmp/said?`,
    );
    // Behind all that is looked at, and the move into the cgroup; before there is an entry.
    const slow = { function: 'swarm_guard:swarm_member_add', comm: 'swarmio', ms: 2000 };
    const said = await delayed(loaded, stage, slow, () =>
      loaded.sh('taskset -c 0 bash /run/orders', { timeoutMs: 60_000 }),
    );
    expect(said.match(/\bEBUSY$/gm), said).toHaveLength(2);
    expect(said.match(/^written \d+$/gm), said).toHaveLength(1);
    const ids = [...said.matchAll(/^\{"id":(\d+)/gm)].map(([, id]) => Number(id));
    expect(ids, said).toHaveLength(1);
    const [id = 0] = ids;
    const members = async (of: number) => (await swarm.inspect(of)).members;
    expect(await members(agent)).toEqual(first === 'attach' ? [own, pid] : [own]);
    if (first === 'create') expect(await members(id)).toEqual([pid]);
    else expect(id).toBe(agent);
    expect((await swarm.status()).active).toBe(first === 'create' ? 2 : 1);
    expect(await loaded.sh(`cat /proc/${pid}/cgroup`)).toBe(await agentCgroupLine(loaded, id));
    await destroyAll(loaded);
    await expectNothingLeft(loaded);
  });

test('ORDER-35: an agent destroyed between its arming and the end of a fork has no child outside', async ({
  loaded,
}) => {
  await destroyWhileForking(loaded, 300);
  await expectNothingLeft(loaded);
});

test('ORDER-43: an agent destroyed while a process is armed and forked to join it has no child outside', async ({
  loaded,
}) => {
  await destroyWhileForking(loaded, 80, 'joins');
  await expectNothingLeft(loaded);
});

test("ORDER-34: an agent that is destroyed while armed goes with its thread's next fork, exit or arming", async ({
  loaded,
}) => {
  const terminal = await loaded.terminal();
  await terminal.type('exec 3<>/proc/swarm/create');
  const armAndDestroy = async () => {
    await terminal.type(`printf '{"spawn":true,"memory_limit":67108864}' >&3; read -r answer <&3`);
    await terminal.type('echo "${answer//[^0-9]/}" >/proc/swarm/destroy');
    expect((await loaded.swarm.status()).active, 'not gone yet').toBe(1);
    expect(await loaded.swarm.inspect((await onlyAgent(loaded)).id)).toMatchObject({
      state: 'dying',
    });
    expect((await loaded.exec('rmmod swarm_guard')).stderr, 'unloading').toContain('in use');
  };
  const own = await loaded.sh('readlink /proc/1/ns/pid');
  await armAndDestroy();
  expect(await terminal.type('readlink /proc/self/ns/pid')).toMatch(/fork: Operation canceled/);
  await expect(loaded).toHaveActiveAgents(0);
  expect(await terminal.type('readlink /proc/self/ns/pid'), 'disarmed').toBe(own);
  await armAndDestroy();
  const { created } = await loaded.swarm.status();
  await terminal.type(`printf '{"spawn":true,"namespace_flags":33}' >&3; read -r answer <&3; echo "$answer"`);
  expect(await loaded.swarm.status(), 'armed anew').toMatchObject({ active: 1, created: created + 1 });
  const inside = await terminal.type('readlink /proc/self/ns/pid');
  expect(inside).toMatch(/^pid:\[\d+\]$/);
  expect(inside).not.toBe(own);
  await armAndDestroy();
  await loaded.sh(`kill -9 ${await terminal.type('echo $$')}`);
  await expectNothingLeft(loaded);
});

/** Starts an agent that holds a fifo open in two threads' files; returns its id. */
async function holder(guest: LoadedGuest): Promise<number> {
  await guest.sh('rm -f /srv/held; mkfifo -m 666 /srv/held; chmod 755 /srv');
  const reader = await background(guest, 'sleep 1000 3<>/srv/held');
  await guest.sh(
    `setsid launch '{"spawn":true}' /usr/local/bin/moment hold /srv/held >/srv/out 2>&1 </dev/null &`,
  );
  await expect.poll(() => guest.sh('cat /srv/out')).toContain('holding');
  await guest.sh(`kill ${reader}`);
  return (await onlyAgent(guest)).id;
}

for (const [promise, who, comm] of [
  ['LIFE-04', 'its process', undefined],
  ['LIFE-05', 'a thread of it that is slower than the last', 'slow'],
] as const)
  test(`${promise}: "destroyed" is told when ${who} has let go of its files`, async ({ loaded, stage }) => {
    const id = await holder(loaded);
    const slow = { function: 'exit_files', ms: 100, ...(comm ? { comm } : {}) };
    const counts = await delayed(loaded, stage, slow, () => moment(loaded, `let-go /srv/held ${id}`));
    expect(counts).toEqual({ let_go: 1 });
    await expectNothingLeft(loaded);
  });

test('LIFE-28: "destroyed" is told when its last process has let go of its mounts', async ({
  loaded,
  stage,
}) => {
  const dir = '/srv/mounted';
  await loaded.sh(`mkdir -p ${dir}; mount -t tmpfs none ${dir}`);
  const running = loaded.swarm.run({}, 'sleep 1000');
  await expectBorn(loaded, 1);
  const { id } = await onlyAgent(loaded);
  const counts = await delayed(loaded, stage, { function: 'put_mnt_ns', ms: 100 }, () =>
    moment(loaded, `unmounted ${dir} ${id}`),
  );
  expect(counts).toEqual({ let_go: 1 });
  expect((await running).code).toBe(137);
  await loaded.sh(`rmdir ${dir}`);
  await expect(loaded).toHaveActiveAgents(0);
});

test('LIFE-33: "destroyed" is told when its last process has let go of its memory', async ({
  loaded,
  stage,
}) => {
  const dir = '/srv/mounted';
  await loaded.sh(`mkdir -p ${dir}; mount -t tmpfs -o mode=777 none ${dir}; chmod 755 /srv`);
  // With the launcher's mounts: once they are gone, only the mapping keeps the file system.
  const object = JSON.stringify({ spawn: true, namespace_flags: 123 });
  await loaded.sh(
    `setsid launch ${quoted(object)} /usr/local/bin/moment map ${dir}/file >/srv/out 2>&1 </dev/null &`,
  );
  await expect.poll(() => loaded.sh('cat /srv/out')).toContain('mapped');
  const { id } = await onlyAgent(loaded);
  const counts = await delayed(loaded, stage, { function: 'exit_mmap', ms: 300, comm: 'slow' }, () =>
    moment(loaded, `unmounted ${dir} ${id}`),
  );
  expect(counts).toEqual({ let_go: 1 });
  await loaded.sh(`rmdir ${dir}`);
  await expectNothingLeft(loaded);
});

test('LIFE-34: processes of one bucket of the table of members have one lock, however many they are, and all leave it at once', async ({
  loaded: given,
}) => {
  await given.unload();
  // The smallest table: 1,024 buckets.
  const loaded = await reload(given, { max_agents: 1 });
  const CHILDREN = 1200;
  const object = JSON.stringify({ spawn: true, namespace_flags: 0, privileged: true });
  for (let round = 0; round < 2; round++) {
    await background(loaded, `launch '${object}' /usr/local/bin/ending leaders-gone ${CHILDREN}`);
    const members = () => loaded.sh(`sed -n 's/^swarm_guard_members //p' /proc/swarm/metrics`);
    await expect.poll(members, { timeout: 60_000 }).toBe(`${CHILDREN + 1}`);
    expect(await loaded.findings()).toEqual([]);
    const { id } = await onlyAgent(loaded);
    await loaded.swarm.destroy(id);
    await expect(loaded).toHaveActiveAgents(0);
  }
  await expectNothingLeft(loaded);
});

test('LIFE-06: the module stays while a thread that has something reserved is between its end and being told', async ({
  loaded,
  stage,
}) => {
  // What it calls behind the count of living threads and before sched_process_exit.
  const slow = { function: 'taskstats_exit', ms: 3000, comm: 'slow' };
  const traceable = `grep -qx ${slow.function} /sys/kernel/tracing/available_filter_functions`;
  test.skip((await loaded.exec(traceable)).code !== 0, 'this kernel is built without CONFIG_TASKSTATS');
  await delayed(loaded, stage, slow, async () => {
    // Its last thread has been told of, and the agent is there still: looked at from within, in no time.
    await loaded.writeFile(
      '/run/look',
      `launch '{"spawn":true,"pids_limit":2}' /usr/local/bin/moment left-over >/dev/null 2>&1 </dev/null &
      until grep -q 'PID: [1-9]' /proc/swarm/agents; do sleep 0.01; done
      until grep -q '^swarm_guard_members 0$' /proc/swarm/metrics; do sleep 0.01; done
      grep -c 'PID: [1-9]' /proc/swarm/agents
      rmmod swarm_guard 2>&1 || echo in use`,
    );
    expect(await loaded.sh('sh /run/look')).toMatch(/^1\n.*in use$/s);
    await expect(loaded).toHaveActiveAgents(0);
  });
  await expectNothingLeft(loaded);
});

/** The number of times that the hook on fork has run. */
async function forksSeen(guest: LoadedGuest): Promise<number> {
  const metrics = await guest.sh('cat /proc/swarm/metrics');
  return Number(/hook_runs_total\{function="kernel_clone"\} (\d+)/.exec(metrics)?.[1]);
}

const FORKING = '/srv/forks';

/** Starts `moment forks`, the first process of an agent of its own, which waits until FORKING exists. */
async function forker(
  guest: LoadedGuest,
  forks: number,
  policy: object,
): Promise<{ id: number; pid: number }> {
  await guest.sh(`rm -f ${FORKING}`);
  const pid = await background(guest, `moment forks ${forks} ${FORKING}`);
  const id = await guest.swarm.create({ ...policy, namespace_flags: 0, privileged: true, pid });
  return { id, pid };
}

/** Lets it fork, and waits until it has exited, without a fork of its own. */
const letFork = (pid: number) => `touch ${FORKING}; tail --pid=${pid} --sleep-interval=0.1 -f /dev/null`;

test('LIFE-08: a fork that finds no entry for its child, and starts anew, is counted and told once', async ({
  loaded,
  stage,
}) => {
  const FORKS = 3000;
  // The worker is slow, and so forks come to need what fills the pool themselves.
  const slow = { function: 'swarm_guard:refill', ms: 4000, counted: 'swarm_guard:swarm_member_refill' };
  const { id, pid } = await forker(loaded, FORKS, { persist: true, syscalls: { fork: 'audit' } });
  const before = await forksSeen(loaded);
  const events = await loaded.swarm.eventsDuring(() =>
    delayed(loaded, stage, slow, () => loaded.sh(letFork(pid), { timeoutMs: 120_000 })),
  );
  expect(await loaded.swarm.inspect(id)).toMatchObject({ audited: FORKS });
  const told = events.map((each) =>
    each.event === 'violation' ? 1 : each.event === 'suppressed' ? each.count : 0,
  );
  expect(told.reduce((sum, each) => sum + each, 0)).toBe(FORKS);
  // And whatever the commands of this spec forked meanwhile. There are over thirty forks that start anew.
  expect((await forksSeen(loaded)) - before).toBeLessThan(FORKS + 25);
  await loaded.swarm.destroy(id);
  await expectNothingLeft(loaded);
});

/** Moments of a process that exits, or of who adopts it, and what the adoption says then. */
const EXITS = [
  ['begins to exit', { function: 'exit_signals', comm: 'consume' }, 'written'],
  ['has exited and nobody has been told', { function: 'taskstats_exit', comm: 'consume' }, 'ESRCH'],
  ['has exited and closes its files', { function: 'exit_files', comm: 'consume' }, 'ESRCH'],
  [
    'exits behind the last look at it',
    { function: 'swarm_guard:swarm_cgroup_adopt', comm: 'swarmio' },
    'ESRCH',
  ],
] as const;

for (const [who, slow, said] of EXITS)
  test(`LIFE-31: an adoption without a cgroup of a process that ${who} leaves no entry`, async ({
    loaded,
    stage,
  }) => {
    const name = slow.function.replace('swarm_guard:', '');
    const there = (await loaded.exec(`grep -qw ${name} /proc/kallsyms`)).code === 0;
    test.skip(!there && name === 'taskstats_exit', 'this kernel is built without taskstats');
    const before = await loaded.swarm.status();
    // Who is slow keeps its CPU busy: nothing else that the moment is made of may have to wait there.
    const on = slow.comm === 'consume' ? { victim: 1, adopter: 0 } : { victim: 0, adopter: 1 };
    const victim = await background(loaded, `taskset -c ${on.victim} consume wait`);
    await expect.poll(() => loaded.sh(`cat /proc/${victim}/comm`)).toBe('consume');
    const adopt = `echo '{"pid":${victim},"namespace_flags":0,"privileged":true}' | taskset -c ${on.adopter} swarmio /proc/swarm/create 2>&1`;
    const kill = `kill -9 ${victim}`;
    const line =
      slow.comm === 'consume'
        ? `${kill}; ${UNTIL_SLOW}; ${adopt} || true`
        : `${adopt} >/tmp/said & ${UNTIL_SLOW}; ${kill}; tail --pid=${victim} --sleep-interval=0.1 -f /dev/null; kill -0 $! && wait; cat /tmp/said`;
    await loaded.writeFile('/run/adopting', line);
    const answer = await delayed(loaded, stage, { ms: 3000, ...slow }, () =>
      loaded.sh('taskset -c 0 bash /run/adopting', { timeoutMs: 60_000 }),
    );
    expect(answer).toContain(said);
    await expect(loaded).toHaveActiveAgents(0);
    const { created } = await loaded.swarm.status();
    expect(created - before.created, 'agents that it was the first of').toBe(said === 'written' ? 1 : 0);
    await expectNothingLeft(loaded);
  });

test('LIFE-26: however many members exit at once, all their entries are freed after one grace period', async ({
  loaded,
  stage,
}) => {
  const FORKS = Math.round(1000 / (stage.kernel.slower ?? 1));
  const { pid } = await forker(loaded, FORKS, {});
  const entries = `awk '$1 == "swarm_member" { print $2 }' /proc/slabinfo`;
  await loaded.writeFile(
    '/run/pile',
    [
      `echo hold >${ORACLE} & holder=$!`,
      letFork(pid),
      entries,
      `echo release >${ORACLE}; wait $holder || echo "nobody waited"`,
      `echo barrier >${ORACLE}; ${shrink(['swarm_member'])}; ${entries}`,
      // What the pool keeps, once nothing can be left that waits for one more.
      `for i in $(seq 20); do echo barrier >${ORACLE}; done; ${shrink(['swarm_member'])}; ${entries}`,
    ].join('\n'),
  );
  const printed = await loaded.sh('sh /run/pile', { timeoutMs: 60_000 });
  const [held = NaN, after = NaN, settled = NaN] = printed.split('\n').map(Number);
  expect(held - settled, printed).toBeGreaterThan(FORKS * 0.9);
  expect(after - settled, printed).toBeLessThan(FORKS * 0.1);
  await expect(loaded).toHaveActiveAgents(0);
});

test('LIFE-09: no file that gives orders can be opened before the module is loaded whole', async ({
  loaded,
  stage,
}) => {
  await loaded.unload();
  const load = () => loaded.sh('sleep 0.5; insmod /root/swarm_guard.ko');
  expect(await opening(loaded, stage, load)).toBe(FILES_OF_ROOT.length);
  await expectNothingLeft(asLoaded(loaded));
});
