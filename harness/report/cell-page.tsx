/** The page of a cell: its newest run in full, failures first, and how the runs before it went. */
import type { VNode } from 'preact';
import { BASE_STYLE } from './base-style.js';
import { htmlDocument } from './html.js';
import type { CellRuns } from './matrix.js';
import { CELL_STYLE, RESULTS_STYLE } from './page-style.js';
import { OPEN_TARGET_SCRIPT, TIMES_SCRIPT } from './page-script.js';
import { MARKS, When, count, counts, duration, testTime } from './parts.js';
import { cellVerdict } from './runs.js';
import type { Cell, TestOutcome, Verdict } from './runs.js';

/** Runs that the history lists. */
const LISTED = 30;
/** Failed tests that the history names for each run. */
const NAMED = 5;

interface Numbered {
  readonly test: TestOutcome;
  /** Its place in the run. */
  readonly index: number;
}

function Test({ test: { title, file, verdict, ms, log, reason }, index }: Numbered): VNode {
  const head = (
    <>
      <span class={`mark ${verdict}`}>{MARKS[verdict]}</span> {title}{' '}
      <span class="quiet">
        {file}, {duration(ms)}
      </span>
    </>
  );
  return (
    <li id={`test-${index}`}>
      {log ? (
        <details open>
          <summary>{head}</summary>
          <pre tabindex={0}>{log}</pre>
        </details>
      ) : (
        head
      )}
      {reason === undefined ? null : <div class="reason">{reason}</div>}
    </li>
  );
}

/** The tests of a verdict; those that passed are folded. */
function Tests({ cell, verdict }: { cell: Cell; verdict: Verdict }): VNode | null {
  const tests = cell.tests
    .map((test, index): Numbered => ({ test, index }))
    .filter(({ test }) => test.verdict === verdict);
  if (tests.length === 0) return null;
  const list = (
    <ul class="tests">
      {tests.map((each) => (
        <Test {...each} />
      ))}
    </ul>
  );
  const heading = `${tests.length} ${verdict}`;
  if (verdict !== 'passed')
    return (
      <section>
        <h2>{heading}</h2>
        {list}
      </section>
    );
  return (
    <details class="passes">
      <summary>
        <h2>{heading}</h2>
      </summary>
      {list}
    </details>
  );
}

/** The failures of a run, shortened. */
function failuresOf({ tests }: Cell): string {
  const bad = tests.filter(({ verdict }) => verdict === 'failed' || verdict === 'infrastructure');
  const named = bad.slice(0, NAMED).map(({ title }) => title);
  return [...named, ...(bad.length > NAMED ? [`${bad.length - NAMED} more`] : [])].join('; ');
}

function PastRun({ cell }: { cell: Cell }): VNode {
  const verdict = cellVerdict(cell);
  return (
    <tr>
      <td>
        <When at={cell.startedAt} />
      </td>
      <td>
        <span class={`chip ${verdict}`}>
          {MARKS[verdict]} {count(cell, verdict)} {verdict}
        </span>{' '}
        {counts(cell, verdict)}
      </td>
      <td>{cell.part ?? 'all of the suite'}</td>
      <td class="number">{duration(testTime(cell))}</td>
      <td class="quiet">{failuresOf(cell)}</td>
    </tr>
  );
}

const HistoryTable = ({ all }: { all: readonly Cell[] }): VNode => (
  <section id="history">
    <h2>History</h2>
    <table class="past">
      <thead>
        <tr>
          <th scope="col">Run</th>
          <th scope="col">Result</th>
          <th scope="col">Of the suite</th>
          <th scope="col" class="number">
            Time
          </th>
          <th scope="col">What failed</th>
        </tr>
      </thead>
      <tbody>
        {all.slice(0, LISTED).map((cell) => (
          <PastRun cell={cell} />
        ))}
      </tbody>
    </table>
    {all.length > LISTED && <p class="quiet">{all.length - LISTED} older runs are in the directory runs.</p>}
  </section>
);

/** The page as HTML. */
export function cellPage({ newest, all }: CellRuns): string {
  const { suite, kernel, release, part, startedAt } = newest;
  const verdict = cellVerdict(newest);
  const title = `${suite} ${kernel ? `on ${release || kernel}` : ''}`.trim();
  return htmlDocument({
    title,
    style: BASE_STYLE + RESULTS_STYLE + CELL_STYLE,
    script: TIMES_SCRIPT + OPEN_TARGET_SCRIPT,
    children: (
      <>
        <p>
          <a href="../index.html">All results</a>
        </p>
        <h1>{title}</h1>
        <p class={`banner ${verdict}`}>
          <b>
            {MARKS[verdict]} {counts(newest)}
          </b>{' '}
          {part === undefined ? null : <strong>in part: {part}, </strong>}
          {duration(testTime(newest))}, <When at={startedAt} />
        </p>
        {(['failed', 'infrastructure', 'skipped', 'passed'] as const).map((each) => (
          <Tests cell={newest} verdict={each} />
        ))}
        <HistoryTable all={all} />
      </>
    ),
  });
}
