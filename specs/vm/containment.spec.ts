/** A launcher that is root leaves nothing of root on the host to its agent: all by effect. */
import { agentCgroups } from '../support/cgroups.js';
import { expect, test } from '../support/fixtures.js';
import { MOUNT_CALLS } from '../support/former-calls.js';
import { attempts, background, violationsDuring } from '../support/guest.js';

test("CONTAIN-01: root's files are closed to it", async ({ loaded }) => {
  await loaded.sh(
    'cd /srv && echo secret >closed && chmod 600 closed && echo text >readable && chmod 644 readable',
  );
  const { stdout } = await loaded.swarm.run(
    {},
    'attempt read /srv/closed -- write /srv/closed x -- read /srv/readable -- write /srv/readable x; rm -f /srv/closed; chown 0:0 /srv/readable; ls /root',
  );
  expect(attempts(stdout)).toEqual(['read EACCES', 'write EACCES', 'read ok', 'write EACCES']);
  expect(await loaded.sh('cat /srv/closed /srv/readable')).toBe('secret\ntext');
  await loaded.sh('rm /srv/closed /srv/readable');
});

test('CONTAIN-02: the switches of the kernel are closed to it', async ({ loaded }) => {
  const switches = {
    '/proc/sys/kernel/core_pattern': '|/bin/x',
    '/proc/sys/kernel/modprobe': '/bin/x',
    '/proc/sys/vm/drop_caches': '3',
    '/proc/sysrq-trigger': 'c',
    '/proc/sys/kernel/randomize_va_space': '0',
    '/sys/module/printk/parameters/time': '0',
    '/sys/module/swarm_guard/parameters/debug': '1',
  };
  const paths = Object.entries(switches);
  const before = await loaded.sh(
    `cat ${paths
      .map(([path]) => path)
      .filter((path) => !path.endsWith('trigger') && !path.endsWith('caches'))
      .join(' ')}`,
  );
  for (const own of ['', 'mkdir -p /tmp/p && mount -t proc proc /tmp/p && mount --bind /tmp/p /proc && ']) {
    const { stdout } = await loaded.swarm.run(
      { syscalls: MOUNT_CALLS, capabilities: 'all' },
      `${own} attempt ${paths.map(([path, text]) => `write ${path} '${text}'`).join(' -- ')}`,
    );
    for (const [index, result] of attempts(stdout).entries()) {
      expect(result, `${paths[index]?.[0] ?? ''} ${own}`).toMatch(/^write E(ACCES|PERM)$/);
    }
    expect(attempts(stdout)).toHaveLength(paths.length);
  }
  const after = await loaded.sh(
    `cat ${paths
      .map(([path]) => path)
      .filter((path) => !path.endsWith('trigger') && !path.endsWith('caches'))
      .join(' ')}`,
  );
  expect(after).toBe(before);
});

const MEMORY = '/sys/fs/cgroup/swarm/memory';

test('CONTAIN-03: its own limits and other cgroups are closed to it', async ({ loaded }) => {
  await loaded.swarm.run({ memory_limit: 64 << 20 }, 'true');
  await expect.poll(() => agentCgroups(loaded)).toBe(0);
  await expect.poll(() => loaded.sh(`ls -d ${MEMORY}/p*/ 2>/dev/null | wc -l`)).toBe('16');
  const agent = await loaded.swarm.run(
    { memory_limit: 64 << 20, cpu_quota: 50, pids_limit: 20, syscalls: MOUNT_CALLS, capabilities: 'all' },
    [
      // Among those that wait for other agents.
      `own=$(grep -l 'populated 1' ${MEMORY}/*/cgroup.events); own=\${own%cgroup.events}`,
      `other=$(grep -l 'populated 0' ${MEMORY}/*/cgroup.events | head -n 1); other=\${other%cgroup.events}`,
      'attempt write ${other}cgroup.procs $$ -- write ${other}memory.max max',
      'mkdir -p /tmp/cg && mount -t cgroup2 none /tmp/cg',
      'attempt write ${own}memory.max max -- write ${own}cgroup.procs $$ -- write ${own}pids.max max',
      'attempt write /tmp/cg/memory.max max -- write /tmp/cg/cpu.max max -- write /tmp/cg/pids.max max',
      'attempt write /sys/fs/cgroup/cgroup.procs 1 -- write /tmp/cg/cgroup.subtree_control +memory',
      'mkdir /tmp/cg/inner 2>/dev/null || echo refused',
      'mount -o remount,rw /sys/fs/cgroup 2>/dev/null || echo refused',
    ].join('\n'),
  );
  const results = attempts(agent.stdout);
  expect(results).toHaveLength(12);
  for (const result of results) expect(result).toMatch(/^(write E(ACCES|PERM)|refused)$/);
});

test('CONTAIN-04: processes outside are out of its reach', async ({ loaded }) => {
  const sleeper = await background(loaded, 'sleep 60');
  const shared = await loaded.swarm.run(
    { namespace_flags: 126, capabilities: 'all' },
    `attempt kill ${sleeper} -- ptrace ${sleeper} -- kill 1`,
  );
  expect(attempts(shared.stdout)).toEqual(['kill EPERM', 'ptrace EPERM', 'kill EPERM']);
  const own = await loaded.swarm.run(
    { capabilities: 'all' },
    `attempt kill ${sleeper} -- ptrace ${sleeper}; cat /proc/${sleeper}/environ`,
  );
  expect(attempts(own.stdout)).toEqual(['kill ESRCH', 'ptrace ESRCH']);
  await loaded.sh(`kill ${sleeper}`);
});

test('CONTAIN-05: the machine is out of its reach: clock, modules, devices, disks, host name', async ({
  loaded,
}) => {
  const { stdout } = await loaded.swarm.run(
    { capabilities: 'all' },
    [
      'date -s @0 >/dev/null 2>&1 || echo clock refused',
      'rmmod swarm_guard >/dev/null 2>&1 || echo rmmod refused',
      'insmod /root/swarm_guard.ko >/dev/null 2>&1 || echo insmod refused',
      'attempt mknod /tmp/null c 1 3 -- mknod /tmp/disk b 8 0',
      'hostname owned && hostname',
      'dmesg -C 2>/dev/null || echo dmesg refused',
    ].join('\n'),
  );
  expect(attempts(stdout)).toEqual([
    'clock refused',
    'rmmod refused',
    'insmod refused',
    'mknod EPERM',
    'mknod EPERM',
    'owned',
    'dmesg refused',
  ]);
  expect(await loaded.sh('hostname')).toBe('guest');
  expect(Number(await loaded.sh('date +%s'))).toBeGreaterThan(1e9);
});

test('CONTAIN-06: it gives no orders through /proc/swarm, not even with a descriptor that root opened', async ({
  loaded,
}) => {
  const other = await loaded.swarm.create({ pids_limit: 5 });
  const orders = `echo '{}' >&9; echo ${other} >&8; echo '{"id":${other},"pids_limit":0}' >&7; echo '{"id":${other}}' >&6; echo '{"id":${other},"pid":1}' >&5`;
  const line = `attempt write /proc/swarm/create; ${orders}`;
  const under =
    'exec 9<>/proc/swarm/create 8>/proc/swarm/destroy 7>/proc/swarm/update 6>/proc/swarm/spawn 5>/proc/swarm/attach;';
  const before = (await loaded.swarm.status()).created;
  const violations = await violationsDuring(loaded, async () => {
    const { stdout, stderr } = await loaded.swarm.launch({}, ['/bin/bash', '-c', line], { under });
    expect(attempts(stdout)).toEqual(['write EACCES']);
    expect(stderr.match(/Operation not permitted/g)).toHaveLength(5);
  });
  expect(violations, 'the open is refused by its mode already').toBe(5);
  const privileged = await violationsDuring(loaded, async () => {
    const { stdout } = await loaded.swarm.run({ namespace_flags: 95, privileged: true }, line, { under });
    expect(attempts(stdout)).toEqual(['write EPERM']);
  });
  expect(privileged).toBe(6);
  expect((await loaded.swarm.status()).created).toBe(before + 2);
  expect((await loaded.swarm.inspect(other)).policy.pids_limit).toBe(5);
  await loaded.swarm.destroy(other);
  await expect(loaded).toHaveActiveAgents(0);
});

test('CONTAIN-07: inside it, /proc/swarm shows that agent alone, with its own process ids', async ({
  loaded,
}) => {
  const other = await loaded.swarm.create({ name: 'other' });
  const { stdout, id } = await loaded.swarm.run(
    { cpu_quota: 50, syscalls: MOUNT_CALLS, capabilities: 'all' },
    'mount -t proc proc /proc; cat /proc/swarm/agents; cat /proc/swarm/status',
  );
  expect(stdout).toBe(
    `ID: ${id}, PID: 1, Memory: max, CPU: 50%, Namespaces: 0x7F\n` +
      'Active agents: 1\nTotal created: 1\nTotal destroyed: 0\nPolicy violations: 0\n',
  );
  const inherited = await loaded.swarm.run({}, 'cat <&9', { under: 'exec 9</proc/swarm/agents;' });
  expect(inherited.stdout).toBe(`ID: ${inherited.id}, PID: 1, Memory: max, CPU: max, Namespaces: 0x7F\n`);
  await loaded.swarm.destroy(other);
});
