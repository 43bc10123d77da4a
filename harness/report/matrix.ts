/** The matrix: kernels down, suites across, the newest run of each in its cell, failures first. */
import { reason } from './reason.js';
import { cellId, cellVerdict } from './runs.js';
import type { Cell, TestOutcome, Verdict } from './runs.js';

/** A kernel that there may be results of. */
export interface ListedKernel {
  readonly name: string;
  /** The reason why it is tested. */
  readonly why: string;
  /** The reason why it cannot be run, if it cannot. */
  readonly because?: string | undefined;
}

/** The runs of a suite on a kernel. */
export interface CellRuns {
  readonly newest: Cell;
  /** All of them, the newest first. */
  readonly all: readonly Cell[];
}

export interface Row {
  /** The kernel's name; empty for suites that need no kernel. */
  readonly kernel: string;
  readonly release: string;
  readonly why: string;
  /** The worst of its cells. */
  readonly verdict: Verdict;
  /** By suite. */
  readonly cells: ReadonlyMap<string, CellRuns>;
}

/** A test that did not end well in the newest run of a cell. */
export interface Broken {
  readonly cell: Cell;
  readonly test: TestOutcome;
  /** Its place in the run. */
  readonly index: number;
}

/** The same test, in each cell where it did not end well. */
export type BrokenTest = readonly [Broken, ...Broken[]];

/** Tests that did not end well, for one reason. */
export type Problem = readonly [BrokenTest, ...BrokenTest[]];

export interface Matrix {
  readonly suites: readonly string[];
  readonly rows: readonly Row[];
  /** Listed kernels without a result. */
  readonly notRun: readonly ListedKernel[];
  /** Failures, then trouble with the machinery; of each, what most tests and kernels share first. */
  readonly problems: readonly Problem[];
}

/** Verdicts, the worst first. */
export const WORST_FIRST = ['failed', 'infrastructure', 'passed', 'skipped'] as const;

const rank = (verdict: Verdict) => WORST_FIRST.indexOf(verdict);

/** The runs of each cell by its id; both in the order of what is given. */
function runsById(cells: readonly Cell[]): Map<string, [Cell, ...Cell[]]> {
  const runs = new Map<string, [Cell, ...Cell[]]>();
  for (const cell of cells) {
    const known = runs.get(cellId(cell));
    if (known) known.push(cell);
    else runs.set(cellId(cell), [cell]);
  }
  return runs;
}

function rowOf(kernel: string, found: readonly CellRuns[], listed: ListedKernel | undefined): Row {
  const verdicts = found.map(({ newest }) => cellVerdict(newest));
  return {
    kernel,
    release: found[0]?.newest.release ?? '',
    why: listed?.why ?? (kernel === '' ? 'specs that need no guest' : ''),
    verdict: WORST_FIRST.find((each) => verdicts.includes(each)) ?? 'skipped',
    cells: new Map(found.map((runs) => [runs.newest.suite, runs])),
  };
}

/** The tests that did not end well, each with every cell in which it went wrong. */
function brokenTests(cells: readonly Cell[]): BrokenTest[] {
  const found = new Map<string, [Broken, ...Broken[]]>();
  for (const cell of cells) {
    for (const [index, test] of cell.tests.entries()) {
      if (test.verdict !== 'failed' && test.verdict !== 'infrastructure') continue;
      const key = JSON.stringify([test.verdict, test.file, test.title]);
      const known = found.get(key);
      if (known) known.push({ cell, test, index });
      else found.set(key, [{ cell, test, index }]);
    }
  }
  return [...found.values()];
}

/** The text by which failures are grouped: their reason, except that of an assertion, which is a test's own. */
function shared({ verdict, file, title, log }: TestOutcome): string {
  const why = reason(log);
  const own = why === '' || why.includes('expect(');
  return JSON.stringify(own ? [verdict, file, title] : [verdict, why]);
}

function troublesOf(cells: readonly Cell[]): Problem[] {
  const problems = new Map<string, [BrokenTest, ...BrokenTest[]]>();
  for (const broken of brokenTests(cells)) {
    const key = shared(broken[0].test);
    const known = problems.get(key);
    if (known) known.push(broken);
    else problems.set(key, [broken]);
  }
  const verdictRank = ([[{ test }]]: Problem) => rank(test.verdict);
  return [...problems.values()].sort(
    (a, b) => verdictRank(a) - verdictRank(b) || b.flat().length - a.flat().length,
  );
}

/** The suites: those that were run on most kernels first, of these the ones with most tests. */
function suitesOf(runs: readonly CellRuns[]): string[] {
  const of = (suite: string) => runs.map(({ newest }) => newest).filter((cell) => cell.suite === suite);
  const tests = (suite: string) => of(suite).reduce((sum, cell) => sum + cell.tests.length, 0);
  return [...new Set(runs.map(({ newest }) => newest.suite))]
    .sort()
    .sort((a, b) => of(b).length - of(a).length || tests(b) - tests(a));
}

/**
 * The matrix of some runs.
 * @param cells every run of every cell, the newest first
 * @param kernels in the order of their rows, as far as failures do not come first
 */
export function matrixOf(cells: readonly Cell[], kernels: readonly ListedKernel[]): Matrix {
  const runs = [...runsById(cells).values()].map((all): CellRuns => ({ newest: all[0], all }));
  const names = [...new Set(runs.map(({ newest }) => newest.kernel))];
  const place = (name: string) => {
    const index = kernels.findIndex((kernel) => kernel.name === name);
    if (index >= 0) return index;
    return name === '' ? kernels.length + 1 : kernels.length;
  };
  const rankOfRow = (row: Row) => Math.min(rank(row.verdict), rank('passed'));
  const rows = names
    .map((name) =>
      rowOf(
        name,
        runs.filter(({ newest }) => newest.kernel === name),
        kernels.find((kernel) => kernel.name === name),
      ),
    )
    .sort((a, b) => rankOfRow(a) - rankOfRow(b) || place(a.kernel) - place(b.kernel));
  return {
    suites: suitesOf(runs),
    rows,
    notRun: kernels.filter(({ name }) => !names.includes(name)),
    problems: troublesOf(rows.flatMap((row) => [...row.cells.values()].map(({ newest }) => newest))),
  };
}
