/** The results as static pages: index.html with kernels down and suites across, and a page for each cell. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VNode } from 'preact';
import { BASE_STYLE } from './base-style.js';
import { cellPage } from './cell-page.js';
import { htmlDocument } from './html.js';
import { WORST_FIRST, matrixOf } from './matrix.js';
import type { BrokenTest, CellRuns, ListedKernel, Matrix, Row, Problem } from './matrix.js';
import { MATRIX_STYLE, RESULTS_STYLE } from './page-style.js';
import { MATRIX_SCRIPT, TIMES_SCRIPT } from './page-script.js';
import {
  MARKS,
  When,
  cellFile,
  cellHref,
  cellTitle,
  count,
  counts,
  duration,
  minute,
  testTime,
} from './parts.js';
import { reason } from './reason.js';
import { cellId, cellVerdict, newestRuns } from './runs.js';
import type { Cell, Verdict } from './runs.js';

/** Runs of a cell that its history in the matrix shows, the newest included. */
const HISTORY = 8;
/** Problems that stand before the matrix; more are folded. */
const PROBLEMS = 3;
/** Lines of a log that stand before the matrix. */
const QUOTED = 30;

/** The number that a cell shows: of failed tests, or of passed ones if all went well. */
const figure = (cell: Cell, verdict: Verdict) => `${MARKS[verdict]} ${count(cell, verdict)}`;

/** A run in a line of its own. */
const told = (cell: Cell) =>
  [
    `${minute(cell.startedAt)} ${MARKS[cellVerdict(cell)]} ${counts(cell)}`,
    ...(cell.part === undefined ? [] : [`(${cell.part})`]),
  ].join(' ');

/** A mark for each of the last runs, the newest on the right, and all of them in words on hover and focus. */
function History({ runs }: { runs: CellRuns }): VNode | null {
  const shown = runs.all.slice(0, HISTORY);
  if (shown.length < 2) return null;
  const id = `history-${cellFile(runs.newest)}`;
  return (
    <div class="history">
      <a
        href={cellHref(runs.newest, '#history')}
        aria-label={`${cellTitle(runs.newest)}: history of ${runs.all.length} runs`}
        aria-describedby={id}
      >
        {[...shown].reverse().map((cell) => (
          <i class={`${cellVerdict(cell)}${cell.part === undefined ? '' : ' part'}`}>
            {MARKS[cellVerdict(cell)]}
          </i>
        ))}
      </a>
      <ul role="tooltip" id={id}>
        {shown.map((cell) => (
          <li>{told(cell)}</li>
        ))}
      </ul>
    </div>
  );
}

function MatrixCell({ runs, suite }: { runs: CellRuns | undefined; suite: string }): VNode {
  if (!runs)
    return (
      <td role="cell" class="none" data-verdict="none" data-suite={suite}>
        <span class="quiet">not run</span>
      </td>
    );
  const { newest } = runs;
  const verdict = cellVerdict(newest);
  const part = newest.part === undefined ? '' : ' in part';
  return (
    <td
      role="cell"
      class={verdict + (part && ' part')}
      data-verdict={verdict}
      data-suite={suite}
      data-at={newest.startedAt}
    >
      <div class="figures">
        <a
          href={cellHref(newest)}
          aria-label={`${cellTitle(newest)}: ${count(newest, verdict)} ${verdict}${part}`}
        >
          {figure(newest, verdict)}
        </a>
        <History runs={runs} />
      </div>
      <div class="small">
        <strong>{verdict}</strong>
        {counts(newest, verdict) && `, ${counts(newest, verdict)}`}
        {newest.part === undefined ? null : <div>in part: {newest.part}</div>}
        <div>
          {duration(testTime(newest))}, <When at={newest.startedAt} />
        </div>
      </div>
    </td>
  );
}

function MatrixRow({ row, suites }: { row: Row; suites: readonly string[] }): VNode {
  const name = row.kernel || 'no kernel';
  return (
    <tr role="row" data-kernel={name} data-verdict={row.verdict}>
      <th role="rowheader" scope="row">
        <span class="kernel">{name}</span> <span class="quiet">{row.release}</span>
        <div class="quiet">{row.why}</div>
      </th>
      {suites.map((suite) => (
        <MatrixCell runs={row.cells.get(suite)} suite={suite} />
      ))}
    </tr>
  );
}

const Sortable = ({ label, by }: { label: string; by: string }): VNode => (
  <th role="columnheader" scope="col" aria-sort="none">
    <button type="button" data-sort={by}>
      {label}
    </button>
  </th>
);

/** A test that went wrong, and where all of its log is. */
const BrokenItem = ({ broken }: { broken: BrokenTest }): VNode => (
  <li>
    {broken[0].test.title} <span class="quiet">{broken[0].test.file}</span>:{' '}
    {broken.map(({ cell, index }, at) => (
      <>
        {at > 0 ? ', ' : ''}
        <a href={cellHref(cell, `#test-${index}`)}>{cellTitle(cell)}</a>
      </>
    ))}
  </li>
);

/** A failure: its kernels, and the beginning of its reason. */
function ProblemItem({ problem }: { problem: Problem }): VNode {
  const { verdict, title, log } = problem[0][0].test;
  const cells = new Set(problem.flat().map(({ cell }) => cellId(cell)));
  return (
    <details class="problem" data-verdict={verdict}>
      <summary>
        <div class="what">
          <span class={`mark ${verdict}`}>{MARKS[verdict]}</span> <strong>{title}</strong>{' '}
          {problem.length > 1 && `and ${problem.length - 1} more `}
          {[...cells].map((cell) => (
            <span class={`chip ${verdict}`}>{cell}</span>
          ))}
        </div>
        <div class="why">{reason(log)}</div>
      </summary>
      <pre tabindex={0}>{log.split('\n').slice(0, QUOTED).join('\n')}</pre>
      <ul>
        {problem.map((broken) => (
          <BrokenItem broken={broken} />
        ))}
      </ul>
    </details>
  );
}

function Problems({ problems }: { problems: readonly Problem[] }): VNode | null {
  if (problems.length === 0) return null;
  const rest = problems.slice(PROBLEMS);
  return (
    <section id="problems" aria-label="What went wrong">
      {problems.slice(0, PROBLEMS).map((problem) => (
        <ProblemItem problem={problem} />
      ))}
      {rest.length > 0 && (
        <details class="rest">
          <summary>{rest.length} more that went wrong</summary>
          {rest.map((problem) => (
            <ProblemItem problem={problem} />
          ))}
        </details>
      )}
    </section>
  );
}

/** The numbers of kernels by state; each is a button that shows these rows alone. */
function Tallies({ rows, notRun }: Matrix): VNode {
  const tallies = WORST_FIRST.map(
    (verdict) => [verdict, rows.filter((row) => row.verdict === verdict).length] as const,
  ).filter(([verdict, many]) => verdict !== 'skipped' || many > 0);
  return (
    <div class="tallies">
      {tallies.map(([verdict, many]) => (
        <button type="button" class={many > 0 ? verdict : 'skipped'} data-show={verdict} aria-pressed="false">
          <b>
            {MARKS[verdict]} {many}
          </b>{' '}
          {verdict}
        </button>
      ))}
      {notRun.length > 0 && (
        <a class="skipped" href="#not-run">
          <b>– {notRun.length}</b> not run
        </a>
      )}
      <label>
        Kernel <input id="kernel" type="search" autocomplete="off" />
      </label>
      <output id="shown" aria-live="polite" />
    </div>
  );
}

const NotRun = ({ kernels }: { kernels: readonly ListedKernel[] }): VNode => (
  <section id="not-run">
    <h2>Not run</h2>
    <ul>
      {kernels.map(({ name, why, because = 'no run of it is here' }) => (
        <li>
          <strong>{name}</strong> {why}: {because}
        </li>
      ))}
    </ul>
  </section>
);

function indexPage(title: string, matrix: Matrix): string {
  const { suites, rows, notRun, problems } = matrix;
  return htmlDocument({
    title,
    style: BASE_STYLE + RESULTS_STYLE + MATRIX_STYLE,
    script: TIMES_SCRIPT + MATRIX_SCRIPT,
    children: (
      <>
        <h1>{title}</h1>
        <Tallies {...matrix} />
        <Problems problems={problems} />
        <table role="table" class="matrix">
          <thead role="rowgroup">
            <tr role="row">
              <Sortable label="Kernel" by="kernel" />
              {suites.map((suite) => (
                <Sortable label={suite} by={suite} />
              ))}
            </tr>
          </thead>
          <tbody role="rowgroup">
            {rows.map((row) => (
              <MatrixRow row={row} suites={suites} />
            ))}
          </tbody>
        </table>
        <p class="quiet">
          A cell shows the newest run of a suite on a kernel: how many tests failed, or passed if none did.
          Its squares are the last {HISTORY} runs, the newest on the right; a dashed edge means that only a
          part of the suite was run. Infrastructure (!) means that the machinery failed, so that nothing was
          learnt about the kernel. Times are UTC.
        </p>
        {notRun.length > 0 && <NotRun kernels={notRun} />}
        <p>
          The same results as <a href="results.json">JSON</a>, <a href="junit.xml">JUnit</a> and, for guests,{' '}
          <a href="results.ktap">KTAP</a>.
        </p>
      </>
    ),
  });
}

/** The input of the pages. */
export interface Results {
  /** The heading of the matrix. */
  readonly title: string;
  /** Every run of every cell, the newest first. */
  readonly cells: readonly Cell[];
  readonly kernels: readonly ListedKernel[];
}

/** Writes index.html and cells/*.html below a directory; they need no server and nothing from the network. */
export async function renderPages(dir: string, { title, cells, kernels }: Results): Promise<void> {
  await mkdir(join(dir, 'cells'), { recursive: true });
  for (const newest of newestRuns(cells)) {
    const all = cells.filter((cell) => cellId(cell) === cellId(newest));
    await writeFile(join(dir, 'cells', cellFile(newest)), cellPage({ newest, all }));
  }
  await writeFile(join(dir, 'index.html'), indexPage(title, matrixOf(cells, kernels)));
}
