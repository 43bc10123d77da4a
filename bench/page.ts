/** The benchmarks' report: one page that needs no server and nothing from the network. */
import { escapeXml } from '../harness/util/xml.js';
import { bars, kernels as kernelChart, line, past } from './charts.js';
import type { Figure } from './figures.js';
import { DERIVED, derivedTime, ofTarget, shown, shownSpread, unitName } from './numbers.js';
import { STYLE } from './page-style.js';
import { byBenchmark, groupsOf, growthsOf, historyOf, kernelsOf, rowsOf } from './select.js';
import type { Row } from './select.js';
import type { Run, Stored } from './store.js';
import { GROWTH_COLUMNS, GROWTH_NOTE } from './summary.js';

export interface Report {
  /** The run that is shown. */
  latest: Run;
  /** All runs, the oldest first, for what has changed. */
  runs: readonly Run[];
  /** Titles of benchmarks by their names. */
  titles: Readonly<Record<string, string>>;
  /** What figures were made from, as far as it is there: by kernel and benchmark, then by name. */
  raw: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** The key of {@link Report.raw}. */
export const rawKey = ({ kernel, benchmark }: Pick<Stored, 'kernel' | 'benchmark'>) =>
  `${kernel} ${benchmark}`;

const slug = (text: string) => text.replace(/[^A-Za-z0-9-]+/g, '-');
const rawId = (of: Pick<Stored, 'kernel' | 'benchmark'>) => `raw-${slug(rawKey(of))}`;

/** A number that leads to what it was made from, and that tests can find. */
function number(figure: Figure, kernel: string, benchmark: string): string {
  const data = `data-figure="${figure.id}" data-kernel="${escapeXml(kernel)}" data-value="${figure.value}"`;
  const spread = figure.spread ? ` <span class="quiet">(${shownSpread(figure)})</span>` : '';
  return `<td class="number" ${data}><a href="#${rawId({ kernel, benchmark })}">${shown(figure.value)}</a>${spread}</td>`;
}

const none = '<td class="number quiet">not measured</td>';

function table(head: string[], rows: string[]): string {
  return `<div class="wide" tabindex="0"><table><thead><tr>${head.join('')}</tr></thead><tbody>${rows.join('\n')}</tbody></table></div>`;
}

const column = (title: string, kind = '') =>
  `<th scope="col"${kind ? ` class="${kind}"` : ''}>${escapeXml(title)}</th>`;

/** Which benchmark a figure is of. */
function benchmarkOf(run: Run, id: string): string {
  return run.results.find(({ figures }) => figures.some((each) => each.id === id))?.benchmark ?? '';
}

function headline(report: Report, names: string[]): string[] {
  const { latest } = report;
  const rows = rowsOf(latest.results, names).filter(({ figure }) => figure.target !== undefined);
  if (rows.length === 0) return [];
  const time = rows.some(({ figure }) => figure.unit === 'instructions');
  const body = rows.map(({ figure, on }) => {
    const benchmark = benchmarkOf(latest, figure.id);
    const held = [...on.values()].every(({ value, target }) => target === undefined || value <= target);
    const used = Math.max(...[...on.values()].map((each) => ofTarget(each) ?? 0));
    return [
      `<tr><th scope="row">${escapeXml(figure.title)}</th>`,
      `<td class="number" data-target="${figure.id}">at most ${shown(figure.target ?? 0)} ${unitName(figure.unit)}</td>`,
      ...names.map((name) => {
        const of = on.get(name);
        return of ? number(of, name, benchmark) : none;
      }),
      `<td class="number"><span class="${held ? 'good' : 'bad'}">${held ? '✔' : '✘'} ${shown(Math.round(used))} %</span></td>`,
      ...(time ? [`<td class="number quiet">${derivedTime(figure)}</td>`] : []),
      '</tr>',
    ].join('');
  });
  const head = [
    column('What'),
    column('Target', 'number'),
    ...names.map((name) => column(name, 'number')),
    column('Of the target', 'number'),
    ...(time ? [column('As a time', 'number')] : []),
  ];
  return [
    '<section id="headline"><h2>Targets and what was measured</h2>',
    table(head, body),
    ...(time ? [`<p class="note">As a time: ${DERIVED}; of the newest kernel here.</p>`] : []),
    '<figure><figcaption>How much of its target each figure uses, on each kernel</figcaption>',
    legend(names),
    kernelChart(rows, names),
    '</figure></section>',
  ];
}

/** How what one of very many costs grows. */
function veryMany({ latest, titles }: Report): string[] {
  const growths = growthsOf(latest);
  if (growths.length === 0) return [];
  const body = growths.map((each) => {
    const { benchmark, kernel, many, first, cost, growth, slab, slabGrowth, left } = each;
    const cell = (figure?: Figure) => (figure ? number(figure, kernel, benchmark) : none);
    const title = (titles[benchmark] ?? benchmark).replace(/^Scale: /, '');
    return [
      `<tr><th scope="row"><a href="#${slug(benchmark)}">${escapeXml(title)}</a></th>`,
      `<td class="number">${shown(many)}</td><td class="number">${shown(first)}</td>`,
      ...[cost, growth, slab, slabGrowth, left].map(cell),
      '</tr>',
    ].join('');
  });
  const head = GROWTH_COLUMNS.map((title, index) => column(title, index === 0 ? '' : 'number'));
  return [
    '<section id="very-many"><h2>Very many agents</h2>',
    table(head, body),
    `<p class="note">Growth is in percent. ${escapeXml(GROWTH_NOTE)}</p></section>`,
  ];
}

const legend = (names: string[]) =>
  `<p class="key note">${names.map((name, index) => `<span><i style="background: var(--kernel-${index % 4})"></i>${escapeXml(name)}</span>`).join('')}</p>`;

function figuresTable(rows: Row[], names: string[], benchmark: string): string {
  const body = rows.map(({ figure, on }) => {
    const cells = names.map((name) => {
      const of = on.get(name);
      return of ? number(of, name, benchmark) : none;
    });
    return `<tr id="figure-${slug(figure.id)}"><th scope="row">${escapeXml(figure.title)}</th>${cells.join('')}<td>${unitName(figure.unit)}</td></tr>`;
  });
  return table([column('What'), ...names.map((name) => column(name, 'number')), column('Unit')], body);
}

function notes(rows: Row[]): string {
  const all = [...new Set(rows.flatMap(({ figure }) => (figure.note ? [figure.note] : [])))];
  return all.length > 0
    ? `<ul class="note">${all.map((note) => `<li>${escapeXml(note)}</li>`).join('')}</ul>`
    : '';
}

function missing(results: Stored[]): string {
  const all = new Map(results.flatMap((each) => each.missing.map((one) => [one.title, one.reason])));
  if (all.size === 0) return '';
  const items = [...all].map(
    ([title, reason]) => `<li><strong>${escapeXml(title)}</strong>: ${escapeXml(reason)}</li>`,
  );
  return `<h3>What is not there, and why</h3><ul>${items.join('')}</ul>`;
}

function benchmarkSection(report: Report, [name, results]: [string, Stored[]], names: string[]): string[] {
  const newest = results.find(
    ({ kernel }) => kernel === names.find((each) => results.some((of) => of.kernel === each)),
  );
  const figures = newest?.figures ?? [];
  const rows = rowsOf(results, names);
  const charts = [
    ...groupsOf(figures).map(
      (group) => `<figure><figcaption>${escapeXml(group.title)}</figcaption>${bars(group)}</figure>`,
    ),
    ...figures
      .filter(({ series }) => (series?.length ?? 0) > 1)
      .map((figure) => `<figure><figcaption>${escapeXml(figure.title)}</figcaption>${line(figure)}</figure>`),
  ];
  const on = newest && names.length > 1 ? `<p class="note">Charts show ${escapeXml(newest.kernel)}.</p>` : '';
  return [
    `<section id="${slug(name)}"><h2>${escapeXml(report.titles[name] ?? name)}</h2>`,
    on,
    ...charts,
    '<h3>All figures</h3>',
    figuresTable(rows, names, name),
    notes(rows),
    missing(results),
    '</section>',
  ];
}

function history({ runs, latest }: Report): string[] {
  const rows = [...runs]
    .reverse()
    .map(
      ({ id, startedAt, sources, results }) =>
        `<tr><th scope="row">${escapeXml(startedAt.slice(0, 16).replace('T', ' '))}</th><td>${escapeXml(sources)}</td><td>${[...new Set(results.map(({ kernel }) => kernel))].map(escapeXml).join(', ')}</td><td class="number" data-run="${id}">${results.reduce((sum, { figures }) => sum + figures.length, 0)}</td></tr>`,
    );
  const lines = historyOf(runs, latest);
  const charts = lines.map(
    (each) =>
      `<figure><figcaption>${escapeXml(each.figure.title)}<br><span class="quiet">${escapeXml(each.kernel)}</span></figcaption>${past(each)}</figure>`,
  );
  return [
    '<section id="history"><h2>History</h2>',
    table([column('Run (UTC)'), column('Sources'), column('Kernels'), column('Figures', 'number')], rows),
    ...(charts.length > 0
      ? [
          `<details><summary>${charts.length} figures that were measured more than once</summary><div class="many">`,
          ...charts,
          '</div></details>',
        ]
      : ['<p class="note">No figure was measured in more than one of these runs.</p>']),
    '</section>',
  ];
}

function method({ latest }: Report): string[] {
  const entries = latest.results.map((each) => {
    const facts = { compiler: each.compiler, seconds: shown(each.seconds), ...each.machine };
    const items = Object.entries(facts).map(
      ([key, value]) => `<dt>${escapeXml(key)}</dt><dd>${escapeXml(value)}</dd>`,
    );
    return `<details><summary>${escapeXml(each.benchmark)} on ${escapeXml(each.kernel)}</summary><dl>${items.join('')}</dl></details>`;
  });
  return ['<section id="method"><h2>Machine and method</h2>', ...entries, '</section>'];
}

function rawData({ latest, raw }: Report): string[] {
  const entries = latest.results.map((each) => {
    const texts = Object.entries(raw[rawKey(each)] ?? {}).map(
      ([name, text]) => `<h4>${escapeXml(name)}</h4><pre tabindex="0">${escapeXml(text)}</pre>`,
    );
    const json = escapeXml(JSON.stringify(each, null, 1));
    const title = `${each.benchmark} on ${each.kernel}`;
    return `<section id="${rawId(each)}"><details><summary>${escapeXml(title)}</summary>${texts.join('')}<h4>result</h4><pre tabindex="0">${json}</pre></details></section>`;
  });
  return ['<section id="raw"><h2>Raw data</h2>', ...entries, '</section>'];
}

/* A number leads to what it was made from, which is opened. */
const SCRIPT = `'use strict';
const open = () => { const at = document.getElementById(decodeURIComponent(location.hash.slice(1))); at?.querySelector('details')?.setAttribute('open', ''); at?.scrollIntoView(); };
addEventListener('hashchange', open); if (location.hash) open();`;

/** The report as HTML. */
export function reportPage(report: Report): string {
  const { latest } = report;
  const names = kernelsOf(latest);
  const contents = byBenchmark(latest).map(
    ([name]) => `<li><a href="#${slug(name)}">${escapeXml(report.titles[name] ?? name)}</a></li>`,
  );
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<link rel="icon" href="data:,">',
    `<title>SwarmGuard: benchmarks</title><style>${STYLE}</style></head><body><main>`,
    '<h1>SwarmGuard: benchmarks</h1>',
    `<p>Run of ${escapeXml(latest.startedAt.slice(0, 16).replace('T', ' '))} UTC, sources ${escapeXml(latest.sources)}, on ${names.map(escapeXml).join(', ')}. Instructions are counted by an emulated processor, so they are the same on any machine; they are not times. Every number leads to what it was made from.</p>`,
    `<ul>${contents.join('')}<li><a href="#history">History</a></li><li><a href="#method">Machine and method</a></li><li><a href="#raw">Raw data</a></li></ul>`,
    ...headline(report, names),
    ...veryMany(report),
    ...byBenchmark(latest).flatMap((each) => benchmarkSection(report, each, names)),
    ...history(report),
    ...method(report),
    ...rawData(report),
    `</main><script>${SCRIPT}</script></body></html>`,
    '',
  ].join('\n');
}
