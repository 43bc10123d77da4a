/** Measures what has a budget, and says what exceeds it. */
import { readCatalogue } from '../harness/kernels/catalogue.js';
import { UsageError } from '../harness/util/errors.js';
import { budgetsFor, judge, lineOf, measureCosts, readBudgets, recordBudgets } from './budgets.js';
import type { BudgetEntry, Costs, Verdict } from './budgets.js';
import { QUICK_COSTS } from './measure/costs.js';

export interface CheckOptions {
  /** The name of a kernel; the newest by default. */
  kernel?: string | undefined;
  /** Names of benchmarks; all by default. */
  only?: readonly string[] | undefined;
  /** Writes budgets instead of judging by them. */
  record?: boolean | undefined;
}

/** A line for a figure that grew. */
function grownLine({ figure, budget }: Verdict): string {
  const more = budget === undefined ? 'has none' : `+${(figure.value - budget).toFixed(1)}`;
  return `  ${lineOf(figure, budget)}: ${more}`;
}

/** The figures above their budgets, of those that were measured. */
function grown({ figures }: Costs, entry: BudgetEntry, only: readonly string[] | undefined): Verdict[] {
  const ids = new Set(figures.map(({ id }) => id));
  const budgets = only
    ? Object.fromEntries(Object.entries(entry.budgets).filter(([id]) => ids.has(id)))
    : entry.budgets;
  return judge(figures, { ...entry, budgets }).filter(({ excess }) => excess);
}

/**
 * Measures what has a budget.
 * @param say is told the figures, and which of them exceed their budgets
 * @returns whether all are within their budgets; true if there are none to judge by.
 * @throws {UsageError} if budgets are to be recorded of some benchmarks only.
 */
export async function checkBudgets(
  { kernel, only, record = false }: CheckOptions,
  say: (line: string) => void,
): Promise<boolean> {
  if (record && only) throw new UsageError('--record takes all benchmarks; leave out --only');
  const chosen = QUICK_COSTS.filter(({ name }) => only?.includes(name) ?? true);
  const costs = await measureCosts(kernel ?? (await readCatalogue()).newest, chosen, (step) => {
    process.stderr.write(`… ${step}\n`);
  });
  say(`${costs.kernel}, image ${costs.image}, ${costs.compiler}`);
  const entry = budgetsFor(await readBudgets(), costs.image, costs.compiler);
  for (const figure of costs.figures) say(`  ${lineOf(figure, entry?.budgets[figure.id])}`);
  const missed = costs.figures.filter(({ value, target }) => target !== undefined && value > target);
  if (missed.length > 0)
    say(['above what is promised:', ...missed.map((each) => `  ${lineOf(each)}`)].join('\n'));
  if (record) {
    await recordBudgets(costs);
    say('recorded in bench/budgets.json');
    return true;
  }
  if (!entry) {
    say('no budgets for this image and compiler: npm run bench:check -- --record writes them');
    return true;
  }
  const above = grown(costs, entry, only);
  say(
    above.length > 0 ? ['above their budgets:', ...above.map(grownLine)].join('\n') : 'within their budgets',
  );
  return above.length === 0;
}
