/**
 * A real-time kernel, where spinlocks sleep, and a second function tracer on the hooked functions,
 * under which the hooks' callbacks run with preemption off.
 */
import { LAUNCH_CALLS } from '../../client/client.js';
import { expectNoAgentCgroups } from '../support/cgroups.js';
import { expect, test } from '../support/fixtures.js';
import { attempts } from '../support/guest.js';
import { load, reload } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

test.use({ kernelName: 'rt' });

const TRACING = '/sys/kernel/tracing';
const TRACED = [
  'kernel_clone',
  'create_user_ns',
  'security_bprm_check',
  'security_ptrace_access_check',
  'devcgroup_check_permission',
  'ksys_unshare',
  'cgroup_attach_task',
  '__x64_sys_setns',
];
const LIMITED = { cpu_quota: 50, pids_limit: 60 };

/** Each hook, with what it lets pass and what not. */
async function expectEnforced(guest: LoadedGuest): Promise<void> {
  const program =
    'fork -- thread -- execve /bin/true -- unshare 4000000 -- clone-flags 4000000 -- setns /proc/self/ns/uts -- read /dev/kmsg -- read /dev/null';
  const { stdout } = await guest.swarm.launch({ ...LIMITED, syscalls: { thread: 'deny', execve: 'deny' } }, [
    '/usr/local/bin/attempt',
    ...program.split(' '),
  ]);
  expect(attempts(stdout)).toEqual([
    'fork ok',
    'thread EPERM',
    'execve EPERM',
    'unshare EPERM',
    'clone-flags EPERM',
    'setns EPERM',
    'read EPERM',
    'read ok',
  ]);
  const killed = await guest.swarm.run({ syscalls: { unshare: 'kill' } }, 'exec attempt unshare 4000000');
  expect(killed.code).toBe(137);
  for (const via of LAUNCH_CALLS) {
    const { stdout } = await guest.swarm.run(LIMITED, 'echo $$; id -u; cat /proc/self/cgroup', { via });
    expect(stdout, via).toBe('1\n0\n0::/\n');
  }
  await expect(guest).toHaveActiveAgents(0);
}

/** Many at once, so that locks are fought for: births, forks, exits, violations, destroys and reads. */
async function stress(guest: LoadedGuest): Promise<void> {
  const agent = 'for i in 1 2 3 4 5; do (attempt setns /proc/self/ns/uts; true) & done >/dev/null; wait';
  const object = JSON.stringify({ spawn: true, ...LIMITED });
  const line = [
    'end=$(($(date +%s) + 30))',
    `for n in 1 2 3 4; do (while [ $(date +%s) -lt $end ]; do launch '${object}' /bin/sh -c '${agent}'; done) 2>/dev/null & done`,
    `(while [ $(date +%s) -lt $end ]; do seq 50 | sed 's/.*/{}/' | swarmio /proc/swarm/create; done) >/dev/null 2>&1 &`,
    `(while [ $(date +%s) -lt $end ]; do sed 's/^ID: //; s/,.*//' /proc/swarm/agents | swarmio /proc/swarm/destroy; done) >/dev/null 2>&1 &`,
    'wait',
    `sed 's/^ID: //; s/,.*//' /proc/swarm/agents | swarmio /proc/swarm/destroy >/dev/null 2>&1; true`,
  ].join('\n');
  await guest.sh(line, { timeoutMs: 120_000 });
  await expect(guest).toHaveActiveAgents(0);
  await expectNoAgentCgroups(guest);
}

test('ROBUST-09: a real-time kernel: everything is enforced, and many at once bring no complaint', async ({
  loaded,
}) => {
  test.setTimeout(600_000);
  expect(await loaded.sh('uname -v')).toContain('PREEMPT_RT');
  await expectEnforced(loaded);
  await stress(loaded);
});

test('ROBUST-10: with a second function tracer on the hooked functions as well, traced before loading and after', async ({
  booted,
  module,
}) => {
  test.setTimeout(900_000);
  const trace = `echo ${TRACED.join(' ')} >${TRACING}/set_ftrace_filter && echo function >${TRACING}/current_tracer`;
  await booted.sh(trace);
  const guest = await load(booted, module.ko);
  const users = await guest.sh(`cat ${TRACING}/enabled_functions`);
  for (const name of TRACED) expect(users).toMatch(new RegExp(`^${name} \\(2\\).* I`, 'm'));
  await expectEnforced(guest);
  await stress(guest);
  const seen = await guest.sh(`cat ${TRACING}/trace`);
  for (const name of TRACED) expect(seen, 'the tracer saw it too').toContain(` ${name} `);
  await guest.unload();
  const again = await reload(guest);
  await expectEnforced(again);
  await guest.sh(`echo nop >${TRACING}/current_tracer`);
  await expectEnforced(again);
  await guest.sh(trace);
  await expectEnforced(again);
  await again.unload();
  await guest.sh(`echo nop >${TRACING}/current_tracer; echo >${TRACING}/set_ftrace_filter`);
});
