/** The lookup that every hook begins with, by the number of processes in its table. */
import { z } from 'zod';
import { jsonLines } from '../../harness/util/json-lines.js';
import type { Benchmark, Figure } from '../figures.js';
import {
  OPEN_BENCH,
  benchOrder,
  countOf,
  instructions,
  loadBench,
  measured,
  parseCounts,
} from './counted.js';
import type { Reading } from './counted.js';
import { load } from '../../specs/support/loaded-guest.js';

const SIZES = [0, 1, 1_000, 200_000, 1_000_000];
const ROUNDS = 1000;
/** The instructions that a lookup among many may cost more than one in a table of one: a step along a chain. */
const FLAT = 5;

const NOTE = `a mean of ${ROUNDS} lookups over the whole table, of synthetic processes with addresses as the kernel's slab gives them out, less the call`;

/** The instructions of all lookups of a measurement together. */
const total = z.object({ sum: z.number() });

/** The mean of a measurement, in hundredths of an instruction. */
function mean(text: string): number {
  countOf(parseCounts(text), 'find');
  return (jsonLines(text, total)[0]?.sum ?? NaN) / ROUNDS;
}

/** The filling of the table of processes. */
const table = z.object({
  buckets: z.number(),
  used: z.number(),
  entries: z.number(),
  longest: z.number(),
});

interface At {
  size: number;
  fill: z.infer<typeof table>;
  present: number | undefined;
  absent: number;
}

function figuresOf(sizes: readonly At[]): Figure[] {
  const largest = sizes.at(-1);
  const one = sizes.find(({ size }) => size === 1);
  if (largest?.present === undefined || one?.present === undefined) throw new Error('no lookup was measured');
  const each = sizes.flatMap(({ size, fill, present, absent }) => [
    ...(present === undefined
      ? []
      : [
          instructions(`lookup/${size}/present`, `Lookup of a member among ${size}`, present, { note: NOTE }),
        ]),
    instructions(`lookup/${size}/absent`, `Lookup of another process among ${size}`, absent, { note: NOTE }),
    {
      id: `lookup/${size}/longest`,
      title: `Longest chain of ${size} processes`,
      unit: 'count' as const,
      value: fill.longest,
      note: `${fill.used} of ${fill.buckets} buckets hold ${fill.entries} processes`,
    },
  ]);
  const series = (of: (at: At) => number | undefined) =>
    sizes.flatMap((at) => (of(at) === undefined ? [] : [{ x: at.size, y: of(at) ?? NaN }]));
  return [
    ...each,
    instructions('lookup/present', 'Lookup of a member, by the number of processes', largest.present, {
      series: series(({ present }) => present),
      target: one.present + FLAT,
      note: NOTE,
    }),
    instructions('lookup/absent', 'Lookup of another process, by the number of processes', largest.absent, {
      series: series(({ absent }) => absent),
      target: one.absent + FLAT,
      note: NOTE,
    }),
  ];
}

/** @param boots in how many guests, booted apart, to measure */
export function lookupIn(boots: 1 | 2): Benchmark {
  return {
    name: 'lookup',
    title: 'Lookup',
    measure: (kernelName, progress) =>
      measured(kernelName, {}, boots, progress, async ({ guest, stage }): Promise<Reading> => {
        const loaded = await load(guest, stage.module.ko, { max_agents: 1_000_000 });
        await loadBench(loaded, stage.module.bench);
        const raw: Record<string, string> = {};
        const sizes: At[] = [];
        for (const size of SIZES) {
          progress(`lookups among ${size}`);
          const fill = await loaded.sh(OPEN_BENCH + benchOrder(`fill ${size}`), { timeoutMs: 300_000 });
          const present = size > 0 ? await loaded.sh(OPEN_BENCH + benchOrder('find present')) : undefined;
          const absent = await loaded.sh(OPEN_BENCH + benchOrder('find absent'));
          raw[`${size}`] = [fill, present ?? '', absent].join('\n');
          sizes.push({
            size,
            fill: table.parse(JSON.parse(fill)),
            present: present === undefined ? undefined : mean(present),
            absent: mean(absent),
          });
        }
        await loaded.sh('rmmod swarm_bench');
        await loaded.unload();
        return { figures: figuresOf(sizes), missing: [], raw };
      }),
  };
}

export const lookup = lookupIn(2);
