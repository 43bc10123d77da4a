/** The answer to a scrape. */
import type { Inspection } from '../abi/inspection.js';
import { SwarmError } from '../error.js';
import type { Swarm } from '../swarm.js';
import { agentFamilies } from './agents.js';
import { joined } from './openmetrics.js';

/** The extent of the export. */
export interface ExporterOptions {
  /** The maximal number of agents with metrics of their own; those with the lowest ids get them. */
  readonly agents: number;
  /** Milliseconds that a scrape may take, connecting included; 10,000 by default. */
  readonly patience?: number;
}

/** Milliseconds that a scrape may take; Prometheus gives up after ten seconds by default. */
const PATIENCE = 10_000;

async function first(swarm: Swarm, count: number, signal: AbortSignal): Promise<Inspection[]> {
  async function* ids() {
    let left = count;
    for await (const { id } of swarm.agents({ signal })) {
      yield id;
      left -= 1;
      if (left === 0) return;
    }
  }
  const found: Inspection[] = [];
  if (count > 0) for await (const agent of swarm.inspectAll(ids(), { signal })) if (agent) found.push(agent);
  return found;
}

async function exposition(swarm: Swarm, { agents }: ExporterOptions, signal: AbortSignal): Promise<string> {
  const metrics = await swarm.metrics({ signal });
  const found = await first(swarm, agents, signal);
  const { active } = await swarm.status({ signal });
  return joined(metrics, agentFamilies(found, Math.max(0, active - found.length)));
}

/**
 * A function that makes the text of a scrape. The module is asked for one scrape at a time: those who ask meanwhile
 * get the same text.
 * @param connect finds the agents; called for each scrape, so that the module may come and go
 */
export function exporter(connect: () => Promise<Swarm>, options: ExporterOptions): () => Promise<string> {
  const { patience = PATIENCE } = options;
  const scrape = async () => {
    const signal = AbortSignal.timeout(patience);
    const late = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => {
        reject(new SwarmError('ETIMEDOUT', `the scrape has taken more than ${patience} ms`));
      });
    });
    return Promise.race([connect().then((swarm) => exposition(swarm, options, signal)), late]);
  };
  let running: Promise<string> | undefined;
  return () => {
    running ??= scrape().finally(() => {
      running = undefined;
    });
    return running;
  };
}
