/** The context of every command of swarmctl: the machine, and agents by id or name. */
import type { Command } from '@commander-js/extra-typings';
import { SwarmError } from '../error.js';
import type { Inspection } from '../inspect.js';
import type { Swarm } from '../swarm.js';
import { explain } from './output.js';
import { progress } from './progress.js';

/** Adds commands to swarmctl; what they do begins with the machine that its options name. */
export type Registrar = (program: Command, connected: () => Promise<Swarm>) => void;

/** Options of swarmctl itself. */
export interface GlobalOptions {
  readonly directory?: string | undefined;
  readonly host?: string | undefined;
}

/** The machine that the options name. */
export async function machine({ directory, host }: GlobalOptions): Promise<Swarm> {
  // Loaded when it is needed: help and completion need no machine.
  const { SwarmGuard } = await import('../guard.js');
  if (host !== undefined && host !== '')
    return progress.during(
      () => `connecting to ${host}`,
      () => SwarmGuard.connect(host),
    );
  return SwarmGuard.open(directory === undefined ? {} : { directory });
}

/** Every agent that there is, inspected. */
export async function* everyAgent(swarm: Swarm): AsyncGenerator<Inspection> {
  async function* ids() {
    for await (const { id } of swarm.agents()) yield id;
  }
  let seen = 0;
  const end = progress.begin(() => `${seen} agents looked at`);
  try {
    for await (const found of swarm.inspectAll(ids())) {
      seen += 1;
      if (found) yield found;
    }
  } finally {
    end();
  }
}

/**
 * The id of an agent.
 * @param named an id, or a name
 * @throws {SwarmError} ESRCH if no agent has the name, EEXIST if several have it.
 */
export async function idOf(swarm: Swarm, named: string): Promise<number> {
  if (/^\d{1,15}$/.test(named)) return Number(named);
  const found: number[] = [];
  for await (const { id, name } of everyAgent(swarm)) if (name === named) found.push(id);
  const [id, ...others] = found;
  if (id === undefined)
    throw new SwarmError('ESRCH', `no agent is called ${named}`, { hint: '`swarmctl ls` lists them' });
  if (others.length > 0)
    throw new SwarmError('EEXIST', `several agents are called ${named}: ${found.join(', ')}`, {
      hint: 'name one by its id',
    });
  return id;
}

/** @throws what has failed; several as an AggregateError. */
export function failIfAny(failures: readonly unknown[]): void {
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures);
}

/** The agents that a command names, in their order: ids, and undefined for a name that no agent has. */
export type Named = readonly (number | undefined)[];

/** A failure, with the agent that it is of where several were named. */
export function ofAgent(id: number, error: unknown, named: Named): unknown {
  if (!(error instanceof SwarmError) || named.length < 2) return error;
  if (new RegExp(`\\bagent ${id}\\b`).test(error.message)) return error;
  const { code, field, offset, hint } = error;
  const where = field === '' || field === 'id' ? '' : `${field}: `;
  return new SwarmError(code, `agent ${id}: ${where}${error.message}`, { offset, hint, cause: error });
}

/**
 * Does something to agents that are named by ids or names. A name that is no agent's does not keep it from the others,
 * and is told before that, which may take long.
 * @param evenForNone does it, too, if none of the names is an agent's
 * @throws what has failed; see {@link idOf}. An AggregateError without errors if all of it has been told.
 */
export async function withIds(
  swarm: Swarm,
  agents: readonly string[],
  work: (ids: readonly number[], named: Named) => Promise<void>,
  evenForNone = false,
): Promise<void> {
  const found = await Promise.allSettled(agents.map((each) => idOf(swarm, each)));
  const named = found.map((each) => (each.status === 'fulfilled' ? each.value : undefined));
  const ids = named.filter((id) => id !== undefined);
  const failures = found.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
  if (ids.length === 0 && !evenForNone) failIfAny(failures);
  for (const each of failures) explain(each);
  await work(ids, named);
  if (failures.length > 0) throw new AggregateError([], 'not all that are named are agents');
}
