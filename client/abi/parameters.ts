/** The parameters of the module. */

/** A parameter. */
export interface Parameter {
  /** As /sys/module/swarm_guard/parameters has it. */
  readonly default: string;
  readonly description: string;
}

/** The parameters, by name. */
export const PARAMETERS = {
  max_agents: {
    default: '200000',
    description:
      'the most active agents, up to 16777216. The kernel has numbers for the file systems of 349,525 default agents; see [what agents use up](../threat-model.md#what-agents-use-up)',
  },
  enforce: {
    default: '1',
    description:
      '0: what policies deny is only reported. Births, limits and namespaces stay as they are, and so do the rights to write to /proc/swarm',
  },
  event_buffer: {
    default: '8192',
    description:
      'how many events are kept for readers, 16 to 4194304, rounded up to a power of two; half of them tell what becomes of agents, the other half what their processes do; 136 bytes each',
  },
  event_rate: {
    default: '100',
    description:
      'how many violations and kills for memory of an agent are reported one by one in a second; the others are counted and summed up; 0 reports all',
  },
  debug: { default: '0', description: 'log every event; writable at run time' },
  cgroup_parent: {
    default: 'swarm',
    description:
      "the cgroup below which agents' cgroups are made: a path relative to the root of cgroup v2, without `..`. Loading enables the controllers memory, cpu and pids in `cgroup.subtree_control` of every cgroup on the way. Unloading disables what loading has enabled, except in a cgroup that has other children, whose limits would go with the controller; the log says where they stay enabled",
  },
  cgroup_pool: {
    default: '16',
    description:
      "how many empty cgroups are kept ready for agents with limits, up to 1024; 0: none. There are as many below `memory` (for agents with a memory limit) and as many below `plain` (for those with other limits only), each from the first agent on that needs one there. Each takes about 40 kB, which the cgroups above are charged for, and, below `memory`, one of Linux's 65,535 ids of memory cgroups. All count for `cgroup.max.descendants` of the cgroups above, and give way where it leaves no room for an agent. Their files are open for writing, so cgroup2 cannot be remounted read-only",
  },
  id_base: { default: '2147483648', description: 'the first user and group id that agents get' },
  id_count: { default: '1024', description: 'how many user and group ids each agent gets' },
} as const satisfies Readonly<Record<string, Parameter>>;
