/** swarmctl ls and inspect: what agents there are, and what is known of one. */
import type { Inspection } from '../../inspect.js';
import type { Swarm } from '../../swarm.js';
import { everyAgent, failIfAny, ofAgent } from '../context.js';
import type { Named } from '../context.js';
import { bytes, clock, duration, jsonOf, print, show, styled, table } from '../output.js';
import type { Column, Printing } from '../output.js';
import { keyAndValue } from '../values.js';

/** Options of ls. */
export interface ListOptions extends Printing {
  readonly quiet?: true | undefined;
  readonly filter?: readonly string[] | undefined;
}

const limit = (value: number, show: (value: number) => string) => (value === 0 ? '-' : show(value));

const COLUMNS: readonly Column<Inspection>[] = [
  { title: 'ID', value: ({ id }) => String(id), right: true },
  { title: 'NAME', value: ({ name }) => name ?? '-' },
  { title: 'STATE', value: ({ state }) => state },
  { title: 'PID', value: ({ members }) => String(members[0] ?? '-'), right: true },
  { title: 'PIDS', value: ({ usage }) => String(usage.pids), right: true },
  {
    title: 'MEMORY',
    value: ({ usage }) => (usage.memory === undefined ? '-' : bytes(usage.memory)),
    right: true,
  },
  { title: 'LIMIT', value: ({ policy }) => limit(policy.memory_limit, bytes), right: true },
  {
    title: 'CPUS',
    value: ({ policy }) => limit(policy.cpu_quota, (quota) => String(quota / 100)),
    right: true,
  },
  {
    title: 'START',
    value: ({ state, usage }) =>
      state === 'running' ? clock(new Date(Date.now() - usage.runtime_usec / 1000)) : '-',
    right: true,
  },
  { title: 'CPU TIME', value: ({ usage }) => duration(usage.cpu_usec), right: true },
  { title: 'DENIED', value: ({ violations }) => String(violations), right: true },
];

/** Does an agent fit `state=running` or `name=web*`? */
function fits(agent: Inspection, filter: string): boolean {
  const [key, pattern] = keyAndValue(filter);
  const value = { id: String(agent.id), name: agent.name ?? '', state: agent.state }[key] ?? '';
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(value);
}

/** Lists the agents, by rising id. */
export async function listCommand(swarm: Swarm, options: ListOptions): Promise<void> {
  const { quiet, filter = [], json, format } = options;
  if (quiet === true && filter.length === 0) {
    for await (const { id } of swarm.agents()) print(String(id));
    return;
  }
  const rows: Inspection[] = [];
  for await (const agent of everyAgent(swarm)) {
    if (!filter.every((each) => fits(agent, each))) continue;
    if (quiet === true) print(String(agent.id));
    else if (json === true || format !== undefined) show(agent, options, () => []);
    else rows.push(agent);
  }
  if (quiet === true || json === true || format !== undefined) return;
  const [titles = '', ...lines] = table(COLUMNS, rows);
  print(styled('bold', titles));
  for (const line of lines) print(line);
}

/** Prints everything about agents: JSON, indented for people. */
export async function inspectCommand(
  swarm: Swarm,
  ids: readonly number[],
  options: Printing,
  named: Named = ids,
): Promise<void> {
  const failures: unknown[] = [];
  for (const id of ids) {
    const agent = await swarm.inspect(id).catch((error: unknown) => {
      failures.push(ofAgent(id, error, named));
    });
    if (agent) show(agent, options, () => [jsonOf(agent, 2)]);
  }
  failIfAny(failures);
}
