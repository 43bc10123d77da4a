/** Lines of /proc/swarm/events. */
import { parseEvent } from './abi/event.js';
import type { SwarmEvent } from './abi/event.js';

export type { SwarmEvent } from './abi/event.js';

/**
 * Parses lines of events.
 * @throws {z.ZodError} if one of them is no event, SyntaxError if one is no JSON.
 */
export function parseEvents(text: string): SwarmEvent[] {
  return text.split('\n').filter(Boolean).map(parseEvent);
}
