/** The figures in the documents: docs/benchmarks.json holds them, everything else is generated from it. */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { repository } from '../harness.config.js';
import { filled } from '../specs/support/marked.js';
import { PICTURE, picture, pictureReference } from './picture.js';
import { storedSchema } from './store.js';
import type { Run } from './store.js';
import { comparisonTable, growthTable, summary } from './summary.js';

/** The runs whose figures are published, the oldest first; the last is what the documents tell of. */
const RECORD = join(repository, 'docs/benchmarks.json');

const record = z.array(
  z.object({
    id: z.string(),
    startedAt: z.iso.datetime(),
    completedAt: z.iso.datetime().optional(),
    sources: z.string(),
    results: z.array(storedSchema),
  }),
);

/** The runs of {@link RECORD}. */
export async function committedRuns(): Promise<Run[]> {
  if (!existsSync(RECORD)) return [];
  return record.parse(JSON.parse(await readFile(RECORD, 'utf8'))).map(({ completedAt, ...run }) => ({
    ...run,
    ...(completedAt === undefined ? {} : { completedAt }),
  }));
}

/**
 * The run that documents are to tell of: the latest that is complete.
 * @param names of all benchmarks
 * @throws if it lacks one of them, which `npm run bench -- --only` leaves out.
 */
export function publishable(runs: readonly Run[], names: readonly string[]): Run | undefined {
  const run = runs.filter(({ completedAt }) => completedAt !== undefined).at(-1);
  const missing = names.filter((name) => !run?.results.some(({ benchmark }) => benchmark === name));
  if (run && missing.length > 0)
    throw new Error(`run ${run.id} lacks ${missing.join(', ')}; \`npm run bench\` measures everything`);
  return run;
}

/** Adds a run to {@link RECORD}, in the place of an earlier one of the same id. */
export async function commitRun(run: Run): Promise<void> {
  const runs = [...(await committedRuns()).filter(({ id }) => id !== run.id), run];
  runs.sort((a, b) => a.startedAt.localeCompare(b.startedAt));
  await writeFile(RECORD, `${JSON.stringify(runs, null, 1)}\n`);
}

/** The blocks between the marks of documents, by the name in the mark. */
function parts(run: Run, titles: Readonly<Record<string, string>>): Record<string, string> {
  const when = run.startedAt.slice(0, 10);
  const compared = run.results.map(({ benchmark }) => [benchmark, comparisonTable(run, benchmark)] as const);
  const drawn = pictureReference(run);
  return {
    ...(drawn && { picture: drawn }),
    ...Object.fromEntries(compared.flatMap(([name, text]) => (text ? [[name, text]] : []))),
    growth: growthTable(run, titles) ?? `Of very many agents nothing was measured in the run of ${when}.`,
  };
}

/**
 * A document with what stands between its marks generated anew.
 * @throws if a mark names nothing there is, or has no end.
 */
export function generated(text: string, run: Run, titles: Readonly<Record<string, string>> = {}): string {
  const all = parts(run, titles);
  return filled(text, 'benchmarks', (name) => all[name]);
}

/** Documents that have marks, beside the summary. */
export const MARKED = [join(repository, 'README.md')];

/** The whole summary. */
const SUMMARY = join(repository, 'docs/benchmarks.md');

/** The text of every generated document, by its path; the chart of the README is one of them. */
export async function documents(
  run: Run,
  titles: Readonly<Record<string, string>>,
): Promise<Map<string, string>> {
  const texts = await Promise.all(MARKED.map((path) => readFile(path, 'utf8')));
  const drawn = picture(run);
  return new Map([
    ...(drawn ? [[join(repository, PICTURE), drawn] as const] : []),
    [SUMMARY, `${summary(run, titles)}\n`],
    ...MARKED.map((path, index) => [path, generated(texts[index] ?? '', run, titles)] as const),
  ]);
}
