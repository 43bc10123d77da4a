/** The page that tells what memory an agent takes. */
import { table as markdownTable } from '../../harness/util/markdown.js';
import { MEMINFO, OWNERS, BESIDES, WHOLE, slabOf } from './memory.js';
import type { Account, Memory } from './memory.js';
import type { Crowded } from './mounts.js';

/** All that the page tells. */
export interface MemoryReport {
  readonly kernel: string;
  /** The number of agents of each kind that were born. */
  readonly count: number;
  /** Mounts and CPUs of the guest. */
  readonly mounts: number;
  readonly cpus: number;
  readonly account: Account;
  readonly crowded: readonly Crowded[];
  readonly fewer: Omit<Crowded, 'slab'>;
}

/** The most slab that an agent with network none may take, in bytes: a kilobyte is 1,000. */
const TARGET = 80_000;

/** Caches with so many bytes of an agent have a row of their own. */
const ROW = 256;

/** Differences below this are not told: a cache gives and takes whole slabs. */
const NOISE = 16;

const grouped = (value: number) => Math.round(value).toLocaleString('en-US');
/** A table of numbers, with their names in the first column. */
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  markdownTable(head, rows, { right: head.map((_, column) => column).slice(1) });

/** The memory of an owner. @throws if there is none of that id. */
function memoryOfOwner({ owners }: Account, id: string): Memory {
  const memory = owners.get(id);
  if (!memory) throw new Error(`nothing was measured for ${id}`);
  return memory;
}

/** The bytes that whole agents take beyond the sum of their parts. */
const together = (account: Account) =>
  slabOf(account.whole.none) - OWNERS.reduce((sum, { id }) => sum + slabOf(memoryOfOwner(account, id)), 0);

function wholeTable({ whole }: Account): string {
  const titles: Readonly<Record<keyof typeof WHOLE, string>> = {
    process: 'an ordinary process, no agent',
    none: 'agent, network `none`',
    limited: 'agent, network `none`, three limits',
    own: 'agent, network `own` (the default)',
  };
  const names = ['process', 'none', 'limited', 'own'] as const;
  return table(
    ['', 'slab objects', ...MEMINFO.map((name) => `\`${name}\``)],
    names.map((name) => [
      titles[name],
      grouped(slabOf(whole[name])),
      ...MEMINFO.map((field) => grouped(whole[name].fields.get(field) ?? NaN)),
    ]),
  );
}

const LARGEST = 4;

function largest({ caches }: Memory): string {
  return [...caches]
    .filter(([, bytes]) => bytes >= 2 * NOISE * 4)
    .toSorted(([, one], [, other]) => other - one)
    .slice(0, LARGEST)
    .map(([name, bytes]) => `\`${name}\` ${grouped(bytes)}`)
    .join(', ');
}

function ownerTable(account: Account): string {
  const rows = OWNERS.map(({ id, title }) => {
    const memory = memoryOfOwner(account, id);
    return [title, grouped(slabOf(memory)), largest(memory)];
  });
  const besides = BESIDES.map(({ id, title }) => {
    const memory = memoryOfOwner(account, id);
    return [`${title}, more`, grouped(slabOf(memory)), largest(memory)];
  });
  return table(
    ['what it is for', 'bytes', 'largest caches'],
    [
      ...rows,
      ['not in any of these', grouped(together(account)), ''],
      ['**agent, network `none`**', `**${grouped(slabOf(account.whole.none))}**`, ''],
      ...besides,
    ],
  );
}

function cacheTable(account: Account): string {
  const all = [...account.whole.none.caches].toSorted(([, one], [, other]) => other - one);
  const shown = all.filter(([, bytes]) => bytes >= ROW).map(([name]) => name);
  const rest = all.map(([name]) => name).filter((name) => !shown.includes(name));
  const of = (memory: Memory, names: readonly string[]) =>
    names.reduce((sum, name) => sum + (memory.caches.get(name) ?? 0), 0);
  const cell = (bytes: number) => (Math.abs(bytes) < NOISE ? '' : grouped(bytes));
  const line = (title: string, names: readonly string[]) => [
    title,
    grouped(of(account.whole.none, names)),
    ...OWNERS.map(({ id }) => cell(of(memoryOfOwner(account, id), names))),
  ];
  return table(
    ['cache', 'agent', ...OWNERS.map(({ id }) => id)],
    [...shown.map((name) => line(`\`${name}\``, [name])), line('all others', rest)],
  );
}

/** The cost of each mount more, between the fewest and the most. */
function perMount(crowded: readonly Crowded[]): Omit<Crowded, 'mounts' | 'births'> {
  const [first, last] = [crowded[0], crowded.at(-1)];
  if (!first || !last || first === last) throw new Error('there are not two numbers of mounts');
  const of = (what: Exclude<keyof Crowded, 'mounts' | 'births'>) =>
    (last[what] - first[what]) / (last.mounts - first.mounts);
  return { birth: of('birth'), start: of('start'), slab: of('slab') };
}

const between = (value: number, [least, most]: readonly [number, number]) =>
  `${grouped(value)} (${grouped(least)} to ${grouped(most)})`;

function mountTable({ crowded, fewer }: MemoryReport): string {
  const each = perMount(crowded);
  return table(
    [
      'mounts that the launcher sees',
      'instructions of a birth',
      'instructions, start to end',
      'bytes of slab',
    ],
    [
      ...crowded.map(({ mounts, birth, births, start, slab }) => [
        grouped(mounts),
        between(birth, births),
        ...[start, slab].map(grouped),
      ]),
      ['each mount more', ...[each.birth, each.start, each.slab].map(grouped)],
      [
        `${grouped(fewer.mounts)}, after \`unshare -m\` and \`umount\``,
        between(fewer.birth, fewer.births),
        grouped(fewer.start),
        '',
      ],
    ],
  );
}

/** The page, in Markdown. */
export function memoryPage(report: MemoryReport): string {
  const { kernel, count, mounts, cpus, account, crowded } = report;
  const none = slabOf(account.whole.none);
  const bytes = (id: string) => grouped(slabOf(memoryOfOwner(account, id)));
  const most = crowded.at(-1)?.mounts ?? NaN;
  return `# What memory an agent takes

This page says how much kernel memory one agent takes, and what for. \`npm run bench:memory -- --output docs/memory.md\` measures the figures and writes the page.

The figures are of Linux ${kernel}, in a guest with ${cpus === 1 ? 'one CPU' : `${cpus} CPUs`} and ${mounts} mounts. A figure is the mean of ${count} agents that are alive at the same time, in bytes. Each agent runs one small static program that only waits. The memory of the program itself comes on top.

## Whole agents

By default an agent has its own user, mount, pid, ipc, uts, cgroup and network namespaces. With \`"network":"none"\` all agents share one empty network namespace. The three limits are \`memory_limit\`, \`cpu_quota\` and \`pids_limit\`.

${wholeTable(account)}

- *Slab objects* are the objects that the kernel has allocated for the agent in its slab caches (\`/proc/slabinfo\`). This is the figure that the rest of the page explains.
- \`Slab\` and the other columns are fields of \`/proc/meminfo\`. \`Slab\` counts whole pages, so it also has the free room between objects.
- \`KernelStack\` is the process's stack in the kernel. \`VmallocUsed\` includes it. \`PageTables\` belong to the program. \`Percpu\` exists once for each possible CPU.

The target is ${grouped(TARGET)} bytes of slab objects for an agent with network \`none\`, the process included. An agent takes ${grouped(none)}, so the target is ${none <= TARGET ? 'reached' : '**not reached**'}. A process without SwarmGuard takes ${grouped(slabOf(account.whole.process))} of them anyway.

## By what the memory is for

Each row compares two kinds of agents that differ in one thing only, for example in the bit of one namespace. What they differ by is the row's figure. The last rows say what a network namespace or limits add to an agent with network \`none\`.

${ownerTable(account)}

The row *not in any of these* is negative. Each namespace that is measured alone brings an \`nsproxy\`, the kernel's list of a process's namespaces, but a whole agent has only one. And measuring errors add up there.

Names such as \`kmalloc-1k\` stand for objects of this size that have no cache of their own.

Most of this memory is the price of namespaces, which the kernel takes from everybody. These parts can be avoided:

- **The network namespace** is the largest part by far: ${bytes('net')} bytes. Use \`"network":"none"\` for agents without a network.
- **The procfs** of the agent takes ${bytes('procfs')} bytes, and **the devpts** ${bytes('devpts')}. \`"proc":false\` and \`"devpts":false\` leave them out. Without a procfs of its own, an agent sees its launcher's \`/proc\`.
- **The ipc namespace** takes ${bytes('ipc')} bytes, because the kernel mounts a file system for message queues and registers sysctls with each one. A policy can leave the ipc bit (value 16) out of \`namespace_flags\`, but then the agent shares System V IPC and message queues with its launcher.
- **The mount namespace** grows with the launcher's mounts; [see below](#mounts).
- **Limits** take ${bytes('limits')} bytes, because the agent then has a cgroup of its own. About half of this grows with the number of agents: a cgroup with a memory limit has 1 KiB for every 64 file systems that are mounted on the machine (\`mm/shrinker.c\`), and each agent mounts three: a procfs, a devpts, and one for message queues.

## By slab cache

The same for each slab cache with at least ${ROW} bytes for an agent with network \`none\`. The columns are the rows of the table above, in the same order. An empty cell is less than ${NOISE} bytes. Small negative numbers are measuring errors: an object was freed, or is counted, at another time.

${cacheTable(account)}

## Mounts

A new mount namespace is a copy of all mounts that the launcher sees. So on a machine with many mounts, such as a container host, every birth is slower and every agent larger. All agents here have network \`none\`. The instructions are for agents with three limits; the memory is the mean of 50 agents without limits, so it differs a little from the tables above. The mounts are bind mounts and shared, as systemd makes them. A birth's figure is the median of five turns; the least and the most are in brackets.

${mountTable(report)}

- *A birth* is arming and the fork, up to the first instruction of the agent.
- *Start to end* is the program \`launch\` that starts an agent whose program exits at once, and everything until nothing is left of it.

If a launcher sees many mounts, start it in a mount namespace of its own and unmount what its agents do not need:

    unshare -m sh -c 'umount -l /var/lib/docker; exec your-launcher'

The last row of the table is measured this way, on the machine with ${grouped(most)} mounts. \`unshare -m\` makes one copy of all mounts for the launcher; after \`umount\` each agent copies only the few that are left. \`swarmctl run --rootfs\` does not make births cheaper: the agent is born with the copy, and unmounts it afterwards.

\`swarmctl doctor\` says how many mounts a machine has, and what they cost each birth.
`;
}
