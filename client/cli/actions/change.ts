/** swarmctl update, pause, resume, stop, kill, wait and destroy: what is done to agents that are there. */
import type { SwarmEvent } from '../../abi/event.js';
import { SwarmError } from '../../error.js';
import type { Swarm } from '../../swarm.js';
import { failIfAny, ofAgent } from '../context.js';
import type { Named } from '../context.js';
import { located } from '../located.js';
import { changes } from '../changes.js';
import type { PolicyOptions } from '../policy.js';
import { print } from '../output.js';
import { progress } from '../progress.js';

/** Gives agents other limits or rules. */
export async function updateCommand(
  swarm: Swarm,
  ids: readonly number[],
  options: PolicyOptions,
  named: Named = ids,
): Promise<void> {
  const wanted = changes(await located(swarm, options));
  if (Object.keys(wanted).length === 0)
    throw new SwarmError('EINVAL', 'nothing is to be changed', {
      hint: 'swarmctl update --help lists what can be',
    });
  await toEach('updating', ids, named, (id) => swarm.update(id, wanted));
}

/** Stops the processes of agents, or lets them go on. */
export async function freezeCommand(
  swarm: Swarm,
  ids: readonly number[],
  frozen: boolean,
  named: Named = ids,
): Promise<void> {
  await toEach(frozen ? 'pausing' : 'resuming', ids, named, (id) => swarm.freeze(id, frozen));
}

/** Is this the error of an agent that is not there? */
function isGone(error: unknown): boolean {
  return error instanceof SwarmError && error.code === 'ESRCH';
}

/**
 * Does something to one agent after the other, even if it fails for one, and says how far it is.
 * @throws {AggregateError} with what has failed.
 */
async function toEach(
  doing: string,
  ids: readonly number[],
  named: Named,
  work: (id: number) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = [];
  let at = 0;
  const end = progress.begin(() => `${doing} agent ${ids[at] ?? ''}, ${at + 1} of ${ids.length}`);
  for (; at < ids.length; at++)
    await work(ids[at] ?? 0).catch((error: unknown) => {
      failures.push(ofAgent(ids[at] ?? 0, error, named));
    });
  end();
  failIfAny(failures);
}

/** Sends a signal to the first process of agents. */
export async function killCommand(
  swarm: Swarm,
  ids: readonly number[],
  signal: NodeJS.Signals | number,
  named: Named = ids,
): Promise<void> {
  await toEach('sending a signal to', ids, named, (id) => swarm.kill(id, signal));
}

/** Waits until an agent is gone, or the time is over; returns whether it is gone. */
async function gone(swarm: Swarm, id: number, milliseconds: number): Promise<boolean> {
  const stop = AbortSignal.timeout(milliseconds);
  for await (const event of swarm.events({ since: 'oldest', signal: stop }))
    if (event.event === 'destroyed' && event.agent === id) return true;
  return swarm.inspect(id).then(() => false, isGone);
}

/** Ends agents: SIGTERM, and destruction for those that are still there after a time of grace in milliseconds. */
export async function stopCommand(
  swarm: Swarm,
  ids: readonly number[],
  grace: number,
  named: Named = ids,
): Promise<void> {
  let running = ids.length;
  const end = progress.begin(() => `waiting for ${counted(running)} to end`);
  const stopped = ids.map(async (id) => {
    await stopOne(swarm, id, grace).catch((error: unknown) => {
      throw ofAgent(id, error, named);
    });
    running -= 1;
  });
  // Each gets its end, even if another one fails: the connection is closed after this.
  const results = await Promise.allSettled(stopped);
  end();
  failIfAny(results.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : [])));
}

function counted(agents: number): string {
  return agents === 1 ? 'an agent' : `${agents} agents`;
}

async function stopOne(swarm: Swarm, id: number, grace: number): Promise<void> {
  if (grace > 0) {
    // One that is not there is an error; one without a process has nothing to wait for.
    await swarm.inspect(id);
    const asked = await swarm.kill(id, 'SIGTERM').then(
      () => true,
      (error: unknown) => {
        if (isGone(error)) return false;
        throw error;
      },
    );
    if (asked && (await gone(swarm, id, grace))) return;
  }
  await swarm.destroy(id).catch((error: unknown) => {
    if (!isGone(error)) throw error;
  });
}

/** Kills all processes of agents, and ends them. */
export async function destroyCommand(
  swarm: Swarm,
  ids: readonly number[],
  named: Named = ids,
): Promise<void> {
  await toEach('destroying', ids, named, (id) => swarm.destroy(id));
}

/** The exit status of an agent whose end is not known. */
const UNKNOWN = 125;

/** The line of an agent of which nothing tells. */
const UNTOLD = '-';

/** Milliseconds that the event of an end may take when the agent is gone. */
const LATE = 1000;

async function isOver(swarm: Swarm, id: number): Promise<boolean> {
  return swarm.inspect(id).then(() => false, isGone);
}

/**
 * Waits for the ends of agents and prints the exit status of each; of one that is gone, if an event that is kept tells.
 * There is a line for each that was named, in that order: `-` where nothing tells.
 * @throws what has failed: for an agent of which nothing tells.
 */
export async function waitCommand(swarm: Swarm, ids: readonly number[], named: Named = ids): Promise<void> {
  const statuses = new Map<number, number>();
  const missing = new Map<number, unknown>();
  for (const id of ids)
    await swarm.inspect(id).catch((error: unknown) => {
      if (!isGone(error)) throw ofAgent(id, error, named);
      missing.set(id, ofAgent(id, error, named));
    });
  const untold = new Map<number, unknown>();
  const end = progress.begin(() => `waiting for ${counted(ids.length - statuses.size)} to end`);
  const stop = new AbortController();
  const timers: NodeJS.Timeout[] = [];
  let since: number | 'oldest' = 'oldest';
  const done = () => {
    if (ids.every((each) => statuses.has(each) || untold.has(each))) stop.abort();
  };
  const set = (id: number, status: number) => {
    if (!statuses.has(id)) statuses.set(id, status);
    done();
  };
  const giveUp = (id: number, error: unknown) => {
    if (!statuses.has(id)) untold.set(id, error);
    done();
  };
  const take = async (event: SwarmEvent) => {
    since = event.seq + 1;
    if (event.event === 'lost') {
      // The end of one of them may be among what was overwritten, or still to come.
      for (const id of ids)
        if (!statuses.has(id) && !missing.has(id) && (await isOver(swarm, id)))
          timers.push(setTimeout(set, LATE, id, UNKNOWN));
    } else if (event.event === 'destroyed' && ids.includes(event.agent))
      set(event.agent, event.exit ?? (event.signal === undefined ? UNKNOWN : 128 + event.signal));
  };
  try {
    // All that is kept is read, however long that takes, before the event of one that is gone is late.
    if (missing.size > 0) for await (const event of swarm.events({ since, follow: false })) await take(event);
    for (const [id, error] of missing) timers.push(setTimeout(giveUp, LATE, id, error));
    if (ids.length > 0 && !stop.signal.aborted)
      for await (const event of swarm.events({ since, signal: stop.signal })) await take(event);
  } finally {
    timers.forEach(clearTimeout);
    end();
  }
  for (const id of named) print(String((id === undefined ? undefined : statuses.get(id)) ?? UNTOLD));
  failIfAny([...untold.values()]);
}
