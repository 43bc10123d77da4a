/** Checks of what surrounds agents: mounts, swap, core dumps, other security modules, the log. */
import { grouped, memory, note, ok, warning } from './check.js';
import type { Check, Finding } from './check.js';
import { field, isLoaded, sysctl } from './facts.js';
import type { Facts } from './facts.js';

/** Empty directories of procfs that are there to be mounted on, which cover nothing. */
const MOUNT_POINTS = ['/proc/sys/fs/binfmt_misc', '/proc/fs/nfsd', '/proc/openprom'];

/**
 * The cost of one more mount that a launcher sees, for each birth, since a birth copies them all: docs/memory.md,
 * "Mounts", measured with shared bind mounts.
 */
export const MOUNT_COST = { instructions: 5500, slab: 480 } as const;

/** From about so many mounts on, copying them is as much work as all the rest of a birth. */
const MANY_MOUNTS = 120;

/** A number in millions: 7.5. */
const millions = (count: number) => (count / 1e6).toFixed(1);

const mounts: Check = {
  id: 'mounts',
  title: 'Mounts',
  looksAt: '`/proc/self/mountinfo`',
  means:
    'A birth copies all mounts of the launcher. With 120 mounts that is as much work as all the rest of the birth ([memory.md](memory.md#mounts)). If something is mounted over a part of /proc, the kernel allows the agent no /proc of its own.',
  todo: 'unmount what covers /proc in the launcher\'s mount namespace, or use `"proc":false` ([birth.md](birth.md))',
  symptoms: [
    {
      place: 'create',
      says: 'mounts cover parts of /proc, so the kernel lets no agent mount its own; unmount them',
      reason:
        "something is mounted on a part of the launcher's /proc (`EPERM`), by a container engine or systemd for instance",
    },
  ],
  judge: (facts) => {
    const text = facts.read('/proc/self/mountinfo');
    if (text === undefined) return note('The mounts cannot be read.');
    const points = text.split('\n').flatMap((line) => line.split(' ')[4] ?? []);
    const covering = points.filter((point) => point.startsWith('/proc/') && !MOUNT_POINTS.includes(point));
    if (covering.length > 0)
      return warning(
        `Something is mounted on ${[...new Set(covering)].join(', ')}: agents that are started from here get no /proc of their own.`,
        'unmount it in the launcher\'s mount namespace, or use "proc":false (docs/birth.md)',
      );
    const found = `There are ${grouped(points.length)} mounts.`;
    if (points.length < MANY_MOUNTS) return ok(found);
    const { instructions, slab } = MOUNT_COST;
    return note(
      `${found} Each birth copies them all: that takes about ${millions(points.length * instructions)} million instructions more, and ${memory(points.length * slab)} of kernel memory for each agent.`,
      'start agents from a mount namespace with fewer mounts: unshare -m, then umount what agents do not need (docs/memory.md)',
    );
  },
};

const swap: Check = {
  id: 'swap',
  title: 'Swap',
  looksAt: '`SwapTotal` and `SwapFree` in `/proc/meminfo`',
  means:
    "An agent with `memory_limit` has no swap. Those without it can fill the machine's memory and its swap.",
  todo: 'give agents a `memory_limit`',
  judge: (facts) => {
    const text = facts.read('/proc/meminfo');
    const total = field(text, 'SwapTotal');
    if (total === undefined) return note('Whether there is swap cannot be seen.');
    if (total === 0) return ok('There is no swap: memory that runs out is an OOM kill at once.');
    const free = field(text, 'SwapFree') ?? 0;
    const found = `There are ${memory(total * 1024)} of swap, ${memory((total - free) * 1024)} of them in use. Agents with memory_limit have no part in it.`;
    return free < total / 10 ? warning(`${found} The machine is short of memory.`) : ok(found);
  },
};

const core: Check = {
  id: 'core-pattern',
  title: 'Core dumps',
  looksAt: '`kernel.core_pattern`',
  means:
    'If a process crashes, the kernel may run the helper of `kernel.core_pattern` outside, as root. For agents it does so only with `"core":true` or `"privileged":true`.',
  todo: 'leave `core` out of policies, or `sysctl kernel.core_pattern=core`',
  judge: (facts) => {
    const pattern = facts.read('/proc/sys/kernel/core_pattern')?.trim();
    if (pattern === undefined) return ok('The kernel makes no core dumps.');
    if (!pattern.startsWith('|'))
      return ok(`Core dumps are files (${pattern === '' ? 'core' : pattern}); agents make none by default.`);
    return note(
      `For a core dump the kernel runs ${pattern.slice(1).split(' ', 1)[0] ?? ''} as root, outside agents. Agents cause that only with "core":true or "privileged":true.`,
      'give "core":true to no agent that is not trusted',
    );
  },
};

const dumpable: Check = {
  id: 'suid-dumpable',
  title: 'Dumpable programs',
  looksAt: '`fs.suid_dumpable`',
  means:
    'With `fs.suid_dumpable=1` an agent could read files of /proc of a process that joins it, so such a process is refused.',
  todo: '`sysctl fs.suid_dumpable=0`',
  symptoms: [
    {
      place: 'create',
      says: 'the sysctl fs.suid_dumpable is …, not 0 or 2',
      reason: 'a process that joins an agent would be readable for the agent in /proc (`EPERM`)',
    },
  ],
  judge: (facts) => {
    const value = sysctl(facts, 'fs.suid_dumpable');
    return value === undefined || value === 0 || value === 2
      ? ok(`fs.suid_dumpable is ${value ?? 0}.`)
      : warning(`fs.suid_dumpable is ${value}: no process can join an agent that runs (swarmctl exec).`);
  },
};

const apparmor: Check = {
  id: 'apparmor',
  title: 'User namespaces inside agents',
  looksAt:
    '`kernel.apparmor_restrict_unprivileged_userns`, `kernel.unprivileged_userns_clone`, `/sys/kernel/security/lsm`',
  means:
    'Some distributions keep unprivileged programs from making user namespaces. That does not concern births, which root asks for. It concerns programs inside agents that make namespaces of their own, such as browsers and rootless containers.',
  todo: 'for such programs: `sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or an AppArmor profile with `userns`; on Debian `sysctl kernel.unprivileged_userns_clone=1`',
  judge: (facts) => {
    const restricted = ['kernel.apparmor_restrict_unprivileged_userns', 1] as const;
    const clone = ['kernel.unprivileged_userns_clone', 0] as const;
    const set = [restricted, clone].filter(([name, value]) => sysctl(facts, name) === value);
    const [first] = set;
    if (first)
      return note(
        `${set.map(([name, value]) => `${name} is ${value}`).join(', ')}: programs inside agents cannot make user namespaces, even if their policy allows it. Births work.`,
        `sysctl ${first[0]}=${1 - first[1]}, if programs inside agents need that`,
      );
    const modules = facts.read('/sys/kernel/security/lsm')?.trim();
    return ok(
      `Programs inside agents can make user namespaces if their policy allows it${modules === undefined ? '' : `; security modules: ${modules.split(',').join(', ')}`}.`,
    );
  },
};

/** The records that the module has written, without what stands before its own text; with their level. */
function written(facts: Facts): { level: number; text: string }[] | undefined {
  return facts.log()?.flatMap((line) => {
    // `6,339,5140900,-;swarm_guard: text`: Documentation/ABI/testing/dev-kmsg.
    const [, priority, text] = /^(\d+),[^;]*;swarm_guard: (.*)$/.exec(line) ?? [];
    return text === undefined ? [] : [{ level: Number(priority) & 7, text }];
  });
}

/** KERN_ERR and KERN_WARNING: include/linux/kern_levels.h. */
const ERR = 3;
const WARNING = 4;

const log: Check = {
  id: 'log',
  title: 'Kernel log',
  looksAt: '`/dev/kmsg`',
  means: "The module says in the kernel's log why it does not load, and what went wrong with an agent.",
  todo: 'see the table of lines of the log in [troubleshooting.md](troubleshooting.md#the-module-does-not-load)',
  symptoms: [
    {
      place: 'log',
      says: 'agent …: its first process was killed before it ran: … failed with …',
      reason: 'the module could not confine the process completely',
      todo: 'the step tells what failed ([birth.md](birth.md)); -12 is a lack of memory, -28 a limit; if a sysctl may be the cause, the line names it',
    },
    {
      place: 'log',
      says: 'agent …: a process that was to join it was killed before it ran: … failed with …',
      reason:
        'a write to `spawn` had armed a thread to add a process to a running agent, and the process could not be confined completely; the agent goes on',
      todo: 'the step tells what failed; -12 is a lack of memory, -19 a cgroup that an administrator has removed; write to `spawn` again',
    },
  ],
  judge: (facts): Finding => {
    const records = written(facts);
    if (records === undefined)
      return note('The log of the kernel cannot be read.', 'run it as root to see the log');
    const since = records.map(({ text }) => /^(un)?loaded\b/.test(text)).lastIndexOf(true);
    const latest = records.slice(isLoaded(facts) ? since + 1 : Math.max(0, since));
    const error = latest.filter(({ level }) => level <= ERR).at(-1);
    if (error && !isLoaded(facts))
      return warning(
        `When it was to be loaded, the module said: ${error.text}`,
        'see docs/troubleshooting.md, "The module does not load"',
      );
    const bad = latest.filter(({ level }) => level <= WARNING);
    const last = bad.at(-1);
    if (last)
      return note(
        `The module has logged ${bad.length === 1 ? 'a warning' : `${bad.length} warnings`}. The last one: ${last.text}`,
        'dmesg | grep swarm_guard',
      );
    return ok(
      records.length === 0
        ? 'The log has nothing of the module.'
        : 'The module has logged no warning since it was loaded.',
    );
  },
};

/** In the order of the report. */
export const SURROUNDINGS: readonly Check[] = [mounts, swap, core, dumpable, apparmor, log];
