import { writeFile } from 'node:fs/promises';
import '../harness.config.js';
import { launchersPage } from '../bench/measure/launchers-page.js';
import { LOCKS, launchersAtOnce } from '../bench/measure/launchers.js';
import { readCatalogue } from '../harness/kernels/catalogue.js';
import { command } from './support/command.js';

const { kernel, output, stacks } = command(
  'bench:launchers',
  'Counts how often launchers wait for a lock, and for which, if 1, 2, 4 or 8 of them start agents at once.',
)
  .option('--kernel <name>', 'a kernel of the catalogue; the newest by default')
  .option('--stacks', 'print the functions that wait for what is in no row of the table')
  .option('--output <file>', 'write the page there, in Markdown')
  .parse()
  .opts();

const report = await launchersAtOnce(kernel ?? (await readCatalogue()).newest, (step) => {
  console.error(`… ${step}`);
});
if (stacks)
  for (const { times, stack } of report.waits.flat(2))
    if (!LOCKS.some(({ functions }) => functions.some((name) => stack.includes(name))))
      console.error(`${times} ${stack.slice(0, 8).join(' < ')}`);
const page = launchersPage(report);
if (output === undefined) console.log(page);
else await writeFile(output, page);
