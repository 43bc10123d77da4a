/** The one chart that the README shows: what it takes to start an isolated process. */
import { escapeXml } from '../harness/util/xml.js';
import { shown } from './numbers.js';
import { groupsOf, kernelsOf } from './select.js';
import type { Group } from './select.js';
import type { Run } from './store.js';

/** The benchmark, and the quantity of it that is drawn. */
const BENCHMARK = 'starts';
const QUANTITY = 'starts/process';

/** The chart's path, from the repository. */
export const PICTURE = 'docs/cost.svg';

const WIDTH = 760;
const ROW = 30;
/** Room for the labels on the left, and for a number behind the longest bar. */
const LABELS = 215;
const NUMBERS = 95;

/** Colours of an image that is shown on its own, on a light or a dark page. */
const STYLE = `text { font: 14px system-ui, sans-serif; fill: #1b1f24; }
.ours { fill: #2a78d6; } .peer { fill: #b3b9c0; }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .ours { fill: #4a94ec; } .peer { fill: #5d6671; } }`;

/** The starts of a run on the newest kernel that they were measured on, or undefined if they were not. */
function starts(run: Run): Group | undefined {
  const results = run.results.filter(({ benchmark }) => benchmark === BENCHMARK);
  const [newest] = kernelsOf({ ...run, results });
  const figures = results.find(({ kernel }) => kernel === newest)?.figures ?? [];
  return groupsOf(figures).find(({ id }) => id === QUANTITY);
}

/** The figures of a chart in words, the least first. */
const figuresOf = ({ bars }: Group) =>
  [...bars]
    .sort((a, b) => a.figure.value - b.figure.value)
    .map(({ figure: { value }, label, ours }) => ({ value, label, ours, text: shown(value) }));

/** The chart in words, for readers who cannot see it. */
function description(group: Group): string {
  const figures = figuresOf(group).map(({ label, text }) => `${label} ${text}`);
  return `${group.title}, in ${group.unit}: ${figures.join('; ')}`;
}

/** A bar of a chart: what it stands for, its length, the number beside it, and whether it is SwarmGuard's. */
export interface DrawnBar {
  readonly label: string;
  readonly value: number;
  readonly text: string;
  readonly ours: boolean;
}

/**
 * A bar chart as an SVG file of its own.
 * @param title the chart in words
 * @param labels room for the labels on the left, in pixels
 */
export function barChart(title: string, figures: readonly DrawnBar[], labels = LABELS): string {
  const most = Math.max(...figures.map(({ value }) => value));
  const rows = figures.flatMap(({ value, label, ours, text }, index) => {
    const length = Math.round((value / most) * (WIDTH - labels - NUMBERS));
    const [top, middle] = [index * ROW, index * ROW + 20];
    return [
      `<text x="${labels - 10}" y="${middle}" text-anchor="end">${escapeXml(label)}</text>`,
      `<rect class="${ours ? 'ours' : 'peer'}" x="${labels}" y="${top + 4}" width="${length}" height="${ROW - 8}"/>`,
      `<text x="${labels + length + 8}" y="${middle}">${text}</text>`,
    ];
  });
  const height = figures.length * ROW;
  const size = `width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" role="img" ${size}>`,
    `<title>${escapeXml(title)}</title>`,
    `<style>${STYLE}</style>`,
    ...[...rows, '</svg>', ''],
  ].join('\n');
}

/** The chart as a file, or undefined if the run has nothing to draw. */
export function picture(run: Run): string | undefined {
  const group = starts(run);
  return group && barChart(description(group), figuresOf(group));
}

/** The chart as a document at the root of the repository shows it, with its figures for who cannot see it. */
export function pictureReference(run: Run): string | undefined {
  const group = starts(run);
  return group && `![${description(group)}](${PICTURE})`;
}
