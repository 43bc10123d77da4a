import '../harness.config.js';
import { measuredOn } from '../bench/benchmarks.js';
import { committedRuns } from '../bench/docs.js';
import { writeReport } from '../bench/report.js';
import { runBenchmarks } from '../bench/run.js';
import { readRuns } from '../bench/store.js';
import { readCatalogue } from '../harness/kernels/catalogue.js';
import { command, several } from './support/command.js';

const options = command(
  'bench',
  `Measures, and writes the report. A run that was interrupted goes on where it was.`,
)
  .option('--kernel <name>', 'a kernel to measure on, may be repeated; the newest by default', several)
  .option('--compare <name>', 'a kernel to measure what has a budget on, may be repeated', several)
  .option('--only <benchmark>', 'measure this one, may be repeated; scale stands for all of scale-…', several)
  .option('--fresh', 'begin anew')
  .option('--report', 'write the report of what has been measured before')
  .parse()
  .opts();

const { newest } = await readCatalogue();
const { only, kernel: kernels = [newest], compare = [], fresh = false } = options;
const benchmarks = measuredOn(kernels, only);

if (!options.report) {
  await runBenchmarks({
    kernels: [...kernels, ...compare],
    benchmarks,
    fresh,
    say: (line) => {
      console.error(line);
    },
  });
}
const kept = await readRuns();
const committed = (await committedRuns()).filter(({ id }) => !kept.some((run) => run.id === id));
const all = [...committed, ...kept].sort((a, b) => a.startedAt.localeCompare(b.startedAt));
for (const path of await writeReport(all)) console.log(path);
