import '../harness.config.js';
import { budgetsFor, judge, lineOf, measureCosts, readBudgets, recordBudgets } from '../bench/budgets.js';
import { QUICK_COSTS } from '../bench/measure/costs.js';
import { readCatalogue } from '../harness/kernels/catalogue.js';
import { command, refuse } from '../harness/util/command.js';

const USAGE = `npm run bench:check -- [--kernel NAME] [--only BENCHMARK]... [--record]

Measures the figures that have a budget in bench/budgets.json. If one exceeds its budget, prints a table
of what grew and ends with 1. A kernel image or a compiler without budgets is measured and shown.
--record writes the budgets of a new image or compiler, or of costs that have changed on purpose.`;

const { values } = command(USAGE, {
  options: {
    kernel: { type: 'string' },
    only: { type: 'string', multiple: true },
    record: { type: 'boolean' },
  },
});
const unknown = values.only?.filter((name) => !QUICK_COSTS.some((each) => each.name === name)) ?? [];
if (unknown.length > 0)
  refuse(
    `there is no benchmark ${unknown.join(', ')}; there are ${QUICK_COSTS.map(({ name }) => name).join(', ')}`,
  );
if (values.record && values.only) refuse('--record takes all benchmarks; leave out --only');

const kernelName = values.kernel ?? (await readCatalogue()).newest;
const chosen = QUICK_COSTS.filter(({ name }) => values.only?.includes(name) ?? true);
const costs = await measureCosts(kernelName, chosen, (step) => {
  process.stderr.write(`… ${step}\n`);
});
console.log(`${costs.kernel}, image ${costs.image}, ${costs.compiler}`);
const entry = budgetsFor(await readBudgets(), costs.image, costs.compiler);
for (const figure of costs.figures) console.log(`  ${lineOf(figure, entry?.budgets[figure.id])}`);

const missed = costs.figures.filter(({ value, target }) => target !== undefined && value > target);
if (missed.length > 0)
  console.log(`above what is promised:\n${missed.map((each) => `  ${lineOf(each)}`).join('\n')}`);

if (values.record) {
  await recordBudgets(costs);
  console.log('recorded in bench/budgets.json');
} else if (!entry) {
  console.log('no budgets for this image and compiler: npm run bench:check -- --record writes them');
} else {
  const ids = new Set(costs.figures.map(({ id }) => id));
  const budgets = values.only
    ? Object.fromEntries(Object.entries(entry.budgets).filter(([id]) => ids.has(id)))
    : entry.budgets;
  const grown = judge(costs.figures, { ...entry, budgets }).filter(({ excess }) => excess);
  if (grown.length > 0) {
    console.log(`above their budgets:`);
    for (const { figure, budget } of grown) {
      const more = budget === undefined ? 'has none' : `+${(figure.value - budget).toFixed(1)}`;
      console.log(`  ${lineOf(figure, budget)}: ${more}`);
    }
    process.exitCode = 1;
  } else {
    console.log('within their budgets');
  }
}
