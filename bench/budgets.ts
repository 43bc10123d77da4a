/** bench/budgets.json: what figures may be on a kernel's image, with the compiler that built the module. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { sha256 } from '../harness/kernels/image.js';
import { provideKernel } from '../harness/kernels/provide.js';
import { repository } from '../harness.config.js';
import type { Benchmark, Figure } from './figures.js';

const path = join(repository, 'bench/budgets.json');

const entrySchema = z.strictObject({
  kernel: z.string(),
  /** The first digits of the image's SHA-256. */
  image: z.string(),
  compiler: z.string(),
  /** By the figures' ids. */
  budgets: z.record(z.string(), z.number()),
  /** Figures above what the project promises, when they were recorded: with that target. */
  unreached: z.record(z.string(), z.number()),
});

export type BudgetEntry = z.infer<typeof entrySchema>;

/** Figures, and the kernel and compiler that they were measured with. */
export interface Costs {
  kernel: string;
  image: string;
  compiler: string;
  figures: Figure[];
}

/** A figure against its budget. */
export interface Verdict {
  figure: Figure;
  /** None where the figure is new. */
  budget: number | undefined;
  excess: boolean;
}

/** Identifies an image; two of one release may differ. */
export async function imageId(kernelName: string): Promise<string> {
  return (await sha256((await provideKernel(kernelName)).image)).slice(0, 16);
}

export async function readBudgets(): Promise<BudgetEntry[]> {
  return z.array(entrySchema).parse(JSON.parse(await readFile(path, 'utf8')));
}

/** The budgets for an image and a compiler; of an image alone, where no compiler is given. */
export function budgetsFor(
  entries: readonly BudgetEntry[],
  image: string,
  compiler?: string,
): BudgetEntry | undefined {
  return entries.find((entry) => entry.image === image && (compiler ?? entry.compiler) === entry.compiler);
}

/** Measures on a kernel, one benchmark after another. */
export async function measureCosts(
  kernelName: string,
  benchmarks: readonly Benchmark[],
  progress: (step: string) => void,
): Promise<Costs> {
  const image = await imageId(kernelName);
  const figures: Figure[] = [];
  let [kernel, compiler] = ['', ''];
  for (const benchmark of benchmarks) {
    progress(benchmark.title);
    const result = await benchmark.measure(kernelName, progress);
    figures.push(...result.figures);
    ({ kernel, compiler } = result);
  }
  return { kernel, image, compiler, figures };
}

/**
 * Tells if a figure gets a budget: it repeats to the instruction, or has a target. Times follow from instructions.
 */
const held = ({ unit, spread, target }: Figure) =>
  unit !== 'nanoseconds' && (spread === undefined || target !== undefined);

/** Each figure against its budget; a budget whose figure was not measured is an error. */
export function judge(figures: readonly Figure[], { budgets }: BudgetEntry): Verdict[] {
  const gone = Object.keys(budgets).filter((id) => !figures.some((figure) => figure.id === id));
  if (gone.length > 0) throw new Error(`budgets without a figure: ${gone.join(', ')}`);
  const judged = figures.filter((figure) => budgets[figure.id] !== undefined || held(figure));
  return judged.map((figure) => {
    const budget = budgets[figure.id];
    return { figure, budget, excess: budget === undefined || !(figure.value <= budget) };
  });
}

/**
 * The budget of a figure: a little above its value, and never above its target. A share gets its target; a figure
 * that varies gets room for several times its variation.
 */
function budgetOf({ unit, value, spread, target }: Figure): number {
  if (unit === 'percent' && target !== undefined && value <= target) return target;
  const reach = spread ? Math.max(...spread) - Math.min(...spread) : 0;
  const room = Math.ceil(Math.abs(value) * (spread ? 0.05 : 0.01)) + 3 * reach + 2;
  const budget = Math.ceil(value + room);
  return target === undefined || value > target ? budget : Math.min(budget, target);
}

/** Writes budgets for what was measured, in the place of those for the same image and compiler. */
export async function recordBudgets({ kernel, image, compiler, figures }: Costs): Promise<void> {
  const others = (await readBudgets()).filter(
    (entry) => entry.image !== image || entry.compiler !== compiler,
  );
  const judged = figures.filter(held);
  const missed = judged.filter(({ value, target }) => target !== undefined && value > target);
  const entry: BudgetEntry = {
    kernel,
    image,
    compiler,
    budgets: Object.fromEntries(judged.map((figure) => [figure.id, budgetOf(figure)])),
    unreached: Object.fromEntries(missed.map(({ id, target }) => [id, target ?? NaN])),
  };
  await writeFile(path, `${JSON.stringify([...others, entry], undefined, 2)}\n`);
}

/** A line for a figure: value, spread, budget, target. */
export function lineOf(figure: Figure, budget?: number): string {
  const spread = figure.spread ? ` (${figure.spread.join(' to ')})` : '';
  const limits = [
    ...(budget === undefined ? [] : [`budget ${budget}`]),
    ...(figure.target === undefined ? [] : [`target ${figure.target}`]),
  ];
  const unit = figure.unit === 'percent' ? ' %' : '';
  return `${figure.id.padEnd(34)} ${figure.value}${unit}${spread}${limits.length > 0 ? `, ${limits.join(', ')}` : ''}`;
}
