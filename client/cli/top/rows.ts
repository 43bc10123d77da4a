/** Agents as rows of top and stats, and how often they are looked at. */
import type { Inspection } from '../../inspect.js';

/** An agent, as top and stats show it. */
export interface Row {
  readonly id: number;
  readonly name: string | null;
  readonly state: string;
  /** Its first process; undefined without one. */
  readonly pid: number | undefined;
  /** CPU time in percent of one CPU: since the last look, or, at the first, since its birth. */
  readonly cpu: number;
  /** Percent of one CPU; undefined without a limit. */
  readonly cpu_quota: number | undefined;
  /** Bytes; undefined without a memory limit, since nobody counts them then. */
  readonly memory: number | undefined;
  readonly memory_limit: number | undefined;
  readonly pids: number;
  readonly pids_limit: number | undefined;
  /** Microseconds for which `cpu_quota` held it back. */
  readonly throttled_usec: number;
  readonly violations: number;
  readonly audited: number;
}

/** A look at an agent. */
interface Look {
  readonly row: Row;
  readonly cpuUsec: number;
  readonly runtimeUsec: number;
  /** Milliseconds, on the clock of whoever looks. */
  readonly at: number;
}

const limit = (value: number) => (value === 0 ? undefined : value);

function percent(used: number, time: number): number {
  return time > 0 ? Math.max(0, (100 * used) / time) : 0;
}

/** The CPU time since the last look; since its birth if there was none, or the agent was started again. */
function cpuOf({ usage }: Inspection, before: Look | undefined): number {
  const since = before && usage.runtime_usec > before.runtimeUsec && usage.cpu_usec >= before.cpuUsec;
  return since
    ? percent(usage.cpu_usec - before.cpuUsec, usage.runtime_usec - before.runtimeUsec)
    : percent(usage.cpu_usec, usage.runtime_usec);
}

function rowOf(agent: Inspection, before: Look | undefined): Row {
  const { id, name, state, members, usage, policy, violations, audited } = agent;
  return {
    id,
    name,
    state,
    pid: members[0],
    cpu: members.length === 0 ? 0 : cpuOf(agent, before),
    cpu_quota: limit(policy.cpu_quota),
    memory: usage.memory,
    memory_limit: limit(policy.memory_limit),
    pids: usage.pids,
    pids_limit: limit(policy.pids_limit),
    throttled_usec: usage.throttled_usec ?? 0,
    violations,
    audited,
  };
}

/** The keys by which rows are sorted, in the order in which `s` goes through them. */
export const SORTS = ['cpu', 'memory', 'pids', 'throttled', 'denied'] as const;
export type Sort = (typeof SORTS)[number];

const KEYS: Readonly<Record<Sort, (row: Row) => number>> = {
  cpu: ({ cpu }) => cpu,
  memory: ({ memory = 0 }) => memory,
  pids: ({ pids }) => pids,
  throttled: ({ throttled_usec }) => throttled_usec,
  denied: ({ violations }) => violations,
};

/** Rows with the largest first; of equal ones, the lower id. */
export function sorted(rows: readonly Row[], sort: Sort): Row[] {
  const key = KEYS[sort];
  return [...rows].sort((a, b) => key(b) - key(a) || a.id - b.id);
}

/** The calls to a machine that the looker makes. */
export interface Source {
  agents(): AsyncIterable<{ readonly id: number }>;
  inspectAll(ids: Iterable<number>): AsyncIterable<Inspection | undefined>;
}

/** Looks at agents, all of them or as many as there is time for, and remembers what it saw. */
export class Looker {
  readonly #source: Source;
  readonly #now: () => number;
  readonly #looks = new Map<number, Look>();
  /** The id after which the next look goes on. */
  #cursor = 0;
  #listed = 0;

  /** @param now milliseconds of a clock that only rises */
  constructor(source: Source, now: () => number = () => performance.now()) {
    this.#source = source;
    this.#now = now;
  }

  /** The last look at each agent that is still there, by id. */
  get rows(): Row[] {
    return [...this.#looks.values()].map(({ row }) => row);
  }

  /** The number of agents at the last look; more than there are rows if there was no time yet to look at each. */
  get listed(): number {
    return this.#listed;
  }

  /** Milliseconds since the oldest look that is still shown; 0 if there is none. */
  get age(): number {
    let oldest = Infinity;
    for (const { at } of this.#looks.values()) oldest = Math.min(oldest, at);
    return oldest === Infinity ? 0 : this.#now() - oldest;
  }

  /** Looks at agents that are named, in their order. An id that no agent has is left out. */
  async some(ids: Iterable<number>): Promise<void> {
    await this.#inspect([...ids]);
  }

  /**
   * Looks at the agents: at those that are listed first, at those that are new, and then at the others in turn, for
   * as long as there is time.
   * @param first ids
   * @param budget milliseconds, beside those of listing the agents; those that are listed first are looked at anyway
   */
  async look(first: readonly number[] = [], budget = Infinity): Promise<void> {
    const ids = new Set<number>();
    for await (const { id } of this.#source.agents()) ids.add(id);
    this.#listed = ids.size;
    for (const id of this.#looks.keys()) if (!ids.has(id)) this.#looks.delete(id);
    const shown = first.filter((id) => ids.has(id));
    // The list takes a while by itself where there are very many.
    const start = this.#now();
    await this.#inspect(shown);
    const done = new Set(shown);
    const fresh = [...ids].filter((id) => !this.#looks.has(id));
    const rest = [...ids].filter((id) => this.#looks.has(id) && !done.has(id));
    const at = rest.findIndex((id) => id > this.#cursor);
    const turn = at < 0 ? rest : [...rest.slice(at), ...rest.slice(0, at)];
    const isOver = () => this.#now() - start >= budget;
    await this.#inspect(fresh, isOver);
    const last = await this.#inspect(turn, isOver);
    if (last !== undefined) this.#cursor = last;
  }

  /** Returns the last id that was looked at. */
  async #inspect(ids: readonly number[], isOver: () => boolean = () => false): Promise<number | undefined> {
    let last: number | undefined;
    const asked: number[] = [];
    function* inTime() {
      for (const id of ids) {
        if (isOver()) return;
        asked.push(id);
        yield id;
      }
    }
    if (ids.length === 0) return undefined;
    for await (const agent of this.#source.inspectAll(inTime())) {
      const id = asked.shift() ?? 0;
      last = id;
      if (agent) this.#keep(agent);
      else this.#looks.delete(id);
    }
    return last;
  }

  #keep(agent: Inspection): void {
    const row = rowOf(agent, this.#looks.get(agent.id));
    const { cpu_usec: cpuUsec, runtime_usec: runtimeUsec } = agent.usage;
    this.#looks.set(agent.id, { row, cpuUsec, runtimeUsec, at: this.#now() });
  }
}
