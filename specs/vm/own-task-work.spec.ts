/** Without task_work_add, which only some distributions' kernels export: the module does what it does. */
import { execa } from 'execa';
import { LAUNCH_CALLS } from '../../client/client.js';
import { expect, test as base } from '../support/fixtures.js';
import { SHOW_NAMESPACES, onlyAgent } from '../support/guest.js';
import { load } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';
import { buildModule } from '../support/module.js';
import { destroyWhileForking } from '../support/races.js';

const test = base.extend<{ own: LoadedGuest }>({
  own: async ({ booted, stage }, use) => {
    const { ko } = await buildModule(stage.kernel, ['SWARM_OWN_TASK_WORK=y']);
    expect((await execa('nm', ['--undefined-only', ko])).stdout).not.toContain('task_work_add');
    await use(await load(booted, ko));
  },
});

test.describe.configure({ timeout: 300_000 });

test(
  'KERNEL-18: without task_work_add a birth is what it is with it, from every call',
  { tag: '@nightly' },
  async ({ own }) => {
    const outside = (await own.sh(SHOW_NAMESPACES)).split('\n');
    for (const via of LAUNCH_CALLS) {
      const look = `echo $$; id -u; cat /proc/self/cgroup; ${SHOW_NAMESPACES}`;
      const { code, stdout } = await own.swarm.run({ memory_limit: 2 ** 26, pids_limit: 50 }, look, {
        via,
      });
      const [pid, uid, cgroup, ...inside] = stdout.split('\n').filter(Boolean);
      expect([via, code, pid, uid, cgroup]).toEqual([via, 0, '1', '0', '0::/']);
      const shared = inside.filter((namespace) => outside.includes(namespace));
      expect(shared, via).toEqual([expect.stringMatching(/^time:/)]);
      await expect(own).toHaveActiveAgents(0);
    }
  },
);

test(
  'KERNEL-19: what an agent and everybody else forks goes on as ever, signals and limits included',
  { tag: '@nightly' },
  async ({ own }) => {
    const forks = 'for i in $(seq 1 40); do sh -c "exit 3"; test $? = 3 || exit 1; done';
    const signal = 'sh -c \'trap "exit 7" USR1; kill -USR1 $$; sleep 9\'; test $? = 7 || exit 2';
    const [inside, outside] = await Promise.all([
      own.swarm.run({}, `${forks}; ${signal}; echo done`),
      own.exec(`${forks}; ${signal}; echo done`),
    ]);
    expect([inside.code, inside.stdout, outside.code, outside.stdout]).toEqual([0, 'done\n', 0, 'done\n']);
    const limited = await own.swarm.run({ syscalls: { execve: 'deny' } }, '/bin/true; echo $?');
    expect(limited.stdout).toBe('126\n');
    await expect(own).toHaveActiveAgents(0);
  },
);

test(
  'KERNEL-20: a launcher or an agent that is killed takes nothing down with it',
  { tag: '@nightly' },
  async ({ own }) => {
    const running = own.swarm.run({ persist: true }, 'sleep 60');
    await expect(own).toHaveActiveAgents(1);
    const agent = await onlyAgent(own);
    await own.sh(`echo ${agent.id} >/proc/swarm/destroy`);
    expect((await running).code).toBe(137);
    await expect(own).toHaveActiveAgents(0);
    // Births and destroying them at once: some are seen before they are born, some after.
    await own.sh(
      `exec 3<>/proc/swarm/create; for i in $(seq 1 60); do
       echo '{"spawn":true}' >&3; read -r answer <&3; id=\${answer#*:}; id=\${id%\\}}
       sh -c 'sleep 5' & echo $id >/proc/swarm/destroy; wait
     done`,
      { timeoutMs: 120_000 },
    );
    await expect(own).toHaveActiveAgents(0);
  },
);

test(
  'KERNEL-26: without task_work_add, too, an agent destroyed between its arming and the end of a fork has no child outside',
  { tag: '@nightly' },
  async ({ own }) => {
    await destroyWhileForking(own, 100);
    await expect(own).toHaveActiveAgents(0);
  },
);

test(
  'KERNEL-28: without task_work_add, too, a fork for an agent that fails is told, and the thread stays armed',
  { tag: '@nightly' },
  async ({ own }) => {
    // CLONE_PIDFD without a place for the descriptor.
    const failed = await own.swarm.eventsDuring(async () => {
      const { code } = await own.swarm.launch({}, ['/bin/true'], { via: 'clone3', first: '1000' });
      expect(code).toBe(0);
      await expect(own).toHaveActiveAgents(0);
    });
    expect(failed.map(({ event }) => event)).toEqual(['created', 'fork_failed', 'spawned', 'destroyed']);
    expect(failed[1]).toMatchObject({ error: 'EFAULT' });
  },
);
