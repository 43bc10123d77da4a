/** A kernel that was booted without two of the controllers. */
import { agentCgroupDir, expectNoAgentCgroups } from '../support/cgroups.js';
import { expect, test } from '../support/fixtures.js';
import { hold, onlyAgent } from '../support/guest.js';

test.use({ guestExtras: { append: 'cgroup_disable=memory,pids' } });

test('CGROUP-14: a limit whose controller the kernel was booted without is EOPNOTSUPP, with field and controller', async ({
  loaded,
}) => {
  expect(await loaded.sh('cat /sys/fs/cgroup/cgroup.controllers')).not.toMatch(/memory|pids/);
  for (const [field, value, controller] of [
    ['memory_limit', 1 << 25, 'memory'],
    ['pids_limit', 20, 'pids'],
  ] as const) {
    const { code, stderr } = await loaded.swarm.tryLaunch({ [field]: value, cpu_quota: 50 }, ['/bin/true']);
    expect(code).toBe(125);
    expect(stderr).toContain('write: EOPNOTSUPP');
    expect(stderr).toMatch(new RegExp(`"error":"EOPNOTSUPP","field":"${field}".*controller ${controller};`));
  }
  await expect(loaded).toHaveActiveAgents(0);
  await expectNoAgentCgroups(loaded);
});

test('CGROUP-15: without that limit agents work there, the other limits too', async ({ loaded }) => {
  const none = await loaded.swarm.run({}, 'cat /proc/self/cgroup; attempt setns /proc/self/ns/uts');
  expect(none.stdout).toBe('0::/\nsetns EPERM\n');
  const { line, release } = hold(loaded);
  const running = loaded.swarm.run({ cpu_quota: 25 }, 'read released; cat /proc/self/cgroup', {
    under: `${line} |`,
  });
  await expect(loaded).toHaveActiveAgents(1);
  const agent = await onlyAgent(loaded);
  expect(await loaded.sh(`cat ${await agentCgroupDir(loaded, agent.id)}/cpu.max`)).toBe('25000 100000');
  await release();
  expect((await running).stdout).toBe('0::/\n');
  await expect(loaded).toHaveActiveAgents(0);
});
