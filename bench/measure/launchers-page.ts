/** The page that tells which locks launchers wait for. */
import { table } from '../../harness/util/markdown.js';
import { BIRTHS, KINDS, LAUNCHERS, LOCKS, byLock } from './launchers.js';
import type { Launchers } from './launchers.js';

/** Waits for 100 births. */
const each = (waits: number) => ((waits * 100) / BIRTHS).toFixed(0);

function waitsTable(kind: Launchers['waits'][number]): string {
  const columns = kind.map(byLock);
  const titles = [...LOCKS.map(({ title }) => title), 'all others'];
  const rows = titles.map((title, at) => ({ title, counts: columns.map((column) => column[at] ?? 0) }));
  const shown = rows.filter(({ counts }) => counts.some((count) => Number(each(count)) > 0));
  const sum = (column: readonly number[]) => column.reduce((all, one) => all + one, 0);
  return table(
    ['waits for 100 births', ...LAUNCHERS.map((launchers) => `${launchers} at once`)],
    [
      ...shown
        .toSorted((one, other) => (other.counts.at(-1) ?? 0) - (one.counts.at(-1) ?? 0))
        .map(({ title, counts }) => [title, ...counts.map(each)]),
      ['**all**', ...columns.map((column) => each(sum(column)))],
    ],
    { right: LAUNCHERS.map((_, at) => at + 1) },
  );
}

/** The share that locks have in the waits of a kind with the most launchers. */
function shareOf({ waits }: Launchers, kind: number, title: RegExp): string {
  const sums = byLock(waits[kind]?.at(-1) ?? []);
  const all = sums.reduce((sum, each) => sum + each, 0);
  const part = LOCKS.reduce((sum, lock, at) => sum + (title.test(lock.title) ? (sums[at] ?? 0) : 0), 0);
  return `${((part / all) * 100).toFixed(0)} %`;
}

/** The page, in Markdown. */
export function launchersPage(report: Launchers): string {
  const share = (kind: number, title: RegExp) => shareOf(report, kind, title);
  return `# Launchers that start agents at once

This page says which locks launchers wait for when several of them start agents at the same time. \`npm run bench:launchers -- --output docs/launchers.md\` measures the figures and writes the page.

1, 2, 4 or 8 launchers run at the same time and start ${BIRTHS} agents in total, each launcher one agent after the other. Every agent exits at once. The guest has Linux ${report.kernel} and 8 CPUs, and each launcher has a CPU of its own. A figure is the number of waits in 100 births, the ends of the agents and the kernel's workers included: how often a lock was not free at once (the tracepoint \`lock:contention_begin\`). The functions on the stack say which lock it was.

**The figures do not say how long a wait takes, nor how many births a second a machine manages.** The CPUs of the guest are emulated by a machine that has fewer. It may stop a CPU that holds a lock, which makes waits more frequent than they are on hardware. Compare the rows, not the columns. Throughput has to be measured on a machine with real CPUs.

${KINDS.map(({ title }, at) => `## ${title.replace(/^./, (first) => first.toUpperCase())}\n\n${waitsTable(report.waits[at] ?? [])}\n`).join('\n')}
## What limits launchers

- Of the waits of agents with limits, ${share(2, /cgroup_mutex/)} are for \`cgroup_mutex\` if 8 launchers start them at once. The whole machine has one such lock for all cgroups. The kernel takes it to make a cgroup, to move a process there, to remove it, and later in workers, for each controller of a removed cgroup. Without limits an agent has no cgroup of its own, and this lock does not matter.
- The module has one lock of its own that launchers meet, \`create_lock\`. With 8 launchers it has ${share(1, /create_lock/)} of the waits of agents with network \`none\`, and ${share(2, /create_lock/)} if they have limits too.
- A network namespace of its own adds waits for the locks of all network namespaces (${share(3, /pernet|rtnl/)} of the waits with 8 launchers). Agents with network \`none\` have none of these.
`;
}
