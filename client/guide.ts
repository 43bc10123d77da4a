/** Finding the process that shows where an agent is. */
import { SwarmError } from './error.js';
import type { CallOptions, Swarm } from './swarm.js';

/** Milliseconds for which a first process is waited for that has not executed its program. */
const PATIENCE = 5000;

/** Milliseconds between two looks at it. */
const LOOK_AGAIN = 10;

/**
 * The oldest process of an agent, for another one to follow to where it is. The agent's first process may still be
 * its launcher, which sets up its root: whoever followed it then would be in a root that is not the agent's, so
 * this waits until it has executed its program.
 * @throws {SwarmError} ESRCH if there is no process, EAGAIN if the first one has not executed after five seconds.
 */
export async function guideOf(swarm: Swarm, id: number, options: CallOptions = {}): Promise<number> {
  const end = performance.now() + PATIENCE;
  for (;;) {
    const { members, joining, starting } = await swarm.inspect(id, options);
    const pid = members.find((member) => !joining.includes(member));
    if (pid === undefined)
      throw new SwarmError('ESRCH', `agent ${id} has no process`, {
        field: 'id',
        hint: 'spawn() with its id gives it a first process',
      });
    const [first] = starting;
    if (first === undefined) return pid;
    if (performance.now() >= end)
      throw new SwarmError('EAGAIN', `process ${first} of agent ${id} has not executed its program yet`, {
        field: 'id',
        hint: 'try again: until then its launcher sets it up',
      });
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN));
    options.signal?.throwIfAborted();
  }
}
