/** Metrics of single agents, and of the exporter itself. */
import type { Inspection } from '../abi/inspection.js';
import { family } from './openmetrics.js';
import type { Family, Sample } from './openmetrics.js';

/** The families of agents, by name, each with its value; an agent for which the kernel counts none has no sample. */
const AGENT = {
  swarm_guard_agent_memory_bytes: {
    family: { type: 'gauge', unit: 'bytes', description: 'memory of the agent; with memory_limit' },
    value: ({ usage }) => usage.memory,
  },
  swarm_guard_agent_cpu_seconds: {
    family: { type: 'counter', unit: 'seconds', description: 'CPU time of the agent' },
    value: ({ usage }) => usage.cpu_usec / 1e6,
  },
  swarm_guard_agent_pids: {
    family: { type: 'gauge', description: 'processes and threads of the agent' },
    value: ({ usage }) => usage.pids,
  },
  swarm_guard_agent_throttled_seconds: {
    family: {
      type: 'counter',
      unit: 'seconds',
      description: 'time for which cpu_quota held the agent back; with any of the limits',
    },
    value: ({ usage }) => (usage.throttled_usec === undefined ? undefined : usage.throttled_usec / 1e6),
  },
  swarm_guard_agent_violations: {
    family: {
      type: 'counter',
      description: 'calls of the agent that were denied, or that it was killed for',
    },
    value: ({ violations }) => violations,
  },
} as const satisfies Readonly<
  Record<string, { family: Family; value: (agent: Inspection) => number | undefined }>
>;

/** The exporter's own family. */
const LEFT_OUT = 'swarm_guard_exporter_agents_left_out';

/** Every family that the exporter adds to the module's (client/abi/metrics.ts), by name. */
export const EXPORTED: Readonly<Record<string, Family>> = {
  ...Object.fromEntries(Object.entries(AGENT).map(([name, each]) => [name, each.family])),
  [LEFT_OUT]: {
    type: 'gauge',
    description: 'agents beyond the number of --agents, which have no metrics of their own',
  },
};

/**
 * Families of agents.
 * @param agents those that are told of
 * @param leftOut how many there are besides
 */
export function agentFamilies(agents: readonly Inspection[], leftOut: number): string {
  const families = Object.entries(AGENT).map(([name, each]) => {
    const samples = agents.flatMap((agent): Sample[] => {
      const value = each.value(agent);
      const labels = { id: String(agent.id), name: agent.name ?? '' };
      return value === undefined ? [] : [{ labels, value }];
    });
    return family(name, each.family, samples);
  });
  const own = EXPORTED[LEFT_OUT];
  return [...families, ...(own ? [family(LEFT_OUT, own, [{ labels: {}, value: leftOut }])] : [])].join('');
}
