import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { findEntry, readCatalogue, runnable } from '../harness/kernels/catalogue.js';
import { kernelTrees, treesEnvironment } from '../harness/kernels/tree.js';
import { cellId, isDone, readRuns, reportDir, splitProject } from '../harness/report/runs.js';
import type { Cell } from '../harness/report/runs.js';
import { sourcesHash } from '../harness/report/sources.js';
import { readSteps, timesTable } from '../harness/report/times.js';
import { PLAYWRIGHT } from '../harness/util/playwright.js';
import { repository } from '../harness/util/repository.js';
import { command, refuse } from '../harness/util/command.js';

/** What Playwright lists, as far as it is wanted. */
const listed = z.object({ config: z.object({ projects: z.array(z.object({ name: z.string() })) }) });

const SUITES = ['vm', 'debug', 'kcsan', 'kernels', 'long', 'scale'];

const USAGE = `npm run vm:test -- [--kernel NAME]... [--all] [--resume] [--suite NAME]... [--kernel-tree NAME=PATH]...
                   [--grep PATTERN] [--shard I/N] [--record] [--list] [FILE]...

Runs the guest specs, on the newest kernel unless told otherwise. With --resume a suite that has passed
whole on a kernel, with the sources as they are, is not run again there. A shard, and a run with
SWARMGUARD_BLOB=FILE.zip, leaves what npm run report:merge takes. With --record guests are recorded, and
npm run vm:replay runs again what fails.`;

const { values, positionals } = command(USAGE, {
  options: {
    kernel: { type: 'string', multiple: true, default: [] },
    all: { type: 'boolean', default: false },
    resume: { type: 'boolean', default: false },
    suite: { type: 'string', multiple: true, default: [] },
    'kernel-tree': { type: 'string', multiple: true, default: [] },
    grep: { type: 'string' },
    shard: { type: 'string' },
    record: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});

for (const suite of values.suite) {
  if (!SUITES.includes(suite)) refuse(`there is no suite ${suite}; there are ${SUITES.join(', ')}`);
}
try {
  Object.assign(process.env, treesEnvironment(values['kernel-tree']));
} catch (error) {
  refuse(error instanceof Error ? error.message : String(error));
}

const trees = await kernelTrees();
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
const blob = values.shard ? `blob-report/shard-${values.shard.replace('/', '-of-')}.zip` : undefined;
const steps = join(reportDir(), 'steps');
const env = {
  SWARMGUARD_KERNELS: names.join(','),
  SWARMGUARD_SUITES: suites.join(','),
  SWARMGUARD_STEPS: steps,
  ...(values.record && { SWARMGUARD_RECORD: '1' }),
  ...(blob && { SWARMGUARD_BLOB: process.env['SWARMGUARD_BLOB'] ?? blob }),
};
const [program, ...words] = PLAYWRIGHT;
const startedAt = new Date().toISOString();

/** The names of the projects that the run consists of. */
async function projects(): Promise<string[]> {
  const { stdout } = await execa(program, [...words, '--list', '--reporter=json'], { cwd: repository, env });
  return listed.parse(JSON.parse(stdout)).config.projects.map(({ name }) => name);
}

/** Cells of these projects that need not be run again. */
async function passedBefore(all: readonly string[]): Promise<Cell[]> {
  const cells = await readRuns(reportDir());
  const sources = new Map<string, string | undefined>();
  for (const suite of new Set(all.map((name) => splitProject(name).suite)))
    sources.set(suite, await sourcesHash(suite));
  if ([...sources.values()].includes(undefined))
    refuse('--resume: sources differ from what is committed; commit them first');
  return cells.filter((cell) => all.includes(cellId(cell)) && isDone(cell, sources.get(cell.suite)));
}

const all = values.resume ? await projects() : [];
const done = values.resume ? await passedBefore(all) : [];
const left = all.filter((name) => !done.some((cell) => cellId(cell) === name));
for (const cell of done) console.log(`not run again: ${cellId(cell)} passed at ${cell.startedAt}`);
if (!values.resume) await rm(steps, { force: true });
await mkdir(reportDir(), { recursive: true });
if (!values.resume || left.length > 0) {
  const only = left.map((name) => `--project=${name}`);
  const { exitCode } = await execa(program, [...words, ...args, ...only, ...positionals], {
    cwd: repository,
    env,
    stdio: 'inherit',
    reject: false,
  });
  process.exitCode = exitCode ?? 1;
}
if (names.length > 1) {
  const ran = (await readRuns(reportDir())).filter((cell) => cell.startedAt >= startedAt);
  console.log(timesTable(await readSteps(steps), [...done, ...ran]));
}
