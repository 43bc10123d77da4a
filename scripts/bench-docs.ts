import '../harness.config.js';
import { writeFile } from 'node:fs/promises';
import { BENCHMARKS } from '../bench/benchmarks.js';
import { commitRun, committedRuns, documents, publishable } from '../bench/docs.js';
import { TITLES } from '../bench/report.js';
import { readRuns } from '../bench/store.js';
import { command } from './support/command.js';

command(
  'docs:bench',
  'Publishes the latest complete run: writes docs/benchmarks.json, and everything that is generated from it.',
).parse();

const latest = publishable(
  await readRuns(),
  BENCHMARKS.filter(({ optional }) => !optional).map(({ name }) => name),
);
if (latest) await commitRun(latest);
const run = (await committedRuns()).at(-1);
if (!run) throw new Error('there is no complete run; `npm run bench` makes one');
for (const [path, text] of await documents(run, TITLES)) await writeFile(path, text);
