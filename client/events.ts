/** Lines of /proc/swarm/events. */
import { z } from 'zod';

/** What was tried against a policy. */
const KINDS = ['fork', 'thread', 'execve', 'unshare', 'setns', 'device', 'control', 'adopt'] as const;

/** What was done about it. */
const OUTCOMES = ['deny', 'kill', 'audit', 'report'] as const;

const head = { seq: z.number().int().positive(), time: z.number().int().positive() };
const agent = z.number().int().positive();
const pid = z.number().int().nonnegative();

const created = z.strictObject({ ...head, event: z.literal('created'), agent, name: z.string().optional() });
const spawned = z.strictObject({
  ...head,
  event: z.literal('spawned'),
  agent,
  pid,
  by: z.enum(['spawn', 'pid', 'attach']),
});
const violation = z.strictObject({
  ...head,
  event: z.literal('violation'),
  /** 0 for an adoption that create refused: its agent never was. */
  agent: z.number().int().nonnegative(),
  kind: z.enum(KINDS),
  action: z.enum(OUTCOMES),
  rule: z.enum(['deny', 'kill', 'audit']),
  pid,
  comm: z.string(),
  file: z.string().optional(),
  device: z
    .string()
    .regex(/^[bc] \d+:\d+ r?w?m?$/)
    .optional(),
});
const destroyed = z.strictObject({
  ...head,
  event: z.literal('destroyed'),
  agent,
  reason: z.enum(['exit', 'request', 'birth', 'unforked']),
  violations: z.number().int().nonnegative(),
  step: z.string().optional(),
  error: z.string().optional(),
});
/** Violations of an agent beyond the rate at which they are told. */
const suppressed = z.strictObject({
  ...head,
  event: z.literal('suppressed'),
  /** As of a violation. */
  agent: z.number().int().nonnegative(),
  count: z.number().int().positive(),
});
const lost = z.strictObject({ ...head, event: z.literal('lost'), count: z.number().int().positive() });

const event = z.discriminatedUnion('event', [created, spawned, violation, suppressed, destroyed, lost]);

/** Every kind of event, with its fields: the schemas that lines are parsed with. */
export const EVENTS = { created, spawned, violation, suppressed, destroyed, lost };

/** An event; `seq` rises by one, `time` is CLOCK_MONOTONIC in nanoseconds. */
export type SwarmEvent = z.infer<typeof event>;

/**
 * Parses lines of events.
 * @throws if one of them is none.
 */
export function parseEvents(text: string): SwarmEvent[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => event.parse(JSON.parse(line)));
}
