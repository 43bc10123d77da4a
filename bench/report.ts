/** Writing the report of runs that are kept. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BENCHMARKS } from './benchmarks.js';
import { reportPage } from './page/page.js';
import { rawKey } from './page/table.js';
import { RESULTS, readRaw } from './store.js';
import type { Run } from './store.js';
import { summary } from './summary.js';

/** Titles of benchmarks by their names. */
export const TITLES: Readonly<Record<string, string>> = Object.fromEntries(
  BENCHMARKS.map(({ name, title }) => [name, title]),
);

/**
 * Writes index.html and summary.md beside the runs.
 * @param runs the oldest first; the last is shown, the others are its history
 * @returns the paths.
 */
export async function writeReport(runs: readonly Run[], dir = RESULTS): Promise<string[]> {
  const latest = runs.at(-1);
  if (!latest) throw new Error('there is no run to report; `npm run bench` makes one');
  const raw: Record<string, Record<string, string>> = {};
  for (const result of latest.results) raw[rawKey(result)] = await readRaw(latest, result, dir);
  const page = join(dir, 'index.html');
  const text = join(dir, 'summary.md');
  await writeFile(page, reportPage({ latest, runs, titles: TITLES, raw }));
  await writeFile(text, `${summary(latest, TITLES)}\n`);
  return [page, text];
}
