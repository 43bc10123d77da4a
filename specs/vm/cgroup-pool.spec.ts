/** Cgroups that are made ahead, and what root does to them before an agent gets one. */
import { jsonLines } from '../../harness/util/json-lines.js';
import { consumed } from '../support/figures.js';
import { agentCgroup, agentCgroups, expectNoAgentCgroups, expectReadyCgroups } from '../support/cgroups.js';
import { expect, test } from '../support/fixtures.js';
import { background, moduleLog } from '../support/guest.js';
import { load, reload } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

/** The number of directories that wait below each parent by default. */
const SIZE = 16;

const TOP = '/sys/fs/cgroup/swarm';
const PLAIN = { cpu_quota: 50, pids_limit: 20 };
const MEMORY = { ...PLAIN, memory_limit: 1 << 26 };

/** The names of the directories that wait below one parent. */
async function waiting(guest: LoadedGuest, parent: 'plain' | 'memory'): Promise<string[]> {
  return (await guest.sh(`cd ${TOP}/${parent} && ls -d p*/ 2>/dev/null | tr -d / || true`))
    .split('\n')
    .filter(Boolean);
}

/**
 * Has the pool below `plain` filled: the first agent that needs a directory there begins that, and more are made when
 * half of them are used.
 */
async function fill(guest: LoadedGuest, size = SIZE): Promise<string[]> {
  await guest.swarm.run(PLAIN, 'true');
  await expectReadyCgroups(guest, size / 2 + 1);
  await expectNoAgentCgroups(guest);
  const names = await waiting(guest, 'plain');
  expect(names.length).toBeGreaterThan(size / 2);
  return names;
}

/** Hits and misses so far. */
async function counts(guest: LoadedGuest): Promise<{ hits: number; misses: number }> {
  const text = await guest.swarm.metrics();
  const of = (name: string) =>
    Number(new RegExp(`^swarm_guard_cgroup_pool_${name}_total (\\d+)$`, 'm').exec(text)?.[1]);
  return { hits: of('hits'), misses: of('misses') };
}

/** An agent that stays, and the name of its directory. */
async function started(guest: LoadedGuest, policy: object = PLAIN): Promise<{ id: number; name: string }> {
  const id = await guest.swarm.create(policy);
  await background(guest, `launch --file spawn '{"id":${id}}' /bin/sleep 600`);
  await expect.poll(async () => (await guest.swarm.inspect(id)).members).toHaveLength(1);
  return { id, name: (await agentCgroup(guest, id)).split('/').at(-1) ?? '' };
}

test('POOL-01: from the first agent that needs one on, cgroups wait for the next, and metrics tell', async ({
  loaded,
}) => {
  expect(await waiting(loaded, 'plain')).toEqual([]);
  const before = await counts(loaded);
  await fill(loaded);
  await expectReadyCgroups(loaded, SIZE);
  const [one] = (await waiting(loaded, 'plain')).toSorted((a, b) => Number(a.slice(1)) - Number(b.slice(1)));
  expect(await waiting(loaded, 'memory')).toEqual([]);
  const next = await started(loaded);
  expect(next.name).toBe(one);
  expect(await counts(loaded)).toEqual({ hits: before.hits + 1, misses: before.misses + 1 });
  await loaded.swarm.run(MEMORY, 'true');
  const own = await started(loaded, { ...MEMORY, oom_group: false });
  expect(own.name).toMatch(/^p\d+$/);
  const files = 'cpu.max pids.max memory.max memory.oom.group';
  expect(await loaded.sh(`cd ${TOP}/memory/${own.name} && for f in ${files}; do cat $f; done | xargs`)).toBe(
    `50000 100000 20 ${1 << 26} 0`,
  );
  for (const { id } of [next, own]) await loaded.swarm.destroy(id);
  await expectNoAgentCgroups(loaded);
});

test('POOL-02: a cgroup is used once, so that every agent is counted from zero', async ({ loaded }) => {
  await fill(loaded);
  const names = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const { id, name } = await started(loaded);
    expect(names.has(name)).toBe(false);
    names.add(name);
    expect((await loaded.swarm.inspect(id)).usage.cpu_usec).toBeLessThan(500_000);
    await loaded.swarm.destroy(id);
  }
  await expectNoAgentCgroups(loaded);
});

/** Changes that root may make to a directory that waits, as a shell line in it. */
const DISTURBANCES: Readonly<Record<string, string>> = {
  'a process lives in it': 'sleep 600 & echo $! >cgroup.procs; echo $! >>/srv/lodgers',
  'a process has been in it': 'echo $$ >cgroup.procs; echo $$ >/sys/fs/cgroup/cgroup.procs',
  'it is frozen': 'echo 1 >cgroup.freeze',
  'it was frozen for a while': 'echo 1 >cgroup.freeze; echo 0 >cgroup.freeze',
  "it is another user's": 'chown 1000 .',
  'another user may move processes into it': 'chown 1000 cgroup.procs',
  'everybody may': 'chmod 666 cgroup.procs',
  'another user may lift a limit': 'chown 1000 pids.max',
  'its controllers are handed on': 'echo +pids >cgroup.subtree_control',
  'it is gone': 'cd ..; rmdir $OLDPWD',
  'it is gone and made anew': 'cd ..; rmdir $OLDPWD; mkdir $OLDPWD',
};

for (const [what, line] of Object.entries(DISTURBANCES))
  test(`POOL-03: ${what}: no agent gets it, and each has its limits`, async ({ loaded }) => {
    await loaded.sh('rm -f /srv/lodgers');
    const names = await fill(loaded);
    await loaded.sh(`for name in ${names.join(' ')}; do cd ${TOP}/plain/$name\n${line}\ndone`);
    const agent = await started(loaded);
    expect(names).not.toContain(agent.name);
    expect(
      await loaded.sh(`cd ${TOP}/plain/${agent.name} && cat cpu.max pids.max cgroup.freeze | xargs`),
    ).toBe('50000 100000 20 0');
    const forks = ['/usr/local/bin/consume', 'processes', '50'];
    const { stdout } = await loaded.swarm.launch({ pids_limit: 10 }, forks);
    expect(jsonLines(stdout, consumed)).toEqual([{ processes: 9, end: 'EAGAIN' }]);
    await loaded.swarm.destroy(agent.id);
    await expectReadyCgroups(loaded, SIZE / 2 + 1);
    const lodgers = await loaded.sh('cat /srv/lodgers 2>/dev/null || true');
    // Whoever root has put there lives on, and ends when root says so.
    for (const pid of lodgers.split('\n').filter(Boolean)) await loaded.sh(`kill ${pid}`);
    // A directory that somebody has made anew is his.
    await loaded.sh(`cd ${TOP}/plain; rmdir ${names.join(' ')} 2>/dev/null || true`);
    await loaded.swarm.run(PLAIN, 'true');
    await expectNoAgentCgroups(loaded);
  });

test("POOL-04: limits that root has written to a cgroup that waits are not the next agent's", async ({
  loaded,
}) => {
  for (const name of (await fill(loaded)).slice(0, 4))
    await loaded.sh(
      `cd ${TOP}/plain/${name} && echo 1 >pids.max && echo 1000 100000 >cpu.max && mkdir below`,
    );
  const free = await started(loaded, { cpu_quota: 70 });
  expect(await loaded.sh(`cd ${TOP}/plain/${free.name} && cat cpu.max pids.max | xargs`)).toBe(
    '70000 100000 max',
  );
  const held = await started(loaded, { pids_limit: 7 });
  expect(await loaded.sh(`cd ${TOP}/plain/${held.name} && cat cpu.max pids.max | xargs`)).toBe(
    'max 100000 7',
  );
  for (const { id } of [free, held]) await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
  for (const { name } of [free, held])
    await expect.poll(() => loaded.sh(`ls -d ${TOP}/plain/${name} 2>/dev/null || true`)).toBe('');
  await loaded.sh(`rmdir ${TOP}/plain/*/below`);
});

test('POOL-05: controllers that are switched off are named, and work again when they are on', async ({
  loaded,
}) => {
  await fill(loaded);
  await loaded.sh(`echo -pids >${TOP}/plain/cgroup.subtree_control`);
  const refused = await loaded.exec(`echo '{"spawn":true,"pids_limit":5}' | swarmio /proc/swarm/create`);
  expect(refused.stdout + refused.stderr).toMatch(
    /controller pids is not in cgroup.subtree_control of swarm\/plain/,
  );
  expect(await loaded.swarm.run({ cpu_quota: 50 }, 'echo ran')).toMatchObject({ code: 0, stdout: 'ran\n' });
  await loaded.sh(`echo +pids >${TOP}/plain/cgroup.subtree_control`);
  const forks = ['/usr/local/bin/consume', 'processes', '50'];
  for (let i = 0; i < 20; i++) {
    const { stdout } = await loaded.swarm.launch({ pids_limit: 10 }, forks);
    expect(jsonLines(stdout, consumed)).toEqual([{ processes: 9, end: 'EAGAIN' }]);
  }
  await expectNoAgentCgroups(loaded);
});

test('POOL-06: where there is no room for another cgroup, agents get those that wait, and then the reason', async ({
  booted,
  module,
}) => {
  // Without others that wait below memory, which would give way.
  const loaded = await load(booted, module.ko, { cgroup_pool: 4 });
  const names = await fill(loaded, 4);
  await loaded.sh(`grep nr_descendants ${TOP}/cgroup.stat | cut -d' ' -f2 >${TOP}/cgroup.max.descendants`);
  const agents = [];
  for (let left = names.length; left > 0; left--) agents.push(await started(loaded));
  const refused = await loaded.exec(`echo '{"spawn":true,"pids_limit":5}' | swarmio /proc/swarm/create`);
  expect(refused.stdout + refused.stderr).toMatch(
    /ENOSPC.*cgroup\.max\.descendants of the cgroup .* needs \d+ or more/,
  );
  await loaded.sh(`echo max >${TOP}/cgroup.max.descendants`);
  for (const { id } of agents) await loaded.swarm.destroy(id);
  await expectNoAgentCgroups(loaded);
  expect(await loaded.swarm.run(PLAIN, 'echo ran')).toMatchObject({ stdout: 'ran\n' });
  await loaded.unload();
});

test('POOL-07: an agent that gets limits by an update gets a cgroup that waits, frozen if it is', async ({
  loaded,
}) => {
  await fill(loaded);
  const before = await counts(loaded);
  const id = await loaded.swarm.create({});
  await background(loaded, `launch --file spawn '{"id":${id}}' /bin/sleep 600`);
  await expect.poll(async () => (await loaded.swarm.inspect(id)).members).toHaveLength(1);
  await loaded.swarm.update({ id, pids_limit: 9, frozen: true });
  const dir = `/sys/fs/cgroup${await agentCgroup(loaded, id)}`;
  expect(await loaded.sh(`cd ${dir} && cat pids.max cgroup.freeze && wc -l <cgroup.procs`)).toBe('9\n1\n1');
  expect((await counts(loaded)).hits).toBe(before.hits + 1);
  await loaded.swarm.destroy(id);
  await expectNoAgentCgroups(loaded);
});

test('POOL-08: births on all processors while root removes what waits: nobody goes without, nothing is left', async ({
  loaded,
}) => {
  await fill(loaded);
  const spoiler = await background(
    loaded,
    `sh -c 'while :; do for d in ${TOP}/plain/p*; do rmdir $d; done 2>/dev/null; done'`,
  );
  const births = `for i in $(seq 40); do launch '{"spawn":true,"pids_limit":20}' /bin/true 2>&1 || echo failed; done`;
  const outputs = await Promise.all([1, 2, 3].map(() => loaded.sh(births, { timeoutMs: 120_000 })));
  await loaded.sh(`kill ${spoiler}`);
  // Root may also have removed the one that an agent had just got, before its process was in it.
  for (const text of outputs) expect(text.match(/^\{"id":\d+\}$/gm)).toHaveLength(40);
  // Those that were removed count among the waiting until it is their turn.
  for (let i = 0; i <= SIZE; i++)
    expect(await loaded.swarm.run(PLAIN, 'echo ran')).toMatchObject({ stdout: 'ran\n' });
  await expectNoAgentCgroups(loaded);
});

test('POOL-09: unloading leaves none, except where processes of others live, and says so; loading goes on', async ({
  booted,
  module,
}) => {
  const guest = await load(booted, module.ko, { cgroup_pool: 4 });
  const [name = ''] = await fill(guest, 4);
  await guest.sh('dmesg -C');
  const lodger = await background(guest, 'sleep 600');
  await booted.sh(`echo ${lodger} >${TOP}/plain/${name}/cgroup.procs`);
  await guest.unload();
  expect(await booted.sh(`cd ${TOP} && find . -mindepth 2 -type d`)).toBe(`./plain/${name}`);
  expect((await moduleLog(booted)).join('\n')).toContain(`cgroup ${name} stays behind`);
  expect(await booted.sh(`ls -d /proc/${lodger}`)).toBe(`/proc/${lodger}`);
  const again = await reload(booted, { cgroup_pool: 4 });
  await again.swarm.run(PLAIN, 'true');
  await expectReadyCgroups(again, 4);
  expect((await waiting(again, 'plain')).filter((each) => each !== name)).toHaveLength(4);
  await booted.sh(`kill ${lodger}; until rmdir ${TOP}/plain/${name}; do sleep 0.1; done`);
  // Whatever the worker is at when the module goes.
  await again.swarm.run(PLAIN, 'true');
  await again.unload();
  // Its parent was there before, since something had been left in it.
  expect(await booted.sh(`find ${TOP} -mindepth 1 -type d`)).toBe('');
  await booted.sh(`rmdir ${TOP}`);
});

test("POOL-10: with cgroup_pool=0 none waits, and a cgroup has its agent's id for a name", async ({
  booted,
  module,
}) => {
  const guest = await load(booted, module.ko, { cgroup_pool: 0 });
  for (let i = 0; i < 3; i++) {
    const { id, name } = await started(guest);
    expect(name).toBe(String(id));
    await guest.swarm.destroy(id);
  }
  await expect.poll(() => agentCgroups(guest)).toBe(0);
  expect(await counts(guest)).toEqual({ hits: 0, misses: 0 });
  expect(await booted.sh(`find ${TOP} -mindepth 2 -type d`)).toBe('');
});

test('POOL-11: what waits in one parent leaves room for an agent in the other', async ({ loaded }) => {
  await fill(loaded);
  await expectReadyCgroups(loaded, SIZE);
  await loaded.sh(`sed -n 's/^nr_descendants //p' ${TOP}/cgroup.stat >${TOP}/cgroup.max.descendants`);
  for (const policy of [MEMORY, PLAIN, MEMORY])
    expect(await loaded.swarm.run(policy, 'echo ran')).toMatchObject({ code: 0, stdout: 'ran\n' });
  await loaded.sh(`echo max >${TOP}/cgroup.max.descendants`);
  await expectNoAgentCgroups(loaded);
});
