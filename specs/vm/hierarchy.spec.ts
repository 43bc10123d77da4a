/** Changes that root makes to the cgroup hierarchy under the module's feet. */
import { jsonLines } from '../../harness/util/json-lines.js';
import { consumed } from '../support/figures.js';
import { agentCgroupDir, expectNoAgentCgroups, expectReadyCgroups } from '../support/cgroups.js';
import { expect, test } from '../support/fixtures.js';
import { background, moduleLog, onlyAgent } from '../support/guest.js';
import { load, reload } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

const TOP = '/sys/fs/cgroup';
const LIMITED = { cpu_quota: 50, pids_limit: 20 };
const BOTH = [LIMITED, { memory_limit: 1 << 26 }];

/** A running agent with limits, which waits until it is killed; its id, first process and end. */
async function start(guest: LoadedGuest, request: object = LIMITED, line = 'consume wait') {
  const end = guest.swarm.run(request, line);
  await expect(guest).toHaveActiveAgents(1);
  const agent = await onlyAgent(guest);
  await expect.poll(() => guest.sh(`cat /proc/${agent.pid}/comm`)).not.toBe('launch');
  return { id: agent.id, pid: agent.pid, end, dir: await agentCgroupDir(guest, agent.id) };
}

async function expectGone(guest: LoadedGuest): Promise<void> {
  await expect(guest).toHaveActiveAgents(0);
  await expectNoAgentCgroups(guest);
}

async function expectLimitsWork(guest: LoadedGuest): Promise<void> {
  for (const request of BOTH) {
    const { code, stdout } = await guest.swarm.run(request, 'cat /proc/self/cgroup');
    expect([code, stdout]).toEqual([0, '0::/\n']);
  }
  const forks = ['/usr/local/bin/consume', 'processes', '50'];
  const { stdout: nine } = await guest.swarm.launch({ pids_limit: 10 }, forks);
  expect(jsonLines(nine, consumed)).toEqual([{ processes: 9, end: 'EAGAIN' }]);
  await expect(guest).toHaveActiveAgents(0);
}

test('CGROUP-01: cgroup2 remounted with other options: agents have their limits, and the options stay', async ({
  booted,
  module,
}) => {
  const options = async () => (await booted.sh('grep " cgroup2 " /proc/mounts')).split(' ')[3];
  const guest = await load(booted, module.ko);
  const before = await options();
  await booted.sh(`mount -o remount,memory_localevents,favordynmods ${TOP}`);
  const after = await options();
  expect(after).not.toBe(before);
  await expectLimitsWork(guest);
  expect(await options()).toBe(after);
  await guest.unload();
  const again = await reload(booted);
  await expectLimitsWork(again);
  await again.unload();
  expect(await options()).toBe(after);
  await booted.sh(`mount -o remount,nsdelegate,memory_recursiveprot ${TOP}`);
});

for (const [how, hide, show] of [
  ['unmounted', `umount ${TOP}`, `mount -t cgroup2 -o nsdelegate,memory_recursiveprot cgroup2 ${TOP}`],
  ['mounted over', `mount -t tmpfs none ${TOP}`, `umount ${TOP}`],
] as const) {
  test(`CGROUP-02: cgroup2 ${how}: agents have their limits, whether loaded before or after`, async ({
    booted,
    module,
  }) => {
    const before = await load(booted, module.ko);
    await before.sh(hide);
    await expectLimitsWork(before);
    await before.unload();
    const after = await reload(booted);
    await expectLimitsWork(after);
    await booted.sh(show);
    await expectGone(after);
    await after.unload();
  });
}

test('CGROUP-03: a launcher in a mount namespace without cgroup2 starts agents with limits', async ({
  loaded,
}) => {
  const under = `unshare --mount sh -c 'umount -l ${TOP}; exec "$@"' sh`;
  const forks = ['/usr/local/bin/consume', 'processes', '50'];
  const { stdout } = await loaded.swarm.launch({ pids_limit: 10 }, forks, { under });
  expect(jsonLines(stdout, consumed)).toEqual([{ processes: 9, end: 'EAGAIN' }]);
  await expectGone(loaded);
});

test("CGROUP-04: a running agent's directory removed by root: it goes on under its other rules, and ends cleanly", async ({
  loaded,
}) => {
  const agent = await start(loaded, LIMITED, 'while attempt setns /proc/self/ns/uts; do sleep 0.2; done');
  const out = `for p in $(cat cgroup.procs); do echo $p >${TOP}/cgroup.procs; done 2>/dev/null`;
  await loaded.sh(`cd ${agent.dir} && until rmdir ${agent.dir}; do ${out}; done; true`);
  const before = (await loaded.swarm.status()).violations;
  await expect.poll(async () => (await loaded.swarm.status()).violations).toBeGreaterThan(before);
  await loaded.swarm.destroy(agent.id);
  const { code, stdout } = await agent.end;
  expect(code).toBe(137);
  expect(stdout).toMatch(/^(setns EPERM\n)+$/);
  await expectGone(loaded);
  expect(await loaded.kernelLog()).not.toContain('swarm_guard');
});

for (const [ahead, note] of [
  [0, ''],
  [32, ', with those made ahead'],
] as const) {
  test(`CGROUP-05: the parents of the directories removed by root${note}: an error that says so, agents without limits work`, async ({
    booted,
    module,
  }) => {
    const guest = await load(booted, module.ko);
    if (ahead > 0) {
      for (const request of BOTH) await guest.swarm.run(request, 'true');
      await expectGone(guest);
      await expectReadyCgroups(guest, ahead);
      await guest.sh(`rmdir ${TOP}/swarm/*/p[0-9]*`);
    }
    await guest.sh(`rmdir ${TOP}/swarm/memory ${TOP}/swarm/plain`);
    for (const [request, name] of [
      [LIMITED, 'plain'],
      [{ memory_limit: 1 << 26 }, 'memory'],
    ] as const) {
      const { code, stderr } = await guest.swarm.tryLaunch(request, ['/bin/true']);
      expect([code, stderr]).toEqual([
        125,
        expect.stringMatching(`"EOPNOTSUPP",.*the cgroup swarm/${name} has been removed; .*load it again`),
      ]);
    }
    expect((await guest.swarm.run({}, 'true')).code).toBe(0);
    await expect(guest).toHaveActiveAgents(0);
    await guest.sh(`rmdir ${TOP}/swarm`);
    await guest.sh('dmesg -C');
    await guest.unload();
    expect(await moduleLog(booted)).toEqual([expect.stringMatching(/ swarm_guard: unloaded$/)]);
    const again = await reload(booted);
    await expectLimitsWork(again);
    await again.unload();
  });
}

test('CGROUP-06: controllers switched off all the way up: EOPNOTSUPP with field and controller, and on again', async ({
  loaded,
}) => {
  const files = (parent: string) => [
    `${TOP}/swarm/${parent}/cgroup.subtree_control`,
    `${TOP}/swarm/cgroup.subtree_control`,
    `${TOP}/cgroup.subtree_control`,
  ];
  await loaded.sh(`echo -cpu -pids >${TOP}/swarm/memory/cgroup.subtree_control`);
  for (const [request, field, controller, parent] of [
    [{ memory_limit: 1 << 26 }, 'memory_limit', 'memory', 'memory'],
    [{ cpu_quota: 10 }, 'cpu_quota', 'cpu', 'plain'],
    [{ pids_limit: 10 }, 'pids_limit', 'pids', 'plain'],
  ] as const) {
    for (const file of files(parent)) await loaded.sh(`echo -${controller} >${file}`);
    const { code, stderr } = await loaded.swarm.tryLaunch(request, ['/bin/true']);
    expect(code).toBe(125);
    expect(stderr).toMatch(
      new RegExp(
        `"error":"EOPNOTSUPP","field":"${field}".*controller ${controller} .*subtree_control of swarm/${parent} `,
      ),
    );
    for (const file of files(parent).reverse()) await loaded.sh(`echo +${controller} >${file}`);
  }
  await loaded.sh(`echo +cpu +pids >${TOP}/swarm/memory/cgroup.subtree_control`);
  await expectLimitsWork(loaded);
});

test('CGROUP-07: a frozen agent is destroyed', async ({ loaded }) => {
  const agent = await start(loaded, LIMITED, 'consume wait & consume wait');
  await loaded.sh(`echo 1 >${agent.dir}/cgroup.freeze`);
  await expect.poll(() => loaded.sh(`cat ${agent.dir}/cgroup.events`)).toContain('frozen 1');
  await loaded.swarm.destroy(agent.id);
  expect((await agent.end).code).toBe(137);
  await expectGone(loaded);
});

test('CGROUP-08: born into a frozen cgroup it does not run until it is thawed, nor once it is destroyed', async ({
  loaded,
}) => {
  for (const thaw of [true, false]) {
    const terminal = await loaded.terminal();
    await terminal.type(
      `rm -f /tmp/ran; echo '${JSON.stringify({ spawn: true, ...LIMITED })}' >/proc/swarm/create`,
    );
    const agent = await onlyAgent(loaded);
    const dir = await agentCgroupDir(loaded, agent.id);
    await loaded.sh(`echo 1 >${dir}/cgroup.freeze`);
    const done = terminal.type('/bin/touch /tmp/ran; echo $?');
    await expect.poll(() => loaded.sh(`cat ${dir}/cgroup.events | xargs`)).toBe('populated 1 frozen 1');
    expect((await loaded.exec('test -e /tmp/ran')).code).toBe(1);
    if (thaw) await loaded.sh(`echo 0 >${dir}/cgroup.freeze`);
    else await loaded.swarm.destroy(agent.id);
    expect(await done).toMatch(thaw ? /\b0$/ : /\b137$/);
    expect((await loaded.exec('test -e /tmp/ran')).code).toBe(thaw ? 0 : 1);
    terminal.close();
    await expectGone(loaded);
  }
});

test('CGROUP-09: cgroups that a privileged agent makes below its own go with it', async ({ loaded }) => {
  const line = [
    `mount -t cgroup2 none ${TOP}`,
    `mkdir -p ${TOP}/a/b/c ${TOP}/a/d ${TOP}/e ${TOP}/a/.f/.g`,
    `echo $$ >${TOP}/a/b/c/cgroup.procs`,
    'cat /proc/self/cgroup',
  ].join(' && ');
  const { code, stdout, stderr } = await loaded.swarm.run(
    { ...LIMITED, namespace_flags: 95, privileged: true },
    line,
  );
  expect([code, stdout], stderr).toEqual([0, '0::/a/b/c\n']);
  await expectGone(loaded);
});

for (const [how, end] of [
  ['is destroyed', (guest: LoadedGuest, agent: { id: number }) => guest.swarm.destroy(agent.id)],
  ['ends by itself', (guest: LoadedGuest, agent: { pid: number }) => guest.sh(`kill -9 ${agent.pid}`)],
] as const) {
  test(`CGROUP-10: processes that root has put into an agent's cgroup, or below, are killed when the agent ${how}`, async ({
    loaded,
  }) => {
    const agent = await start(loaded);
    const inside = [await background(loaded, 'sleep 1000'), await background(loaded, 'sleep 1000')];
    await loaded.sh(`mkdir ${agent.dir}/below; echo ${inside[0] ?? 0} >${agent.dir}/below/cgroup.procs`);
    await loaded.sh(`echo ${inside[1] ?? 0} >${agent.dir}/cgroup.procs`);
    const outside = await background(loaded, 'sleep 1000');
    await end(loaded, agent);
    expect((await agent.end).code).toBe(137);
    await expectGone(loaded);
    const alive = async (pid: number) => (await loaded.exec(`kill -0 ${pid}`)).code === 0;
    for (const pid of inside) await expect.poll(() => alive(pid)).toBe(false);
    expect(await alive(outside)).toBe(true);
    await loaded.sh(`kill ${outside}`);
  });
}

for (const [cgroup_pool, note] of [
  [0, ''],
  [16, ', and if it was made ahead'],
] as const) {
  test(`CGROUP-11: a process in an agent's cgroup that cannot be killed keeps the directory, not the agent; after loading again its name is passed over${note}`, async ({
    booted,
    module,
  }) => {
    const guest = await load(booted, module.ko, { cgroup_pool });
    if (cgroup_pool > 0) {
      await guest.swarm.run(LIMITED, 'true');
      await expectGone(guest);
      await expectReadyCgroups(guest, cgroup_pool);
    }
    // The kernel waits for this helper, in a sleep that not even SIGKILL ends.
    await guest.writeFile('/sbin/request-key', '#!/bin/sh\nread x </srv/wake\n', '755');
    await guest.sh('mkfifo /srv/wake');
    const agent = await start(guest);
    expect(agent.dir).toMatch(cgroup_pool > 0 ? /\/p\d+$/ : /\/\d+$/);
    const foreign = await background(guest, 'race request-key');
    await expect.poll(() => guest.sh(`ps -o stat= -p ${foreign}`)).toMatch(/^D/);
    await guest.sh(`echo ${foreign} >${agent.dir}/cgroup.procs`);
    await guest.swarm.destroy(agent.id);
    expect((await agent.end).code).toBe(137);
    await expect(guest).toHaveActiveAgents(0);
    expect(await guest.sh(`cat ${agent.dir}/cgroup.procs`)).toBe(`${foreign}`);
    await guest.unload();
    expect(await booted.kernelLog()).toMatch(`cgroup ${agent.dir.split('/').at(-1) ?? ''} stays behind`);

    const again = await reload(booted, { cgroup_pool });
    if (cgroup_pool > 0) {
      expect((await again.swarm.run(LIMITED, 'true')).code).toBe(0);
      await expectReadyCgroups(again, cgroup_pool);
      const next = await start(again);
      expect(next.dir).toMatch(/\/p\d+$/);
      expect(next.dir).not.toBe(agent.dir);
      expect(await again.sh(`cat ${next.dir}/cgroup.procs`)).not.toContain(`${foreign}`);
      await again.swarm.destroy(next.id);
      await next.end;
      await expect(again).toHaveActiveAgents(0);
    } else {
      const { code, stderr } = await again.swarm.tryLaunch(LIMITED, ['/bin/true']);
      expect([code, stderr]).toEqual([
        125,
        expect.stringMatching(`"EBUSY",.*swarm/plain/${agent.id} .*try again`),
      ]);
      const next = await again.swarm.run(LIMITED, 'true');
      expect([next.code, next.id]).toEqual([0, agent.id + 1]);
    }
    expect(await again.sh(`cat ${agent.dir}/cgroup.procs`)).toBe(`${foreign}`);
    await again.sh('echo >/srv/wake; rm /srv/wake /sbin/request-key');
    await expect.poll(async () => (await again.exec(`kill -0 ${foreign}`)).code).not.toBe(0);
    await again.unload();
    const last = await reload(booted);
    await expect.poll(async () => (await last.swarm.tryLaunch(LIMITED, ['/bin/true'])).code).toBe(0);
    await expectGone(last);
    await last.unload();
    await booted.sh(`rmdir ${TOP}/swarm; echo -memory -cpu -pids >${TOP}/cgroup.subtree_control`);
  });
}

test('CGROUP-12: unloading disables the controllers that loading has enabled, unless another cgroup may use them', async ({
  booted,
  module,
}) => {
  const control = (dir: string) => `${TOP}/${dir}/cgroup.subtree_control`;
  const enabled = async (...dirs: string[]) => booted.sh(`cat ${dirs.map(control).join(' ')}`);
  await booted.sh(`echo -memory -cpu -pids >${control('')}`);
  const first = await load(booted, module.ko);
  expect(await enabled('')).toBe('cpu memory pids');
  await expectLimitsWork(first);
  await first.unload();
  expect(await enabled('')).toBe('');

  // A cgroup may have any name.
  const second = await reload(booted);
  await booted.sh(`mkdir ${TOP}/.admin; echo 77 >${TOP}/.admin/pids.max`);
  await second.unload();
  expect(await booted.sh(`cat ${TOP}/.admin/pids.max`)).toBe('77');
  await booted.sh(`rmdir ${TOP}/.admin; echo -memory -cpu -pids >${control('')}`);

  await booted.sh(`mkdir -p ${TOP}/some/where; echo +pids >${control('')}; dmesg -C`);
  const deep = await reload(booted, { cgroup_parent: 'some/where/else' });
  const all = 'cpu memory pids';
  expect(await enabled('', 'some', 'some/where')).toBe([all, all, all].join('\n'));
  await deep.unload();
  // "some/where" was there before, and may have limits.
  expect(await enabled('', 'some', 'some/where')).toBe(`${all}\n${all}`);
  const log = await booted.kernelLog();
  expect(log).toContain('cgroup.subtree_control of "/" stay so, for other cgroups may use them');
  expect(log).toContain('cgroup.subtree_control of "some" stay so');
  await booted.sh(`rmdir ${TOP}/some/where ${TOP}/some; echo -memory -cpu -pids >${control('')}`);
});
