/** The results of benchmarks, in the one form that the report, the budgets and the documents read. */
import { z } from 'zod';

const point = z.object({ x: z.number(), y: z.number() });

/** One measured quantity. */
const figureSchema = z.object({
  /** Stable and unique, of words with slashes: `hook/setns/outside`. */
  id: z.string().regex(/^[a-z0-9]+(?:[/-][a-z0-9.]+)*$/),
  /** The quantity that was measured, as the report names it. */
  title: z.string(),
  unit: z.enum(['instructions', 'bytes', 'nanoseconds', 'percent', 'count']),
  value: z.number(),
  /** The least and the most of repeated measurements, where they are not identical. */
  spread: z.tuple([z.number(), z.number()]).optional(),
  /** The value that the project promises not to exceed, if it promises one. */
  target: z.number().optional(),
  /** The growth of the quantity: values at sizes, for a line; `value` is the last. */
  series: z.array(point).optional(),
  /** The span that is counted, and what it leaves out. */
  note: z.string().optional(),
});

export type Figure = z.infer<typeof figureSchema>;

/** The figures of one benchmark on one kernel. */
export const resultSchema = z.object({
  benchmark: z.string(),
  /** The guest's `uname -r`. */
  kernel: z.string(),
  /** As the module's compiler names itself: figures of different compilers are not compared. */
  compiler: z.string(),
  /** Machine and method: processor, QEMU, accelerator, kernel command line. */
  machine: z.record(z.string(), z.string()),
  startedAt: z.iso.datetime(),
  seconds: z.number(),
  figures: z.array(figureSchema),
  /** Quantities that could not be measured here, and why. */
  missing: z.array(z.object({ title: z.string(), reason: z.string() })),
});

export type Result = z.infer<typeof resultSchema>;

/** A benchmark: a module of bench/measure exports one of these. */
export interface Benchmark {
  /** Its name in `npm run bench -- --only NAME`, of letters and dashes. */
  name: string;
  /** Its subject, as a heading of the report. */
  title: string;
  /** A run may be complete without it, since few machines have the memory for it. */
  optional?: boolean;
  /**
   * Measures in guests of its own.
   * @param kernelName in the catalogue
   * @param progress is told of each step as it begins
   * @throws if a guest does not come up; what one cannot have there is `missing` instead.
   */
  measure(kernelName: string, progress: (step: string) => void): Promise<Measured>;
}

/** A benchmark's own results; its runner adds the time and the machine. */
export type Measured = Pick<Result, 'kernel' | 'compiler' | 'figures' | 'missing'> & {
  /** The guest's accelerator and command line. */
  machine: Record<string, string>;
  /** Everything that figures were made from, kept beside them. */
  raw: Record<string, string>;
};
