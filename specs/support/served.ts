/** Programs that serve and fetch inside agents. */
import { expect } from './expect.js';
import type { LoadedGuest } from './loaded-guest.js';

/** Runs programs as agents with the default policy, and expects what they print and that they were denied no socket. */
export async function expectServed(guest: LoadedGuest, programs: Record<string, string>): Promise<void> {
  const events = await guest.swarm.eventsDuring(async () => {
    for (const [line, printed] of Object.entries(programs)) {
      const { stdout, stderr } = await guest.swarm.run({}, line);
      expect(stdout.trim(), stderr).toBe(printed);
    }
    await expect(guest).toHaveActiveAgents(0);
  });
  // Node.js tries io_uring, and does without.
  const violations = events.filter((event) => event.event === 'violation');
  expect(violations.filter(({ kind }) => kind === 'socket' || kind === 'autoload')).toEqual([]);
}
