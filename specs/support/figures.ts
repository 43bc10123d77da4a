/** The figures that programs of vm-images/guest print: a schema for each program. */
import { z } from 'zod';

/** The number of processes that `consume processes` could make, and the errno of the next one. */
export const consumed = z.strictObject({ processes: z.number(), end: z.string() });

/** The answers that `call --during` got: EPERM, or another one. */
export const during = z.strictObject({ refused: z.number(), others: z.number() });

/** The calls beside updates that `instant` had made, and those that the wrong rules decided on. */
export const instant = z.strictObject({
  calls: z.number(),
  late: z.number(),
  mixed: z.number(),
  unexpected: z.number(),
});

/** The processes that `snatch` met, and those of which it took the descriptor. */
export const snatched = z.strictObject({ met: z.number(), taken: z.number() });

/** The commands of `gate`: which of the two, and its status. */
export const gated = z.strictObject({ stage: z.number(), status: z.number() });

/** The result of a write by `pass`: the answer, the bytes, and where a child was afterwards. */
export const passed = z.strictObject({
  how: z.string(),
  written: z.number(),
  answer: z.string(),
  child: z.enum(['inside', 'outside', 'none', 'killed', 'unknown']),
});

/** The lines of events that a reader of `events each` or all of `events shared` saw. */
export const read = z.strictObject({
  lines: z.number(),
  gaps: z.number().optional(),
  lost: z.number().optional(),
});

/** The children of `ending victims` that were killed. */
export const victims = z.strictObject({ killed: z.number() });

/** The processes that `inherit traced` has seen in another pid namespace. */
export const traced = z.strictObject({ traced: z.number() });

/** The microseconds of processor time that `inherit counted` has counted. */
export const counted = z.strictObject({ counted: z.number() });

/** An item of `inherit look`. */
export const inherited = z.strictObject({ item: z.string(), value: z.string() });

/** A cookie of core scheduling, as `inherit cookie` prints it. */
export const cookie = z.strictObject({ who: z.enum(['outside', 'inside']), cookie: z.string() });

/** The children that `moment zombies` could make, the errno of the next one, and how many once one was waited for. */
export const zombies = z.strictObject({ zombies: z.number(), end: z.string(), more: z.number() });

/** The process of `race exec-threads`, and the active agents that it sees. */
export const executed = z.strictObject({ pid: z.number(), active: z.number() });
