/** What the rest of the system pays: processes made and programs executed, with and without the module. */
import { quoted } from '../../swarm/client.js';
import type { BootedGuest } from '../../vm/guest.js';
import type { Benchmark, Figure } from '../figures.js';
import { inCountingGuest } from '../guest.js';
import { PEER_PACKAGES } from './packages.js';
import { parseEfforts } from './starts.js';

const AGENTS = 200_000;

/** What is done, so often and so often: what differs is so many operations, without starting and ending. */
const LOADS = [
  {
    id: 'storm',
    title: 'fork, execve of a small program, exit and wait',
    counts: [10, 90],
    line: (count: number) => `/usr/local/bin/effort storm ${count}`,
  },
] as const;

const POLICY = { spawn: true };

interface State {
  id: string;
  title: string;
  before: string;
  /** How a line is run. */
  under: string;
  timeoutMs?: number;
}

const STATES: readonly State[] = [
  { id: 'absent', title: 'module absent', before: 'true', under: '' },
  { id: 'swarm-guard-idle', title: 'loaded, no agent', before: 'insmod /root/swarm_guard.ko', under: '' },
  {
    id: 'swarm-guard-agents',
    title: `${AGENTS.toLocaleString('en-US')} agents registered`,
    before: `yes '{}' | head -n ${AGENTS} >/tmp/all && dd if=/tmp/all of=/proc/swarm/create bs=64k status=none && rm /tmp/all && grep -qx 'Active agents: ${AGENTS}' /proc/swarm/status`,
    under: '',
  },
  {
    id: 'swarm-guard-inside',
    title: 'inside an agent',
    before: 'rmmod swarm_guard && insmod /root/swarm_guard.ko',
    under: `launch ${quoted(JSON.stringify(POLICY))} `,
  },
];

/** Instructions of one operation: the least seen, and between what it lies. */
interface PerOperation {
  value: number;
  low: number;
  high: number;
}

const least = (values: readonly number[]) => Math.min(...values);
const most = (values: readonly number[]) => Math.max(...values);

/** What an operation costs, of rounds with few and with many of them. */
export function perOperation(
  few: readonly number[],
  many: readonly number[],
  operations: number,
): PerOperation {
  return {
    value: Math.round((least(many) - least(few)) / operations),
    low: Math.round((least(many) - most(few)) / operations),
    high: Math.round((most(many) - least(few)) / operations),
  };
}

/** How much more one is than another, in percent. */
export function added(to: PerOperation, of: PerOperation): PerOperation {
  const percent = (a: number, b: number) => Number((100 * (a / b - 1)).toFixed(2));
  return {
    value: percent(of.value, to.value),
    low: percent(of.low, to.high),
    high: percent(of.high, to.low),
  };
}

const NOTE =
  'What all tasks of the guest executed, for many operations less that for few, divided by their difference; the least of two rounds each, and between what it may lie by the other.';

function figuresOf(load: (typeof LOADS)[number], seen: Map<string, PerOperation>): Figure[] {
  const absent = seen.get('absent');
  const figures = STATES.flatMap(({ id, title }): Figure[] => {
    const of = seen.get(id);
    if (!of || !absent) return [];
    const cost: Figure = {
      id: `system/${load.id}/${id}`,
      title: `${load.title}: ${title}`,
      unit: 'instructions',
      value: of.value,
      spread: [of.low, of.high],
      note: NOTE,
    };
    if (of === absent) return [cost];
    const more = added(absent, of);
    const share: Figure = {
      id: `system/${load.id}-added/${id}`,
      title: `${load.title}, over the module absent: ${title}`,
      unit: 'percent',
      value: more.value,
      spread: [more.low, more.high],
      note: NOTE,
    };
    return [cost, share];
  });
  return figures.sort((a, b) => Number(a.unit === 'percent') - Number(b.unit === 'percent'));
}

async function rounds(guest: BootedGuest, line: string): Promise<{ efforts: number[]; text: string }> {
  // A round that fills caches, and two that count.
  const text = await guest.sh(`cd /tmp && effort 2 ${line} 2>&1`, { timeoutMs: 1_200_000 });
  return { efforts: parseEfforts(text), text: `# effort 2 ${line}\n${text}\n` };
}

/** The whole system with and without the module. */
export const system: Benchmark = {
  name: 'system',
  title: 'Making processes and executing programs, with and without the module',
  measure: (kernelName, progress) =>
    inCountingGuest(kernelName, { packages: PEER_PACKAGES }, async ({ stage, guest, about }) => {
      await guest.upload(stage.module.ko, '/root/swarm_guard.ko');
      // The module's first cgroup makes the kernel account memory, as anyone's does that limits it.
      await guest.sh(
        'cd /sys/fs/cgroup && echo "+cpu +memory +pids" >cgroup.subtree_control && mkdir -p others',
      );
      const costs = new Map(LOADS.map(({ id }) => [id as string, new Map<string, PerOperation>()]));
      const raw: Record<string, string> = {};
      for (const state of STATES) {
        await guest.sh(state.before, { timeoutMs: 300_000 });
        for (const { id, counts, line } of LOADS) {
          progress(`${state.title}: ${id}`);
          const few = await rounds(guest, `${state.under}${line(counts[0])}`);
          const many = await rounds(guest, `${state.under}${line(counts[1])}`);
          raw[`${id}-${state.id}`] = few.text + many.text;
          costs.get(id)?.set(state.id, perOperation(few.efforts, many.efforts, counts[1] - counts[0]));
        }
      }
      const figures = LOADS.flatMap((load) =>
        figuresOf(load, costs.get(load.id) ?? new Map<string, PerOperation>()),
      );
      return { ...about, figures, missing: [], raw };
    }),
};
