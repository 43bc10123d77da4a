/** Charts as SVG that takes its colours from the page around it, so that one serves light and dark. */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { h } from 'preact';
import type { VNode } from 'preact';
import type { Figure } from '../figures.js';
import { ofTarget, unitName } from '../numbers.js';
import type { Past, Row } from '../select.js';

const WIDTH = 540;
const { document } = parseHTML('<!doctype html><html><body></body></html>');

const COMPACT = new Intl.NumberFormat('en-US', { notation: 'compact' });
const compact = (value: number) => COMPACT.format(value);

type Options = Parameters<typeof Plot.plot>[0];

/** A drawing as a node of a page. Its own style is left out, as the page has one. */
function nodeOf(drawn: Node): VNode | string | null {
  if (drawn.nodeType === document.TEXT_NODE) return drawn.textContent;
  if (drawn.nodeType !== document.ELEMENT_NODE || drawn.nodeName.toLowerCase() === 'style') return null;
  const element = drawn as Element;
  const attributes = Object.fromEntries([...element.attributes].map(({ name, value }) => [name, value]));
  return h(element.localName, attributes, [...element.childNodes].map(nodeOf));
}

/** @param label what a screen reader is told of the chart */
function svg(label: string, options: Options): VNode {
  const drawn = Plot.plot({ document, width: WIDTH, style: { fontSize: '13px' }, ...options });
  drawn.setAttribute('role', 'img');
  drawn.setAttribute('aria-label', label);
  return <>{nodeOf(drawn)}</>;
}

/** Room for labels on the left, by how long the longest is. */
const roomFor = (labels: readonly string[]) => 20 + Math.max(...labels.map(({ length }) => length)) * 7.2;

/** Wide ranges are shown by their magnitudes, from none on where that was measured too. */
function sizes(values: readonly number[]): { type: 'linear' | 'log' | 'symlog'; ticks: number | number[] } {
  const above = values.filter((value) => value > 0);
  if (Math.max(...above) / Math.min(...above) <= 100) return { type: 'linear', ticks: 6 };
  const powers = Array.from({ length: 12 }, (_, power) => 10 ** power);
  const within = powers.filter((power) => Math.min(...above) <= power && power <= Math.max(...above));
  return above.length === values.length
    ? { type: 'log', ticks: within }
    : { type: 'symlog', ticks: [...new Set(values)] };
}

/** A line chart of a figure's series. */
export function line(figure: Figure): VNode {
  const { series = [], title, unit } = figure;
  const xs = series.map(({ x }) => x);
  const highest = Math.max(...series.map(({ y }) => y), figure.target ?? 0);
  return svg(`${title}, ${unitName(unit)} at each size`, {
    height: 260,
    marginLeft: 70,
    marginBottom: 44,
    marginTop: 30,
    x: { label: 'how many', labelArrow: 'none', ...sizes(xs), tickFormat: compact, grid: true },
    y: {
      label: unitName(unit),
      labelArrow: 'none',
      tickFormat: compact,
      grid: true,
      domain: [0, highest * 1.05 || 1],
      ticks: 5,
    },
    marks: [
      Plot.ruleY([0], { stroke: 'currentColor' }),
      ...(figure.target === undefined
        ? []
        : [Plot.ruleY([figure.target], { stroke: 'var(--target)', strokeDasharray: '5 4' })]),
      Plot.lineY(series, { x: 'x', y: 'y', stroke: 'var(--ours)', strokeWidth: 2 }),
      Plot.dot(series, { x: 'x', y: 'y', fill: 'var(--ours)', r: 4 }),
    ],
  });
}

/** A chart of the share of its target that each figure uses, on each kernel; a figure below zero uses nothing. */
export function kernels(rows: readonly Row[], names: readonly string[]): VNode {
  const points = rows.flatMap(({ figure, on }) =>
    [...on].map(([kernel, of]) => ({ kernel, title: figure.title, percent: Math.max(0, ofTarget(of) ?? 0) })),
  );
  const titles = rows.map(({ figure }) => figure.title);
  const most = Math.max(110, ...points.map(({ percent }) => percent * 1.05));
  return svg('How much of its target each figure uses, on each kernel', {
    width: roomFor(titles) + 480,
    height: 60 + 24 * titles.length,
    marginLeft: roomFor(titles),
    marginRight: 30,
    marginBottom: 40,
    x: { label: '% of the target', labelArrow: 'none', grid: true, domain: [0, most] },
    y: { label: null, domain: titles, tickSize: 0 },
    color: { domain: [...names], range: names.map((_, index) => `var(--kernel-${index % 4})`) },
    symbol: { domain: [...names] },
    marks: [
      Plot.ruleX([100], { stroke: 'var(--target)', strokeDasharray: '5 4' }),
      Plot.dot(points, { x: 'percent', y: 'title', fill: 'kernel', symbol: 'kernel', r: 5 }),
    ],
  });
}

/** A figure over the runs that have it. */
export function past({ figure, kernel, points }: Past): VNode {
  const data = points.map(({ run, value }) => ({ at: new Date(run.startedAt), value }));
  const most = Math.max(1, ...data.map(({ value }) => value), figure.target ?? 0);
  const least = Math.min(0, ...data.map(({ value }) => value));
  return svg(`${figure.title} on ${kernel}, ${unitName(figure.unit)} in each run`, {
    height: 202,
    width: 380,
    marginLeft: 60,
    marginTop: 26,
    marginBottom: 52,
    x: {
      label: 'run (UTC)',
      labelArrow: 'none',
      labelAnchor: 'center',
      type: 'utc',
      ticks: 3,
      tickFormat: (at: Date) => at.toISOString().slice(5, 16).replace('T', ' '),
    },
    y: {
      label: unitName(figure.unit),
      labelArrow: 'none',
      tickFormat: compact,
      grid: true,
      ticks: 4,
      domain: [least, most * 1.05],
    },
    marks: [
      Plot.ruleY([0], { stroke: 'currentColor' }),
      ...(figure.target === undefined
        ? []
        : [Plot.ruleY([figure.target], { stroke: 'var(--target)', strokeDasharray: '5 4' })]),
      Plot.lineY(data, { x: 'at', y: 'value', stroke: 'var(--ours)', strokeWidth: 2 }),
      Plot.dot(data, { x: 'at', y: 'value', fill: 'var(--ours)', r: 4 }),
    ],
  });
}
