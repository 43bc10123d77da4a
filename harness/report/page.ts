/** The results as static pages: index.html with kernels down and suites across, and a page for each cell. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { escapeXml } from '../util/xml.js';
import { cellId, cellVerdict } from './runs.js';
import type { Cell, TestOutcome } from './runs.js';
import { SCRIPT, STYLE } from './page-assets.js';

const MARKS = { passed: '✔', failed: '✘', skipped: '–', infrastructure: '!' } as const;

function document(title: string, body: string[], script = ''): string {
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<link rel="icon" href="data:,">',
    `<title>${escapeXml(title)}</title><style>${STYLE}</style></head><body>`,
    ...body,
    ...(script ? [`<script>${script}</script>`] : []),
    '</body></html>',
    '',
  ].join('\n');
}

/** A time whose age the page's script writes beside it; without the script it says when. */
const time = (at: string) => `<time datetime="${at}">${at.slice(0, 16).replace('T', ' ')}</time>`;

function counts({ tests }: Cell): string {
  return (['passed', 'failed', 'infrastructure', 'skipped'] as const)
    .map((verdict) => [tests.filter((each) => each.verdict === verdict).length, verdict] as const)
    .filter(([count]) => count > 0)
    .map(([count, verdict]) => `${count} ${verdict}`)
    .join(', ');
}

/** A run of a part of the suite says so. */
const part = ({ part }: Cell) =>
  part === undefined ? '' : `<strong>in part: ${escapeXml(part)}</strong><br>`;

const minutes = (cell: Cell) => (cell.tests.reduce((sum, { ms }) => sum + ms, 0) / 60_000).toFixed(1);

function cellHtml(cell: Cell | undefined, suite: string): string {
  if (!cell) return `<td class="none" data-verdict="none"><span class="quiet">not run</span></td>`;
  const verdict = cellVerdict(cell);
  const id = cellId(cell);
  return [
    `<td class="${verdict}" data-verdict="${verdict}" data-at="${cell.startedAt}">`,
    `<a href="cells/${id}.html" aria-label="${suite} ${cell.kernel}: ${verdict}${cell.part === undefined ? '' : ' in part'}">${MARKS[verdict]} ${verdict}</a>`,
    `<div class="figures">${part(cell)}${counts(cell)}<br>${minutes(cell)} min</div>${time(cell.startedAt)}</td>`,
  ].join('');
}

function testHtml({ title, file, verdict, ms, log, reason }: TestOutcome): string {
  const head = `<span class="mark ${verdict}">${MARKS[verdict]} ${verdict}</span> ${escapeXml(title)} <span class="quiet">${escapeXml(file)}, ${(ms / 1000).toFixed(1)} s</span>`;
  if (reason) return `<li>${head}<p>${escapeXml(reason)}</p></li>`;
  if (!log) return `<li>${head}</li>`;
  return `<li><details open><summary>${head}</summary><pre tabindex="0">${escapeXml(log)}</pre></details></li>`;
}

function cellPage(cell: Cell): string {
  const order = { failed: 0, infrastructure: 1, skipped: 2, passed: 3 } as const;
  const tests = [...cell.tests].sort((a, b) => order[a.verdict] - order[b.verdict]);
  const title = `${cell.suite} ${cell.kernel ? `on ${cell.release || cell.kernel}` : ''}`.trim();
  return document(
    title,
    [
      '<main><p><a href="../index.html">All results</a></p>',
      `<h1>${escapeXml(title)}</h1>`,
      `<p>${part(cell)}${counts(cell)}, ${minutes(cell)} min, ${time(cell.startedAt)}</p>`,
      `<ul class="tests">${tests.map(testHtml).join('\n')}</ul></main>`,
    ],
    SCRIPT,
  );
}

/** A kernel that there may be results of. */
export interface ListedKernel {
  readonly name: string;
  /** Why it is tested. */
  readonly why: string;
  /** Why it cannot be run, if it cannot. */
  readonly because?: string | undefined;
}

interface Row {
  name: string;
  release: string;
  why: string;
}

function indexPage(cells: readonly Cell[], kernels: readonly ListedKernel[]): string {
  const kernelsOf = (suite: string) => cells.filter((cell) => cell.suite === suite).length;
  const suites = [...new Set(cells.map(({ suite }) => suite))]
    .sort()
    .sort((a, b) => kernelsOf(b) - kernelsOf(a));
  const newestFirst = [...new Set(cells.map(({ kernel }) => kernel))];
  const rows: Row[] = newestFirst.map((name) => ({
    name: name || 'no kernel',
    release: cells.find((cell) => cell.kernel === name)?.release ?? '',
    why: kernels.find((kernel) => kernel.name === name)?.why ?? 'specs that need no guest',
  }));
  const notRun = kernels.filter(({ name }) => !newestFirst.includes(name));
  const sortable = (label: string, key: string) =>
    `<th scope="col" aria-sort="none"><button type="button" data-sort="${key}">${escapeXml(label)}</button></th>`;
  const tr = ({ name, release, why }: Row) => {
    const own = (suite: string) =>
      cells.find((cell) => cell.suite === suite && (cell.kernel || 'no kernel') === name);
    return [
      `<tr data-kernel="${escapeXml(name)}"><th scope="row">${escapeXml(name)}<div class="quiet">${escapeXml(release)}</div><div class="why">${escapeXml(why)}</div></th>`,
      ...suites.map((suite) => cellHtml(own(suite), suite)),
      '</tr>',
    ].join('');
  };
  const reasons = notRun.map(
    ({ name, why, because = 'no run of it is here' }) =>
      `<li><strong>${escapeXml(name)}</strong> ${escapeXml(why)}: ${escapeXml(because)}</li>`,
  );
  return document(
    'SwarmGuard: kernel matrix',
    [
      '<main><h1>SwarmGuard: kernel matrix</h1>',
      '<p>Each cell is the newest run of a suite on a kernel; one of a part of the suite says which. “Infrastructure” means that the machinery failed and nothing was found out about the module.</p>',
      '<form role="search"><label>Show <select id="verdict"><option value="">every kernel</option><option value="failed">with failures</option><option value="infrastructure">with infrastructure trouble</option><option value="passed">with passes</option></select></label> <label>Kernel <input id="kernel" type="search" autocomplete="off"></label> <output id="shown" aria-live="polite"></output></form>',
      `<table><thead><tr>${sortable('Kernel', 'kernel')}${suites.map((suite, index) => sortable(suite, String(index))).join('')}</tr></thead>`,
      `<tbody>${rows.map(tr).join('\n')}</tbody></table>`,
      ...(reasons.length > 0 ? [`<h2>Not run</h2><ul>${reasons.join('\n')}</ul>`] : []),
      '<p>The same as <a href="results.json">JSON</a>, <a href="junit.xml">JUnit</a> and, of guests, <a href="results.ktap">KTAP</a>.</p></main>',
    ],
    SCRIPT,
  );
}

/** Writes index.html and cells/*.html; they need no server and nothing from the network. */
export async function renderPages(
  dir: string,
  cells: readonly Cell[],
  kernels: readonly ListedKernel[],
): Promise<void> {
  await mkdir(join(dir, 'cells'), { recursive: true });
  for (const cell of cells) await writeFile(join(dir, 'cells', `${cellId(cell)}.html`), cellPage(cell));
  await writeFile(join(dir, 'index.html'), indexPage(cells, kernels));
}
