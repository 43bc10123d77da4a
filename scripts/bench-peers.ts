import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { repository } from '../harness.config.js';
import { beside } from '../bench/measure/beside.js';
import { CHART, KIND, besideBars, besideChart, besidePage } from '../bench/measure/beside-page.js';
import { readCatalogue } from '../harness/kernels/catalogue.js';
import { command } from './support/command.js';
import { filled } from '../specs/support/marked.js';

const { kernel, output, readme } = command(
  'bench:peers',
  `Counts the instructions that it takes to start a program in isolation and to end it: with SwarmGuard, by hand,
and with other tools, in turn in one guest.`,
)
  .option('--kernel <name>', 'a kernel of the catalogue; the newest by default')
  .option('--output <file>', 'write the page there, in Markdown, and its chart beside it')
  .option('--readme', "write the README's table too")
  .parse()
  .opts();

const report = await beside(kernel ?? (await readCatalogue()).newest, (step) => {
  console.error(`… ${step}`);
});
if (output === undefined) console.log(besidePage(report));
else {
  await writeFile(output, besidePage(report));
  await writeFile(join(dirname(output), CHART), besideChart(report));
}
if (readme) {
  const path = join(repository, 'README.md');
  const text = filled(await readFile(path, 'utf8'), KIND, () => besideBars(report));
  await writeFile(path, text);
}
