import { NAMESPACES, namesOf } from '../../client/abi/names.js';
import type { AgentRequest } from '../../client/client.js';
import { expect, test } from '../support/fixtures.js';
import { MOUNT_CALLS } from '../support/former-calls.js';
import { attempts, violationsDuring } from '../support/guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

const NEW_PROCESS = ['fork', 'vfork', 'posix_spawn', 'clone', 'clone3'];
const EXEC = ['execve', 'execveat', 'fexecve'];
/** CLONE_NEW* in hexadecimal. */
const CLONE_NEW = {
  time: '80',
  mnt: '20000',
  cgroup: '2000000',
  uts: '4000000',
  ipc: '8000000',
  user: '10000000',
  pid: '20000000',
  net: '40000000',
};

/**
 * Runs attempts as the first program of an agent with all capabilities, so that only its rules deny them; how each
 * went, and the violations counted.
 */
async function under(guest: LoadedGuest, syscalls: AgentRequest['syscalls'], ...tries: string[]) {
  const program = ['/usr/local/bin/attempt', ...tries.join(' -- ').split(' ')];
  let seen: string[] = [];
  const violations = await violationsDuring(guest, async () => {
    seen = attempts(
      (await guest.swarm.launch({ capabilities: 'all', ...(syscalls && { syscalls }) }, program)).stdout,
    );
  });
  return { seen, violations };
}

const all = (names: string[], how: string) => names.map((name) => `${name} ${how}`);

test('SYSCALL-01: by default an agent may fork by every call, make threads and execute', async ({
  loaded,
}) => {
  const exec = EXEC.map((name) => `${name} /bin/true`);
  const { seen, violations } = await under(loaded, undefined, ...NEW_PROCESS, 'thread', ...exec);
  expect(seen).toEqual(all([...NEW_PROCESS, 'thread', ...EXEC], 'ok'));
  expect(violations).toBe(0);
});

test('SYSCALL-02: "fork":"deny" denies a new process by every call, and no thread', async ({ loaded }) => {
  const { seen, violations } = await under(loaded, { fork: 'deny' }, ...NEW_PROCESS, 'thread');
  expect(seen).toEqual([...all(NEW_PROCESS, 'EPERM'), 'thread ok']);
  expect(violations).toBe(NEW_PROCESS.length);
});

test('SYSCALL-03: "thread":"deny" denies threads, and no process', async ({ loaded }) => {
  const { seen, violations } = await under(loaded, { thread: 'deny' }, 'thread', ...NEW_PROCESS);
  expect(seen).toEqual(['thread EPERM', ...all(NEW_PROCESS, 'ok')]);
  expect(violations).toBe(1);
});

test('SYSCALL-04: "execve":"deny" means this program and nothing else', async ({ loaded }) => {
  const tries = [...EXEC, 'exec-here'].map((name) => `${name} /bin/true`);
  const { seen, violations } = await under(loaded, { execve: 'deny' }, ...tries, 'fork');
  expect(seen).toEqual([...all([...EXEC, 'exec-here'], 'EPERM'), 'fork ok']);
  expect(violations).toBe(4);
});

test('SYSCALL-05: a script counts once, with its interpreter', async ({ loaded }) => {
  await loaded.writeFile('/srv/script', '#!/bin/sh\nexit 0\n', '755');
  const { seen, violations } = await under(loaded, { execve: 'deny' }, 'execve /srv/script');
  expect(seen).toEqual(['execve EPERM']);
  expect(violations).toBe(1);
  // Where it goes ahead, its interpreter is not counted as another.
  const debug = '/sys/module/swarm_guard/parameters/debug';
  await loaded.sh(`echo 1 >${debug}; dmesg -C`);
  await under(loaded, { execve: 'audit' }, 'exec-here /srv/script');
  await loaded.sh(`echo 0 >${debug}`);
  expect((await loaded.kernelLog()).match(/: execve by process/g)).toHaveLength(1);
});

test('SYSCALL-06: by default no namespace can be made, by unshare or by clone, nor entered', async ({
  loaded,
}) => {
  const flags = Object.values(CLONE_NEW);
  const unshare = await under(loaded, undefined, ...flags.map((flag) => `unshare ${flag}`));
  expect(unshare.seen).toEqual(flags.map(() => 'unshare EPERM'));
  expect(unshare.violations).toBe(flags.length);
  const clone = await under(loaded, undefined, ...flags.map((flag) => `clone-flags ${flag}`));
  expect(clone.seen).toEqual(flags.map(() => 'clone-flags EPERM'));
  expect(clone.violations).toBe(flags.length);
  const names = namesOf(NAMESPACES);
  const setns = await under(
    loaded,
    undefined,
    ...names.map((name) => `setns /proc/self/ns/${name}`),
    'pidfd-setns 1',
  );
  expect(setns.seen).toEqual([...names.map(() => 'setns EPERM'), 'pidfd-setns EPERM']);
  expect(setns.violations).toBe(names.length + 1);
  // Not by the rules on the calls themselves.
  let tree = { seen: [''], violations: 0 };
  const events = await loaded.swarm.eventsDuring(async () => {
    tree = await under(loaded, MOUNT_CALLS, 'open-tree-ns', 'open-tree-attr-ns');
  });
  for (const event of events)
    if (event.event === 'violation') expect(event).toMatchObject({ kind: 'unshare', action: 'deny' });
  expect(tree.seen[0]).toMatch(/^open-tree-ns E(PERM|INVAL)$/);
  expect(tree.seen[1]).toMatch(/^open-tree-attr-ns E(PERM|INVAL|NOSYS)$/);
  // UNSHARE_EMPTY_MNTNS and CLONE_EMPTY_MNTNS: not the same bit.
  const empty = await under(loaded, undefined, 'unshare 100000', 'clone-flags 2000000000');
  expect(empty.seen[0]).toMatch(/^unshare E(PERM|INVAL)$/);
  expect(empty.seen[1]).toMatch(/^clone-flags E(PERM|INVAL)$/);
  const known = [...tree.seen, ...empty.seen].filter((line) => line.endsWith('EPERM'));
  expect(tree.violations + empty.violations, 'counted where the kernel knows it').toBe(known.length);
});

test('SYSCALL-07: a bit that means a namespace to one call means none to another', async ({ loaded }) => {
  // CLONE_PARENT_SETTID, which is unshare's UNSHARE_EMPTY_MNTNS.
  const clone = await under(loaded, undefined, 'clone-flags 100000');
  expect(clone).toEqual({ seen: ['clone-flags ok'], violations: 0 });
  // CLONE_EMPTY_MNTNS is nothing to unshare.
  const unshare = await under(loaded, undefined, 'unshare 2000000000');
  expect(unshare).toEqual({ seen: ['unshare EINVAL'], violations: 0 });
});

test('SYSCALL-08: unsharing files, fs and semaphores alone stays allowed', async ({ loaded }) => {
  const { seen, violations } = await under(loaded, undefined, 'unshare 400', 'unshare 200', 'unshare 40000');
  expect(seen).toEqual(all(['unshare', 'unshare', 'unshare'], 'ok'));
  expect(violations).toBe(0);
});

test('SYSCALL-09: "allow" allows what the kernel itself allows, and tracking goes on', async ({ loaded }) => {
  const nested = await under(
    loaded,
    { unshare: 'allow' },
    'clone-flags 4000000',
    'unshare 4000000',
    'unshare 20000',
  );
  expect(nested.seen).toEqual(['clone-flags ok', 'unshare ok', 'unshare ok']);
  const entered = await under(loaded, { setns: 'allow' }, 'setns /proc/self/ns/uts');
  expect(entered.seen).toEqual(['setns ok']);
  const { stdout } = await loaded.swarm.run(
    { syscalls: { ...MOUNT_CALLS, unshare: 'allow', execve: 'audit' }, capabilities: 'all' },
    'unshare --uts --mount attempt setns /proc/self/ns/uts',
  );
  expect(attempts(stdout)).toEqual(['setns EPERM']);
  await expect(loaded).toHaveActiveAgents(0);
});

test('SYSCALL-10: "kill" kills the process that tries', async ({ loaded }) => {
  for (const [rule, line] of Object.entries({
    fork: 'attempt fork',
    thread: 'attempt thread',
    execve: 'attempt exec-here /bin/true',
    unshare: 'attempt unshare 4000000',
    setns: 'attempt setns /proc/self/ns/uts',
  })) {
    let code = 0;
    const violations = await violationsDuring(loaded, async () => {
      const [file, ...args] = line.split(' ');
      const program = [`/usr/local/bin/${file ?? ''}`, ...args];
      const request: AgentRequest = { syscalls: { [rule]: 'kill' } };
      code = (await loaded.swarm.launch(request, program)).code;
    });
    expect([rule, code, violations]).toEqual([rule, 137, 1]);
  }
});

test('SYSCALL-11: "audit" allows, and is no violation', async ({ loaded }) => {
  const rules = {
    fork: 'audit',
    thread: 'audit',
    execve: 'audit',
    unshare: 'audit',
    setns: 'audit',
  } as const;
  const tries = ['fork', 'thread', 'execve /bin/true', 'unshare 4000000', 'setns /proc/self/ns/uts'];
  const { seen, violations } = await under(loaded, rules, ...tries);
  expect(seen).toEqual(tries.map((each) => `${each.split(' ')[0] ?? ''} ok`));
  expect(violations).toBe(0);
});

test('SYSCALL-12: descendants of every kind are under the same rules', async ({ loaded }) => {
  const line = [
    'sh -c "sh -c \\"attempt setns /proc/self/ns/uts\\""',
    '(setsid sh -c "sleep 0.3; attempt setns /proc/self/ns/uts; echo orphan; touch /tmp/orphan" &)',
    'until [ -e /tmp/orphan ]; do sleep 0.1; done',
  ].join('\n');
  await loaded.sh('rm -f /tmp/orphan');
  const violations = await violationsDuring(loaded, async () => {
    const { stdout } = await loaded.swarm.run({}, line);
    expect(attempts(stdout)).toEqual(['setns EPERM', 'setns EPERM', 'orphan']);
  });
  expect(violations).toBe(2);
});

test('SYSCALL-13: a process outside is under no rule while agents run', async ({ loaded }) => {
  const agent = loaded.swarm.run(
    { syscalls: { fork: 'deny', execve: 'deny' } },
    'sleep() { read -r x; }; sleep </dev/tty; while :; do :; done',
    {
      under: 'timeout 100',
    },
  );
  await expect(loaded).toHaveActiveAgents(1);
  const outside = await loaded.sh(
    'attempt fork -- thread -- execve /bin/true -- read /dev/kmsg -- unshare 4000000',
  );
  expect(attempts(outside)).toEqual(['fork ok', 'thread ok', 'execve ok', 'read ok', 'unshare ok']);
  const [id] = (await loaded.swarm.agents()).map((each) => each.id);
  await loaded.swarm.destroy(id ?? 0);
  await agent.catch(() => undefined);
  await expect(loaded).toHaveActiveAgents(0);
});
