/** The checks of the machine's capacity for many agents. */
import { grouped, memory, note, ok, warning } from './check.js';
import type { Check, Finding } from './check.js';
import { MEMORY_CGROUPS, memoryCgroups } from './cgroups.js';
import { field, sysctl } from './facts.js';
import type { Facts } from './facts.js';
import { parent, room } from './hierarchy.js';
import { RESERVED_PIDS, tasksNow } from './limits.js';
import { idRange, maxAgents } from './module.js';

/**
 * The bytes that the kernel allocates for an agent, its process, namespaces and cgroup included: docs/benchmarks.md,
 * "Marginal cost of an agent at scale", on two CPUs. More CPUs make cgroups and network namespaces larger.
 */
export const AGENT_BYTES = {
  'live agents with all namespaces': 275_056,
  'live agents with all namespaces and a memory limit': 384_468,
} as const;

const PLAIN = AGENT_BYTES['live agents with all namespaces'];
const LIMITED = AGENT_BYTES['live agents with all namespaces and a memory limit'];

/** Something that so many agents may need more of than there is. */
interface Bound {
  readonly name: string;
  /** The number of agents there is room for. */
  readonly left: number;
  readonly todo: string;
}

/** The bounds on the number of agents, with one process each. */
function bounds(facts: Facts): { memory: number | undefined; all: Bound[]; limited: Bound[] } {
  const available = field(facts.read('/proc/meminfo'), 'MemAvailable');
  const bytes = available === undefined ? undefined : available * 1024;
  const tasks = tasksNow(facts);
  const sysctls = [
    { name: 'kernel.pid_max', taken: tasks + RESERVED_PIDS, most: 4194304 },
    { name: 'kernel.threads-max', taken: tasks, most: 4194304 },
  ].flatMap(({ name, taken, most }) => {
    const value = sysctl(facts, name);
    return value === undefined
      ? []
      : [{ name, left: Math.max(0, value - taken), todo: `sysctl ${name}=${most}` }];
  });
  const used = (directory: string) => Number(facts.read(`${directory}/pids.current`) ?? 0);
  const below = room(facts, parent(facts), 'pids.max', used);
  const cgroups = memoryCgroups(facts);
  const free = cgroups ? Math.max(0, MEMORY_CGROUPS - cgroups.live - cgroups.dying) : MEMORY_CGROUPS;
  return {
    memory: bytes,
    all: [
      ...(bytes === undefined
        ? []
        : [{ name: 'memory', left: Math.floor(bytes / PLAIN), todo: 'more memory' }]),
      { name: 'max_agents', left: maxAgents(facts), todo: 'load the module with a higher max_agents' },
      {
        name: 'ranges of user ids',
        left: idRange(facts).ranges,
        todo: 'load the module with a smaller id_count',
      },
      ...sysctls,
    ],
    limited: [
      ...(bytes === undefined
        ? []
        : [{ name: 'memory', left: Math.floor(bytes / LIMITED), todo: 'more memory' }]),
      { name: 'ids of memory cgroups', left: free, todo: 'memory_limit for fewer of them' },
      ...(below ? [{ name: below.file, left: below.left, todo: 'TasksMax=infinity for the unit' }] : []),
    ],
  };
}

const named = (list: readonly Bound[]) =>
  list.map(({ name, left }) => `${name} (room for ${grouped(left)})`).join(', ');

/** Judges a number of agents. */
function judge(facts: Facts, agents: number): Finding {
  const { memory: available, all, limited } = bounds(facts);
  const needs = `${memory(agents * PLAIN)} of kernel memory, ${memory(agents * LIMITED)} if each has a memory_limit${available === undefined ? '' : ` (${memory(available)} are available)`}, and the memory of the programs`;
  const short = all.filter(({ left }) => left < agents);
  const fewer = limited.filter(
    ({ left, name }) => left < agents && !short.some((each) => each.name === name),
  );
  const found = [
    `${grouped(agents)} agents need ${needs}.`,
    ...(short.length === 0 ? [] : [`Too little: ${named(short)}.`]),
    ...(fewer.length === 0 ? [] : [`Too little for limits on all of them: ${named(fewer)}.`]),
  ].join(' ');
  const todo = [...new Set([...short, ...fewer].map((bound) => bound.todo))].join('; ');
  if (short.length + fewer.length === 0) return ok(found);
  return agents <= 1000 ? warning(found, todo) : note(found, `if so many are wanted: ${todo}`);
}

const check = (agents: number): Check => ({
  id: `capacity-${agents}`,
  title: `Capacity for ${grouped(agents)} agents`,
  looksAt:
    '`/proc/meminfo`, `kernel.pid_max`, `kernel.threads-max`, `cgroup.stat`, `pids.max`, the parameters `max_agents` and `id_count`',
  means: `What ${grouped(agents)} agents in all seven kinds of namespaces, with one process each, need here.`,
  todo: 'raise what is named, or start fewer agents',
  judge: (facts) => judge(facts, agents),
});

/** In the order of the report. */
export const CAPACITY: readonly Check[] = [1000, 10_000, 200_000].map(check);
