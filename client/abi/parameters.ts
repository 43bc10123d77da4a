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
      '0: calls that policies deny are only reported. Births, limits and namespaces stay as they are, and so do the rights to write to /proc/swarm',
  },
  event_buffer: {
    default: '8192',
    description:
      'how many events are kept for readers, 16 to 4194304, rounded up to a power of two. One half is for the start and the end of agents, the other half for what their processes do. Each event takes 136 bytes',
  },
  event_rate: {
    default: '100',
    description:
      'how many violations of an agent are reported one by one in a second, and how many out-of-memory kills; one event gives the number of the other violations, another one that of the other kills; 0: all are reported one by one',
  },
  debug: { default: '0', description: 'log every event; writable at run time' },
  cgroup_parent: {
    default: 'swarm',
    description:
      "the cgroup below which agents' cgroups are made: a path relative to the root of cgroup v2, without `..`. Loading enables the controllers memory, cpu and pids in `cgroup.subtree_control` of every cgroup on the way. Unloading disables the controllers that loading has enabled, except in a cgroup that has other children, because these would lose their limits. The kernel log names the cgroups in which controllers stay enabled",
  },
  cgroup_pool: {
    default: '16',
    description:
      "how many empty cgroups are kept ready for agents with limits, up to 1024; 0: none. The module keeps this number below `memory`, for agents with a memory limit, and the same number below `plain`, for agents with other limits only. It makes them once the first agent needs a cgroup there. Each takes about 40 kB, which the cgroups above are charged for. Below `memory`, each also takes one of Linux's 65,535 ids of memory cgroups. All of them count toward `cgroup.max.descendants` of the cgroups above; if that leaves no room for an agent, the module removes some. Their files are open for writing, so cgroup2 cannot be remounted read-only",
  },
  id_base: { default: '2147483648', description: 'the first user and group id that agents get' },
  id_count: { default: '1024', description: 'how many user and group ids each agent gets' },
} as const satisfies Readonly<Record<string, Parameter>>;
