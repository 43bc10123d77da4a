/** The `expect` of the harness, with a matcher for the agents in a guest. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect as base, toldBefore } from '../../harness/playwright/expect.js';
import type { SwarmClient } from '../../client/client.js';
import type { CommandOutcome } from '../../harness/guest/errors.js';

/** The part of a guest with the module loaded that the matcher needs. */
interface Asked {
  readonly swarm: Pick<SwarmClient, 'status' | 'agents' | 'inspect'>;
  readonly history: readonly CommandOutcome[];
}

/** The time between two readings of status, in ms. */
const INTERVAL = 100;

/** The number of agents that a message lists one by one; it counts the others. */
const TOLD = 20;

/** The agents that exist, one a line: id, state, name and first process. */
async function agentLines(guest: Asked): Promise<string[]> {
  const agents = await guest.swarm.agents();
  const lines = agents.slice(0, TOLD).map(async ({ id, pid }) => {
    // It may end before it is asked about.
    const found = await guest.swarm.inspect(id).catch(() => undefined);
    return `agent ${id}: ${found?.state ?? 'gone'}, ${found?.name ?? 'no name'}, first process ${pid}`;
  });
  const more = agents.length - lines.length;
  return [...(await Promise.all(lines)), ...(more > 0 ? [`and ${more} more`] : [])];
}

export const expect = base.extend({
  /**
   * Waits until status counts this number of active agents, because an agent ends a moment after its last process.
   * The message lists the agents that exist, and the last commands that the guest was given.
   * @param guest with the module loaded
   * @param count the number of agents
   * @param options `timeout`: the longest wait in ms; by default that of every expectation
   */
  async toHaveActiveAgents(guest: Asked, count: number, options: { timeout?: number } = {}) {
    const before = [...guest.history];
    const deadline = performance.now() + (options.timeout ?? this.timeout);
    const active = async () => (await guest.swarm.status()).active;
    let actual = await active();
    while ((actual === count) === this.isNot && performance.now() < deadline) {
      await sleep(INTERVAL);
      actual = await active();
    }
    const pass = actual === count;
    const there = pass === this.isNot ? await agentLines(guest) : [];
    return {
      pass,
      name: 'toHaveActiveAgents',
      expected: count,
      actual,
      message: () =>
        [
          `expected${this.isNot ? ' any number of active agents but' : ' active agents:'} ${count}`,
          `received: ${actual}`,
          ...there,
          ...toldBefore(before),
        ].join('\n'),
    };
  },
});
