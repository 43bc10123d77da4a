/** Checks of the kernel's limits on what a birth needs. */
import { NAMESPACES_DEFAULT } from '../abi/defaults.js';
import { NAMESPACES, bitOf, namesOf } from '../abi/names.js';
import { failure, grouped, note, ok, warning } from './check.js';
import type { Check } from './check.js';
import { field, isLoaded, sysctl } from './facts.js';
import type { Facts } from './facts.js';
import { own, parent, room } from './hierarchy.js';
import { maxAgents } from './module.js';

/** The kinds of namespaces that an agent has by default. */
const KINDS = namesOf(NAMESPACES).filter((kind) => (NAMESPACES_DEFAULT & bitOf(kind)) !== 0);

const namespaces: Check = {
  id: 'namespaces',
  title: 'Namespaces',
  looksAt: '`user.max_*_namespaces`',
  means:
    "The kernel counts namespaces for each user. Each agent has a user of its own and needs one namespace of each kind, so the value 1 is enough for any number of agents. With 0 no agent gets one. Namespaces of agents without a user namespace count for their launcher's user.",
  todo: 'raise the sysctl, for instance `sysctl user.max_user_namespaces=10000`, and in `/etc/sysctl.d` for the next boot',
  symptoms: [
    {
      place: 'create',
      says: 'the sysctl user.max_…_namespaces is …, but a birth needs … or more; raise it',
      reason: 'the sysctl is 0, or the launcher of agents without a user namespace has used it up (`ENOSPC`)',
    },
  ],
  judge: (facts) => {
    const limits = KINDS.map((kind) => ({ kind, most: sysctl(facts, `user.max_${kind}_namespaces`) }));
    const none = limits.filter(({ most }) => most !== undefined && most <= 0);
    if (none.length > 0)
      return failure(
        `${none.map(({ kind, most }) => `user.max_${kind}_namespaces is ${most ?? 0}`).join(', ')}: no agent with the default namespaces can start.`,
        none.map(({ kind }) => `sysctl user.max_${kind}_namespaces=10000`).join('; '),
      );
    const known = limits.flatMap(({ most }) => (most === undefined ? [] : [most]));
    if (known.length === 0) return note('user.max_*_namespaces cannot be read.');
    return ok(
      `Each user may have ${grouped(Math.min(...known))} namespaces of each kind, and an agent, which is a user of its own, needs one.`,
    );
  },
};

/** The bytes that a session keyring takes from its owner's quota: its name, "_ses" (module/limits.c). */
const KEYRING_BYTES = 5;

const keys: Check = {
  id: 'keys',
  title: 'Keys',
  looksAt: '`kernel.keys.*`, `/proc/key-users`',
  means:
    "A birth makes a session keyring, which counts for the agent's own user, or for root if the agent has no user namespace.",
  todo: 'raise the sysctl: `sysctl kernel.keys.root_maxkeys=1000000 kernel.keys.root_maxbytes=25000000`',
  symptoms: [
    {
      place: 'create',
      says: 'the sysctl … is …, but a birth needs … or more; raise it',
      reason:
        '`kernel.pid_max`, `kernel.threads-max` or a quota of keys (`kernel.keys.*`) leaves no room (`ENOSPC`)',
      todo: 'raise the sysctl that the message names',
    },
  ],
  judge: (facts) => {
    const bytes = sysctl(facts, 'kernel.keys.maxbytes');
    if (bytes !== undefined && bytes < KEYRING_BYTES)
      return warning(
        `kernel.keys.maxbytes is ${bytes}: agents whose launcher has a session keyring, as login sessions have, are refused.`,
        'sysctl kernel.keys.maxbytes=20000',
      );
    // `    0:     9 8/8 3/1000000 40/25000000`: proc_key_users_show() of security/keys/proc.c.
    const [, used, most, usedBytes, mostBytes] =
      /^\s*0:\s+\d+ \d+\/\d+ (\d+)\/(\d+) (\d+)\/(\d+)/m.exec(facts.read('/proc/key-users') ?? '') ?? [];
    if (mostBytes === undefined) return ok('Each agent can have its session keyring.');
    const full = Number(used) >= Number(most) || Number(usedBytes) + KEYRING_BYTES > Number(mostBytes);
    const found = `root has ${used ?? ''} of ${most ?? ''} keys, with ${usedBytes ?? ''} of ${mostBytes} bytes.`;
    return full
      ? warning(`${found} Agents without a user namespace are refused.`)
      : ok(`Each agent can have its session keyring; ${found}`);
  },
};

const inotify: Check = {
  id: 'inotify',
  title: 'Inotify',
  looksAt: '`fs.inotify.max_user_instances`, `fs.inotify.max_user_watches`',
  means:
    'These limits hold for each agent by itself, because each is a user of its own. A launcher that watches a file of each agent needs a watch for each.',
  todo: '`sysctl fs.inotify.max_user_instances=128 fs.inotify.max_user_watches=65536`',
  judge: (facts) => {
    const instances = sysctl(facts, 'fs.inotify.max_user_instances');
    const watches = sysctl(facts, 'fs.inotify.max_user_watches');
    if (instances === undefined || watches === undefined) return note('This kernel has no inotify.');
    const found = `Each agent may have ${grouped(instances)} inotify instances and ${grouped(watches)} watches.`;
    return instances < 1 || watches < 1 ? warning(`${found} Programs that watch files fail.`) : ok(found);
  },
};

/** The processes and threads that there are, as the kernel counts them for threads-max. */
export function tasksNow(facts: Facts): number {
  // `0.10 0.20 0.30 1/123 4567`: proc_loadavg(5).
  return Number(/\/(\d+) /.exec(facts.read('/proc/loadavg') ?? '')?.[1] ?? 0);
}

/** The lowest process ids are for the time of booting: RESERVED_PIDS, include/linux/threads.h. */
export const RESERVED_PIDS = 300;

const pids: Check = {
  id: 'pids',
  title: 'Process ids',
  looksAt: '`kernel.pid_max`, `kernel.threads-max`, `/proc/loadavg`',
  means:
    'Each process and thread of an agent needs a process id of the machine, and counts for `kernel.threads-max`.',
  todo: '`sysctl kernel.pid_max=4194304 kernel.threads-max=4194304`, or load the module with a lower `max_agents`',
  symptoms: [
    {
      place: 'log',
      says: 'so many cannot run: … is …; raise it, or load with a lower max_agents',
      reason:
        'a sysctl, the range of ids that the parameters leave, or the number of file systems that the kernel can number allows fewer agents than `max_agents`; the module is loaded nevertheless',
      todo: '`sysctl kernel.pid_max=4194304 kernel.threads-max=4194304` or as the line says; for ids, load the module with a lower `id_base` or `id_count`; the number of file systems cannot be raised, but an agent with `"proc":false` and `"devpts":false` takes one instead of three; or load it with a lower `max_agents`',
    },
  ],
  judge: (facts) => {
    const most = sysctl(facts, 'kernel.pid_max');
    const threads = sysctl(facts, 'kernel.threads-max');
    if (most === undefined || threads === undefined)
      return note('kernel.pid_max and kernel.threads-max cannot be read.');
    const used = tasksNow(facts);
    const found = `kernel.pid_max is ${most}, kernel.threads-max is ${threads}, and there are ${grouped(used)} processes and threads.`;
    if (used >= threads || used >= most - RESERVED_PIDS) return failure(`${found} No agent can start.`);
    const agents = maxAgents(facts);
    if (most < agents || threads < agents)
      return note(
        `${found} So ${grouped(agents)} agents (max_agents) cannot run at a time.`,
        'sysctl kernel.pid_max=4194304 kernel.threads-max=4194304, if so many are wanted',
      );
    return ok(found);
  },
};

const tasks: Check = {
  id: 'tasks-max',
  title: 'Limits above the agents',
  looksAt:
    "`pids.max`, `cgroup.max.descendants` and `cgroup.max.depth` of the cgroups above agents, and of this process's",
  means:
    "An agent with limits counts for the cgroups above `cgroup_parent`, one without limits for its launcher's. systemd limits the tasks of every unit (`TasksMax=`).",
  todo: '`TasksMax=infinity` for the unit of the agents ([systemd.md](systemd.md))',
  symptoms: [
    {
      place: 'create',
      says: 'pids.max of the cgroup … is … (TasksMax= of systemd), but a birth needs … or more; raise it',
      reason:
        'a cgroup above the agent, or the one of its launcher or above that, has as many processes and threads as it may (`ENOSPC`)',
    },
    {
      place: 'create',
      says: '… of the cgroup … is …, but one more agent needs … or more; raise it',
      reason: '`cgroup.max.descendants` or `cgroup.max.depth` of a cgroup above the agents (`ENOSPC`)',
      todo: 'write `max` to the file that the message names',
    },
  ],
  judge: (facts) => {
    const used = (directory: string) => Number(facts.read(`${directory}/pids.current`) ?? 0);
    const below = (directory: string) => field(facts.read(`${directory}/cgroup.stat`), 'nr_descendants') ?? 0;
    const rooms = [
      { who: 'agents with limits', least: room(facts, parent(facts), 'pids.max', used) },
      { who: 'agents with limits', least: room(facts, parent(facts), 'cgroup.max.descendants', below) },
      {
        who: 'agents without limits that are started from here',
        least: room(facts, own(facts), 'pids.max', used),
      },
    ].flatMap(({ who, least }) => (least ? [{ who, ...least }] : []));
    if (rooms.length === 0) return ok('No cgroup above agents limits how many there are.');
    const found = rooms
      .map(({ who, file, left }) => `${file} leaves room for ${grouped(left)} ${who}.`)
      .join(' ');
    if (rooms.some(({ left }) => left === 0)) return warning(found);
    return rooms.some(({ left }) => left < 1000)
      ? note(found, 'TasksMax=infinity for their unit (docs/systemd.md)')
      : ok(found);
  },
};

/**
 * A default agent takes three of the kernel's numbers of file systems without a device, of which there are 2^20 - 1
 * (module/limits.c).
 */
const FILE_SYSTEMS = Math.floor((2 ** 20 - 1) / 3);

const maximum: Check = {
  id: 'max-agents',
  title: 'Most agents',
  looksAt: '`/sys/module/swarm_guard/parameters/max_agents`, `/proc/swarm/status`',
  means:
    '`max_agents` limits how many agents can be active. A default agent takes three of the 1,048,575 numbers that the kernel has for file systems without a device, so 349,525 of them are the most. Other mounts of tmpfs, procfs and the like take numbers as well; the kernel does not say how many.',
  todo: 'destroy agents, or load the module with a higher `max_agents`',
  symptoms: [
    {
      place: 'create',
      says: '… agents are active, which is max_agents; destroy some or load the module with a higher max_agents',
      reason: 'there are as many agents as the module allows (`ENOSPC`)',
    },
    {
      place: 'create',
      says: 'agents use all … ranges of … user ids (id_base, id_count), but a birth needs one; end agents, or load the module with a smaller id_count',
      reason: 'each agent with a user namespace has `id_count` user ids of its own (`ENOSPC`)',
      todo: 'destroy agents, or load the module with a lower `id_base` or `id_count`',
    },
    {
      place: 'create',
      says: "the machine's … numbers of file systems without a device are used up, of which a birth takes …; unmount some, or end agents",
      reason:
        'a default agent takes three, for its procfs, its devpts and the message queues of its ipc namespace; each tmpfs and the like takes one (`ENOSPC`)',
      todo: 'unmount what is not needed, or give agents `"proc":false` and `"devpts":false`, which leaves one number for each',
    },
  ],
  judge: (facts) => {
    const most = maxAgents(facts);
    if (!isLoaded(facts))
      return ok(`The module allows ${grouped(most)} agents, unless it is loaded with max_agents.`);
    const active = field(facts.read('/proc/swarm/status')?.replace('Active agents', 'active'), 'active') ?? 0;
    const found = `${grouped(active)} of at most ${grouped(most)} agents are active.`;
    if (active >= most) return warning(`${found} No more can be made.`);
    return most > FILE_SYSTEMS
      ? note(
          `${found} The kernel has no room for the file systems of more than ${grouped(FILE_SYSTEMS)} default agents.`,
          'if so many are wanted: `"proc":false` and `"devpts":false` in their policies',
        )
      : ok(found);
  },
};

/** In the order of the report. */
export const LIMITS: readonly Check[] = [maximum, namespaces, pids, tasks, keys, inotify];
