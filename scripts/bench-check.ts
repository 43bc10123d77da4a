import '../harness.config.js';
import { checkBudgets } from '../bench/check.js';
import { QUICK_COSTS } from '../bench/measure/costs.js';
import { command, someOf } from './support/command.js';

const NAMES = QUICK_COSTS.map(({ name }) => name);

const options = command(
  'bench:check',
  `Measures the figures that have a budget in bench/budgets.json. If one exceeds its budget, prints a table
of what grew and ends with 1. A kernel image or a compiler without budgets is measured and shown.`,
)
  .option('--kernel <name>', 'a kernel of the catalogue; the newest by default')
  .option('--only <benchmark>', `${NAMES.join(', ')}, may be repeated; all by default`, someOf(NAMES))
  .option('--record', 'write the budgets of a new image or compiler, or of costs that changed on purpose')
  .parse()
  .opts();
if (!(await checkBudgets(options, console.log))) process.exitCode = 1;
