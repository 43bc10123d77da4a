/** Running random sequences of orders in a guest, and running a failure again. */
import { expect } from '../expect.js';
import fc from 'fast-check';
import { z } from 'zod';
import { expectNoAgentCgroups } from '../cgroups.js';
import { orders, play } from './commands.js';
import type { Model, Real } from './commands.js';
import { Puppets } from './puppets.js';
import { World } from './world.js';
import type { LoadedGuest } from '../loaded-guest.js';

/** Names the failure to run again, as a failed run prints it. */
const REPLAY = 'SWARMGUARD_MODEL';

const replay = z.object({ seed: z.number().int(), path: z.string(), replayPath: z.string() });

/** The sequence to run again, from the environment. */
function wanted(): z.infer<typeof replay> | undefined {
  const text = process.env[REPLAY];
  return text ? replay.parse(JSON.parse(text)) : undefined;
}

export interface ModelOptions {
  /** Sequences, and orders in each of them at most. */
  runs: number;
  orders: number;
  /** No more sequences are run after so long, nor shorter ones looked for. */
  limitMs: number;
}

/** A world with some puppets and without agents, in the model and in the guest. */
async function begin(guest: LoadedGuest): Promise<{ model: Model; real: Real; end: () => Promise<void> }> {
  // Ids rise by one, whatever the counters say: one that was used up tells where they stand.
  const last = await guest.swarm.create({});
  await guest.swarm.destroy(last);
  const { created, destroyed, violations } = await guest.swarm.status();
  const puppets = await Puppets.start(guest);
  const world = new World(last);
  const real = { puppets, base: { created, destroyed, violations } };
  for (let count = 0; count < 3; count++) await play(world, real, `hatch ${count}`, world.hatch());
  const end = async () => {
    await puppets.quit();
    await guest.swarm.destroy(...(await guest.swarm.agents()).map(({ id }) => id));
    await expect(guest).toHaveActiveAgents(0);
    await expectNoAgentCgroups(guest);
  };
  return { model: { world }, real, end };
}

/**
 * Draws sequences of orders and compares, after each order, the guest with the model and with what
 * the oracle finds.
 * @throws if they differ, with the shortest sequence found and what runs it again.
 */
export async function runModel(
  guest: LoadedGuest,
  { runs, orders: size, limitMs }: ModelOptions,
): Promise<void> {
  const again = wanted();
  const sequences = fc.commands(orders, {
    maxCommands: size,
    size: 'max',
    ...(again ? { replayPath: again.replayPath } : {}),
  });
  const property = fc.asyncProperty(sequences, async (commands) => {
    const { model, real, end } = await begin(guest);
    try {
      await fc.asyncModelRun(() => ({ model, real }), commands);
    } finally {
      await end();
    }
  });
  const details = await fc.check(property, {
    numRuns: runs,
    interruptAfterTimeLimit: limitMs,
    ...(again ? { seed: again.seed, path: again.path, endOnFailure: true } : {}),
  });
  if (!details.failed) {
    // One that is run again and does not differ any more has no sequence after it.
    if (!again) expect(details.numRuns, 'sequences that were run to their end').toBeGreaterThan(1);
    return;
  }
  if (details.counterexample === null)
    throw new Error(`not one sequence came to its end in ${limitMs / 1000} s; the guest is too slow`);
  const sequence = fc.stringify(details.counterexample[0]);
  const replayPath = /replayPath="([^"]*)"/.exec(sequence)?.[1] ?? '';
  const { seed, counterexamplePath: path } = details;
  const error = details.errorInstance instanceof Error ? details.errorInstance.message : 'unknown';
  throw new Error(
    `the guest differs from the model:\n${error}\nshortest sequence: ${sequence}\n` +
      `again: ${REPLAY}='${JSON.stringify({ seed, path, replayPath })}' npm test -- specs/vm/model.spec.ts`,
  );
}
