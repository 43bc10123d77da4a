/** The memory of an agent that does nothing: by slab cache, and by what it is for. */
import { quoted } from '../../client/client.js';
import type { AgentRequest } from '../../client/client.js';
import type { BootedGuest } from '../../harness/guest/guest.js';
import type { GuestExtras } from '../../harness/guest/stage.js';
import { sectionsOf } from './counted.js';

/** Caches keep their names, and kinds of objects their caches. */
export const MEMORY_GUEST: GuestExtras = { append: 'slab_nomerge' };

/** The fields of /proc/meminfo about the kernel's own memory. Slab counts whole pages, used or not. */
export const MEMINFO = ['Slab', 'KernelStack', 'PageTables', 'Percpu', 'VmallocUsed'] as const;

/** Bytes, by what they are: of each slab cache's objects, and of the fields of {@link MEMINFO}. */
export interface Memory {
  readonly caches: ReadonlyMap<string, number>;
  readonly fields: ReadonlyMap<string, number>;
}

/** Copies of a cache that only spread objects over several (CONFIG_RANDOM_KMALLOC_CACHES). */
const COPY = /^kmalloc-rnd-\d+-/;

/**
 * SLUB counts the free objects of slabs that a CPU holds as used; shrinking a cache gives those slabs back
 * (kmem_cache_shrink).
 */
const LOOK = [
  'sleep 1; echo 3 >/proc/sys/vm/drop_caches; sleep 1',
  'for f in /sys/kernel/slab/*/shrink; do echo 1 >$f; done',
  'sleep 1; cat /proc/slabinfo /proc/meminfo',
].join('; ');

/** Reads slabinfo and meminfo. @throws if that is not in the text. */
function parseMemory(text: string): Memory {
  const caches = new Map<string, number>();
  for (const [, name = '', active, size] of text.matchAll(
    /^(\S+) +(\d+) +\d+ +(\d+) +\d+ +\d+ : tunables/gm,
  )) {
    const cache = name.replace(COPY, 'kmalloc-');
    caches.set(cache, (caches.get(cache) ?? 0) + Number(active) * Number(size));
  }
  const fields = new Map(
    [...text.matchAll(/^(\w+): +(\d+) kB$/gm)].map(([, name = '', size]) => [name, Number(size) * 1024]),
  );
  if (caches.size < 50 || MEMINFO.some((name) => !fields.has(name)))
    throw new Error(`no memory of a kernel:\n${text}`);
  return { caches, fields };
}

function combine(one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>, times: number) {
  const names = new Set([...one.keys(), ...other.keys()]);
  return new Map([...names].map((name) => [name, (one.get(name) ?? 0) + times * (other.get(name) ?? 0)]));
}

/** One memory less another. */
const less = (one: Memory, other: Memory): Memory => ({
  caches: combine(one.caches, other.caches, -1),
  fields: combine(one.fields, other.fields, -1),
});

const divided = (map: ReadonlyMap<string, number>, by: number) =>
  new Map([...map].map(([name, value]) => [name, value / by]));

/** Bytes of objects of all slab caches. */
export const slabOf = ({ caches }: Memory): number =>
  [...caches.values()].reduce((sum, each) => sum + each, 0);

/**
 * The memory of each of `count` idle processes.
 * @param policy of the agents; undefined for ordinary processes
 * @throws if not all of them were made.
 */
export async function memoryOf(
  guest: BootedGuest,
  count: number,
  policy: AgentRequest | undefined,
): Promise<Memory> {
  const object = policy ? JSON.stringify({ spawn: true, ...policy }) : '';
  const text = await guest.sh(`idle ${count} ${quoted(object)} ${quoted(LOOK)}`, { timeoutMs: 900_000 });
  const sections = sectionsOf(text);
  const { caches, fields } = less(
    parseMemory(sections.get('after') ?? ''),
    parseMemory(sections.get('before') ?? ''),
  );
  return { caches: divided(caches, count), fields: divided(fields, count) };
}

const LIMITS = { memory_limit: 67_108_864, cpu_quota: 50, pids_limit: 64 };

/** Bits of namespace_flags. */
const [PID, NET, MNT, UTS, IPC, USER, CGROUP] = [1, 2, 4, 8, 16, 32, 64];
const PRIVILEGED: AgentRequest = { privileged: true, namespace_flags: 0 };
const flags = (namespace_flags: number, more: AgentRequest = {}): AgentRequest => ({
  namespace_flags,
  ...more,
});
const NO_MOUNTS = { proc: false, devpts: false };

/** Something that an agent's memory is for, as the difference of two births. */
interface Owner {
  readonly id: string;
  readonly title: string;
  /** The births with and without it; undefined is an ordinary process, and 'none' no process at all. */
  readonly with: AgentRequest | undefined;
  readonly without: AgentRequest | undefined | 'none';
}

/** The parts of an agent in all seven kinds of namespaces with network none. */
export const OWNERS: readonly Owner[] = [
  { id: 'task', title: 'the process itself', with: undefined, without: 'none' },
  { id: 'module', title: "the module's records, a session, a keyring", with: PRIVILEGED, without: undefined },
  { id: 'user', title: 'user namespace', with: flags(USER), without: PRIVILEGED },
  { id: 'mnt', title: 'mount namespace', with: flags(USER + MNT, NO_MOUNTS), without: flags(USER) },
  {
    id: 'devpts',
    title: 'devpts on /dev/pts',
    with: flags(USER + MNT),
    without: flags(USER + MNT, NO_MOUNTS),
  },
  { id: 'pid', title: 'pid namespace', with: flags(USER + PID), without: flags(USER) },
  {
    id: 'procfs',
    title: 'procfs on /proc',
    with: flags(USER + MNT + PID, { devpts: false }),
    without: flags(USER + MNT + PID, NO_MOUNTS),
  },
  { id: 'ipc', title: 'ipc namespace, with mqueue', with: flags(USER + IPC), without: flags(USER) },
  { id: 'uts', title: 'uts namespace', with: flags(USER + UTS), without: flags(USER) },
  { id: 'cgroup', title: 'cgroup namespace', with: flags(USER + CGROUP), without: flags(USER) },
  {
    id: 'none',
    title: 'network `none`',
    with: flags(USER + NET, { network: 'none' }),
    without: flags(USER),
  },
];

/** The optional parts of an agent. */
export const BESIDES: readonly Owner[] = [
  { id: 'net', title: 'network `own`', with: {}, without: { network: 'none' } },
  { id: 'limits', title: 'three limits', with: { network: 'none', ...LIMITS }, without: { network: 'none' } },
];

/** Whole agents. */
export const WHOLE = {
  process: undefined,
  none: { network: 'none' },
  own: {},
  limited: { network: 'none', ...LIMITS },
} as const satisfies Record<string, AgentRequest | undefined>;

export interface Account {
  /** The memory of each owner, by its id. */
  readonly owners: ReadonlyMap<string, Memory>;
  readonly whole: Readonly<Record<keyof typeof WHOLE, Memory>>;
}

/** Births before anything is measured. */
const FEW = 5;

const NOTHING: Memory = { caches: new Map(), fields: new Map() };

/** Takes the account: each kind of agent is born `count` times, and ended before the next. */
export async function account(
  guest: BootedGuest,
  count: number,
  progress: (step: string) => void,
): Promise<Account> {
  const known = new Map<string, Memory>();
  const of = async (policy: AgentRequest | undefined | 'none'): Promise<Memory> => {
    if (policy === 'none') return NOTHING;
    const key = JSON.stringify(policy ?? 'process');
    const found = known.get(key);
    if (found) return found;
    progress(`${count} of ${key}`);
    const memory = await memoryOf(guest, count, policy);
    known.set(key, memory);
    return memory;
  };
  // The first births make what the kernel keeps.
  await memoryOf(guest, FEW, WHOLE.own);
  await memoryOf(guest, FEW, WHOLE.limited);
  const owners = new Map<string, Memory>();
  for (const owner of [...OWNERS, ...BESIDES])
    owners.set(owner.id, less(await of(owner.with), await of(owner.without)));
  const whole = {
    process: await of(WHOLE.process),
    none: await of(WHOLE.none),
    own: await of(WHOLE.own),
    limited: await of(WHOLE.limited),
  };
  return { owners, whole };
}
