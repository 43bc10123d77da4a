/** The context of every command of swarmctl: the machine, and agents by id or name. */
import type { Command } from '@commander-js/extra-typings';
import { SwarmError } from '../error.js';
import type { Inspection } from '../inspect.js';
import type { Swarm } from '../swarm.js';
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

/** The ids of agents; see {@link idOf}. */
export async function idsOf(swarm: Swarm, named: readonly string[]): Promise<number[]> {
  return Promise.all(named.map((each) => idOf(swarm, each)));
}
