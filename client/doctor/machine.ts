/** Checks of the kernel, and of whoever asks. */
import { failure, note, ok, warning } from './check.js';
import type { Check } from './check.js';
import { isLoaded, release } from './facts.js';
import type { Facts } from './facts.js';

/** The oldest kernel that the module builds for (module/scripts/preflight.sh), as major and minor number. */
const OLDEST = [6, 14] as const;

/** CAP_SYS_ADMIN: include/uapi/linux/capability.h. */
const SYS_ADMIN = 21n;

/** The inode numbers of the first namespaces: include/uapi/linux/nsfs.h, include/linux/proc_ns.h. */
const INITIAL = { user: 4026531837, pid: 4026531836, cgroup: 4026531835 } as const;

/** Is this process in the machine's own namespace of a kind? A file that is missing says nothing against it. */
function isInitial(facts: Facts, kind: keyof typeof INITIAL): boolean {
  const [, inode] = /\[(\d+)\]/.exec(facts.link(`/proc/self/ns/${kind}`) ?? '') ?? [];
  return inode === undefined || Number(inode) === INITIAL[kind];
}

const user: Check = {
  id: 'user',
  title: 'Rights',
  looksAt: '`/proc/self/status`, `/proc/self/ns`',
  means:
    'Agents are started by root (CAP_SYS_ADMIN) outside containers and agents. Other users see less here.',
  todo: 'run it as root, outside containers',
  symptoms: [
    {
      place: 'log',
      says: 'load the module from the initial cgroup namespace',
      reason: 'you are inside a container',
      todo: 'load the module from outside',
    },
  ],
  judge: (facts) => {
    const status = facts.read('/proc/self/status') ?? '';
    const [, effective = '0'] = /^CapEff:\s*([0-9a-f]+)/m.exec(status) ?? [];
    const privileged = (BigInt(`0x${effective}`) >> SYS_ADMIN) & 1n;
    if (!isInitial(facts, 'user'))
      return failure(
        "This is inside a container, or inside an agent: its user namespace is not the machine's own. Nobody here can start agents.",
        'run it outside',
      );
    if (!isInitial(facts, 'cgroup') && !isLoaded(facts))
      return failure(
        "This is inside a container: its cgroup namespace is not the machine's own. The module cannot be loaded from here.",
        'load the module from outside',
      );
    if (privileged === 0n)
      return note(
        'This is not root. Agents are started by root, and some checks cannot see everything.',
        'run it as root to see all',
      );
    if (!isInitial(facts, 'pid'))
      return note(
        'This is inside a container that may start agents.',
        'run it outside to see the whole machine',
      );
    return ok('This is root, outside containers.');
  },
};

const kernel: Check = {
  id: 'kernel',
  title: 'Kernel',
  looksAt: '`/proc/sys/kernel/osrelease`',
  means: 'The module needs Linux 6.14 or later.',
  todo: 'install a newer kernel and reboot: `apt-get install -t trixie-backports linux-image-amd64 linux-headers-amd64` on Debian 13',
  judge: (facts) => {
    const name = release(facts);
    const [, major, minor] = /^(\d+)\.(\d+)/.exec(name) ?? [];
    if (major === undefined) return warning(`The kernel calls itself ${name}, which is no version.`);
    const [least, next] = OLDEST;
    const old = Number(major) < least || (Number(major) === least && Number(minor) < next);
    return old ? failure(`Linux ${name} is too old: the module needs 6.14 or later.`) : ok(`Linux ${name}.`);
  },
};

/** Options without which the module does not load (docs/install.md); of a group one will do. */
const NEEDED = [
  ['MODULES'],
  ['KPROBES'],
  ['FUNCTION_TRACER'],
  ['DYNAMIC_FTRACE'],
  ['NAMESPACES'],
  ['USER_NS'],
  ['CGROUPS'],
  ['CGROUP_DEVICE', 'CGROUP_BPF'],
] as const;

/** Options of limits, each with the limit's key. */
const WANTED = { MEMCG: 'memory_limit', CFS_BANDWIDTH: 'cpu_quota', CGROUP_PIDS: 'pids_limit' } as const;

const options: Check = {
  id: 'kernel-options',
  title: 'Kernel options',
  looksAt: '`/boot/config-$(uname -r)`, `/lib/modules/$(uname -r)/config`, `/proc/config.gz`',
  means:
    'The module cannot run on a kernel that is built without function tracing, kprobes, namespaces or cgroups.',
  todo: "use a kernel with these options; Debian's kernels have them",
  symptoms: [
    {
      place: 'log',
      says: '… cannot be hooked: this kernel has no such traceable function',
      reason: 'the kernel is built without something that the module needs',
      todo: 'use a kernel with the options that [install.md](install.md#the-module-on-your-own-kernel) lists',
    },
    {
      place: 'log',
      says: 'cgroup2 cannot be mounted',
      reason: 'the kernel is built without cgroups, or was told to leave out cgroup v2',
      todo: 'boot without `cgroup_no_v1=` and `cgroup_disable=`, on a kernel with `CONFIG_CGROUPS`',
    },
  ],
  judge: (facts) => {
    const name = release(facts);
    const config =
      facts.read(`/boot/config-${name}`) ??
      facts.read(`/lib/modules/${name}/config`) ??
      facts.unzipped('/proc/config.gz');
    if (isLoaded(facts) && config === undefined)
      return ok('The module is loaded, so the kernel has what it needs.');
    if (config === undefined) return note('The configuration of this kernel is not there to be read.');
    const has = (option: string) => new RegExp(`^CONFIG_${option}=[ym]$`, 'm').test(config);
    const missing = NEEDED.filter((group) => !group.some(has)).map(
      (group) => `CONFIG_${group.join(' or CONFIG_')}`,
    );
    if (missing.length > 0 && !isLoaded(facts)) return failure(`The kernel lacks ${missing.join(', ')}.`);
    const without = Object.entries(WANTED).filter(([option]) => !has(option));
    if (without.length > 0)
      return warning(
        without
          .map(([option, key]) => `The kernel lacks CONFIG_${option}: agents with ${key} are refused.`)
          .join(' '),
      );
    return ok('The kernel has the options that the module needs.');
  },
};

/** The file of the module that modprobe would load, below /lib/modules; undefined if it is not installed. */
export function installed(facts: Facts): string | undefined {
  const [, file] =
    /^(\S*\/swarm_guard\.ko(?:\.\w+)?):/m.exec(
      facts.read(`/lib/modules/${release(facts)}/modules.dep`) ?? '',
    ) ?? [];
  return file;
}

const headers: Check = {
  id: 'headers',
  title: 'Kernel headers',
  looksAt: '`/lib/modules/$(uname -r)/build`',
  means: 'To build the module, by hand or by dkms, you need the headers of exactly this kernel.',
  todo: '`apt-get install linux-headers-$(uname -r)`, then `make -C module clean all`',
  symptoms: [
    {
      place: 'insmod',
      says: 'Invalid module format',
      reason: 'the module was built for another kernel',
    },
    {
      place: 'insmod',
      says: 'Unknown symbol in module',
      reason:
        'the module was built for another kernel, or your kernel lacks something that the module needs; `dmesg` names the symbol',
    },
  ],
  judge: (facts) => {
    const name = release(facts);
    const built = facts.read(`/lib/modules/${name}/build/include/config/kernel.release`)?.trim();
    const install = `apt-get install linux-headers-${name}`;
    if (built === name) return ok('The headers of this kernel are installed.');
    if (isLoaded(facts) || installed(facts) !== undefined)
      return note(
        'The headers of this kernel are not installed. Only building the module needs them.',
        install,
      );
    return built === undefined
      ? warning('The headers of this kernel are not installed, so the module cannot be built here.', install)
      : warning(
          `The headers are those of ${built}. A module that is built with them may corrupt memory.`,
          install,
        );
  },
};

/** In the order of the report. */
export const MACHINE: readonly Check[] = [user, kernel, options, headers];
