/** Parts of the matrix and of its cells' pages. */
import type { VNode } from 'preact';
import { WORST_FIRST } from './matrix.js';
import { cellId } from './runs.js';
import type { Cell, Verdict } from './runs.js';

/** A sign for each verdict, so that colour is not all that tells them apart. */
export const MARKS = { passed: '✔', failed: '✘', skipped: '–', infrastructure: '!' } as const;

/** The name of a cell's file in the directory cells, whatever the names of its suite and kernel are. */
export function cellFile(cell: Pick<Cell, 'suite' | 'kernel'>): string {
  return `${encodeURIComponent(cellId(cell))}.html`;
}

/** The address of a cell's page, from a page beside the matrix. */
export function cellHref(cell: Pick<Cell, 'suite' | 'kernel'>, anchor = ''): string {
  return `cells/${encodeURIComponent(cellFile(cell))}${anchor}`;
}

/** The name of a cell, for people. */
export const cellTitle = ({ suite, kernel }: Pick<Cell, 'suite' | 'kernel'>) =>
  kernel === '' ? suite : `${suite} on ${kernel}`;

/** A moment in UTC, to the minute. */
export const minute = (at: string) => at.slice(0, 16).replace('T', ' ');

/** A moment in UTC; the page's script replaces it by its age. */
export const When = ({ at }: { at: string }): VNode => <time datetime={at}>{minute(at)}</time>;

/** The number of a cell's tests that ended with a verdict. */
export const count = ({ tests }: Pick<Cell, 'tests'>, verdict: Verdict) =>
  tests.filter((test) => test.verdict === verdict).length;

/** The numbers of tests by verdict, the worst first: "2 failed, 80 passed". */
export function counts(cell: Cell, leaveOut?: Verdict): string {
  return WORST_FIRST.filter((verdict) => verdict !== leaveOut)
    .map((verdict) => [count(cell, verdict), verdict] as const)
    .filter(([many]) => many > 0)
    .map(([many, verdict]) => `${many} ${verdict}`)
    .join(', ');
}

/** A time that people read: "12 s", "3.4 min", "2.1 h". */
export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  return seconds < 3600 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** The sum of the times of a cell's tests, in milliseconds. */
export const testTime = ({ tests }: Cell) => tests.reduce((sum, { ms }) => sum + ms, 0);
