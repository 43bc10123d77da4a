/** The counts of the programs `cost` and `life` and of /proc/swarm_bench in a guest, and figures made of them. */
import { z } from 'zod';
import { jsonLines } from '../../harness/util/json-lines.js';
import type { BootedGuest } from '../../harness/guest/guest.js';
import type { GuestExtras } from '../../harness/guest/stage.js';
import type { Figure, Measured } from '../figures.js';
import { inCountingGuest } from '../guest.js';
import type { Bench } from '../guest.js';

/** Instructions of some rounds of one thing. */
const counted = z.object({ name: z.string(), least: z.number(), median: z.number(), most: z.number() });

export type Count = Readonly<Omit<z.infer<typeof counted>, 'name'>>;

/** The counts in an output, by name. */
export function parseCounts(text: string): Map<string, Count> {
  return new Map(jsonLines(text, counted).map(({ name, ...count }) => [name, count]));
}

/** The parts of an output, each by what stands behind == on the line above it. */
export function sectionsOf(text: string): Map<string, string> {
  const [, ...parts] = text.split(/^== ([\w-]+)$/m);
  return new Map(parts.flatMap((name, at) => (at % 2 === 0 ? [[name, parts[at + 1] ?? '']] : [])));
}

/** The count of that name. @throws if the output has none. */
export function countOf(counts: Map<string, Count>, name: string): Count {
  const count = counts.get(name);
  if (!count) throw new Error(`nothing was counted for ${name}; there is ${[...counts.keys()].join(', ')}`);
  return count;
}

/** Opens /proc/swarm_bench, for the shell and for the agents it launches: they may not open it themselves. */
export const OPEN_BENCH = 'exec 3<>/proc/swarm_bench;';

/** A shell line that gives /proc/swarm_bench an order and shows what it answers, with {@link OPEN_BENCH} before. */
export const benchOrder = (order: string) => `echo '${order}' >&3 && cat <&3`;

/** The same with a shell's own commands only. */
export const benchOrderOfOne = (order: string) =>
  `echo '${order}' >&3 && while read -r l <&3; do echo "$l"; done`;

/** Copies swarm_bench.ko into a guest with the module loaded, and loads it. */
export async function loadBench(guest: BootedGuest, ko: string): Promise<void> {
  await guest.upload(ko, '/root/swarm_bench.ko');
  await guest.sh('insmod /root/swarm_bench.ko');
}

/**
 * A shell line after which a memory cgroup is in use, as on any host with systemd: from the first one on,
 * whatever is accounted costs everybody more, with the module or without.
 */
export const MEMORY_CGROUP = [
  'mkdir -p /tmp/cgroup',
  'mount -t cgroup2 none /tmp/cgroup',
  'echo +memory >/tmp/cgroup/cgroup.subtree_control',
  'mkdir /tmp/cgroup/used',
  'umount /tmp/cgroup',
].join(' && ');

/** A figure in instructions. */
export function instructions(id: string, title: string, value: number, more: Partial<Figure> = {}): Figure {
  return { id, title, unit: 'instructions', value, ...more };
}

/** The counts of one guest. */
export type Reading = Pick<Measured, 'figures' | 'missing' | 'raw'>;

/** The least and the most that a figure stands for. */
const range = ({ value, spread }: Figure): [number, number] => spread ?? [value, value];

/** A figure with what another boot says of it: its spread is all that was seen. */
function together(first: Figure, again: Figure | undefined): Figure {
  if (!again) return first;
  const [least, most] = range(first);
  const [leastAgain, mostAgain] = range(again);
  const spread: [number, number] = [Math.min(least, leastAgain), Math.max(most, mostAgain)];
  return spread[0] === spread[1] ? first : { ...first, spread };
}

/**
 * Measures in one guest, or in two that were booted apart: then a figure's spread is that of both.
 * @param extras what the guest has beyond the usual
 */
export async function measured(
  kernelName: string,
  extras: GuestExtras,
  boots: 1 | 2,
  progress: (step: string) => void,
  work: (bench: Bench) => Promise<Reading>,
): Promise<Measured> {
  return inCountingGuest(kernelName, extras, async (bench) => {
    const first = await work(bench);
    if (boots === 1) return { ...bench.about, ...first };
    progress('the same after another boot');
    const again = await work({ ...bench, guest: await bench.stage.rebooted('benchmark') });
    const others = new Map(again.figures.map((figure) => [figure.id, figure]));
    const raw = Object.entries(again.raw).map(([name, text]): [string, string] => [`${name}-again`, text]);
    return {
      ...bench.about,
      figures: first.figures.map((figure) => together(figure, others.get(figure.id))),
      missing: first.missing,
      raw: { ...first.raw, ...Object.fromEntries(raw) },
    };
  });
}
