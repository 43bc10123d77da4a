/** The reporter that writes results for machines and for the page: as the run says, or `report` in the project. */
import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { parseArgs, stripVTControlCharacters } from 'node:util';
import type { FullConfig, FullProject } from '@playwright/test';
import type { Reporter, Suite, TestCase, TestResult } from '@playwright/test/reporter';
import { readCatalogue, readLock } from '../kernels/catalogue.js';
import { junit } from '../report/junit.js';
import { harness } from '../util/config.js';
import { run } from '../util/run.js';
import { ktap } from '../report/ktap-writer.js';
import { renderPages } from '../report/page.js';
import type { ListedKernel } from '../report/matrix.js';
import { elapsed, readKept } from '../report/kept.js';
import { cellId, cellOf, newestRuns, readCells, reportDir } from '../report/runs.js';
import type { Cell, CellKey, TestOutcome } from '../report/runs.js';
import { cleanCommit, unchangedSince } from '../report/sources.js';
import { verdictOf, whySkipped } from './verdicts.js';

async function textOf({ path, body }: TestResult['attachments'][number]): Promise<string> {
  if (body) return body.toString();
  return path ? readFile(path, 'utf8').catch(() => `(${path} is gone)`) : '';
}

/** The attachment that Playwright adds to a failed test: the same error once more. */
const CONTEXT = 'error-context';

/**
 * A path in the project, as seen from its root.
 * @param rootDir where the machine that ran the specs has the project, which need not be this one
 */
function inProject(path: string, rootDir: string): string {
  const here = relative(harness().root, path);
  return here.startsWith('..') ? relative(rootDir, path) : here;
}

/** The commit that results are of; of those that were made elsewhere, or otherwise than usual, it is not known. */
async function commitOf(): Promise<string | undefined> {
  const { record, merged, trees = {} } = run();
  if (record || merged || Object.keys(trees).length > 0) return undefined;
  return cleanCommit();
}

async function outcomeOf(test: TestCase, result: TestResult, file: string): Promise<TestOutcome> {
  const verdict = verdictOf(test, result);
  const failed = verdict === 'failed' || verdict === 'infrastructure';
  const errors = result.errors.map(
    ({ stack, message, value }) => stack ?? message ?? value ?? 'unknown error',
  );
  const attachments = failed ? result.attachments.filter(({ name }) => name !== CONTEXT) : [];
  const texts = await Promise.all(
    attachments.map(async (each) => `--- ${each.name} ---\n${await textOf(each)}`),
  );
  return {
    file,
    title: test.titlePath().slice(3).join(' › '),
    verdict,
    ms: result.duration,
    log: stripVTControlCharacters([...errors, ...texts].join('\n')),
    ...(verdict === 'skipped' && {
      reason: whySkipped(result),
    }),
  };
}

/** The value of `grep` if it was not given. */
const EVERYTHING = String(/.*/);

/**
 * Returns what titles and tags had to match: as the command line says, which Playwright does not write into `grep`, or
 * else the configuration.
 */
export function grepOf({ grep, argv }: Pick<FullConfig, 'grep' | 'argv'>): FullConfig['grep'] {
  const { values } = parseArgs({
    args: argv.slice(2),
    options: { grep: { type: 'string', short: 'g' } },
    strict: false,
  });
  return typeof values.grep === 'string' ? new RegExp(values.grep) : grep;
}

/**
 * The part of its suite that a cell's tests are, or undefined if they are all of it.
 * @param files of the suite
 * @param grep what titles had to match
 */
export function partOf(
  { tests }: Pick<Cell, 'tests'>,
  files: readonly string[],
  grep: FullConfig['grep'],
): string | undefined {
  const ran = new Set(tests.map(({ file }) => file.replace(/^.*\//, '')));
  const count = files.filter((file) => ran.has(file)).length;
  if (count < files.length) return `${count} of ${files.length} files`;
  return String(grep) === EVERYTHING ? undefined : `what matches ${String(grep)}`;
}

/** The tags in a spec file's text: `{ tag: '@slow' }` or `{ tag: ['@slow', '@big'] }`. */
function tagsIn(text: string): string[] {
  const lists = [...text.matchAll(/\btag: *('[^']*'|\[[^\]]*\])/g)];
  return lists.flatMap(([, list = '']) => list.match(/@[\w-]+/g) ?? []);
}

/**
 * Says whether a project takes a spec file, going by the tags in it: a file's tests share them.
 * @param text of the file
 */
export function takesFile(
  { grep, grepInvert }: Pick<FullProject, 'grep' | 'grepInvert'>,
  text: string,
): boolean {
  const patterns = (of: typeof grepInvert) => (of === null ? [] : [of].flat());
  const tags = tagsIn(text);
  const has = (pattern: RegExp) => tags.some((tag) => pattern.test(tag));
  const wanted = patterns(grep).some((pattern) => String(pattern) === EVERYTHING || has(pattern));
  return wanted && !patterns(grepInvert).some(has);
}

/** The spec files of a project. */
async function filesOf(project: FullProject, rootDir: string): Promise<string[]> {
  const { testDir, testIgnore, testMatch } = project;
  const dir = join(harness().root, inProject(testDir, rootDir));
  const names = await readdir(dir);
  // A project of one file names it.
  if (typeof testMatch === 'string' && names.includes(testMatch)) return [testMatch];
  const own = names.filter((name) => name.endsWith('.spec.ts') && ![testIgnore].flat().includes(name));
  const texts = await Promise.all(own.map((name) => readFile(join(dir, name), 'utf8')));
  return own.filter((_, index) => takesFile(project, texts[index] ?? ''));
}

/** The kernels of the catalogue, as the page lists them. */
export async function listedKernels(): Promise<ListedKernel[]> {
  const { entries } = await readCatalogue();
  return entries.map(({ name, why, headers }) => ({
    ...{ name, why },
    because: headers.from === 'tree' ? headers.because : undefined,
  }));
}

/** A Playwright reporter that keeps the results of each suite on each kernel as KTAP, JUnit and the page of the matrix. */
export default class Results implements Reporter {
  readonly #cells = new Map<string, Cell>();
  readonly #projects = new Map<string, FullProject>();
  /** The time at which this run began with each project. */
  readonly #began = new Map<string, string>();
  /** The number of tests of each project, and of each file in it, that are still to come. */
  readonly #left = new Map<string, number>();
  /** The results of earlier runs that this one goes on with. */
  readonly #kept = readKept();
  #grep: FullConfig['grep'] = /.*/;
  #rootDir = '';
  /** The commit that was checked out when the run began. */
  #commit: Promise<string | undefined> = Promise.resolve(undefined);
  #pending = Promise.resolve();

  printsToStdio(): boolean {
    return false;
  }

  onBegin(config: FullConfig, { suites }: Suite): void {
    this.#grep = grepOf(config);
    this.#rootDir = config.rootDir;
    this.#commit = commitOf();
    const count = (name: string, tests: readonly TestCase[]) => {
      this.#left.set(name, (this.#left.get(name) ?? 0) + tests.length);
    };
    // A project of several shards is there several times.
    for (const suite of suites) {
      const name = suite.project()?.name ?? '';
      count(name, suite.allTests());
      for (const test of suite.allTests()) count(`${name} ${this.#fileOf(test)}`, [test]);
    }
  }

  onTestEnd(test: TestCase, result: TestResult): void {
    // It has no result, and is still to come.
    if (result.status === 'interrupted') return;
    // One after the other: what is attached is read while it is there.
    this.#pending = this.#pending.then(() => this.#add(test, result));
  }

  async onEnd(): Promise<void> {
    await this.#pending;
    for (const project of [...this.#cells.keys()]) await this.#write(project);
  }

  #fileOf({ location }: TestCase): string {
    return inProject(location.file, this.#rootDir);
  }

  async #add(test: TestCase, result: TestResult): Promise<void> {
    const of = test.parent.project();
    const project = of?.name ?? '';
    if (of) this.#projects.set(project, of);
    const begun = () => this.#begun(project, cellOf(of ?? {}), result.startTime.toISOString());
    const cell = this.#cells.get(project) ?? (await begun());
    this.#cells.set(project, cell);
    const [startedAt, ended] = [result.startTime.toISOString(), result.startTime.getTime() + result.duration];
    if (startedAt < cell.startedAt) cell.startedAt = startedAt;
    const endedAt = new Date(ended).toISOString();
    if (endedAt > (cell.endedAt ?? '')) cell.endedAt = endedAt;
    const file = this.#fileOf(test);
    cell.tests.push(await outcomeOf(test, result, file));
    const left = [project, `${project} ${file}`].map((name) => {
      this.#left.set(name, (this.#left.get(name) ?? 0) - 1);
      return this.#left.get(name);
    });
    if (!left.includes(0)) return;
    // What is done stays, however the run ends.
    const commit = await this.#standing(file);
    if (commit !== undefined) for (const each of cell.tests) if (each.file === file) each.commit = commit;
    await this.#write(project);
  }

  /** A cell with what earlier runs have left to it. */
  async #begun(project: string, key: CellKey, startedAt: string): Promise<Cell> {
    const kept = (await this.#kept).get(cellId(key));
    const cell = { ...key, release: '', startedAt, tests: [] };
    this.#began.set(project, startedAt);
    return kept ? { ...cell, ...kept } : cell;
  }

  /** The commit that a file's results are of, if it is the same as when the run began. */
  async #standing(file: string): Promise<string | undefined> {
    const commit = await this.#commit;
    if (commit === undefined || (await cleanCommit()) === undefined) return undefined;
    return (await unchangedSince(commit))(file) ? commit : undefined;
  }

  /** A project's cell, as far as it has been run. */
  async #finished(project: string, cell: Cell): Promise<Cell> {
    const of = this.#projects.get(project);
    const left = this.#left.get(project) ?? 0;
    const interrupted = left > 0 ? `${cell.tests.length} of ${cell.tests.length + left} specs` : undefined;
    const part = interrupted ?? (of && partOf(cell, await filesOf(of, this.#rootDir), this.#grep));
    const startedAt = this.#began.get(project) ?? cell.startedAt;
    return {
      ...cell,
      release: (await readLock())[cell.kernel]?.release ?? '',
      ...(cell.ms !== undefined && { ms: cell.ms + elapsed({ ...cell, startedAt, ms: undefined }) }),
      ...(part !== undefined && { part }),
    };
  }

  /** Writes a project's cell, and the pages anew. */
  async #write(project: string): Promise<void> {
    const ran = this.#cells.get(project);
    if (!ran) return;
    if (!this.#left.get(project)) this.#cells.delete(project);
    const dir = reportDir();
    await mkdir(join(dir, 'runs'), { recursive: true });
    const cell = await this.#finished(project, ran);
    const began = this.#began.get(project) ?? cell.startedAt;
    const file = join(dir, 'runs', `${began.replaceAll(/[:.]/g, '-')}-${cellId(cell)}.json`);
    await writeFile(`${file}.new`, `${JSON.stringify({ cells: [cell] }, null, 1)}\n`);
    await rename(`${file}.new`, file);
    const cells = await readCells(dir);
    const newest = newestRuns(cells);
    await writeFile(
      join(dir, 'results.json'),
      `${JSON.stringify(
        newest.map((cell) => ({ id: cellId(cell), ...cell })),
        null,
        1,
      )}\n`,
    );
    await writeFile(join(dir, 'junit.xml'), junit(newest));
    await writeFile(join(dir, 'results.ktap'), ktap(newest));
    await renderPages(dir, {
      title: `${harness().title}: kernel matrix`,
      cells,
      kernels: await listedKernels(),
    });
  }
}
