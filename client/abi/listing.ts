/** The files that are text: status and agents. */

/** The counters of status, each with what its line begins with. */
export const STATUS_LINES = {
  active: 'Active agents',
  created: 'Total created',
  destroyed: 'Total destroyed',
  violations: 'Policy violations',
} as const;

/** The four lines of status. */
export type Status = Readonly<Record<keyof typeof STATUS_LINES, number>>;

const statusPattern = new RegExp(
  `^${Object.values(STATUS_LINES)
    .map((label) => String.raw`${label}: (\d+)\n`)
    .join('')}?$`,
);

/**
 * Parses what status holds; the last newline may be missing.
 * @throws Error if it is anything else.
 */
export function parseStatus(text: string): Status {
  const [, active, created, destroyed, violations] = statusPattern.exec(text) ?? [];
  if (violations === undefined) throw new Error(`not the format of status: ${text}`);
  return {
    active: Number(active),
    created: Number(created),
    destroyed: Number(destroyed),
    violations: Number(violations),
  };
}

/** A line of agents. */
export interface AgentLine {
  /** The agent's id. */
  readonly id: number;
  /** Its first process, as the reader counts; 0 without one. */
  readonly pid: number;
  /** As printed: 256MB, 64KB, 65537B or max. */
  readonly memory: string;
  /** As printed: 25% or max. */
  readonly cpu: string;
  /** Its `namespace_flags`. */
  readonly namespaces: number;
}

const agentPattern =
  /^ID: (\d+), PID: (\d+), Memory: (\d+(?:MB|KB|B)|max), CPU: (\d+%|max), Namespaces: 0x([0-9A-F]{2})$/;

/**
 * Parses a line of agents, without its newline.
 * @throws Error if it is anything else.
 */
export function parseAgentLine(line: string): AgentLine {
  const [, id, pid, memory = '', cpu = '', namespaces] = agentPattern.exec(line) ?? [];
  if (namespaces === undefined) throw new Error(`not the format of agents: ${line}`);
  return { id: Number(id), pid: Number(pid), memory, cpu, namespaces: parseInt(namespaces, 16) };
}
