/** The files that are text: status and agents. */
import { z } from 'zod';

/** The counters of status, each with what its line begins with. */
export const STATUS_LINES = {
  active: 'Active agents',
  created: 'Total created',
  destroyed: 'Total destroyed',
  violations: 'Policy violations',
} as const;

/** The four lines of status. */
export type Status = Readonly<Record<keyof typeof STATUS_LINES, number>>;

const counters = z.object({
  active: z.coerce.number(),
  created: z.coerce.number(),
  destroyed: z.coerce.number(),
  violations: z.coerce.number(),
} satisfies Record<keyof Status, z.ZodType>);

const statusPattern = new RegExp(
  `^${Object.entries(STATUS_LINES)
    .map(([name, label]) => String.raw`${label}: (?<${name}>\d+)\n`)
    .join('')}?$`,
);

/**
 * Parses what status holds; the last newline may be missing.
 * @throws Error if it is anything else.
 */
export function parseStatus(text: string): Status {
  const match = statusPattern.exec(text);
  if (!match) throw new Error(`not the format of status: ${text}`);
  return counters.parse(match.groups);
}

/** A line of agents. */
export interface AgentLine {
  readonly id: number;
  readonly pid: number;
  /** As printed: 256MB, 64KB, 65537B or max. */
  readonly memory: string;
  /** As printed: 25% or max. */
  readonly cpu: string;
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
