/** The cost to the rest of the system: processes made and programs executed, with and without the module. */
import { quoted } from '../../client/client.js';
import type { BootedGuest } from '../../harness/guest/guest.js';
import type { Benchmark, Figure } from '../figures.js';
import { inCountingGuest } from '../guest.js';
import { PEER_PACKAGES } from './packages.js';
import { parseEfforts } from './starts.js';

const AGENTS = 200_000;

/**
 * One worker that has one child at a time and tells what it did. Not as root, as which it executes
 * nothing, and each time with the same numbers drawn.
 */
const stress = (kind: string, words = '') => ({
  kind,
  line: (count: number) =>
    `/usr/bin/setpriv --reuid 1000 --regid 1000 --clear-groups stress-ng --stderr --metrics-brief --no-rand-seed --temp-path /tmp --${kind} 1 --${kind}-max 1${words} --${kind}-ops ${count}`,
});

interface Load {
  id: string;
  title: string;
  /** Few and many. */
  counts: readonly [number, number];
  line: (count: number) => string;
  /** The stressor of stress-ng, whose count of operations is read. */
  kind?: string;
  note?: string;
}

/**
 * The loads, each with a small and a large count: the difference is that number of operations, without the start and
 * the end.
 */
const LOADS: readonly Load[] = [
  {
    id: 'storm',
    title: 'fork, execve of a small program, exit and wait',
    counts: [10, 90],
    line: (count: number) => `/usr/local/bin/effort storm ${count}`,
  },
  { id: 'stress-fork', title: 'stress-ng’s class fork, an operation', counts: [100, 600], ...stress('fork') },
  {
    id: 'stress-clone',
    title: 'stress-ng’s class clone, an operation',
    counts: [100, 500],
    ...stress('clone'),
    note: 'An operation is a clone that succeeds, with flags drawn at random. An agent is denied those of new namespaces, and what its clones do then, setns and unshare: that it takes less there is no saving.',
  },
  {
    id: 'stress-exec',
    title: 'stress-ng’s class exec, an operation',
    counts: [20, 80],
    ...stress('exec', ' --exec-fork-method fork --exec-method execve --exec-no-pthread'),
  },
];

const POLICY = { spawn: true };

interface State {
  id: string;
  title: string;
  before: string;
  /** The prefix of a command line in this state. */
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
  // What differs from the first is what else changes in a guest that has run for long.
  { id: 'absent-again', title: 'module absent again', before: 'rmmod swarm_guard', under: '' },
];

/** Instructions of one operation: the least seen, and between what it lies. */
interface PerOperation {
  value: number;
  low: number;
  high: number;
}

const least = (values: readonly number[]) => Math.min(...values);
const most = (values: readonly number[]) => Math.max(...values);

/** The cost of one operation, from rounds with few and with many of them. */
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

/** The excess of one cost over another, in percent. */
export function added(to: PerOperation, of: PerOperation): PerOperation {
  const percent = (a: number, b: number) => Number((100 * (a / b - 1)).toFixed(2));
  return {
    value: percent(of.value, to.value),
    low: percent(of.low, to.high),
    high: percent(of.high, to.low),
  };
}

const NOTE =
  'What all tasks of the guest executed, for many operations less that for few, divided by their difference; the least of three rounds each, and between what it may lie by the others.';

function figuresOf(load: Load, seen: Map<string, PerOperation>): Figure[] {
  const absent = seen.get('absent');
  const note = load.note === undefined ? NOTE : `${NOTE} ${load.note}`;
  const figures = STATES.flatMap(({ id, title }): Figure[] => {
    const of = seen.get(id);
    if (!of || !absent) return [];
    const cost: Figure = {
      id: `system/${load.id}/${id}`,
      title: `${load.title}: ${title}`,
      unit: 'instructions',
      value: of.value,
      spread: [of.low, of.high],
      note,
    };
    if (of === absent) return [cost];
    const more = added(absent, of);
    const share: Figure = {
      id: `system/${load.id}-added/${id}`,
      title: `${load.title}, over the module absent: ${title}`,
      unit: 'percent',
      value: more.value,
      spread: [more.low, more.high],
      note,
    };
    return [cost, share];
  });
  return figures.sort((a, b) => Number(a.unit === 'percent') - Number(b.unit === 'percent'));
}

/** Rounds that count, after one that fills caches. */
const ROUNDS = 3;

/**
 * The operations that stress-ng says it did, in each of its runs.
 * @throws if one of them did not do as many as it was to.
 */
export function parseOperations(text: string, kind: string, count: number): number[] {
  const metric = new RegExp(`metrc: \\[\\d+\\] ${kind} +(\\d+) `, 'g');
  const all = [...text.matchAll(metric)].map(([, operations]) => Number(operations));
  if (all.length !== ROUNDS + 1 || all.some((operations) => operations !== count))
    throw new Error(`stress-ng did not do ${count} operations of ${kind}, but ${all.join(', ')}:\n${text}`);
  return all;
}

async function rounds(guest: BootedGuest, { line, kind }: Load, count: number, under: string) {
  const command = `effort ${ROUNDS} ${under}${line(count)}`;
  const text = await guest.sh(`cd /tmp && ${command} 2>&1`, { timeoutMs: 1_200_000 });
  if (kind !== undefined) parseOperations(text, kind, count);
  return { efforts: parseEfforts(text), text: `# ${command}\n${text}\n` };
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
      const costs = new Map(LOADS.map(({ id }) => [id, new Map<string, PerOperation>()]));
      const raw: Record<string, string> = {};
      for (const state of STATES) {
        await guest.sh(state.before, { timeoutMs: 300_000 });
        for (const load of LOADS) {
          const { id, counts } = load;
          progress(`${state.title}: ${id}`);
          const few = await rounds(guest, load, counts[0], state.under);
          const many = await rounds(guest, load, counts[1], state.under);
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
