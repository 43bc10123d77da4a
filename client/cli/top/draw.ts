/** The screen of top as lines, made of rows and the size of the terminal. Nothing is read or written here. */
import { bytes, duration, visible } from '../output.js';
import { NAME, TOP_COLUMNS } from './columns.js';
import type { TopColumn } from './columns.js';
import { SORTS, sorted } from './rows.js';
import type { Row, Sort } from './rows.js';

/** The size of a terminal, in characters. */
export interface Size {
  readonly rows: number;
  readonly columns: number;
}

/** The choices of the person at the terminal. */
export interface State {
  readonly sort: Sort;
  /** Those whose name has this in it; all if it is empty. */
  readonly filter: string;
  /** The filter is being typed. */
  readonly typing: boolean;
  /** The number of rows above the first one shown. */
  readonly scroll: number;
}

export const START: State = { sort: 'cpu', filter: '', typing: false, scroll: 0 };

/** Facts that top shows beside the rows. */
export interface Facts {
  /** Milliseconds since the oldest look that is shown. */
  readonly age: number;
  /** The number of agents. */
  readonly listed: number;
}

/** Lines of a screen. */
export interface Frame {
  readonly lines: readonly string[];
  /** The line of the titles. */
  readonly titles: number;
  /** The ids of the rows that are shown. */
  readonly ids: readonly number[];
}

/** The lines that are no rows: totals, what is shown, titles, keys. */
const AROUND = 4;

/** Spaces between two columns. */
const GAP = 2;

/** The number of rows that fit on the screen. */
export function page({ rows }: Size): number {
  return Math.max(0, rows - AROUND);
}

/** The rows that the filter lets through, sorted. */
export function chosen(rows: readonly Row[], { sort, filter }: State): Row[] {
  const wanted = filter === '' ? rows : rows.filter(({ name }) => name?.includes(filter) === true);
  return sorted(wanted, sort);
}

/** Cuts a text to a width; `…` stands for what is missing. */
function cut(text: string, width: number): string {
  if (text.length <= width) return text;
  return width <= 0 ? '' : `${text.slice(0, width - 1)}…`;
}

/** As many parts as fit, in their order. */
function fitting(parts: readonly string[], width: number): string {
  let line = '';
  for (const part of parts) {
    const longer = line === '' ? part : `${line}   ${part}`;
    if (longer.length > width && line !== '') return line;
    line = longer;
  }
  return cut(line, width);
}

const number = new Intl.NumberFormat('en');

function totals(rows: readonly Row[], { listed }: Facts, width: number): string {
  const sum = (key: (row: Row) => number) => rows.reduce((total, row) => total + key(row), 0);
  const running = rows.filter(({ state }) => state === 'running').length;
  const seen = number.format(rows.length);
  const count = listed > rows.length ? `${seen} of ${number.format(listed)}` : seen;
  return fitting(
    [
      `${count} ${count === '1' ? 'agent' : 'agents'}, ${number.format(running)} running`,
      `cpu ${sum(({ cpu }) => cpu).toFixed(0)}%`,
      `memory ${bytes(sum(({ memory = 0 }) => memory))}`,
      `pids ${number.format(sum(({ pids }) => pids))}`,
      `denied ${number.format(sum(({ violations }) => violations))}`,
      `throttled ${duration(sum(({ throttled_usec }) => throttled_usec))}`,
    ],
    width,
  );
}

function about(state: State, shown: number, all: number, { age }: Facts, width: number): string {
  const { sort, filter, typing, scroll } = state;
  const first = Math.min(all, scroll + 1);
  return fitting(
    [
      `by ${sort}`,
      ...(typing ? [`filter: ${filter}_`] : filter === '' ? [] : [`filter: ${filter}`]),
      shown === 0
        ? 'none to show'
        : `${number.format(first)}-${number.format(scroll + shown)} of ${number.format(all)}`,
      `seen in the last ${duration(Math.max(age, 100) * 1000)}`,
    ],
    width,
  );
}

function keys(typing: boolean, width: number): string {
  return fitting(
    typing
      ? ['Enter: keep the filter', 'Esc: drop it']
      : ['q: quit', 's: sort', '/: filter', 'arrows: scroll'],
    width,
  );
}

/** The columns that there is room for, with their widths; the name gets what is left, and is cut if it must be. */
function layout(rows: readonly Row[], sort: Sort, total: number): { column: TopColumn; width: number }[] {
  const needed = (column: TopColumn) =>
    Math.max(column.width, column.title.length, ...rows.map((row) => visible(column.value(row)).length));
  let columns = TOP_COLUMNS.map((column) => ({ column, width: needed(column) }));
  const least = (list: typeof columns) =>
    list.reduce((sum, { column, width }) => sum + (column === NAME ? Math.min(width, 12) : width), 0) +
    GAP * (list.length - 1);
  const spareOf = (column: TopColumn) => (column.sort === sort ? 0 : column.spare);
  while (least(columns) > total) {
    const spare = Math.max(...columns.map(({ column }) => spareOf(column)));
    if (spare === 0) break;
    columns = columns.filter(({ column }) => spareOf(column) !== spare);
  }
  const others = columns.reduce((sum, { column, width }) => sum + (column === NAME ? 0 : width), 0);
  const room = Math.max(1, total - others - GAP * (columns.length - 1));
  return columns.map((each) =>
    each.column === NAME ? { ...each, width: Math.min(each.width, room) } : each,
  );
}

function cells(texts: readonly string[], columns: readonly { column: TopColumn; width: number }[]): string {
  return columns
    .map(({ column, width }, index) => {
      const text = cut(texts[index] ?? '', width);
      return column.right === true ? text.padStart(width) : text.padEnd(width);
    })
    .join(' '.repeat(GAP));
}

/**
 * Draws a screen: as many lines as it has rows, none longer than it is wide.
 * @param rows of all agents
 */
export function draw(
  rows: readonly Row[],
  size: Size,
  state: State,
  facts: Facts = { age: 0, listed: 0 },
): Frame {
  const all = chosen(rows, state);
  const shown = all.slice(state.scroll, state.scroll + page(size));
  const columns = layout(shown, state.sort, size.columns);
  const lines = [
    totals(rows, facts, size.columns),
    about(state, shown.length, all.length, facts, size.columns),
    cells(
      columns.map(({ column }) => column.title),
      columns,
    ),
    ...shown.map((row) =>
      cells(
        columns.map(({ column }) => visible(column.value(row))),
        columns,
      ),
    ),
  ];
  const blank = Array.from({ length: Math.max(0, size.rows - 1 - lines.length) }, () => '');
  const screen = [...lines, ...blank, keys(state.typing, size.columns)].slice(0, size.rows);
  return {
    lines: screen.map((line) => cut(line.trimEnd(), size.columns)),
    titles: 2,
    ids: shown.map(({ id }) => id),
  };
}

/**
 * The state after a key is pressed, or undefined to quit. A key is the bytes that a terminal sends, such as `\x1b[A`
 * for the arrow up.
 */
export function pressed(key: string, state: State, rows: readonly Row[], size: Size): State | undefined {
  if (key === '\x03') return undefined;
  return state.typing ? typed(key, state) : commanded(key, state, chosen(rows, state).length, size);
}

/** The names of agents have no other characters. */
const NAME_CHARACTER = /^[A-Za-z0-9._-]$/;

function typed(key: string, state: State): State {
  if (key === '\r' || key === '\n') return { ...state, typing: false };
  if (key === '\x1b') return { ...state, typing: false, filter: '', scroll: 0 };
  if (key === '\x7f' || key === '\b') return { ...state, filter: state.filter.slice(0, -1), scroll: 0 };
  return NAME_CHARACTER.test(key) ? { ...state, filter: state.filter + key, scroll: 0 } : state;
}

function commanded(key: string, state: State, all: number, size: Size): State | undefined {
  const to = (scroll: number) => ({ ...state, scroll: Math.max(0, Math.min(scroll, all - page(size))) });
  switch (key) {
    case 'q':
      return undefined;
    case 's':
      return { ...state, sort: SORTS[(SORTS.indexOf(state.sort) + 1) % SORTS.length] ?? 'cpu', scroll: 0 };
    case '/':
      return { ...state, typing: true };
    case '\x1b':
      return { ...state, filter: '', scroll: 0 };
    case '\x1b[A':
    case '\x1bOA':
    case 'k':
      return to(state.scroll - 1);
    case '\x1b[B':
    case '\x1bOB':
    case 'j':
      return to(state.scroll + 1);
    case '\x1b[5~':
      return to(state.scroll - page(size));
    case '\x1b[6~':
    case ' ':
      return to(state.scroll + page(size));
    case '\x1b[H':
    case '\x1b[1~':
      return to(0);
    case '\x1b[F':
    case '\x1b[4~':
      return to(all);
    default:
      return state;
  }
}

/** Rows go, and the terminal grows: what is shown still begins at a row that there is. */
export function settled(state: State, rows: readonly Row[], size: Size): State {
  const most = Math.max(0, chosen(rows, state).length - page(size));
  return state.scroll > most ? { ...state, scroll: most } : state;
}

/** Splits what a terminal has sent into keys. */
export function keysOf(text: string): string[] {
  return text.match(/\x1b\[[0-9;]*[A-Za-z~]|\x1bO[A-Z]|[\s\S]/g) ?? [];
}
