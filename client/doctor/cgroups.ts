/** Checks of cgroups, which limit agents. */
import { failure, grouped, note, ok, warning } from './check.js';
import type { Check, Finding } from './check.js';
import { field, isLoaded } from './facts.js';
import type { Facts } from './facts.js';
import { mount, mountPoint, parent, upwards } from './hierarchy.js';

/** The controllers, each with the limit that needs it. */
const CONTROLLERS = { memory: 'memory_limit', cpu: 'cpu_quota', pids: 'pids_limit' } as const;

/** The names in a file of names. */
function names(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter(Boolean);
}

const controllers: Check = {
  id: 'controllers',
  title: 'Controllers of cgroup v2',
  looksAt: '`/proc/self/mountinfo`, `cgroup.controllers` of the root of cgroup v2',
  means:
    'Each limit needs a controller of cgroup v2. One that is disabled, or in use by cgroup v1, is not there for agents.',
  todo: 'boot without `cgroup_disable=`, and with `systemd.unified_cgroup_hierarchy=1` if cgroup v1 is in use',
  symptoms: [
    {
      place: 'create',
      says: 'this kernel does not offer the cgroup v2 controller …',
      reason: 'the policy has a limit whose controller is not there (`EOPNOTSUPP`)',
    },
  ],
  judge: (facts) => {
    const mount = mountPoint(facts);
    if (mount === undefined)
      return note(
        'cgroup v2 is not mounted here. The module mounts it for itself; which controllers it has cannot be seen.',
        'mount -t cgroup2 cgroup2 /sys/fs/cgroup, as root',
      );
    const there = names(facts.read(`${mount}/cgroup.controllers`));
    const missing = Object.entries(CONTROLLERS).filter(([name]) => !there.includes(name));
    if (missing.length === 0)
      return ok(`cgroup v2 is at ${mount}, with the controllers memory, cpu and pids.`);
    return warning(
      missing
        .map(([name, key]) => `cgroup v2 has no controller ${name}: agents with ${key} are refused.`)
        .join(' '),
    );
  },
};

/** The cgroup on the way to the agents' that holds processes, if there is one. */
function occupied(facts: Facts, mount: string): string | undefined {
  return upwards(parent(facts)).find(
    (name) => (facts.read(`${mount}/${name}/cgroup.procs`) ?? '').trim() !== '',
  );
}

/** The cgroups below cgroup_parent, each with the controllers that it passes on to agents (module/cgroup.c). */
const PARENTS = { memory: ['memory', 'cpu', 'pids'], plain: ['cpu', 'pids'] } as const;

/** A finding if somebody has changed the cgroup hierarchy since the module made its cgroups. */
function changed(facts: Facts, mount: string, name: string): Finding | undefined {
  for (const [child, passed] of Object.entries(PARENTS)) {
    const at = `${mount}/${name}/${child}`;
    if (!facts.exists(at))
      return warning(
        `The cgroup ${name}/${child} is gone: somebody, systemd perhaps, has removed it. Agents with limits are refused.`,
        'unload the module, and load it again from a unit that keeps its cgroups (docs/systemd.md)',
      );
    const there = names(facts.read(`${mount}/cgroup.controllers`));
    const now = names(facts.read(`${at}/cgroup.subtree_control`));
    const off = passed.filter((each) => there.includes(each) && !now.includes(each));
    if (off.length > 0)
      return warning(
        `The cgroup ${name}/${child} passes ${off.join(', ')} on to no agent: somebody has disabled that.`,
        `switch it on again, in each cgroup from the root on: echo ${off.map((each) => `+${each}`).join(' ')} >${at}/cgroup.subtree_control`,
      );
  }
  return undefined;
}

/** A finding about who manages the cgroup of the agents. */
function kept(facts: Facts, name: string): Finding {
  if (facts.exists('/run/systemd/system') && !name.includes('/'))
    return note(
      `Agents' cgroups are below ${name}, at the root. systemd, which manages cgroups here, leaves it alone, but does not promise to.`,
      'give the module a unit with Delegate=yes (docs/systemd.md)',
    );
  return ok(`Agents' cgroups are below ${name}.`);
}

const delegation: Check = {
  id: 'delegation',
  title: 'Cgroup of the agents',
  looksAt:
    '`/sys/module/swarm_guard/parameters/cgroup_parent`, the cgroup that it names, `/run/systemd/system`',
  means:
    "Agents' cgroups are below the one that `cgroup_parent` names. It must hold no processes, and nobody else may manage it.",
  todo: 'give the module a unit with `Delegate=yes` and `DelegateSubgroup=` ([systemd.md](systemd.md))',
  symptoms: [
    {
      place: 'log',
      says: 'cgroup_parent: "…" holds processes',
      reason: 'the cgroup that the parameter `cgroup_parent` names, or one above it, holds processes',
      todo: 'name another one, or a systemd unit with `Delegate=yes` ([systemd.md](systemd.md))',
    },
    {
      place: 'create',
      says: 'the cgroup … has been removed; unload the module and load it again',
      reason:
        "somebody has removed the module's cgroups: systemd does, if no process is left in a delegated unit",
      todo: 'use the unit of [systemd.md](systemd.md), which keeps them',
    },
    {
      place: 'create',
      says: 'the controller … is not in cgroup.subtree_control of … any more; switch it on again',
      reason: 'somebody has disabled the controller below a cgroup',
      todo: 'write `+` and its name to `cgroup.subtree_control` of that cgroup, and of those above it',
    },
  ],
  judge: (facts) => {
    const mount = mountPoint(facts);
    const name = parent(facts);
    if (mount === undefined)
      return note('cgroup v2 is not mounted here, so the cgroup of the agents cannot be seen.');
    const full = occupied(facts, mount);
    if (full !== undefined && !isLoaded(facts))
      return failure(`The cgroup ${full} holds processes, so cgroup v2 has no controllers below it.`);
    if (isLoaded(facts)) return changed(facts, mount, name) ?? kept(facts, name);
    return kept(facts, name);
  },
};

/** The most memory cgroups: ids of 16 bits, 0 for none (MEM_CGROUP_ID_MAX, mm/memcontrol.c). */
export const MEMORY_CGROUPS = 65535;

/** The memory cgroups that have an id; those that are gone keep it as long as memory is charged to them. */
export function memoryCgroups(facts: Facts): { live: number; dying: number } | undefined {
  const mount = mountPoint(facts);
  const stat = mount === undefined ? undefined : facts.read(`${mount}/cgroup.stat`);
  const live = field(stat, 'nr_subsys_memory');
  return live === undefined ? undefined : { live, dying: field(stat, 'nr_dying_subsys_memory') ?? 0 };
}

const memoryIds: Check = {
  id: 'memory-cgroups',
  title: 'Ids of memory cgroups',
  looksAt: '`nr_subsys_memory` and `nr_dying_subsys_memory` in `cgroup.stat` of the root of cgroup v2',
  means:
    'The kernel has 65,535 ids for memory cgroups. Each agent with `memory_limit` needs one. A cgroup that was removed keeps its id while memory is charged to it (*dying*). Loading the module does not warn of it, because agents without `memory_limit` need none.',
  todo: 'let the kernel reclaim what dying cgroups hold: `sync; echo 3 >/proc/sys/vm/drop_caches`; or start fewer agents with `memory_limit`',
  symptoms: [
    {
      place: 'create',
      says: 'Linux has no memory cgroup id left (65,535 at most)',
      reason: 'no id of a memory cgroup is left (`ENOSPC`)',
    },
  ],
  judge: (facts) => {
    const used = memoryCgroups(facts);
    if (!used) return note('How many memory cgroups there are cannot be seen.');
    const { live, dying } = used;
    const all = live + dying;
    const found = `${grouped(all)} of ${grouped(MEMORY_CGROUPS)} ids of memory cgroups are in use, ${grouped(dying)} of them by dying ones.`;
    if (all >= MEMORY_CGROUPS) return warning(`${found} Agents with memory_limit are refused.`);
    if (all > MEMORY_CGROUPS * 0.8) return warning(found);
    return dying > MEMORY_CGROUPS / 10 ? note(found, 'sync; echo 3 >/proc/sys/vm/drop_caches') : ok(found);
  },
};

const moves: Check = {
  id: 'cgroup-moves',
  title: 'Entering a cgroup',
  looksAt: '`/proc/self/mountinfo`',
  // Documentation/admin-guide/cgroup-v2.rst, favordynmods; kernel/cgroup/cgroup.c, cgroup_attach_lock().
  means:
    "The first process of an agent with limits enters the agent's cgroup before it runs. On a machine with several processors the kernel then waits for a grace period of RCU, which takes some milliseconds, unless another process has entered a cgroup just before. It does not wait if cgroup v2 is mounted with `favordynmods`.",
  todo: 'if agents with limits must start quickly: `mount -o remount,favordynmods /sys/fs/cgroup`; every fork and exit on the machine then costs a little more',
  judge: (facts) => {
    const mounted = mount(facts);
    if (!mounted) return note('cgroup v2 is not mounted here, so its options cannot be seen.');
    if (mounted.options.includes('favordynmods'))
      return ok('cgroup v2 is mounted with favordynmods: births with limits wait for no grace period.');
    return note(
      'cgroup v2 is mounted without favordynmods: a birth with limits may wait some milliseconds until its process is in the cgroup.',
      `if agents with limits must start quickly: mount -o remount,favordynmods ${mounted.point}; every fork and exit on the machine then costs a little more`,
    );
  },
};

/** In the order of the report. */
export const CGROUPS: readonly Check[] = [controllers, delegation, memoryIds, moves];
