/** The record of runs: cells of kernel and suite, one file for each run. They are shown newest first. */
import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { harness } from '../util/config.js';
import { run } from '../util/run.js';

const verdict = z.enum(['passed', 'failed', 'skipped', 'infrastructure']);
/** The verdict on a test; infrastructure is a failure of the machinery, which says nothing of the kernel. */
export type Verdict = z.infer<typeof verdict>;

const test = z.object({
  file: z.string(),
  title: z.string(),
  verdict,
  ms: z.number(),
  /** The errors of the test and its attachments; empty if it passed. */
  log: z.string(),
  reason: z.string().optional(),
  /** The commit that this result is valid for, if nothing that its file depends on differed from it: {@link cleanCommit}. */
  commit: z.string().optional(),
});
export type TestOutcome = z.infer<typeof test>;

/** A suite on a kernel. */
export const cellSchema = z.object({
  suite: z.string(),
  /** Its name in the catalogue; empty for specs without a guest. */
  kernel: z.string(),
  release: z.string(),
  startedAt: z.string(),
  /** The time at which its last test ended; earlier versions did not keep it. */
  endedAt: z.string().optional(),
  /** Its duration, if that is not the time between start and end, because parts of it ran at other times. */
  ms: z.number().optional(),
  /** The part of the suite that was run, such as "3 of 33 files"; none if it was the whole. */
  part: z.string().optional(),
  tests: z.array(test),
});
export type Cell = z.infer<typeof cellSchema>;

const runFile = z.object({ cells: z.array(cellSchema) });

/** The directory of results: as the run says, or `report` in the project. */
export function reportDir(): string {
  return run().report ?? join(harness().root, 'report');
}

/** The suite and the kernel of a cell; there is no kernel, but an empty name, if no guest is needed. */
export type CellKey = Pick<Cell, 'suite' | 'kernel'>;

/** A name for a cell that is fit for a file's, and for a project's. */
export function cellId({ suite, kernel }: CellKey): string {
  return kernel ? `${suite}-${kernel}` : suite;
}

const projectMetadata = z.object({ suite: z.string(), kernel: z.string() });

/**
 * The cell of a project, as its metadata says.
 * @param project one of Playwright's; without a suite in its metadata it is a suite of its own, without a kernel
 */
export function cellOf({ name = '', metadata }: { name?: string; metadata?: unknown }): CellKey {
  const found = projectMetadata.safeParse(metadata);
  return found.success ? found.data : { suite: name, kernel: '' };
}

/** The outcome of a cell: a failure outweighs trouble with the machinery, which outweighs a pass. */
export function cellVerdict({ tests }: Pick<Cell, 'tests'>): Verdict {
  const found = tests.map((each) => each.verdict);
  if (found.includes('failed')) return 'failed';
  if (found.includes('infrastructure')) return 'infrastructure';
  return found.includes('passed') ? 'passed' : 'skipped';
}

/** Compares runs of a cell: the one that ended last comes first. */
function byAge(a: Cell, b: Cell): number {
  return (b.endedAt ?? b.startedAt).localeCompare(a.endedAt ?? a.startedAt);
}

/** Every run of every cell, the one that ended last first. */
export async function readCells(dir: string): Promise<Cell[]> {
  const runs = join(dir, 'runs');
  const names = existsSync(runs) ? (await readdir(runs)).filter((name) => name.endsWith('.json')) : [];
  const texts = await Promise.all(names.map((name) => readFile(join(runs, name), 'utf8')));
  return texts.flatMap((text) => runFile.parse(JSON.parse(text)).cells).sort(byAge);
}

/**
 * The newest run of each cell, newest first.
 * @param cells as {@link readCells} returns them
 */
export function newestRuns(cells: readonly Cell[]): Cell[] {
  const newest = new Map<string, Cell>();
  for (const found of cells) {
    if (!newest.has(cellId(found))) newest.set(cellId(found), found);
  }
  return [...newest.values()].sort((a, b) => b.startedAt.localeCompare(a.startedAt));
}

/** The newest run of each cell that is kept in a directory, newest first. */
export async function readRuns(dir: string): Promise<Cell[]> {
  return newestRuns(await readCells(dir));
}
