import { ARCHITECTURES } from '../../harness/util/architecture.js';
import { expect, test } from '../support/fixtures.js';
import { parseMetrics } from '../support/metrics.js';
import { hold } from '../support/guest.js';
import { load } from '../support/loaded-guest.js';

test('METRIC-01: metrics is OpenMetrics, as an independent parser reads it', async ({ loaded }) => {
  const text = await loaded.swarm.metrics();
  expect(text.endsWith('\n# EOF\n')).toBe(true);
  const samples = await parseMetrics(text);
  const version = await loaded.sh('cat /sys/module/swarm_guard/version');
  expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  expect(samples.get(`swarm_guard_build_info{abi=1,version=${version}}`)).toBe(1);
  expect(samples.get('swarm_guard_mode{swarm_guard_mode=enforce}')).toBe(1);
  expect(samples.get('swarm_guard_mode{swarm_guard_mode=report}')).toBe(0);
  // The parser can fail.
  await expect(parseMetrics(text.replace('# EOF\n', ''))).rejects.toThrow(/EOF/);
  await expect(parseMetrics(text.replace('agents_created_total', 'agents_created'))).rejects.toThrow();
});

test('METRIC-02: gauges and counters follow what happens', async ({ loaded, stage }) => {
  const { syscall } = ARCHITECTURES[stage.kernel.arch];
  const before = await parseMetrics(await loaded.swarm.metrics());
  const registered = await loaded.swarm.create({ name: 'registered' });
  const terminal = await loaded.terminal();
  await terminal.type(`echo '{"spawn":true,"pids_limit":9}' >/proc/swarm/create`);
  const { line, release } = hold(loaded);
  const running = loaded.swarm.run(
    { memory_limit: 1 << 26, syscalls: { thread: 'audit' } },
    'attempt setns /proc/self/ns/uts -- thread -- read /dev/kmsg; sleep 1000 & sleep 1000 & read released',
    { under: `${line} |` },
  );
  await expect
    .poll(async () => (await parseMetrics(await loaded.swarm.metrics())).get('swarm_guard_members'))
    .toBe(3);
  const during = await parseMetrics(await loaded.swarm.metrics());
  const change = (name: string) => (during.get(name) ?? NaN) - (before.get(name) ?? NaN);
  expect({
    agents: change('swarm_guard_agents'),
    created: change('swarm_guard_agents_created_total'),
    destroyed: change('swarm_guard_agents_destroyed_total'),
    armed: change('swarm_guard_armed'),
    cgroups: change('swarm_guard_cgroups'),
    setns: change('swarm_guard_violations_total{action=deny,kind=setns}'),
    device: change('swarm_guard_violations_total{action=deny,kind=device}'),
    thread: change('swarm_guard_violations_total{action=audit,kind=thread}'),
    lost: change('swarm_guard_events_lost_total'),
  }).toEqual({
    agents: 3,
    created: 3,
    destroyed: 0,
    armed: 1,
    cgroups: 2,
    setns: 1,
    device: 1,
    thread: 1,
    lost: 0,
  });
  expect(change(`swarm_guard_hook_runs_total{function=${syscall}setns}`)).toBe(1);
  expect(change('swarm_guard_hook_runs_total{function=kernel_clone}')).toBeGreaterThan(4);
  // Three created, one spawned, three violations.
  expect(change('swarm_guard_events_total')).toBe(7);
  await loaded.swarm.destroy(registered);
  terminal.close();
  await release();
  await running;
  await expect(loaded).toHaveActiveAgents(0);
  await expect
    .poll(async () => (await parseMetrics(await loaded.swarm.metrics())).get('swarm_guard_cgroups'))
    .toBe(0);
  const after = await parseMetrics(await loaded.swarm.metrics());
  expect(after.get('swarm_guard_armed')).toBe(0);
  expect(after.get('swarm_guard_members')).toBe(0);
  expect(
    (after.get('swarm_guard_agents_destroyed_total') ?? 0) -
      (before.get('swarm_guard_agents_destroyed_total') ?? 0),
  ).toBe(3);
});

test('METRIC-03: the lines of status and the metrics agree', async ({ loaded }) => {
  await loaded.swarm.run({}, 'attempt setns /proc/self/ns/uts');
  await expect(loaded).toHaveActiveAgents(0);
  const samples = await parseMetrics(await loaded.swarm.metrics());
  const status = await loaded.swarm.status();
  const violations = [...samples]
    .filter(([name]) => /^swarm_guard_violations_total\{action=(deny|kill),/.test(name))
    .reduce((sum, [, value]) => sum + value, 0);
  expect({
    active: samples.get('swarm_guard_agents'),
    created: samples.get('swarm_guard_agents_created_total'),
    destroyed: samples.get('swarm_guard_agents_destroyed_total'),
    violations,
  }).toEqual(status);
});

test('METRIC-04: inside an agent metrics tells of that agent alone', async ({ loaded }) => {
  const others = [await loaded.swarm.create({}), await loaded.swarm.create({})];
  const { stdout } = await loaded.swarm.run(
    {},
    'attempt setns /proc/self/ns/uts >/dev/null; cat /proc/swarm/metrics',
  );
  const samples = await parseMetrics(stdout);
  expect(samples.get('swarm_guard_agents')).toBe(1);
  expect(samples.get('swarm_guard_agents_created_total')).toBe(1);
  // The shell and cat.
  expect(samples.get('swarm_guard_members')).toBe(2);
  expect(samples.get('swarm_guard_violations_total')).toBe(1);
  expect([...samples.keys()].filter((name) => /hook|event|cgroup/.test(name))).toEqual([]);
  await loaded.swarm.destroy(...others);
});

test('METRIC-05: with enforce=0 births are whole, and denials become reports', async ({ booted, module }) => {
  const guest = await load(booted, module.ko, { enforce: 0 });
  expect(await guest.kernelLog()).toContain('policies are only reported on, not enforced');
  const events = await guest.swarm.eventsDuring(async () => {
    const { stdout, code } = await guest.swarm.run(
      { pids_limit: 50, syscalls: { setns: 'kill', thread: 'audit' }, capabilities: 'all' },
      [
        'attempt read /dev/null -- unshare 4000000 -- setns /proc/self/ns/uts -- thread -- write /proc/swarm/create',
        'sed 1q /proc/self/uid_map; cat /proc/self/cgroup; echo $$',
      ].join('\n'),
    );
    expect(code).toBe(0);
    const lines = stdout.split('\n').filter(Boolean);
    expect(lines.slice(0, 5)).toEqual(['read ok', 'unshare ok', 'setns ok', 'thread ok', 'write EACCES']);
    expect(lines[5]?.trim().split(/\s+/)).toEqual(['0', '2147483648', '1024']);
    expect(lines.slice(6)).toEqual(['0::/', '1']);
    await expect(guest).toHaveActiveAgents(0);
  });
  const seen = events.flatMap((event) =>
    event.event === 'violation' ? [[event.kind, event.action, event.rule]] : [],
  );
  expect(seen).toEqual([
    ['unshare', 'report', 'deny'],
    ['setns', 'report', 'kill'],
    ['thread', 'audit', 'audit'],
  ]);
  expect((await guest.swarm.status()).violations).toBe(0);
  const samples = await parseMetrics(await guest.swarm.metrics());
  expect(samples.get('swarm_guard_mode{swarm_guard_mode=enforce}')).toBe(0);
  expect(samples.get('swarm_guard_mode{swarm_guard_mode=report}')).toBe(1);
  expect(samples.get('swarm_guard_violations_total{action=report,kind=unshare}')).toBe(1);
  await guest.unload();
});
