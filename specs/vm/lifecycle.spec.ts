import { agentCgroupDir, expectNoAgentCgroups } from '../support/cgroups.js';
import { expect, test } from '../support/fixtures.js';
import { background, hold, onlyAgent } from '../support/guest.js';
import { reload } from '../support/loaded-guest.js';

/** Without a pid namespace, children outlive the first process. */
const SHARED_PIDS = 126;

test('LIFE-01: an agent ends with its last process, not with its first', async ({ loaded }) => {
  const before = await loaded.swarm.status();
  const { id } = await loaded.swarm.run(
    { namespace_flags: SHARED_PIDS },
    '(setsid sleep 1000 >/dev/null 2>&1 &)',
  );
  const agent = await onlyAgent(loaded);
  expect(agent.id).toBe(id);
  const oldest = () => loaded.sh(`cat /proc/${agent.pid}/comm`);
  await expect.poll(oldest, { message: 'the oldest process left' }).toBe('sleep');
  await loaded.sh(`kill ${agent.pid}`);
  await expect(loaded).toHaveActiveAgents(0);
  const after = await loaded.swarm.status();
  expect(after.created - before.created).toBe(1);
  expect(after.destroyed - before.destroyed).toBe(1);
});

test('LIFE-02: with a pid namespace everything ends with its first process', async ({ loaded }) => {
  await loaded.swarm.run({}, '(setsid sleep 1000 >/dev/null 2>&1 &)');
  await expect(loaded).toHaveActiveAgents(0);
  await expect.poll(() => loaded.sh('pgrep -fx "sleep 1000" || true')).toBe('');
});

test('LIFE-03: an armed thread that exits without forking takes its agent with it', async ({ loaded }) => {
  const before = await loaded.swarm.status();
  await loaded.sh(`bash -c 'echo "{\\"spawn\\":true}" >/proc/swarm/create'`);
  await expect(loaded).toHaveActiveAgents(0);
  const after = await loaded.swarm.status();
  expect([after.created - before.created, after.destroyed - before.destroyed]).toEqual([1, 1]);
});

test('LIFE-10: a launcher killed between arming and forking takes its agent with it', async ({ loaded }) => {
  const terminal = await loaded.terminal();
  const pid = await terminal.type('echo $$');
  await terminal.type(`echo '{"spawn":true,"memory_limit":1048576}' >/proc/swarm/create`);
  expect((await loaded.swarm.status()).active).toBe(1);
  await loaded.sh(`kill -9 ${pid}`);
  await expect(loaded).toHaveActiveAgents(0);
  await expectNoAgentCgroups(loaded);
});

test('LIFE-25: a thread that is adopted while it is armed forks for the agent that it belongs to, and the other\'s end is "unforked"', async ({
  loaded,
}) => {
  const terminal = await loaded.terminal();
  const pid = Number(await terminal.type('echo $$'));
  await terminal.type(`echo '{"spawn":true,"name":"armed"}' >/proc/swarm/create`);
  const armed = await onlyAgent(loaded);
  const id = await loaded.swarm.create({ pid, name: 'adopter', namespace_flags: 0, privileged: true });
  expect((await loaded.swarm.status()).active).toBe(2);
  await terminal.type('sleep 1000 &');
  const child = Number(await terminal.type('echo $!'));
  await expect(loaded).toHaveActiveAgents(1);
  expect(await loaded.swarm.inspect(id)).toMatchObject({ state: 'running', members: [pid, child] });
  const ends = (await loaded.swarm.events()).filter(({ event }) => event === 'destroyed');
  expect(ends.at(-1)).toMatchObject({ agent: armed.id, reason: 'unforked' });
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
  expect((await loaded.exec(`kill -0 ${child}`)).code, 'the child').not.toBe(0);
});

test('LIFE-11: registering needs no cgroup and ends only on request', async ({ loaded }) => {
  const ids = [
    await loaded.swarm.create({ memory_limit: 65536 }),
    await loaded.swarm.create({ cpu_quota: 10 }),
  ];
  await expectNoAgentCgroups(loaded);
  expect((await loaded.swarm.agents()).map(({ id, pid }) => [id, pid])).toEqual(ids.map((id) => [id, 0]));
  await loaded.swarm.destroy(...ids);
  await expect(loaded).toHaveActiveAgents(0);
});

test('LIFE-18: "persist" returns an agent to registered when its last process exits', async ({ loaded }) => {
  const { id } = await loaded.swarm.run({ persist: true, cpu_quota: 30 }, 'exit 3');
  await expect
    .poll(async () => (await loaded.swarm.agents()).map((each) => [each.id, each.pid]))
    .toEqual([[id, 0]]);
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('LOAD-07: the module cannot be unloaded while an agent is armed or runs, and can while one is registered', async ({
  loaded,
}) => {
  const { line, release } = hold(loaded);
  const running = loaded.swarm.run({}, line);
  await expect(loaded).toHaveActiveAgents(1);
  const refused = await loaded.exec('rmmod swarm_guard');
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain('in use');
  await release();
  const { stdout } = await running;
  expect(stdout).toBe('');
  await expect(loaded).toHaveActiveAgents(0);
  const armed = await loaded.exec(
    `echo '{"spawn":true}' >/proc/swarm/create; exec /usr/sbin/rmmod swarm_guard`,
  );
  expect(armed.code).not.toBe(0);
  await expect(loaded).toHaveActiveAgents(0);
  await loaded.swarm.create({ name: 'registered' });
  await loaded.unload();
  await reload(loaded);
});

test('LIFE-19: a running process is adopted, with its later children', async ({ loaded }) => {
  const unshare =
    'unshare --user --map-root-user --net --mount --uts --ipc --cgroup --pid --fork --kill-child';
  await background(loaded, `${unshare} sh -c "while sleep 1; do attempt setns /proc/self/ns/uts; done"`);
  await expect.poll(() => loaded.sh('pgrep -f "^sh -c while" | tail -1')).not.toBe('');
  const pid = Number(await loaded.sh('pgrep -f "^sh -c while" | tail -1'));
  const before = (await loaded.swarm.status()).violations;
  const id = await loaded.swarm.create({ pid, cpu_quota: 50 });
  const agent = await onlyAgent(loaded);
  expect(agent).toMatchObject({ id, pid, cpu: '50%' });
  expect(await loaded.sh(`cat ${await agentCgroupDir(loaded, id)}/cgroup.procs`)).toContain(`${pid}`);
  await expect.poll(async () => (await loaded.swarm.status()).violations).toBeGreaterThan(before);
  const again = await loaded.swarm.write(JSON.stringify({ pid }));
  expect(again.answers[0]).toMatchObject({ error: 'EBUSY', field: 'pid' });
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
  expect((await loaded.exec(`kill -0 ${pid}`)).code).not.toBe(0);
});

test('LIFE-20: a process in an initial namespace is not adopted, and that is a violation', async ({
  loaded,
}) => {
  const pid = await background(loaded, 'sleep 60');
  const before = (await loaded.swarm.status()).violations;
  const { answers, writes } = await loaded.swarm.write(JSON.stringify({ pid, memory_limit: 1 << 20 }));
  expect(answers[0]).toMatchObject({ kind: 'refused', error: 'EPERM', field: 'pid' });
  expect(writes).toEqual(['EPERM']);
  expect((await loaded.swarm.status()).violations).toBe(before + 1);
  const one = await background(loaded, 'unshare --net sleep 60');
  await expect.poll(() => loaded.sh(`cat /proc/${one}/comm`)).toBe('sleep');
  const id = await loaded.swarm.create({ pid: one, namespace_flags: 2, privileged: true });
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
  await loaded.sh(`kill ${pid}`);
});
