/** swarmctl check: is a policy one, without any kernel. */
import { readFileSync } from 'node:fs';
import { systemError } from '../../error.js';
import { checkRequests, position } from '../../policy/check.js';
import type { OrderFile } from '../../policy/check.js';
import { explain, filled, jsonOf, print, styled, visible } from '../output.js';

/** Options of check. */
export interface CheckOptions {
  readonly for: OrderFile;
  readonly cpus?: number | undefined;
  readonly json?: true | undefined;
  readonly format?: string | undefined;
  readonly quiet?: true | undefined;
}

/** Prints a result for programs, as JSON or by a template; tells if that was asked for. */
function printedAs(
  result: { readonly file: string; readonly ok: boolean; readonly [field: string]: unknown },
  { json, format, quiet }: CheckOptions,
): boolean {
  if (format === undefined && json !== true) return false;
  // A template may show nothing of what is right; --json shows everything.
  if (format === undefined) print(jsonOf(result));
  else if (!result.ok || quiet !== true) print(filled(format, result));
  return true;
}

/** The line that a place is in, and a mark below the place. */
function shown(text: string, line: number, column: number): string[] {
  const whole = Array.from(text.split('\n')[line - 1] ?? '');
  // Long lines are cut so that the place is seen.
  const from = Math.max(0, column - 60);
  const [before, after] = [whole.slice(from, column - 1), whole.slice(column - 1, from + 100)];
  const left = visible(before.join(''));
  return [`  ${left}${visible(after.join(''))}`, `  ${' '.repeat(left.length)}${styled('red', '^')}`];
}

/** The bytes of a file; what is wrong with it is told. */
function bytesOf(path: string, options: CheckOptions): Uint8Array | undefined {
  try {
    return readFileSync(path === '-' ? 0 : path);
  } catch (error) {
    const failure = systemError(path, error);
    const { code = 'EIO', message = '' } = failure as { readonly code?: string; readonly message?: string };
    if (!printedAs({ file: path, ok: false, error: code, field: '', offset: 0, message }, options))
      explain(failure);
    return undefined;
  }
}

/** @returns whether the objects of one file are right. */
function checkFile(path: string, options: CheckOptions): boolean {
  // The kernel is given bytes, which need not be UTF-8.
  const bytes = bytesOf(path, options);
  if (!bytes) return false;
  const cpus = options.cpus === undefined ? {} : { cpus: options.cpus };
  const results = checkRequests(options.for, bytes, cpus);
  if (results.length === 0) {
    const none = { error: 'EINVAL', field: '', offset: 0, message: 'there is no object' };
    if (!printedAs({ file: path, ok: false, line: 1, column: 1, ...none }, options))
      print(`${visible(path)}: ${none.message}`);
    return false;
  }
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  for (const { offset, refusal } of results) {
    const place = position(bytes, offset + (refusal?.offset ?? 0));
    const where = `${visible(path)}:${place.line}:${place.column}`;
    if (printedAs({ file: path, ok: !refusal, ...place, ...refusal }, options)) continue;
    if (refusal) {
      const key = refusal.field === '' ? '' : `${refusal.field}: `;
      print(`${where}: ${visible(`${key}${refusal.message}`)}`);
      for (const each of shown(text, place.line, place.column)) print(each);
    } else if (options.quiet !== true) print(`${where}: ok`);
  }
  return results.every(({ refusal }) => !refusal);
}

/**
 * Checks files of objects, as the kernel would take them.
 * @param paths of files; `-` is standard input
 * @returns the exit status: 1 if anything is wrong.
 */
export function checkCommand(paths: readonly string[], options: CheckOptions): number {
  return paths.map((path) => checkFile(path, options)).every(Boolean) ? 0 : 1;
}
