/** The screen of a terminal as SVG. */
import headless from '@xterm/headless';
import { escapeXml } from '../../../harness/util/xml.js';
import type { IBufferCell, IBufferLine } from '@xterm/headless';

/** Pixels of a character. */
const WIDTH = 8.4;
const HEIGHT = 18;
/** Pixels around the text. */
const MARGIN = 14;

/** The first sixteen colours, bright enough on the dark background. */
const COLOURS = [
  ...['#2e3436', '#ef5350', '#66bb6a', '#d4b106', '#5c93d6', '#a77bc0', '#26b5b8', '#d3d7cf'],
  ...['#555753', '#ef2929', '#8ae234', '#fce94f', '#729fcf', '#ad7fa8', '#34e2e2', '#eeeeec'],
];
const FOREGROUND = '#e6e6e6';
const BACKGROUND = '#16191d';

/** Text in one style. */
interface Run {
  text: string;
  readonly column: number;
  readonly style: string;
  readonly background: string | undefined;
}

/** A colour of the palette of 256: the sixteen, a cube of six by six by six, and greys. */
function palette(index: number): string {
  const named = COLOURS[index];
  if (named !== undefined) return named;
  if (index >= 232)
    return `rgb(${Array(3)
      .fill(8 + (index - 232) * 10)
      .join()})`;
  const level = (digit: number) => (digit === 0 ? 0 : 55 + digit * 40);
  const rest = index - 16;
  return `rgb(${[Math.floor(rest / 36), Math.floor(rest / 6) % 6, rest % 6].map(level).join()})`;
}

function colour(isDefault: boolean, isRgb: boolean, value: number): string | undefined {
  if (isDefault) return undefined;
  return isRgb ? `#${value.toString(16).padStart(6, '0')}` : palette(value);
}

function styleOf(cell: IBufferCell): Pick<Run, 'style' | 'background'> {
  const own = colour(cell.isFgDefault(), cell.isFgRGB(), cell.getFgColor());
  const behind = colour(cell.isBgDefault(), cell.isBgRGB(), cell.getBgColor());
  const isInverse = cell.isInverse() !== 0;
  const fill = isInverse ? (behind ?? BACKGROUND) : own;
  const style = [
    fill === undefined ? '' : ` fill="${fill}"`,
    cell.isBold() === 0 ? '' : ' font-weight="bold"',
    cell.isDim() === 0 ? '' : ' opacity="0.65"',
    cell.isUnderline() === 0 ? '' : ' text-decoration="underline"',
  ].join('');
  return { style, background: isInverse ? (own ?? FOREGROUND) : behind };
}

function runsOf(line: IBufferLine): Run[] {
  const runs: Run[] = [];
  for (let column = 0; column < line.length; column++) {
    const cell = line.getCell(column);
    // The second half of a wide character has no width.
    if (!cell || cell.getWidth() === 0) continue;
    const text = cell.getChars() === '' ? ' ' : cell.getChars();
    const { style, background } = styleOf(cell);
    const last = runs.at(-1);
    if (last?.style === style && last.background === background) last.text += text;
    else runs.push({ text, column, style, background });
  }
  return runs;
}

/** Words that one space parts stay together; more would be lost where pictures are drawn without `white-space`. */
function pieces({ text, column }: Run): { readonly text: string; readonly column: number }[] {
  return [...text.matchAll(/\S+(?: \S+)*/g)].map((match) => ({
    text: match[0],
    column: column + match.index,
  }));
}

const across = (column: number) => (MARGIN + column * WIDTH).toFixed(1);

function drawn(run: Run, row: number): string {
  const { column, style, background, text } = run;
  const top = MARGIN + row * HEIGHT;
  const box =
    background === undefined
      ? []
      : [
          `<rect x="${across(column)}" y="${top}" width="${(text.length * WIDTH).toFixed(1)}" height="${HEIGHT}" fill="${background}"/>\n`,
        ];
  const shown = pieces(run).map((piece) => {
    const length = (piece.text.length * WIDTH).toFixed(1);
    return `<text x="${across(piece.column)}" y="${top + 13}" textLength="${length}"${style}>${escapeXml(piece.text)}</text>\n`;
  });
  return [...box, ...shown].join('');
}

/**
 * Draws what a terminal shows after it was given some output: all lines, also those that have scrolled away.
 * @param output what programs have printed, with escape sequences
 * @param columns the width of the terminal
 * @param title what a reader is told who does not see the picture
 * @returns an SVG document.
 */
export async function svgOf(output: string, columns: number, title: string): Promise<string> {
  const terminal = new headless.Terminal({
    cols: columns,
    rows: 24,
    scrollback: 1000,
    allowProposedApi: true,
  });
  await new Promise<void>((resolve) => {
    terminal.write(output, resolve);
  });
  const { active } = terminal.buffer;
  const lines = Array.from({ length: active.length }, (_, row) => active.getLine(row));
  const last = lines.findLastIndex((line) => (line?.translateToString(true) ?? '') !== '');
  const rows = lines.slice(0, last + 1).map((line) => (line ? runsOf(line) : []));
  terminal.dispose();
  const width = Math.ceil(columns * WIDTH + 2 * MARGIN);
  const height = rows.length * HEIGHT + 2 * MARGIN;
  const body = rows.map((runs, row) => runs.map((run) => drawn(run, row)).join('')).join('');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="${BACKGROUND}"/>`,
    `<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" fill="${FOREGROUND}">`,
    `${body}</g>`,
    '</svg>\n',
  ].join('\n');
}
