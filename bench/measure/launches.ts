/** Starting programs with the launcher of the client's package, beside Node's own child_process. */
import { join } from 'node:path';
import { z } from 'zod';
import { jsonLines } from '../../harness/util/json-lines.js';
import { repository } from '../../harness.config.js';
import type { Benchmark, Figure } from '../figures.js';
import { inCountingGuest } from '../guest.js';
import { medianOf } from '../statistics.js';
import { uploadProgram } from '../../specs/support/bundle.js';
import { load } from '../../specs/support/loaded-guest.js';

const DRIVER = join(repository, 'specs/support/launcher/speed.ts');

/** Programs of a measurement, and turns. */
const PROGRAMS = 40;
const TURNS = 7;

const line = z.object({
  way: z.enum(['child-process', 'bare', 'agent']),
  threads: z.union([z.literal(1), z.literal(4)]),
  each: z.number(),
});

type Line = z.infer<typeof line>;

const WAYS: Readonly<Record<Line['way'], string>> = {
  'child-process': 'child_process.spawn',
  bare: 'the launcher, an agent without namespaces of its own',
  agent: 'the launcher, an agent as by default',
};

const THREADS = { 1: 'one thread', 4: 'four threads' } as const;

const NOTE = [
  'What all tasks of the guest executed, by program, from the call to the exit status, with what the kernel',
  `puts off; ${PROGRAMS} programs one after the other in each thread, ${TURNS} times in turn`,
].join(' ');

/**
 * The figures of what the driver has printed.
 * @throws if a line is none of its.
 */
function figuresOf(text: string): Figure[] {
  const lines = jsonLines(text, line);
  const of = (way: Line['way'], threads: Line['threads']) =>
    lines.filter((each) => each.way === way && each.threads === threads).map(({ each }) => each);
  return ([1, 4] as const).flatMap((threads) => {
    const plain = of('child-process', threads);
    return (Object.keys(WAYS) as Line['way'][]).flatMap((way): Figure[] => {
      const id = `launches/${threads === 1 ? 'one' : 'four'}/${way}`;
      const title = `Starting /bin/true from ${THREADS[threads]}, to its end: ${WAYS[way]}`;
      const counts = of(way, threads);
      const count: Figure = { id, title, unit: 'instructions', ...medianOf(counts), note: NOTE };
      if (way === 'child-process') return [count];
      const shares = counts.map((each, turn) => Math.round((each / (plain[turn] ?? NaN)) * 1000) / 10);
      return [
        count,
        {
          id: `${id}/ratio`,
          title: `${title}, of child_process.spawn`,
          unit: 'percent',
          ...medianOf(shares),
        },
      ];
    });
  });
}

/** Launches from threads of Node. */
export const launches: Benchmark = {
  name: 'launches',
  title: 'Starting programs from Node',
  measure: async (kernelName, progress) =>
    inCountingGuest(kernelName, { packages: ['nodejs'], memoryMb: 2048 }, async ({ stage, guest, about }) => {
      const loaded = await load(guest, stage.module.ko);
      const program = await uploadProgram(loaded, DRIVER, 'speed');
      progress(`${TURNS} turns`);
      const text = await loaded.sh(`node ${program} ${PROGRAMS} ${TURNS}`, { timeoutMs: 3_000_000 });
      return { ...about, figures: figuresOf(text), missing: [], raw: { launches: text } };
    }),
};
