import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { findEntry, readCatalogue, runnable } from '../harness/kernels/catalogue.js';
import { kernelTrees, parseTrees } from '../harness/kernels/tree.js';
import { PREPARE } from '../harness/playwright/projects.js';
import { fileNames, keptCells, parseListing } from '../harness/report/kept.js';
import type { Listing } from '../harness/report/kept.js';
import { cellId, readCells, readRuns, reportDir, splitProject } from '../harness/report/runs.js';
import type { Cell } from '../harness/report/runs.js';
import { cleanCommit, unchangedSince } from '../harness/report/sources.js';
import { readSteps, timesTable } from '../harness/report/times.js';
import { PLAYWRIGHT } from '../harness/util/playwright.js';
import { repository } from '../harness.config.js';
import { command, refuse } from '../harness/util/command.js';
import { changeRun, runEnvironment } from '../harness/util/run.js';

const SUITES = ['unit', 'harness', 'vm', 'debug', 'kcsan', 'kernels', 'long', 'scale'];

const USAGE = `npm run vm:test -- [--kernel NAME]... [--all] [--resume] [--suite NAME]... [--kernel-tree NAME=PATH]...
                   [--grep PATTERN] [--workers N] [--shard I/N] [--blob FILE] [--record] [--list] [FILE]...
                   [-- ARGUMENT OF PLAYWRIGHT...]

Runs the guest specs, on the newest kernel unless told otherwise. With --resume a spec file that passed on
a kernel is not run again there, unless it or something that it depends on was committed anew since. A run
with --shard or --blob FILE.zip leaves a file for npm run report:merge. With --record guests are recorded,
and npm run vm:replay runs a failure again.`;

const { values, positionals } = command(USAGE, {
  options: {
    kernel: { type: 'string', multiple: true, default: [] },
    all: { type: 'boolean', default: false },
    resume: { type: 'boolean', default: false },
    suite: { type: 'string', multiple: true, default: [] },
    'kernel-tree': { type: 'string', multiple: true, default: [] },
    grep: { type: 'string' },
    shard: { type: 'string' },
    blob: { type: 'string' },
    workers: { type: 'string' },
    record: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});

for (const suite of values.suite) {
  if (!SUITES.includes(suite)) refuse(`there is no suite ${suite}; there are ${SUITES.join(', ')}`);
}
try {
  changeRun({ trees: parseTrees(values['kernel-tree']) });
} catch (error) {
  refuse(error instanceof Error ? error.message : String(error));
}

const trees = kernelTrees();
const { newest, entries } = await readCatalogue();
const asked = values.kernel.length > 0 ? values.kernel : trees.size > 0 ? [...trees.keys()] : [newest];
const can = await runnable(trees);
for (const name of values.all ? [...trees.keys()] : asked) {
  const entry = await findEntry(name).catch((error: unknown) =>
    refuse(error instanceof Error ? error.message : String(error)),
  );
  if (can.includes(name) || entry.headers.from !== 'tree') continue;
  refuse(`kernel ${name} needs --kernel-tree ${name}=PATH: ${entry.headers.because}`);
}
if (values.all) {
  for (const { name, headers } of entries) {
    if (!can.includes(name) && headers.from === 'tree')
      console.log(`not run: kernel ${name} (${headers.because}; --kernel-tree ${name}=PATH runs it)`);
  }
}
const names = values.all ? can : asked;
const quick = values.all ? ['vm', 'kernels'] : ['vm'];
const suites = values.suite.length > 0 ? values.suite : quick;
const args = [
  ...(values.grep ? [`--grep=${values.grep}`] : []),
  ...(values.shard ? [`--shard=${values.shard}`] : []),
  ...(values.list ? ['--list', '--reporter=list'] : []),
];
const workers = values.workers === undefined ? undefined : Number(values.workers);
if (workers !== undefined && !(Number.isInteger(workers) && workers > 0))
  refuse(`--workers takes a number of spec files at a time, not ${values.workers ?? ''}`);
const shard = values.shard ? `blob-report/shard-${values.shard.replace('/', '-of-')}.zip` : undefined;
const steps = join(reportDir(), 'steps');
changeRun({ kernels: names, suites, workers, steps, record: values.record, blob: values.blob ?? shard });
const [program, ...words] = PLAYWRIGHT;
const startedAt = new Date().toISOString();

const keptFile = join(reportDir(), 'kept.json');

/** The specs that the run consists of. */
async function listed(): Promise<Listing> {
  const { stdout } = await execa(program, [...words, '--list', '--reporter=json'], { cwd: repository });
  return parseListing(stdout);
}

/** The results of earlier runs that need not be run again. */
async function keptOf(all: Listing): Promise<Cell[]> {
  if ((await cleanCommit()) === undefined)
    refuse('--resume: sources differ from what is committed; commit them first');
  const cells = await readCells(reportDir());
  const commits = new Set(cells.flatMap(({ tests }) => tests.flatMap(({ commit }) => commit ?? [])));
  const standing = new Map<string, (file: string) => boolean>();
  for (const commit of commits) standing.set(commit, await unchangedSince(commit));
  return keptCells(all, cells, standing).filter(({ suite }) => suite !== PREPARE);
}

/** The names of the projects of which anything is left to run; says what is not. */
function remaining(all: Listing, kept: readonly Cell[]): string[] {
  // A setup project runs with those that depend on it.
  const specs = [...all].filter(([name]) => splitProject(name).suite !== PREPARE);
  return specs.flatMap(([name, files]) => {
    const cell = kept.find((each) => cellId(each) === name);
    if (!cell) return [name];
    const count = fileNames(cell).length;
    const what = count === files.size ? name : `${count} of ${files.size} files of ${name}`;
    console.log(`not run again: ${what}, passed since ${cell.startedAt}`);
    return count === files.size ? [] : [name];
  });
}

const all: Listing = values.resume ? await listed() : new Map();
const kept = values.resume ? await keptOf(all) : [];
const left = remaining(all, kept);
if (!values.resume) await rm(steps, { force: true });
await mkdir(reportDir(), { recursive: true });
if (!values.resume || left.length > 0) {
  const only = left.map((name) => `--project=${name}`);
  if (values.resume) await writeFile(keptFile, JSON.stringify(kept));
  const { exitCode } = await execa(program, [...words, ...args, ...only, ...positionals], {
    cwd: repository,
    env: runEnvironment({ kept: values.resume ? keptFile : undefined }),
    stdio: 'inherit',
    reject: false,
  });
  process.exitCode = exitCode ?? 1;
}
if (names.length > 1) {
  const cells = (await readRuns(reportDir())).filter((cell) => (cell.endedAt ?? '') >= startedAt);
  const whole = kept.filter((cell) => !left.includes(cellId(cell)));
  console.log(timesTable(await readSteps(steps), [...whole, ...cells]));
}
