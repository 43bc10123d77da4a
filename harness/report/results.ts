/** The reporter that writes results for machines and for the page: $SWARMGUARD_REPORT, or report/. */
import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FullConfig, FullProject } from '@playwright/test';
import type { Reporter, TestCase, TestResult } from '@playwright/test/reporter';
import { readCatalogue, readLock } from '../kernels/catalogue.js';
import { junit } from './junit.js';
import { repository } from '../util/repository.js';
import { ktap } from './ktap-writer.js';
import { renderPages } from './page.js';
import { cellId, readRuns, reportDir } from './runs.js';
import type { Cell, TestOutcome } from './runs.js';
import { verdictOf } from './verdicts.js';

/** A project is a suite and a kernel; those without a guest have no kernel. */
function splitProject(name: string): { suite: string; kernel: string } {
  const at = name.indexOf('-');
  return at < 0 ? { suite: name, kernel: '' } : { suite: name.slice(0, at), kernel: name.slice(at + 1) };
}

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
  #grep: FullConfig['grep'] = /.*/;
  #pending = Promise.resolve();

  printsToStdio(): boolean {
    return false;
  }

  onBegin({ grep }: FullConfig): void {
    this.#grep = grep;
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
      cell.tests.push(await outcomeOf(test, result));
    });
  }

  async onEnd(): Promise<void> {
    await this.#pending;
    if (this.#cells.size === 0) return;
    const dir = reportDir();
    await mkdir(join(dir, 'runs'), { recursive: true });
    const lock = await readLock();
    const cells = await Promise.all(
      [...this.#cells].map(async ([project, cell]) => {
        const of = this.#projects.get(project);
        const part = of && partOf(cell, await filesOf(of), this.#grep);
        const release = lock[cell.kernel]?.release ?? '';
        return { ...cell, release, ...(part === undefined ? {} : { part }) };
      }),
    );
    const started = cells.map(({ startedAt }) => startedAt).sort()[0] ?? '';
    const file = join(dir, 'runs', `${started.replaceAll(/[:.]/g, '-')}-${process.pid}.json`);
    await writeFile(`${file}.new`, `${JSON.stringify({ cells }, null, 1)}\n`);
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
