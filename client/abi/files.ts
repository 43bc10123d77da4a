/** The files of /proc/swarm. */
import { STATUS_LINES } from './listing.js';
import { EVENTS, namesOf } from './names.js';

/** A file. */
export interface SwarmFile {
  /** Permission bits. */
  readonly mode: number;
  readonly description: string;
}

const counted = Object.values(STATUS_LINES).map(
  (label, index) => `\`${label}: ${[1, 5, 4, 3][index] ?? 0}\``,
);
const told = namesOf(EVENTS).map((name) => `\`${name}\``);

/** The files, each with its mode. */
export const FILES = {
  create: {
    mode: 0o600,
    description:
      'write JSON objects; read back, on the same descriptor, a line for each: `{"id":7}` or `{"error":"EINVAL","field":"cpu_quota","offset":31,"message":"…"}`',
  },
  spawn: {
    mode: 0o600,
    description:
      'write `{"id":7}`: the next fork of the writing thread makes a process of that agent, its first or one more; answers as `create`',
  },
  update: {
    mode: 0o600,
    description:
      'write `{"id":7,"pids_limit":100}`: changes an agent\'s limits or rules, or freezes or thaws its processes; answers as `create`',
  },
  attach: {
    mode: 0o600,
    description:
      'write `{"id":7,"pid":1234}`: adds a running process to an agent that runs; the process must be in the agent\'s namespaces, or enter them later (`"enters":true`); answers as `create`',
  },
  destroy: {
    mode: 0o600,
    description:
      'write `{"id":7}`, or one id per line: kills all processes of these agents, and ends the agents; answers as `create`',
  },
  status: { mode: 0o444, description: counted.join(', ') },
  agents: {
    mode: 0o444,
    description: 'a line for each agent: `ID: 1, PID: 1234, Memory: 256MB, CPU: 25%, Namespaces: 0x7F`',
  },
  inspect: {
    mode: 0o600,
    description:
      'write the id of an agent, then read about this agent as JSON: policy, counters, processes, cgroup, namespaces',
  },
  events: {
    mode: 0o400,
    description: `a JSON line for each event: ${told.join(', ')}; a read waits for the next one, and poll(2) works`,
  },
  metrics: { mode: 0o444, description: 'OpenMetrics text for Prometheus' },
} as const satisfies Readonly<Record<string, SwarmFile>>;
