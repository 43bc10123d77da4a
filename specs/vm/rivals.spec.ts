/** Others who change the kernel's functions: the switch of ftrace, other redirections, live patches. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BootedGuest } from '../../harness/guest/guest.js';
import { ARCHITECTURES } from '../../harness/util/architecture.js';
import { expect, test } from '../support/fixtures.js';
import { attempts } from '../support/guest.js';
import { reload } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';
import { buildTestModules } from '../support/module.js';
import type { Stage } from '../support/stage.js';

/** Something for each hook; but for the fork it is refused. */
const ATTEMPTS = 'fork -- execve /bin/true -- unshare 4000000 -- setns /proc/self/ns/uts -- read /dev/kmsg';

const hooked = ({ kernel }: Stage) => [
  'kernel_clone',
  'create_user_ns',
  'security_bprm_check',
  'security_ptrace_access_check',
  'devcgroup_check_permission',
  'ksys_unshare',
  'cgroup_attach_task',
  `${ARCHITECTURES[kernel.arch].syscall}setns`,
];

async function expectEnforced(guest: LoadedGuest): Promise<void> {
  const { stdout } = await guest.swarm.launch({ syscalls: { execve: 'deny' } }, [
    '/usr/local/bin/attempt',
    ...ATTEMPTS.split(' '),
  ]);
  expect(attempts(stdout)).toEqual(['fork ok', 'execve EPERM', 'unshare EPERM', 'setns EPERM', 'read EPERM']);
  await expect(guest).toHaveActiveAgents(0);
}

/** Loading fails with this message; nothing of the module is left. */
async function expectRefused(guest: BootedGuest, message: RegExp): Promise<void> {
  const mounts = await guest.sh('cat /proc/mounts');
  const { code } = await guest.exec('dmesg -C; insmod /root/swarm_guard.ko');
  expect(code).not.toBe(0);
  const log = await guest.kernelLog();
  expect(log.match(/swarm_guard: /g), log).toHaveLength(1);
  expect(log).toMatch(message);
  const look = 'ls -d /proc/swarm /sys/fs/cgroup/swarm /sys/module/swarm_guard /sys/kernel/slab/swarm_*';
  expect((await guest.exec(look)).stdout).toBe('');
  expect(await guest.sh('cat /proc/mounts')).toBe(mounts);
  expect(await guest.sh('grep -c swarm_guard /sys/kernel/tracing/enabled_functions || true')).toBe('0');
}

async function upload(guest: BootedGuest, stage: Stage): Promise<void> {
  const dir = await buildTestModules(stage.kernel, 'rivals');
  for (const name of (await readdir(dir)).filter((file) => file.endsWith('.ko')))
    await guest.upload(join(dir, name), `/root/${name}`);
  await guest.upload(stage.module.ko, '/root/swarm_guard.ko');
}

test('ROBUST-01: sysctl kernel.ftrace_enabled=0 is refused while the module is loaded, and enforcement stays', async ({
  loaded,
}) => {
  const { code } = await loaded.exec('sysctl -w kernel.ftrace_enabled=0');
  expect(code).not.toBe(0);
  expect(await loaded.sh('cat /proc/sys/kernel/ftrace_enabled')).toBe('1');
  await expectEnforced(loaded);
});

test('ROBUST-02: with kernel.ftrace_enabled=0 loading fails and says how to switch it on', async ({
  booted,
  stage,
}) => {
  await upload(booted, stage);
  const { code, stderr } = await booted.exec('sysctl -w kernel.ftrace_enabled=0');
  test.skip(code !== 0, `this kernel never switches it off: ${stderr.trim()}`);
  await expectRefused(booted, /kernel_clone cannot be hooked: .*sysctl kernel\.ftrace_enabled=1/);
  await booted.sh('sysctl -w kernel.ftrace_enabled=1');
  const guest = await reload(booted);
  await expectEnforced(guest);
});

test('ROBUST-03: where another module redirects a hooked function loading fails and names it, and the reverse', async ({
  booted,
  stage,
}) => {
  await upload(booted, stage);
  const redirect = (name: string) => booted.exec(`insmod /root/swarm_redirect.ko function=${name}`);
  for (const name of hooked(stage)) {
    expect((await redirect(name)).code).toBe(0);
    await expectRefused(booted, new RegExp(`${name} cannot be hooked: a live patch or another module`));
    await booted.sh('rmmod swarm_redirect');
  }
  const guest = await reload(booted);
  for (const name of hooked(stage)) {
    const { code, stderr } = await redirect(name);
    expect([name, code, stderr]).toEqual([name, 1, expect.stringMatching(/busy/)]);
  }
  await expectEnforced(guest);
  await guest.unload();
  // Nothing of the module is left on the functions.
  for (const name of hooked(stage)) {
    expect((await redirect(name)).code).toBe(0);
    await booted.sh('rmmod swarm_redirect');
  }
});

test('ROBUST-04: under a live patch of a hooked function loading fails and names it, and the reverse', async ({
  booted,
  stage,
}) => {
  const patch = '/sys/kernel/livepatch/swarm_livepatch';
  const unpatch = async () => {
    await booted.sh(`echo 0 >${patch}/enabled`);
    await expect.poll(() => booted.sh(`ls -d ${patch} 2>/dev/null || echo gone`)).toBe('gone');
    await booted.sh('rmmod swarm_livepatch');
  };
  const { code: without } = await booted.exec('[ -d /sys/kernel/livepatch ]');
  test.skip(without !== 0, 'this kernel was built without live patches (CONFIG_LIVEPATCH)');
  await upload(booted, stage);
  await booted.sh('insmod /root/swarm_livepatch.ko');
  await expect.poll(() => booted.sh(`cat ${patch}/transition`)).toBe('0');
  expect(await booted.sh('attempt unshare 4000000'), 'the live patch works').toBe('unshare EOPNOTSUPP');
  await expectRefused(booted, /ksys_unshare cannot be hooked: a live patch or another module/);
  await unpatch();
  const guest = await reload(booted);
  const { code, stderr } = await guest.exec('insmod /root/swarm_livepatch.ko');
  expect([code, stderr]).toEqual([1, expect.stringMatching(/busy/)]);
  await expectEnforced(guest);
  await guest.unload();
  await booted.sh('insmod /root/swarm_livepatch.ko');
  await expect.poll(() => booted.sh(`cat ${patch}/transition`)).toBe('0');
  await unpatch();
});

test('ROBUST-11: where another module redirects a system call, only a policy with a rule on it is refused, by name, and the reverse', async ({
  loaded,
  stage,
}) => {
  const { swarm } = loaded;
  await upload(loaded, stage);
  const entry = `${ARCHITECTURES[stage.kernel.arch].syscall}getpgid`;
  const redirect = () => loaded.exec(`insmod /root/swarm_redirect.ko function=${entry}`);
  const rule = { privileged: true, syscalls: { getpid: 'audit', getpgid: 'deny' } } as const;
  expect(await redirect()).toMatchObject({ code: 0, stderr: '' });
  await expect(swarm.create(rule)).rejects.toThrow(
    new RegExp(`EBUSY[^]*${entry} is redirected by a live patch or another module`),
  );
  await expect(loaded).toHaveActiveAgents(0);
  // What others ask for is hooked all the same, then and later.
  const other = await swarm.create({ privileged: true, syscalls: { getpid: 'audit' } });
  await expect(swarm.update({ id: other, syscalls: { getpgid: 'deny' } })).rejects.toThrow(
    `${entry} is redirected`,
  );
  expect((await swarm.inspect(other)).policy.syscalls).toMatchObject({ getpid: 'audit' });
  await loaded.sh('rmmod swarm_redirect');
  await swarm.update({ id: other, syscalls: { getpgid: 'deny' } });
  expect(await redirect()).toMatchObject({ code: 1, stderr: expect.stringContaining('busy') });
  await swarm.destroy(other);
  // It stays hooked a few seconds longer than there is a rule.
  await expect.poll(async () => (await redirect()).code, { timeout: 60_000 }).toBe(0);
  await loaded.sh('rmmod swarm_redirect');
});

test('ROBUST-12: a denied call stays denied where a BPF program is attached to its function, before it is hooked or after', async ({
  loaded,
  stage,
}) => {
  const { swarm } = loaded;
  const { code } = await loaded.exec('[ -e /sys/kernel/btf/vmlinux ]');
  test.skip(code !== 0, 'this kernel has no BTF, by which a BPF program names a function');
  const prefix = ARCHITECTURES[stage.kernel.arch].syscall;
  await expect
    .poll(() => loaded.sh('cat /sys/kernel/tracing/enabled_functions'), { timeout: 60_000 })
    .not.toContain(`${prefix}mount`);
  const attach = async (call: string) => {
    const said = `/run/said-${call}`;
    const pid = await loaded.sh(`setsid fexit ${prefix}${call} >${said} 2>&1 </dev/null & echo $!`);
    await expect.poll(() => loaded.sh(`cat ${said}`)).toBe('attached');
    return () => loaded.sh(`kill ${pid}; while [ -e /proc/${pid} ]; do sleep 0.1; done; rm ${said}`);
  };
  const denied = async (...calls: string[]) => {
    const syscalls = Object.fromEntries(calls.map((call) => [call, 'deny' as const]));
    const { stdout } = await swarm.launch({ syscalls }, ['/usr/local/bin/call', ...calls]);
    return attempts(stdout);
  };
  // To one that is hooked first of all, to one when others are hooked already, and to one that is hooked.
  const first = await attach('getpgid');
  const other = await swarm.create({ privileged: true, syscalls: { getpgid: 'audit' } });
  expect(await denied('getpgid')).toEqual(['getpgid EPERM']);
  const later = await attach('getsid');
  expect(await denied('getpgid', 'getsid')).toEqual(['getpgid EPERM', 'getsid EPERM']);
  const last = await attach('mount');
  expect(await denied('mount', 'getpgid', 'getsid')).toEqual([
    'mount EPERM',
    'getpgid EPERM',
    'getsid EPERM',
  ]);
  await first();
  await later();
  await last();
  expect(await denied('mount', 'getpgid', 'getsid')).toEqual([
    'mount EPERM',
    'getpgid EPERM',
    'getsid EPERM',
  ]);
  await swarm.destroy(other);
});
