/** The oracle itself: module/tests/oracle, which every spec with a loaded module asks at its end. */
import { quoted } from '../../client/client.js';
import { agentCgroupDir } from '../support/cgroups.js';
import { expect, expectFindings, test } from '../support/fixtures.js';
import { watched } from '../support/oracle.js';
import { MOUNT_CALLS } from '../support/former-calls.js';
import { background, hold } from '../support/guest.js';
import { ORACLE, reload } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

/** Starts an agent that outlives its command; returns its id and its first process. */
async function start(
  guest: LoadedGuest,
  request: object,
  line: string,
): Promise<{ id: number; pid: number }> {
  const before = new Set((await guest.swarm.agents()).map(({ id }) => id));
  const object = JSON.stringify({ spawn: true, ...request });
  await background(guest, `launch '${object}' /bin/sh -c '${line}'`);
  const fresh = async () => (await guest.swarm.agents()).find(({ id, pid }) => !before.has(id) && pid > 0);
  await expect.poll(fresh).toBeTruthy();
  const agent = await fresh();
  return { id: agent?.id ?? 0, pid: agent?.pid ?? 0 };
}

async function destroyAll(guest: LoadedGuest): Promise<void> {
  await guest.swarm.destroy(...(await guest.swarm.agents()).map(({ id }) => id));
  await expect(guest).toHaveActiveAgents(0);
}

const asked = (guest: LoadedGuest) => guest.sh(`cat ${ORACLE}`);

test('ORACLE-01: the oracle counts agents and members of every kind', async ({ loaded }) => {
  expect(await asked(loaded)).toBe('ok 0 agents 0 members');
  await loaded.swarm.create({});
  await start(loaded, { cpu_quota: 50 }, 'sleep 1000 & (sleep 1000 & sleep 1000 & wait) & wait');
  await start(loaded, { namespace_flags: 126 }, '(setsid sleep 1000 &)');
  const other = await background(loaded, 'unshare --uts sleep 1000');
  await expect.poll(() => loaded.sh(`cat /proc/${other}/comm`)).toBe('sleep');
  await loaded.swarm.create({ pid: other, namespace_flags: 8, privileged: true, memory_limit: 1 << 24 });
  await expect.poll(() => asked(loaded)).toBe('ok 4 agents 7 members');
  await destroyAll(loaded);
  await expect.poll(() => asked(loaded)).toBe('ok 0 agents 0 members');
});

test('ORACLE-02: the oracle finds nothing while processes come and go', async ({ loaded }) => {
  const line = 'for i in 1 2 3 4 5 6; do (true; sh -c true & sh -c "exec true" & wait) & done; wait';
  const { samples } = await watched(loaded, () => loaded.swarm.run({ pids_limit: 500 }, line));
  expect(samples).toBeGreaterThan(1);
});

test('ORACLE-03: the oracle finds a member that root takes out of its cgroup', async ({ loaded }) => {
  expectFindings('root moves a member into another cgroup');
  const { id, pid } = await start(loaded, { pids_limit: 9 }, 'sleep 1000 & wait');
  await loaded.sh(`echo ${pid} >/sys/fs/cgroup/cgroup.procs`);
  expect(await loaded.findings()).toEqual([`agent ${id}: process ${pid} is outside the agent's cgroup`]);
  await loaded.sh(`echo ${pid} >${await agentCgroupDir(loaded, id)}/cgroup.procs`);
  expect(await loaded.findings()).toEqual([]);
  await destroyAll(loaded);
});

test('ORACLE-04: the oracle finds a process that is lost from the table, and its children', async ({
  loaded,
}) => {
  expectFindings('a member is unlinked from the table');
  const { id, pid } = await start(loaded, { namespace_flags: 126 }, 'while sleep 0.2; do :; done');
  await loaded.sh(`echo hide ${pid} >${ORACLE}`);
  const found = () => loaded.findings().then((lines) => lines.join('\n'));
  expect(await found()).toContain(`agent ${id}: process ${pid} descends from the agent but is no member`);
  await expect
    .poll(found)
    .toMatch(new RegExp(`agent ${id}: process ${pid} forked \\d+, which belongs to agent 0`));
  await loaded.sh(`echo restore >${ORACLE}`);
  // The children that were born meanwhile end by themselves.
  await expect.poll(found).toBe('');
  await destroyAll(loaded);
});

test('ORACLE-05: the oracle finds a member that descends from no agent', async ({ loaded }) => {
  expectFindings('a process outside is put into the table');
  const { id } = await start(loaded, { pids_limit: 9 }, 'sleep 1000');
  const stranger = await background(loaded, 'sleep 1000');
  await loaded.sh(`echo forge ${id} ${stranger} >${ORACLE}`);
  const findings = await loaded.findings();
  await loaded.sh(`echo restore >${ORACLE}; kill ${stranger}`);
  expect(findings).toEqual(
    [
      'is a member by birth but nobody saw it born',
      "is outside the agent's cgroup",
      'is in an initial namespace',
      "has ids outside the agent's range",
      'may gain privileges by execve',
      'may have capabilities that its agent must not have',
    ].map((what) => `agent ${id}: process ${stranger} ${what}`),
  );
  await destroyAll(loaded);
});

test('ORACLE-06: the oracle finds a process that has two entries', async ({ loaded }) => {
  expectFindings('a member is put into the table once more');
  const { id, pid } = await start(loaded, {}, 'exec sleep 1000');
  await loaded.sh(`echo forge ${id} ${pid} >${ORACLE}`);
  const findings = await loaded.findings();
  await loaded.sh(`echo restore >${ORACLE}`);
  expect(findings).toEqual([`agent ${id}: process ${pid} has two entries`]);
  await destroyAll(loaded);
});

test("ORACLE-07: the oracle finds a member of the wrong agent, and one that has left its agent's namespaces", async ({
  loaded,
}) => {
  expectFindings('what the oracle knows is changed');
  const one = await start(loaded, {}, 'sleep 1000');
  const two = await start(loaded, {}, 'sleep 1000');
  await loaded.sh(`echo mistake ${one.id} ${two.pid} >${ORACLE}`);
  const findings = await loaded.findings();
  await loaded.sh(`echo restore >${ORACLE}`);
  expect(findings).toEqual(
    ['is a member of another agent', "has left the agent's namespaces"].map(
      (what, index) => `agent ${index ? two.id : one.id}: process ${two.pid} ${what}`,
    ),
  );
  await destroyAll(loaded);
});

test('ORACLE-08: the module is unloaded and loaded again under the oracle', async ({ loaded }) => {
  await loaded.unload();
  expect(await asked(loaded)).toBe('ok 0 agents 0 members');
  const again = await reload(loaded);
  await start(again, {}, 'exec sleep 1000');
  await expect.poll(() => asked(again)).toBe('ok 1 agents 1 members');
  await destroyAll(again);
});

test("ORACLE-11: the oracle finds a member whose /proc shows processes outside its agent, or whose terminals are the host's", async ({
  loaded,
}) => {
  expectFindings('root mounts other file systems in an agent');
  const { id, pid } = await start(loaded, {}, 'sleep 1000 & wait');
  const child = await loaded.sh(`cat /proc/${pid}/task/${pid}/children`);
  const pids = [pid, Number(child)];
  const inside = (line: string) => loaded.sh(`nsenter --target ${pid} --mount sh -c '${line}'`);
  const finding = (what: string) => pids.map((each) => `agent ${id}: process ${each} ${what}`);
  expect(await loaded.findings()).toEqual([]);
  for (const [type, directory, what] of [
    ['proc', '/proc', 'has a /proc that shows processes outside the agent'],
    ['devpts', '/dev/pts', 'has terminals of the host on /dev/pts'],
  ] as const) {
    await inside(`mount -t ${type} none ${directory}`);
    expect(await loaded.findings()).toEqual(finding(what));
    await inside(`umount ${directory}`);
    expect(await loaded.findings()).toEqual([]);
  }
  await destroyAll(loaded);
});

test('ORACLE-12: the oracle takes a file system that an agent mounts on its /proc for its own', async ({
  loaded,
}) => {
  const mounts = { capabilities: 'all', syscalls: { ...MOUNT_CALLS, unshare: 'allow' } };
  const lines = [
    'mount -t proc none /proc; sleep 1012',
    'mount -t tmpfs none /proc; sleep 1012',
    'unshare --pid --fork sleep 1012',
    'unshare --pid --fork --mount-proc sleep 1012',
  ];
  for (const line of lines) await start(loaded, mounts, line);
  // Those that see their launcher's by their policy, or have come with it.
  await start(loaded, { proc: false, devpts: false }, 'sleep 1012');
  await start(loaded, { namespace_flags: 126 }, 'sleep 1012');
  const other = await background(loaded, 'unshare --user --pid --mount --fork sleep 1012');
  await expect.poll(() => loaded.sh(`cat /proc/${other}/comm`)).toBe('unshare');
  await loaded.swarm.create({ pid: other, namespace_flags: 36 });
  const asleep = () => loaded.sh('pgrep -xfc "sleep 1012"');
  await expect.poll(asleep).toBe('7');
  expect(await loaded.findings()).toEqual([]);
  await destroyAll(loaded);
});

test('ORACLE-13: the oracle finds a member that may have capabilities that its agent must not have, and one that may gain privileges', async ({
  loaded,
}) => {
  expectFindings("agents' policies are replaced");
  const whole = { capabilities: 'all', no_new_privs: false } as const;
  const born = await start(loaded, whole, 'exec sleep 1013');
  /** Adopts a process that the oracle sees before it executes another program. */
  const adopt = async (after_exec: boolean) => {
    const { line, release } = hold(loaded);
    const pid = await background(loaded, `sh -c ${quoted(`${line}; exec sleep 1013`)}`);
    await expect.poll(() => loaded.sh(`cat /proc/${pid}/comm`)).toBe('sh');
    const place = { namespace_flags: 0, privileged: true, no_new_privs: false } as const;
    const id = await loaded.swarm.create({ pid, after_exec, ...place, capabilities: ['chown'] });
    expect(await loaded.findings()).toEqual([]);
    await release();
    await expect.poll(() => loaded.sh(`cat /proc/${pid}/comm`)).toBe('sleep');
    return { id, pid };
  };
  const cut = await adopt(true);
  // What a process keeps that was adopted at once is its own affair.
  const kept = await adopt(false);
  const texts = ['may gain privileges by execve', 'may have capabilities that its agent must not have'];
  for (const [{ id, pid }, expected] of [
    [born, texts],
    [cut, texts],
    [kept, []],
  ] as const) {
    expect(await loaded.findings()).toEqual([]);
    await loaded.sh(`echo rules ${id} >${ORACLE}`);
    const findings = await loaded.findings();
    await loaded.sh(`echo restore >${ORACLE}`);
    expect(findings).toEqual(expected.map((what) => `agent ${id}: process ${pid} ${what}`));
  }
  expect(await loaded.findings()).toEqual([]);
  await destroyAll(loaded);
});

test('ORACLE-14: the oracle finds a member that root lets run though its agent is frozen', async ({
  loaded,
}) => {
  expectFindings('root thaws the cgroup of an agent that an update has frozen');
  const { id, pid } = await start(loaded, { pids_limit: 9 }, 'sleep 1000 & wait');
  await expect.poll(async () => (await loaded.swarm.inspect(id)).members.length).toBe(2);
  const { members } = await loaded.swarm.inspect(id);
  expect(members).toContain(pid);
  await loaded.swarm.update({ id, frozen: true });
  expect(await loaded.findings()).toEqual([]);
  const dir = await agentCgroupDir(loaded, id);
  const file = `${dir}/cgroup.freeze`;
  await loaded.sh(`echo 0 >${file}`);
  const findings = members.map((each) => `agent ${id}: process ${each} may run though its agent is frozen`);
  expect((await loaded.findings()).sort()).toEqual(findings.sort());
  await loaded.sh(`echo 1 >${file}`);
  expect(await loaded.findings()).toEqual([]);
  // One that root moves into a cgroup below is stopped by the one above.
  await loaded.sh(`mkdir ${dir}/below && echo ${pid} >${dir}/below/cgroup.procs`);
  expect(await loaded.findings()).toEqual([]);
  await destroyAll(loaded);
});
