/** swarmctl doctor: its verdicts over made-up machines, and the page that is made from its table. */
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from '@playwright/test';
import { report, summary } from '../../client/cli/actions/doctor.js';
import { AGENT_BYTES } from '../../client/doctor/capacity.js';
import type { Verdict } from '../../client/doctor/check.js';
import { CHECKS, canRun, examine } from '../../client/doctor/checks.js';
import type { Examined } from '../../client/doctor/checks.js';
import { factsOf } from '../../client/doctor/facts.js';
import { HOOKED, HOOKED_CALLS } from '../../client/doctor/hooks.js';
import { MOUNT_COST } from '../../client/doctor/surroundings.js';
import { repository } from '../../harness.config.js';
import { TROUBLESHOOTING, troubleshooting } from '../support/doctor-page.js';

/** Files by path; `->` begins what a symbolic link says. */
type Files = Readonly<Record<string, string | Buffer | undefined>>;

const RELEASE = '7.3.4+deb13-cloud-amd64';
const MODULES = `/lib/modules/${RELEASE}`;
const OPTIONS = [
  ...['MODULES', 'KPROBES', 'FUNCTION_TRACER', 'DYNAMIC_FTRACE', 'NAMESPACES', 'USER_NS', 'CGROUPS'],
  ...['CGROUP_BPF', 'MEMCG', 'CFS_BANDWIDTH', 'CGROUP_PIDS'],
];
const config = (options: readonly string[]) => options.map((name) => `CONFIG_${name}=y\n`).join('');
const PARAMETERS = '/sys/module/swarm_guard/parameters';
const CGROUP = '/sys/fs/cgroup';
const SECURE_BOOT = '/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c';
const ROOT_STATUS = 'Name:\tnode\nUid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n';

/** A machine on which nothing is wrong, with the module loaded. */
const HEALTHY: Files = {
  '/proc/self/status': ROOT_STATUS,
  '/proc/self/ns/user': '-> user:[4026531837]',
  '/proc/self/ns/pid': '-> pid:[4026531836]',
  '/proc/self/ns/cgroup': '-> cgroup:[4026531835]',
  '/proc/self/cgroup': '0::/user.slice\n',
  '/proc/sys/kernel/osrelease': `${RELEASE}\n`,
  [`/boot/config-${RELEASE}`]: config(OPTIONS),
  [`${MODULES}/build/include/config/kernel.release`]: `${RELEASE}\n`,
  [`${MODULES}/modules.dep`]: 'kernel/fs/nfs.ko.xz:\nupdates/swarm_guard.ko:\n',
  [`${MODULES}/updates/swarm_guard.ko`]: 'ELF',
  '/proc/swarm/status': 'Active agents: 3\nTotal created: 5\nTotal destroyed: 2\nPolicy violations: 0\n',
  '/sys/module/swarm_guard/version': '0.1.0\n',
  '/sys/module/swarm_guard/initstate': 'live\n',
  '/sys/module/swarm_guard/taint': 'O\n',
  [`${PARAMETERS}/enforce`]: '1\n',
  [`${PARAMETERS}/max_agents`]: '200000\n',
  [`${PARAMETERS}/id_base`]: '2147483648\n',
  [`${PARAMETERS}/id_count`]: '1024\n',
  [`${PARAMETERS}/cgroup_parent`]: 'swarm\n',
  '/sys/module/module/parameters/sig_enforce': 'N\n',
  '/sys/kernel/security/lockdown': '[none] integrity confidentiality\n',
  '/etc/subuid': 'someone:100000:65536\n',
  '/proc/sys/kernel/ftrace_enabled': '1\n',
  '/sys/kernel/tracing/enabled_functions': '',
  '/proc/self/mountinfo':
    '21 1 8:1 / / rw - ext4 /dev/sda1 rw\n22 21 0:5 / /proc rw - proc proc rw\n29 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate,favordynmods\n',
  [`${CGROUP}/cgroup.controllers`]: 'cpuset cpu io memory pids\n',
  [`${CGROUP}/cgroup.stat`]: 'nr_descendants 40\nnr_subsys_memory 41\nnr_dying_subsys_memory 2\n',
  [`${CGROUP}/swarm/cgroup.procs`]: '',
  [`${CGROUP}/swarm/memory/cgroup.subtree_control`]: 'cpu memory pids\n',
  [`${CGROUP}/swarm/plain/cgroup.subtree_control`]: 'cpu pids\n',
  [`${CGROUP}/user.slice/pids.max`]: 'max\n',
  ...Object.fromEntries(
    ['pid', 'net', 'mnt', 'uts', 'ipc', 'user', 'cgroup'].map((kind) => [
      `/proc/sys/user/max_${kind}_namespaces`,
      '900000\n',
    ]),
  ),
  '/proc/sys/kernel/pid_max': '4194304\n',
  '/proc/sys/kernel/threads-max': '2000000\n',
  '/proc/loadavg': '0.00 0.01 0.05 1/123 4567\n',
  '/proc/sys/kernel/keys/maxbytes': '20000\n',
  '/proc/key-users': '    0:     9 8/8 3/1000000 40/25000000\n',
  '/proc/sys/fs/inotify/max_user_instances': '128\n',
  '/proc/sys/fs/inotify/max_user_watches': '65536\n',
  '/proc/meminfo':
    'MemTotal: 134217728 kB\nMemAvailable: 125829120 kB\nSwapTotal: 1048576 kB\nSwapFree: 1048576 kB\n',
  '/proc/sys/kernel/core_pattern': 'core\n',
  '/proc/sys/fs/suid_dumpable': '0\n',
  '/proc/sys/kernel/modules_disabled': '0\n',
  '/proc/sys/kernel/modprobe': '/sbin/modprobe\n',
  '/sys/kernel/security/lsm': 'capability,apparmor\n',
  '/dev/kmsg': '6,1,10,-;swarm_guard: loaded, up to 200000 agents\n',
};

/** The files that are missing before the module is loaded. */
const UNLOADED: Files = Object.fromEntries([
  ...Object.keys(HEALTHY)
    .filter((path) => /^\/proc\/swarm|^\/sys\/module\/swarm_guard|cgroup\/swarm\//.test(path))
    .map((path) => [path, undefined] as const),
  ['/dev/kmsg', '6,1,10,-;Linux version 7.3.4\n'] as const,
]);

/** Looks at a machine of files. */
async function examined(changes: Files = {}): Promise<Map<string, Examined>> {
  const root = await mkdtemp(join(tmpdir(), 'swarmctl-doctor-'));
  try {
    for (const [path, content] of Object.entries({ ...HEALTHY, ...changes })) {
      if (content === undefined) continue;
      await mkdir(dirname(join(root, path)), { recursive: true });
      if (typeof content === 'string' && content.startsWith('-> '))
        await symlink(content.slice(3), join(root, path));
      else await writeFile(join(root, path), content);
    }
    return new Map(examine(factsOf(root)).map((each) => [each.id, each]));
  } finally {
    await rm(root, { recursive: true });
  }
}

test('CLI-30: a machine on which nothing is wrong is told to be in order, check by check', async () => {
  const found = await examined();
  // Only 65,535 of 200,000 agents can have a limit on memory, on any machine.
  const others = [...found.values()].filter(({ verdict }) => verdict !== 'ok');
  expect(others.map(({ id, verdict }) => [id, verdict])).toEqual([['capacity-200000', 'note']]);
  expect(others[0]?.found).toContain('ids of memory cgroups (room for 65,492)');
  expect(canRun([...found.values()])).toBe(true);
  expect(summary([...found.values()])).toBe('Agents can run here: 1 note.');
});

/** The changed files, the check that reports them, its verdict, its finding, and its advice. */
const CASES: readonly [Files, string, Verdict, RegExp, RegExp?][] = [
  [{ '/proc/self/status': 'CapEff:\t0000000000000000\n' }, 'user', 'note', /not root/, /as root/],
  [{ '/proc/self/ns/user': '-> user:[4026532201]' }, 'user', 'failure', /container/, /outside/],
  [{ '/proc/self/ns/pid': '-> pid:[4026532201]' }, 'user', 'note', /container that may start agents/],
  [
    { ...UNLOADED, '/proc/self/ns/cgroup': '-> cgroup:[4026532201]' },
    'user',
    'failure',
    /cgroup namespace/,
    /load the module from outside/,
  ],
  [
    { '/proc/sys/kernel/osrelease': '6.12.9-amd64\n' },
    'kernel',
    'failure',
    /6\.12\.9.*too old.*6\.14/,
    /backports/,
  ],
  [{ '/proc/sys/kernel/osrelease': '6.14.0\n' }, 'kernel', 'ok', /6\.14\.0/],
  [{ '/proc/sys/kernel/osrelease': '10.1.0\n' }, 'kernel', 'ok', /10\.1\.0/],
  [
    {
      ...UNLOADED,
      [`/boot/config-${RELEASE}`]: undefined,
      '/proc/config.gz': gzipSync(config(OPTIONS.filter((name) => !/KPROBES|CGROUP_BPF/.test(name)))),
    },
    'kernel-options',
    'failure',
    /CONFIG_KPROBES, CONFIG_CGROUP_DEVICE or CONFIG_CGROUP_BPF/,
    /Debian/,
  ],
  [{ ...UNLOADED, [`/boot/config-${RELEASE}`]: undefined }, 'kernel-options', 'note', /not there to be read/],
  [
    { [`/boot/config-${RELEASE}`]: config(OPTIONS.filter((name) => name !== 'CFS_BANDWIDTH')) },
    'kernel-options',
    'warning',
    /CONFIG_CFS_BANDWIDTH: agents with cpu_quota are refused/,
  ],
  [
    {
      ...UNLOADED,
      [`${MODULES}/build/include/config/kernel.release`]: undefined,
      [`${MODULES}/modules.dep`]: '',
    },
    'headers',
    'warning',
    /cannot be built here/,
    /linux-headers-7\.3\.4\+deb13-cloud-amd64/,
  ],
  [
    {
      ...UNLOADED,
      [`${MODULES}/build/include/config/kernel.release`]: '7.3.3\n',
      [`${MODULES}/modules.dep`]: '',
    },
    'headers',
    'warning',
    /those of 7\.3\.3.*corrupt memory/,
  ],
  [{ [`${MODULES}/build/include/config/kernel.release`]: undefined }, 'headers', 'note', /Only building/],
  [UNLOADED, 'module', 'failure', /^The module is not loaded\.$/, /^modprobe swarm_guard$/],
  [
    { ...UNLOADED, [`${MODULES}/modules.dep`]: '' },
    'module',
    'failure',
    /not loaded, and not installed for 7\.3\.4/,
    /make -C module install/,
  ],
  [{ '/sys/module/swarm_guard/initstate': 'coming\n' }, 'module', 'failure', /coming/, /again/],
  [{ '/sys/module/swarm_guard/taint': 'OE\n' }, 'signature', 'note', /no signature/, /Secure Boot/],
  [
    { ...UNLOADED, '/sys/module/module/parameters/sig_enforce': 'Y\n' },
    'signature',
    'failure',
    /sig_enforce=1.*not signed/,
    /mokutil --import/,
  ],
  [
    {
      ...UNLOADED,
      '/sys/kernel/security/lockdown': 'none [integrity] confidentiality\n',
      [`${MODULES}/updates/swarm_guard.ko`]: 'ELF…~Module signature appended~\n',
    },
    'signature',
    'ok',
    /lockdown=integrity.*is signed/,
  ],
  [
    {
      ...UNLOADED,
      '/sys/module/module/parameters/sig_enforce': 'Y\n',
      [`${MODULES}/modules.dep`]: 'updates/swarm_guard.ko.xz:\n',
    },
    'signature',
    'note',
    /cannot be seen/,
    /modinfo -F signer/,
  ],
  [
    {
      ...UNLOADED,
      [SECURE_BOOT]: Buffer.from([6, 0, 0, 0, 1]),
      '/sys/kernel/security/lockdown': 'none [integrity] confidentiality\n',
    },
    'secure-boot',
    'warning',
    /Secure Boot is on \(lockdown=integrity\)/,
    /sign the module/,
  ],
  [{ [SECURE_BOOT]: Buffer.from([6, 0, 0, 0, 0]) }, 'secure-boot', 'ok', /is off/],
  [
    { ...UNLOADED, '/proc/sys/kernel/modules_disabled': '1\n' },
    'modules-disabled',
    'failure',
    /until the next boot/,
    /reboot/,
  ],
  [{ '/proc/sys/kernel/modules_disabled': '1\n' }, 'modules-disabled', 'note', /once unloaded/],
  [{ '/proc/sys/kernel/modprobe': '\n' }, 'modules-disabled', 'ok', /loads none by itself/],
  [{ [`${PARAMETERS}/enforce`]: '0\n' }, 'enforce', 'warning', /enforce=0/, /again without/],
  [
    { '/etc/subuid': 'a:100000:65536\nb:2147483000:65536\n' },
    'ids',
    'warning',
    /others have too: b:2147483000:65536\.$/,
    /id_base/,
  ],
  [
    { ...UNLOADED, '/proc/sys/kernel/ftrace_enabled': '0\n' },
    'ftrace',
    'failure',
    /is 0/,
    /ftrace_enabled=1/,
  ],
  [
    {
      ...UNLOADED,
      '/sys/kernel/tracing/enabled_functions':
        'vfs_read (1) R I     \tramp: 0xffffffffc0\nkernel_clone (2) R I     \t->rival+0x0\n',
    },
    'hooks',
    'failure',
    /hook: kernel_clone\.$/,
    /unload the other module/,
  ],
  [
    {
      ...UNLOADED,
      '/sys/kernel/tracing/enabled_functions': '__x64_sys_setns (1)     D   \tdirect-->bpf_trampoline\n',
    },
    'hooks',
    'note',
    /BPF.*__x64_sys_setns/,
  ],
  [
    { ...UNLOADED, '/sys/kernel/livepatch/fix_exec/vmlinux/begin_new_exec,1/.keep': '' },
    'hooks',
    'failure',
    /begin_new_exec \(live patch fix_exec\)/,
    /disable the live patch/,
  ],
  [
    { ...UNLOADED, '/sys/kernel/tracing/enabled_functions': undefined },
    'hooks',
    'note',
    /no tracefs/,
    /mount -t tracefs/,
  ],
  [
    { [`${CGROUP}/cgroup.controllers`]: 'cpuset cpu\n' },
    'controllers',
    'warning',
    /memory: agents with memory_limit are refused.*pids: agents with pids_limit/,
    /cgroup_disable=/,
  ],
  [{ '/proc/self/mountinfo': '21 1 8:1 / / rw - ext4 /dev/sda1 rw\n' }, 'controllers', 'note', /not mounted/],
  [
    { '/proc/self/mountinfo': '29 23 0:26 / /cg rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n' },
    'cgroup-moves',
    'note',
    /without favordynmods/,
    /mount -o remount,favordynmods \/cg;/,
  ],
  [
    { '/proc/self/mountinfo': '21 1 8:1 / / rw - ext4 /dev/sda1 rw\n' },
    'cgroup-moves',
    'note',
    /not mounted/,
  ],
  [
    { ...UNLOADED, [`${CGROUP}/swarm/cgroup.procs`]: '812\n' },
    'delegation',
    'failure',
    /cgroup swarm holds processes/,
    /Delegate=yes/,
  ],
  [
    { [`${CGROUP}/swarm/memory/cgroup.subtree_control`]: 'cpu pids\n' },
    'delegation',
    'warning',
    /swarm\/memory passes memory on to no agent/,
    /echo \+memory >\/sys\/fs\/cgroup\/swarm\/memory/,
  ],
  [
    { [`${CGROUP}/swarm/plain/cgroup.subtree_control`]: undefined },
    'delegation',
    'warning',
    /swarm\/plain is gone/,
    /systemd\.md/,
  ],
  [{ '/run/systemd/system/.keep': '' }, 'delegation', 'note', /systemd/, /Delegate=yes/],
  [
    { [`${CGROUP}/cgroup.stat`]: 'nr_subsys_memory 15535\nnr_dying_subsys_memory 50000\n' },
    'memory-cgroups',
    'warning',
    /65,535 of 65,535.*50,000 of them by dying.*refused/,
    /drop_caches/,
  ],
  [
    { [`${CGROUP}/cgroup.stat`]: 'nr_subsys_memory 15\nnr_dying_subsys_memory 9000\n' },
    'memory-cgroups',
    'note',
    /9,000 of them by dying/,
    /drop_caches/,
  ],
  [
    { [`${PARAMETERS}/max_agents`]: '3\n' },
    'max-agents',
    'warning',
    /3 of at most 3.*No more/,
    /higher max_agents/,
  ],
  [{ [`${PARAMETERS}/max_agents`]: '349525\n' }, 'max-agents', 'ok', /of at most 349,525/],
  [
    { [`${PARAMETERS}/max_agents`]: '349526\n' },
    'max-agents',
    'note',
    /no room for the file systems of more than 349,525 default agents/,
    /"devpts":false/,
  ],
  [
    { '/proc/sys/user/max_user_namespaces': '0\n' },
    'namespaces',
    'failure',
    /^user\.max_user_namespaces is 0: no agent/,
    /^sysctl user\.max_user_namespaces=10000$/,
  ],
  [
    { '/proc/sys/user/max_net_namespaces': '0\n', '/proc/sys/user/max_pid_namespaces': '0\n' },
    'namespaces',
    'failure',
    /user\.max_pid_namespaces is 0, user\.max_net_namespaces is 0/,
  ],
  [{ '/proc/sys/user/max_user_namespaces': '1\n' }, 'namespaces', 'ok', /may have 1 namespaces/],
  [
    { '/proc/sys/kernel/pid_max': '32768\n' },
    'pids',
    'note',
    /200,000 agents \(max_agents\) cannot/,
    /pid_max=/,
  ],
  [
    { '/proc/sys/kernel/threads-max': '123\n' },
    'pids',
    'failure',
    /threads-max is 123, and there are 123.*No agent can start/,
    /threads-max=/,
  ],
  [
    { [`${CGROUP}/user.slice/pids.max`]: '70\n', [`${CGROUP}/user.slice/pids.current`]: '70\n' },
    'tasks-max',
    'warning',
    /user\.slice\/pids\.max leaves room for 0 agents without limits/,
    /TasksMax=infinity/,
  ],
  [
    {
      [`${CGROUP}/swarm/cgroup.max.descendants`]: '90\n',
      [`${CGROUP}/swarm/cgroup.stat`]: 'nr_descendants 40\n',
    },
    'tasks-max',
    'note',
    /swarm\/cgroup\.max\.descendants leaves room for 50 agents with limits/,
  ],
  [{ '/proc/sys/kernel/keys/maxbytes': '4\n' }, 'keys', 'warning', /keys\.maxbytes is 4/, /maxbytes=20000/],
  [
    { '/proc/key-users': '    0:     9 8/8 9/9 40/25000000\n' },
    'keys',
    'warning',
    /root has 9 of 9 keys.*without a user namespace are refused/,
    /root_maxkeys/,
  ],
  [
    { '/proc/sys/fs/inotify/max_user_instances': '0\n' },
    'inotify',
    'warning',
    /0 inotify/,
    /max_user_instances=128/,
  ],
  [
    { '/proc/self/mountinfo': '22 21 0:5 / /proc/sys rw - proc proc rw\n'.repeat(2) },
    'mounts',
    'warning',
    /mounted on \/proc\/sys:.*no \/proc of their own/,
    /"proc":false/,
  ],
  [
    {
      '/proc/self/mountinfo': `22 21 0:5 / /proc/sys/fs/binfmt_misc rw - autofs systemd-1 rw\n${'22 21 0:5 / /mnt rw - tmpfs tmpfs rw\n'.repeat(1500)}`,
    },
    'mounts',
    'note',
    /1,501 mounts\. .* 8\.3 million instructions more, and 704 KiB of kernel memory for each agent/,
    /fewer mounts: unshare -m/,
  ],
  [
    { '/proc/self/mountinfo': '22 21 0:5 / /mnt rw - tmpfs tmpfs rw\n'.repeat(119) },
    'mounts',
    'ok',
    /^There are 119 mounts\.$/,
  ],
  [
    { '/proc/self/mountinfo': '22 21 0:5 / /mnt rw - tmpfs tmpfs rw\n'.repeat(120) },
    'mounts',
    'note',
    /120 mounts.*0\.7 million/,
    /docs\/memory\.md/,
  ],
  [
    { '/proc/meminfo': 'MemAvailable: 9999999 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n' },
    'swap',
    'ok',
    /no swap/,
  ],
  [
    { '/proc/meminfo': 'MemAvailable: 9999999 kB\nSwapTotal: 1048576 kB\nSwapFree: 1024 kB\n' },
    'swap',
    'warning',
    /1\.0 GiB of swap, 1023 MiB of them in use.*short of memory/,
    /memory_limit/,
  ],
  [
    { '/proc/sys/kernel/core_pattern': '|/usr/lib/systemd/systemd-coredump %P %u\n' },
    'core-pattern',
    'note',
    /runs \/usr\/lib\/systemd\/systemd-coredump as root/,
  ],
  [
    { '/proc/sys/fs/suid_dumpable': '1\n' },
    'suid-dumpable',
    'warning',
    /is 1: no process can join/,
    /suid_dumpable=0/,
  ],
  [{ '/proc/sys/fs/suid_dumpable': '2\n' }, 'suid-dumpable', 'ok', /is 2/],
  [
    { '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1\n' },
    'apparmor',
    'note',
    /apparmor_restrict_unprivileged_userns is 1.*Births work/,
    /apparmor_restrict_unprivileged_userns=0/,
  ],
  [
    { '/proc/sys/kernel/unprivileged_userns_clone': '0\n' },
    'apparmor',
    'note',
    /unprivileged_userns_clone is 0/,
    /unprivileged_userns_clone=1/,
  ],
  [
    {
      ...UNLOADED,
      '/dev/kmsg':
        '6,1,1,-;swarm_guard: unloaded\n3,2,2,-;swarm_guard: kernel_clone cannot be hooked: a live patch or another module has redirected it; unload that first\n SUBSYSTEM=module\n',
    },
    'log',
    'warning',
    /the module said: kernel_clone cannot be hooked: a live patch/,
    /does not load/,
  ],
  [
    {
      '/dev/kmsg':
        '4,1,1,-;swarm_guard: agent 1: old\n6,2,2,-;swarm_guard: loaded, up to 9 agents\n4,3,3,-;swarm_guard: agent 7: its first process was killed before it ran: mounts failed with -1\n',
    },
    'log',
    'note',
    /logged a warning\. The last one: agent 7: its first process/,
    /dmesg/,
  ],
  [
    { '/proc/meminfo': 'MemAvailable: 204800 kB\n' },
    'capacity-1000',
    'warning',
    /1,000 agents need 262 MiB.*367 MiB.*200 MiB are available.*Too little: memory \(room for 762\)/,
    /more memory/,
  ],
  [
    { '/proc/sys/kernel/pid_max': '32768\n' },
    'capacity-200000',
    'note',
    /kernel\.pid_max \(room for 32,345\)/,
    /if so many are wanted: sysctl kernel\.pid_max=4194304/,
  ],
  [
    { [`${CGROUP}/swarm/pids.max`]: '4915\n', [`${CGROUP}/swarm/pids.current`]: '15\n' },
    'capacity-10000',
    'note',
    /for limits on all of them: swarm\/pids\.max \(room for 4,900\)/,
    /TasksMax=infinity/,
  ],
];

test('CLI-31: each thing that is wrong is told by one check, with a verdict and what to do', async () => {
  test.setTimeout(120_000);
  for (const [changes, id, verdict, found, todo] of CASES) {
    const finding = (await examined(changes)).get(id);
    const what = `${id}: ${JSON.stringify(finding)}`;
    expect(finding?.verdict, what).toBe(verdict);
    expect(finding?.found, what).toMatch(found);
    if (todo) expect(finding?.todo, what).toMatch(todo);
    if (verdict === 'warning' || verdict === 'failure') expect(finding?.todo, what).toBeTruthy();
  }
  // Every check can say something else than ok.
  const told = new Set(CASES.filter(([, , verdict]) => verdict !== 'ok').map(([, id]) => id));
  expect(CHECKS.map(({ id }) => id).filter((id) => !told.has(id))).toEqual([]);
});

test('CLI-32: a machine of which nothing can be read gets a verdict from each check, and no agent', async () => {
  const nothing = Object.fromEntries(Object.keys(HEALTHY).map((path) => [path, undefined]));
  const found = await examined(nothing);
  expect([...found.keys()]).toEqual(CHECKS.map(({ id }) => id));
  expect(canRun([...found.values()])).toBe(false);
  expect(found.get('module')?.verdict).toBe('failure');
});

test('CLI-33: what this user may not read is named', async () => {
  const root = await mkdtemp(join(tmpdir(), 'swarmctl-doctor-'));
  const path = join(root, 'proc/key-users');
  const user = process.geteuid?.();
  try {
    await chmod(root, 0o755);
    await mkdir(dirname(path));
    await writeFile(path, '');
    await chmod(path, 0);
    if (user === 0) process.seteuid?.(65534);
    const keys = examine(factsOf(root)).find(({ id }) => id === 'keys');
    expect(keys?.unseen).toEqual(['/proc/key-users']);
    expect(report([...(keys ? [keys] : [])], 80).join('\n')).toContain('not allowed to read /proc/key-users');
  } finally {
    if (user === 0) process.seteuid?.(0);
    await rm(root, { recursive: true });
  }
});

test('CLI-34: the report keeps to the width of the terminal', async () => {
  const found = [...(await examined({ ...UNLOADED, '/proc/sys/kernel/pid_max': '32768\n' })).values()];
  for (const width of [80, 120]) {
    const lines = report(found, width);
    expect(lines.filter((line) => line.length > width)).toEqual([]);
    expect(lines.filter((line) => /^\S/.test(line)).map((line) => line.split(/\s+/)[1])).toEqual(
      CHECKS.map(({ id }) => id),
    );
  }
  expect(summary(found)).toBe('Agents cannot run here: module.');
});

test('CLI-35: docs/troubleshooting.md is as npm run docs:doctor writes it', async () => {
  expect(await readFile(TROUBLESHOOTING, 'utf8')).toBe(await troubleshooting());
});

test('CLI-36: what the doctor explains of the log and of refusals is what the module says', async () => {
  const directory = join(repository, 'module');
  const files = (await readdir(directory)).filter((name) => name.endsWith('.c'));
  const sources = await Promise.all(files.map((name) => readFile(join(directory, name), 'utf8')));
  const text = sources.join('\n').replaceAll('\\"', '"');
  const said = CHECKS.flatMap(({ symptoms = [] }) => symptoms).filter(({ place }) => place !== 'insmod');
  expect(said.length).toBeGreaterThan(15);
  const parts = said.flatMap(({ says }) => says.split('…').map((part) => part.trim()));
  expect(parts.filter((part) => part.length > 3 && !text.includes(part))).toEqual([]);
});

test('CLI-37: the doctor looks for other hooks on the functions that the module hooks', async () => {
  const source = await readFile(join(repository, 'module/hooks.c'), 'utf8');
  const names = [...source.matchAll(/SWARM_HOOK\("(\w+)"/g)].map(([, name]) => name);
  const calls = [...source.matchAll(/SWARM_HOOK\(SWARM_SYSCALL_\w+ "(\w+)"/g)].map(([, name]) => name);
  const dumps = await readFile(join(repository, 'module/compat/compat.h'), 'utf8');
  const core = [...dumps.matchAll(/#define SWARM_CORE_DUMP\s+"(\w+)"/g)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(8);
  expect([...HOOKED].sort()).toEqual([...names, ...core].sort());
  expect([...HOOKED_CALLS].sort()).toEqual([...new Set(calls)].sort());
});

test('CLI-38: the memory of an agent that the doctor reckons with is what the benchmarks have measured', async () => {
  const page = await readFile(join(repository, 'docs/benchmarks.md'), 'utf8');
  for (const [kind, bytes] of Object.entries(AGENT_BYTES)) {
    const cells =
      page
        .split('\n')
        .find((line) => line.startsWith(`| ${kind} |`))
        ?.split(' | ') ?? [];
    const measured = Number(cells[5]?.replaceAll(',', ''));
    expect(Math.abs(bytes / measured - 1), `${kind}: ${measured}`).toBeLessThan(0.1);
  }
});

test('CLI-72: what the doctor says that a mount adds to a birth is what docs/memory.md has', async () => {
  const page = await readFile(join(repository, 'docs/memory.md'), 'utf8');
  const line = page.split('\n').find((each) => each.startsWith('| each mount more |'));
  const [, birth, , slab] = line?.split(' | ').map((cell) => Number(cell.replace(/[, |]|\(.*/g, ''))) ?? [];
  expect(Math.abs(MOUNT_COST.instructions / (birth ?? NaN) - 1), line).toBeLessThan(0.2);
  expect(Math.abs(MOUNT_COST.slab / (slab ?? NaN) - 1), line).toBeLessThan(0.1);
});
