import { jsonLines } from '../../harness/util/json-lines.js';
import { consumed } from '../support/figures.js';
import { agentCgroup, agentCgroupDir, agentCgroups, expectNoAgentCgroups } from '../support/cgroups.js';
import { expect, test } from '../support/fixtures.js';
import { background, expectBorn, hold, onlyAgent } from '../support/guest.js';

const MiB = 1 << 20;

test('LIMIT-01: limits become files of the cgroup, exactly', async ({ loaded }) => {
  const request = { memory_limit: 256 * MiB, cpu_quota: 25, pids_limit: 77, spawn: true };
  const { line, release } = hold(loaded);
  const running = loaded.swarm.run(request, line);
  await expectBorn(loaded, 1);
  const agent = await onlyAgent(loaded);
  const dir = await agentCgroupDir(loaded, agent.id);
  expect(dir).toContain('/swarm/memory/');
  const names = ['memory.max', 'memory.oom.group', 'cpu.max', 'pids.max', 'cgroup.procs'];
  const values = await loaded.sh(`cd ${dir} && for f in ${names.join(' ')}; do xargs <$f; done`);
  expect(values.split('\n').slice(0, 4)).toEqual([`${256 * MiB}`, '1', '25000 100000', '77']);
  expect(values.split('\n')[4]?.split(' ')).toContain(`${agent.pid}`);
  const swap = await loaded.exec(`cat ${dir}/memory.swap.max`);
  if (swap.code === 0) expect(swap.stdout).toBe('0\n');
  await release();
  await running;
  await expect(loaded).toHaveActiveAgents(0);
  await expect.poll(() => loaded.sh(`test -e ${dir} && echo there || echo gone`)).toBe('gone');
});

test('LIMIT-02: an agent without a memory limit uses no memory cgroup, one without limits no cgroup', async ({
  loaded,
}) => {
  const memory = () => loaded.sh('ls -d /sys/fs/cgroup/swarm/memory/*/ 2>/dev/null || true');
  const before = await memory();
  const first = hold(loaded);
  const plain = loaded.swarm.run({ cpu_quota: 50 }, first.line);
  await expect(loaded).toHaveActiveAgents(1);
  expect(await agentCgroup(loaded, (await onlyAgent(loaded)).id)).toMatch(/^\/swarm\/plain\//);
  await expect.poll(() => agentCgroups(loaded)).toBe(1);
  expect(await memory()).toBe(before);
  expect(await loaded.sh('cat /sys/fs/cgroup/swarm/plain/cgroup.subtree_control')).not.toContain('memory');
  await first.release();
  await plain;
  await expect(loaded).toHaveActiveAgents(0);
  const second = hold(loaded);
  const none = loaded.swarm.run({}, second.line);
  await expect(loaded).toHaveActiveAgents(1);
  await expectNoAgentCgroups(loaded);
  expect((await loaded.swarm.inspect((await onlyAgent(loaded)).id)).cgroup).toBeNull();
  expect(await memory()).toBe(before);
  await second.release();
  await none;
});

test('LIMIT-03: too much memory kills the agent, all of it, and nothing outside', async ({ loaded }) => {
  const outside = await background(loaded, 'sleep 60');
  const { line, release } = hold(loaded);
  const running = loaded.swarm.run(
    { memory_limit: 64 * MiB },
    `sleep 50 & ${line}; consume memory ${256 * MiB}; echo survived`,
  );
  await expectBorn(loaded, 1);
  const cgroup = await agentCgroup(loaded, (await onlyAgent(loaded)).id);
  expect(cgroup).toMatch(/^\/swarm\/memory\//);
  await release();
  const { code, stdout } = await running;
  expect(code).toBe(137);
  expect(stdout).toBe('');
  const log = await loaded.kernelLog();
  expect(log).toMatch(new RegExp(`oom-kill:.*oom_memcg=${cgroup},.*task=consume`));
  expect((await loaded.exec(`kill -0 ${outside}`)).code, 'the process outside').toBe(0);
  const fits = await loaded.swarm.run({ memory_limit: 64 * MiB }, `consume memory ${32 * MiB}`);
  expect([fits.code, fits.stdout]).toEqual([0, 'touched\n']);
  await loaded.sh(`kill ${outside}`);
  await expect(loaded).toHaveActiveAgents(0);
});

test('LIMIT-04: a spinning loop is held to its quota, and cpu.stat says how', async ({ loaded }) => {
  const running = loaded.swarm.run({ cpu_quota: 25 }, 'consume cpu 600');
  await expect(loaded).toHaveActiveAgents(1);
  const agent = await onlyAgent(loaded);
  const dir = await agentCgroupDir(loaded, agent.id);
  const sample = async () => {
    const text = await loaded.sh(`cat ${dir}/cpu.stat`);
    const field = (name: string) => Number(new RegExp(`${name} (\\d+)`).exec(text)?.[1]);
    return { used: field('usage_usec'), periods: field('nr_periods'), throttled: field('nr_throttled') };
  };
  const first = await sample();
  const later = async () => (await sample()).periods - first.periods;
  await expect.poll(later, { timeout: 60_000 }).toBeGreaterThan(30);
  const last = await sample();
  await loaded.swarm.destroy(agent.id);
  await running;
  // Periods are of 100,000 µs; they, and no clock, say how long it was, for a busy machine is late.
  const share = (last.used - first.used) / (100_000 * (last.periods - first.periods));
  expect(share).toBeGreaterThan(0);
  expect(share).toBeLessThan(0.28);
  expect(last.throttled - first.throttled).toBeGreaterThan(10);
});

test('LIMIT-06: fork fails at pids_limit, threads count too', async ({ loaded }) => {
  const { stdout } = await loaded.swarm.launch({ pids_limit: 10 }, [
    '/usr/local/bin/consume',
    'processes',
    '50',
  ]);
  expect(jsonLines(stdout, consumed)).toEqual([{ processes: 9, end: 'EAGAIN' }]);
  const free = await loaded.swarm.launch({}, ['/usr/local/bin/consume', 'processes', '50']);
  expect(jsonLines(free.stdout, consumed)).toEqual([{ processes: 50, end: 'ok' }]);
  const one = await loaded.swarm.launch({ pids_limit: 1 }, [
    '/usr/local/bin/attempt',
    'thread',
    '--',
    'fork',
  ]);
  expect(one.stdout).toBe('thread EAGAIN\nfork EAGAIN\n');
});

test('LIMIT-05: a controller that is switched off later is an error, never a silent lack of a limit', async ({
  loaded,
}) => {
  for (const [controller, request, parent] of [
    ['memory', { memory_limit: 64 * MiB }, 'memory'],
    ['pids', { pids_limit: 10 }, 'plain'],
    ['cpu', { cpu_quota: 10 }, 'plain'],
  ] as const) {
    const file = `/sys/fs/cgroup/swarm/${parent}/cgroup.subtree_control`;
    await loaded.sh(`echo -${controller} >${file}`);
    const { code, stderr } = await loaded.swarm.tryLaunch(request, ['/bin/true']);
    await loaded.sh(`echo +${controller} >${file}`);
    expect([controller, code], stderr).toEqual([controller, 125]);
    expect(stderr).toMatch(/"error":"EOPNOTSUPP".*subtree_control/);
    const again = await loaded.swarm.launch(request, ['/bin/true']);
    expect(again.code).toBe(0);
  }
  await expect(loaded).toHaveActiveAgents(0);
  await expectNoAgentCgroups(loaded);
});
