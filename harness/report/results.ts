/** The reporter that writes results for machines and for the page: $SWARMGUARD_REPORT, or report/. */
import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FullConfig, FullProject } from '@playwright/test';
import type { Reporter, Suite, TestCase, TestResult } from '@playwright/test/reporter';
import { readCatalogue, readLock } from '../kernels/catalogue.js';
import { junit } from './junit.js';
import { repository } from '../util/repository.js';
import { ktap } from './ktap-writer.js';
import { renderPages } from './page.js';
import { cellId, readRuns, reportDir, splitProject } from './runs.js';
import type { Cell, TestOutcome } from './runs.js';
import { sourcesHash } from './sources.js';
import { verdictOf } from './verdicts.js';

async function textOf({ path, body }: TestResult['attachments'][number]): Promise<string> {
  if (body) return body.toString();
  return path ? readFile(path, 'utf8').catch(() => `(${path} is gone)`) : '';
}

const COLOURS = /\x1b\[[0-9;]*m/g;

async function outcomeOf(test: TestCase, result: TestResult): Promise<TestOutcome> {
  const verdict = verdictOf(test, result);
  const failed = verdict === 'failed' || verdict === 'infrastructure';
  const errors = result.errors.map(
    ({ stack, message, value }) => stack ?? message ?? value ?? 'unknown error',
  );
  const attachments = failed ? result.attachments : [];
  const texts = await Promise.all(
    attachments.map(async (each) => `--- ${each.name} ---\n${await textOf(each)}`),
  );
  return {
    // Other machines' shards have the repository elsewhere.
    file: test.location.file.replace(/^.*\/(?=specs\/)/, ''),
    title: test.titlePath().slice(3).join(' › '),
    verdict,
    ms: result.duration,
    log: [...errors, ...texts].join('\n').replace(COLOURS, ''),
    ...(verdict === 'skipped' && {
      reason: result.annotations.find(({ type }) => type === 'skip')?.description ?? 'no reason given',
    }),
  };
}

/** What `--grep` is where it was not given. */
const EVERYTHING = String(/.*/);

/**
 * Which part of its suite a cell's tests are, or undefined where they are all of it.
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

/** The spec files of a project. */
async function filesOf({ testDir, testIgnore, testMatch }: FullProject): Promise<string[]> {
  // Other machines' shards have the repository elsewhere.
  const names = await readdir(join(repository, testDir.replace(/^.*\/(?=specs\/)/, '')));
  // A project of one file names it.
  if (typeof testMatch === 'string' && names.includes(testMatch)) return [testMatch];
  return names.filter((name) => name.endsWith('.spec.ts') && ![testIgnore].flat().includes(name));
}

export default class Results implements Reporter {
  readonly #cells = new Map<string, Cell>();
  readonly #projects = new Map<string, FullProject>();
  /** How many tests of each project are still to come. */
  readonly #left = new Map<string, number>();
  #grep: FullConfig['grep'] = /.*/;
  /** Of each suite, when the run began: a result is only of these where they are the same at its end. */
  readonly #sources = new Map<string, Promise<string | undefined>>();
  #pending = Promise.resolve();

  printsToStdio(): boolean {
    return false;
  }

  onBegin({ grep }: FullConfig, { suites }: Suite): void {
    this.#grep = grep;
    // A project of several shards is there several times.
    for (const suite of suites) {
      const name = suite.project()?.name ?? '';
      this.#left.set(name, (this.#left.get(name) ?? 0) + suite.allTests().length);
      const of = splitProject(name).suite;
      if (!this.#sources.has(of)) this.#sources.set(of, sourcesHash(of));
    }
  }

  onTestEnd(test: TestCase, result: TestResult): void {
    const of = test.parent.project();
    if (of) this.#projects.set(of.name, of);
    const project = of?.name ?? '';
    const { suite, kernel } = splitProject(project);
    // One after the other: what is attached is read while it is there.
    this.#pending = this.#pending.then(async () => {
      const cell = this.#cells.get(project) ?? {
        suite,
        kernel,
        release: '',
        startedAt: result.startTime.toISOString(),
        tests: [],
      };
      this.#cells.set(project, cell);
      if (result.startTime.toISOString() < cell.startedAt) cell.startedAt = result.startTime.toISOString();
      const endedAt = new Date(result.startTime.getTime() + result.duration).toISOString();
      if (endedAt > (cell.endedAt ?? '')) cell.endedAt = endedAt;
      cell.tests.push(await outcomeOf(test, result));
      const left = (this.#left.get(project) ?? 0) - 1;
      this.#left.set(project, left);
      // What is done stays, even if the run does not come to its end.
      if (left === 0) await this.#write(project);
    });
  }

  async onEnd(): Promise<void> {
    await this.#pending;
    for (const project of [...this.#cells.keys()]) await this.#write(project);
  }

  /** What a project's cell is, once no more of it will be run. */
  async #finished(project: string, cell: Cell): Promise<Cell> {
    const of = this.#projects.get(project);
    const left = this.#left.get(project) ?? 0;
    const interrupted = left > 0 ? `${cell.tests.length} of ${cell.tests.length + left} specs` : undefined;
    const part = interrupted ?? (of && partOf(cell, await filesOf(of), this.#grep));
    const [began, sources] = [await this.#sources.get(cell.suite), await sourcesHash(cell.suite)];
    return {
      ...cell,
      release: (await readLock())[cell.kernel]?.release ?? '',
      ...(sources !== undefined && sources === began && { sources }),
      ...(part !== undefined && { part }),
    };
  }

  /** Writes a project's cell, and the pages anew. */
  async #write(project: string): Promise<void> {
    const ran = this.#cells.get(project);
    if (!ran) return;
    this.#cells.delete(project);
    const dir = reportDir();
    await mkdir(join(dir, 'runs'), { recursive: true });
    const cell = await this.#finished(project, ran);
    const file = join(dir, 'runs', `${cell.startedAt.replaceAll(/[:.]/g, '-')}-${cellId(cell)}.json`);
    await writeFile(`${file}.new`, `${JSON.stringify({ cells: [cell] }, null, 1)}\n`);
    await rename(`${file}.new`, file);
    const { entries } = await readCatalogue();
    const newest = await readRuns(dir);
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
    await renderPages(dir, newest, entries);
  }
}
