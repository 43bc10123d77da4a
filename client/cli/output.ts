/** The output of swarmctl: tables for people, JSON and templates for programs. */
import { styleText } from 'node:util';
import { DECEPTIVE } from '../bytes.js';
import { SwarmError } from '../error.js';
import { progress } from './progress.js';

/** The output format that a command was asked for. */
export interface Printing {
  readonly json?: true | undefined;
  readonly format?: string | undefined;
}

/** A column of a table. */
export interface Column<T> {
  readonly title: string;
  readonly value: (row: T) => string;
  /** Numbers stand to the right. */
  readonly right?: boolean;
}

type Style = Parameters<typeof styleText>[0];

/** Text in a style, if the stream is a terminal and nobody has asked for none (NO_COLOR). */
export function styled(
  style: Style,
  text: string,
  stream: Pick<NodeJS.WriteStream, 'isTTY'> = process.stdout,
): string {
  const plain = !stream.isTTY || (process.env['NO_COLOR'] ?? '') !== '';
  // By itself it would ask whether standard output is a terminal, whichever stream this is for.
  return plain ? text : styleText(style, text, { validateStream: false });
}

/** Rows of a table as lines, the titles first; what a terminal would obey is shown. */
export function table<T>(columns: readonly Column<T>[], rows: readonly T[]): string[] {
  const cells = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map(({ value }) => visible(value(row)))),
  ];
  const widths = columns.map((_, index) =>
    cells.reduce((most, row) => Math.max(most, row[index]?.length ?? 0), 0),
  );
  return cells.map((row) =>
    row
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        return columns[index]?.right === true ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
}

/** A field of an object, and nothing that every object has. */
function own(object: object, name: string): unknown {
  return Object.hasOwn(object, name) ? (object as Readonly<Record<string, unknown>>)[name] : undefined;
}

/** The value at a path of an object: `usage.memory`. */
function at(value: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (inner, name) => (typeof inner === 'object' && inner !== null ? own(inner, name) : undefined),
      value,
    );
}

/**
 * Fills a template: `{{.id}} {{.usage.memory}}`, with the fields that --json shows; `{{json .}}` is all of them.
 * A field that an object lacks is empty.
 * @throws {SwarmError} if something in braces is neither.
 */
export function filled(template: string, value: object): string {
  return template.replace(/\{\{(.*?)\}\}/g, (_, inside: string) => {
    const [, json, path] = /^\s*(json\s+)?\.([\w.]*)\s*$/.exec(inside) ?? [];
    if (path === undefined)
      throw new SwarmError('EINVAL', `--format: {{${inside}}} is no field`, {
        hint: 'write fields as --json shows them: {{.id}}, {{.usage.memory}}, {{json .policy}}',
      });
    const found = path === '' ? value : at(value, path);
    if (json !== undefined) return jsonOf(found ?? null);
    return typeof found === 'string'
      ? visible(found)
      : found === undefined || found === null
        ? ''
        : jsonOf(found);
  });
}

/** Every one of them. */
const ALL = new RegExp(DECEPTIVE, 'gu');

/** The same, but for newlines: JSON has no others than those between its lines. */
const ALL_IN_LINES = new RegExp(`(?!\n)${DECEPTIVE.source}`, 'gu');

/**
 * Text that somebody else has chosen, such as the name of a process, without what a terminal would obey or hide: such
 * characters are shown as \\x1b or \\u{202e}.
 */
export function visible(text: string): string {
  return text.replace(ALL, (character) => {
    const hex = (character.codePointAt(0) ?? 0).toString(16);
    return hex.length <= 2 ? `\\x${hex.padStart(2, '0')}` : `\\u{${hex}}`;
  });
}

/** A value as JSON that a terminal shows as it is: it is the same value. */
export function jsonOf(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(ALL_IN_LINES, (character) =>
    Array.from(
      { length: character.length },
      (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
    ).join(''),
  );
}

/** Prints a line. */
export function print(line: string): void {
  progress.erase();
  process.stdout.write(`${line}\n`);
}

/** Prints a line, and resolves when it is written: for those who end the process, or who must know. */
export async function printed(line: string): Promise<void> {
  progress.erase();
  await new Promise<void>((resolve) => {
    process.stdout.write(`${line}\n`, (error) => {
      // The stream tells of an error itself, and swarmctl ends with that.
      if (!error) resolve();
    });
  });
}

/** Says something to the person at the terminal, apart from what a program reads. */
export function say(line: string): void {
  progress.erase();
  process.stderr.write(`swarmctl: ${line}\n`);
}

/** A message, which may have several lines. */
function readable(message: string): string {
  return message.split('\n').map(visible).join('\n');
}

/** Prints an error: what was wrong, where, and what to do. */
export function explain(error: unknown): void {
  progress.erase();
  const red = styled('red', 'swarmctl:', process.stderr);
  if (error instanceof AggregateError) {
    error.errors.forEach(explain);
    return;
  }
  if (!(error instanceof SwarmError)) {
    console.error(`${red} ${readable(error instanceof Error ? error.message : String(error))}`);
    return;
  }
  const where = ['', 'argv', 'process'].includes(error.field) ? '' : `${error.field}: `;
  console.error(`${red} ${readable(`${where}${error.message} (${error.code})`)}`);
  if (error.hint !== '') console.error(`${styled('dim', 'hint:', process.stderr)} ${readable(error.hint)}`);
}

/**
 * Prints one thing as it was asked for.
 * @param people lines for people
 */
export function show(value: object, { json, format }: Printing, people: () => readonly string[]): void {
  if (format !== undefined) print(filled(format, value));
  else if (json) print(jsonOf(value));
  else for (const line of people()) print(line);
}

const UNITS = ['', 'K', 'M', 'G', 'T', 'P'];

/** Bytes for people: 256M, 1.5G. */
export function bytes(count: number): string {
  const power = count < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(count) / 10));
  const value = count / 1024 ** power;
  return `${Number.isInteger(value) || value >= 100 ? Math.round(value) : value.toFixed(1)}${UNITS[power] ?? ''}`;
}

/** A past time for people, by this machine's clock: 14:05 of today, and else 2026-12-01. */
export function clock(time: Date, now = new Date()): string {
  const two = (number: number) => String(number).padStart(2, '0');
  return time.toDateString() === now.toDateString()
    ? `${two(time.getHours())}:${two(time.getMinutes())}`
    : `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
}

/** Microseconds for people: 12ms, 3.4s, 2h05m. */
export function duration(usec: number): string {
  const seconds = usec / 1_000_000;
  if (seconds < 1) return `${Math.round(usec / 1000)}ms`;
  if (seconds < 60) return `${seconds.toFixed(1)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${String(Math.floor(seconds % 60)).padStart(2, '0')}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours}h${String(minutes % 60).padStart(2, '0')}m`;
  return `${Math.floor(hours / 24)}d${String(hours % 24).padStart(2, '0')}h`;
}
