/** The metrics and the tracepoints. */

/** A family of metrics. */
export interface Metric {
  readonly type: 'info' | 'stateset' | 'gauge' | 'counter';
  readonly description: string;
}

/** The families of metrics, by name. */
export const METRICS = {
  swarm_guard_build: { type: 'info', description: 'labels `abi` and `version`' },
  swarm_guard_mode: {
    type: 'stateset',
    description: '`enforce`, or `report` if the module was loaded with `enforce=0`',
  },
  swarm_guard_agents: { type: 'gauge', description: 'agents that are listed' },
  swarm_guard_agents_created: { type: 'counter', description: 'agents that were made' },
  swarm_guard_agents_destroyed: { type: 'counter', description: 'agents that are gone' },
  swarm_guard_agents_frozen: { type: 'gauge', description: 'agents whose processes `update` has stopped' },
  swarm_guard_members: { type: 'gauge', description: 'processes of agents' },
  swarm_guard_armed: { type: 'gauge', description: 'threads whose next fork gives an agent a process' },
  swarm_guard_cgroups: { type: 'gauge', description: 'cgroups made for agents and not removed yet' },
  swarm_guard_cgroup_pool: { type: 'gauge', description: 'cgroups made ahead that wait for an agent' },
  swarm_guard_cgroup_pool_hits: {
    type: 'counter',
    description: 'cgroups of agents that had been made ahead',
  },
  swarm_guard_cgroup_pool_misses: {
    type: 'counter',
    description:
      'cgroups of agents that had to be made for them, because none was ready; not counted with `cgroup_pool=0`',
  },
  swarm_guard_violations: {
    type: 'counter',
    description:
      'by `kind` and `action` as in [events](events.md); `status` counts those whose action is `deny` or `kill`',
  },
  swarm_guard_hook_runs: { type: 'counter', description: 'calls by anybody, by hooked `function`' },
  swarm_guard_events: {
    type: 'counter',
    description: 'events recorded; beyond `event_rate` only the events `suppressed` are counted here',
  },
  swarm_guard_events_lost: {
    type: 'counter',
    description:
      'events overwritten before a reader came to them, summed over all readers; events that are older than the reader are not counted',
  },
} as const satisfies Readonly<Record<string, Metric>>;

/** The tracepoints of the system swarm_guard, each with its fields. */
export const TRACEPOINTS = {
  agent_create: ['id', 'name'],
  agent_spawn: ['id', 'pid', 'by'],
  agent_destroy: ['id', 'reason', 'violations'],
  agent_update: ['id', 'keys'],
  agent_oom: ['id', 'pid', 'comm'],
  violation: ['id', 'pid', 'kind', 'action'],
} as const;
