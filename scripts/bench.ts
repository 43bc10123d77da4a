import '../harness.config.js';
import { measuredOn } from '../bench/benchmarks.js';
import { committedRuns } from '../bench/docs.js';
import { writeReport } from '../bench/report.js';
import { runBenchmarks } from '../bench/run.js';
import { readRuns } from '../bench/store.js';
import { readCatalogue } from '../harness/kernels/catalogue.js';
import { command } from '../harness/util/command.js';

const USAGE = `npm run bench -- [--kernel NAME]... [--compare NAME]... [--only NAME]... [--fresh] [--report]

Measures, and writes the report. --only scale stands for all of scale-.... On kernels to --compare with,
only figures that have a budget are measured. A run that was interrupted goes on where it was; --fresh
begins anew, --report only writes the report.`;

const { values } = command(USAGE, {
  options: {
    kernel: { type: 'string', multiple: true },
    compare: { type: 'string', multiple: true },
    only: { type: 'string', multiple: true },
    fresh: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
  },
});

const { newest } = await readCatalogue();
const { only, kernel: kernels = [newest], compare = [] } = values;
const benchmarks = measuredOn(kernels, only);

if (!values.report) {
  await runBenchmarks({
    kernels: [...kernels, ...compare],
    benchmarks,
    fresh: values.fresh,
    say: (line) => {
      console.error(line);
    },
  });
}
const kept = await readRuns();
const committed = (await committedRuns()).filter(({ id }) => !kept.some((run) => run.id === id));
const all = [...committed, ...kept].sort((a, b) => a.startedAt.localeCompare(b.startedAt));
for (const path of await writeReport(all)) console.log(path);
