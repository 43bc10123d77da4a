/** The time that each kernel took: to fetch, prepare and build for, to boot, and to run the specs. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { table } from '../util/markdown.js';
import { elapsed } from './kept.js';
import type { Cell } from './runs.js';

const noted = z.object({ for: z.string(), title: z.string(), ms: z.number() });
export type NotedStep = z.infer<typeof noted>;

/** Reads the file that a run was to tell of its steps. */
export async function readSteps(file: string): Promise<NotedStep[]> {
  if (!existsSync(file)) return [];
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map((line) => noted.parse(JSON.parse(line)));
}

/** Columns that are the sum of the steps whose titles match. */
const STEPS = [
  ['fetch', /^Downloading /],
  ['headers', /^(Preparing headers|Building kernel) /],
  ['build', /^Building the module /],
] as const;

/** Less than this, in seconds, is what looking into the cache takes. */
const NOTHING = 0.5;

function duration(seconds: number | undefined): string {
  if (seconds === undefined || seconds < NOTHING) return '–';
  return seconds < 120 ? `${seconds.toFixed(1)} s` : `${(seconds / 60).toFixed(1)} min`;
}

/** The seconds that all of the cells took together. */
function seconds(cells: readonly Cell[]): number {
  return cells.reduce((all, cell) => all + elapsed(cell), 0) / 1000;
}

/**
 * A Markdown table with a row for each kernel of the cells. “Headers” are those that were prepared, or the
 * whole kernel where it was built; “boot” is from power-on to the first answer over SSH, once; “quick” are
 * the specs of the kernel's first suite, “all” everything, as long as it took here.
 */
export function timesTable(steps: readonly NotedStep[], cells: readonly Cell[]): string {
  const kernels = [...new Set(cells.map(({ kernel }) => kernel))].filter((name) => name !== '');
  const rows = kernels.map((kernel) => {
    const own = steps.filter((step) => step.for === kernel);
    const sum = (found: readonly { ms: number }[]) => found.reduce((all, { ms }) => all + ms, 0) / 1000;
    const boots = own.filter(({ title }) => title.startsWith('Booting '));
    const tests = cells.filter((cell) => cell.kernel === kernel);
    const quick = tests.filter(({ suite }) => suite === tests[0]?.suite);
    const count = (verdict: string) =>
      tests.flatMap((cell) => cell.tests).filter((test) => test.verdict === verdict).length;
    return [
      kernel,
      tests[0]?.release ?? '',
      ...STEPS.map(([, pattern]) => duration(sum(own.filter(({ title }) => pattern.test(title))))),
      duration(sum(boots.slice(0, 1))),
      duration(seconds(quick)),
      duration(sum(own.filter(({ title }) => !title.startsWith('Booting '))) + seconds(tests)),
      `${count('passed')} passed, ${count('failed') + count('infrastructure')} failed, ${count('skipped')} skipped`,
    ];
  });
  const head = ['kernel', 'release', ...STEPS.map(([name]) => name), 'boot', 'quick', 'all', 'specs'];
  return table(head, rows, { aligned: true });
}
