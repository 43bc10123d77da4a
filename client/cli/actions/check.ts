/** swarmctl check: is a policy one, without any kernel. */
import { readFileSync } from 'node:fs';
import { checkRequests, position } from '../../policy/check.js';
import type { OrderFile } from '../../policy/check.js';
import { jsonOf, print, styled } from '../output.js';

/** Options of check. */
export interface CheckOptions {
  readonly for: OrderFile;
  readonly cpus?: number | undefined;
  readonly json?: true | undefined;
  readonly quiet?: true | undefined;
}

/** The line that a place is in, and a mark below the place. */
function shown(text: string, line: number, column: number): string[] {
  const whole = text.split('\n')[line - 1] ?? '';
  // Long lines are cut so that the place is seen.
  const from = Math.max(0, column - 60);
  return [`  ${whole.slice(from, from + 100)}`, `  ${' '.repeat(column - 1 - from)}${styled('red', '^')}`];
}

/**
 * Checks files of objects, as the kernel would take them.
 * @param paths of files; `-` is standard input
 * @returns the exit status: 1 if anything is wrong.
 */
export function checkCommand(paths: readonly string[], options: CheckOptions): number {
  let status = 0;
  for (const path of paths) {
    const text = readFileSync(path === '-' ? 0 : path, 'utf8');
    const cpus = options.cpus === undefined ? {} : { cpus: options.cpus };
    const results = checkRequests(options.for, text, cpus);
    if (results.length === 0) status = 1;
    if (results.length === 0 && options.json !== true) print(`${path}: there is no object`);
    for (const { offset, refusal } of results) {
      const place = position(text, offset + (refusal?.offset ?? 0));
      if (refusal) status = 1;
      if (options.json === true) print(jsonOf({ file: path, ok: !refusal, ...place, ...refusal }));
      else if (refusal) {
        const key = refusal.field === '' ? '' : `${refusal.field}: `;
        print(`${path}:${place.line}:${place.column}: ${key}${refusal.message}`);
        for (const each of shown(text, place.line, place.column)) print(each);
      } else if (options.quiet !== true) print(`${path}:${place.line}:${place.column}: ok`);
    }
  }
  return status;
}
