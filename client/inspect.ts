/** The answer of /proc/swarm/inspect. */
import { inspectionOnceUsed } from './abi/inspection.js';
import type { Inspection } from './abi/inspection.js';

export type { Inspection } from './abi/inspection.js';

/**
 * Parses what inspect answers.
 * @throws {z.ZodError} if it is no such answer, SyntaxError if it is no JSON.
 */
export function parseInspection(text: string): Inspection {
  return inspectionOnceUsed().parse(JSON.parse(text));
}
