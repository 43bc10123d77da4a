/** swarmctl doctor: whether agents can run here, and what to do about it. */
import { VERDICTS } from '../../doctor/check.js';
import type { Verdict } from '../../doctor/check.js';
import { canRun, examine } from '../../doctor/checks.js';
import type { Examined } from '../../doctor/checks.js';
import { factsOf } from '../../doctor/facts.js';
import { filled, jsonOf, print, styled } from '../output.js';

/** Options of doctor. */
export interface DoctorOptions {
  readonly json?: true | undefined;
  readonly format?: string | undefined;
  readonly quiet?: true | undefined;
  readonly root?: string | undefined;
}

const STYLES = { ok: 'green', note: 'cyan', warning: 'yellow', failure: 'red' } as const satisfies Record<
  Verdict,
  string
>;

/** Words in lines of a width; a word that is longer has a line of its own. */
function wrapped(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}

const VERDICT_WIDTH = Math.max(...VERDICTS.map((verdict) => verdict.length)) + 2;

/**
 * The report for people.
 * @param width of the terminal
 */
export function report(examined: readonly Examined[], width: number): string[] {
  const idWidth = Math.max(...examined.map(({ id }) => id.length), 0) + 2;
  const indent = ' '.repeat(VERDICT_WIDTH + idWidth);
  const space = Math.max(30, width - indent.length);
  return examined.flatMap(({ id, verdict, found, todo, unseen }) => {
    const [first = '', ...rest] = wrapped(found, space);
    const more = [
      ...(todo === undefined ? [] : wrapped(`→ ${todo}`, space)),
      ...(unseen === undefined ? [] : wrapped(`(not allowed to read ${unseen.join(', ')})`, space)),
    ];
    return [
      `${styled(STYLES[verdict], verdict.padEnd(VERDICT_WIDTH))}${id.padEnd(idWidth)}${first}`,
      ...rest.map((line) => `${indent}${line}`),
      ...more.map((line) => `${indent}${styled('dim', line)}`),
    ];
  });
}

/** The last line: can agents run here? */
export function summary(examined: readonly Examined[]): string {
  const failed = examined.filter(({ verdict }) => verdict === 'failure').map(({ id }) => id);
  if (failed.length > 0) return `Agents cannot run here: ${failed.join(', ')}.`;
  const counted = (verdict: Verdict) => {
    const count = examined.filter((each) => each.verdict === verdict).length;
    return count === 0 ? [] : [`${count} ${verdict}${count === 1 ? '' : 's'}`];
  };
  const rest = [...counted('warning'), ...counted('note')].join(', ');
  return `Agents can run here${rest === '' ? '' : `: ${rest}`}.`;
}

/**
 * Prints what every check finds.
 * @returns the exit status: 0 if agents can run here, 1 if not.
 */
export function doctorCommand({ json, format, quiet, root }: DoctorOptions): number {
  const all = examine(factsOf(root));
  const runnable = canRun(all);
  const shown = quiet === true ? all.filter(({ verdict }) => verdict !== 'ok') : all;
  if (format !== undefined) {
    for (const each of shown) print(filled(format, each));
    return runnable ? 0 : 1;
  }
  if (json === true) {
    print(jsonOf({ runnable, checks: all }));
    return runnable ? 0 : 1;
  }
  for (const line of report(shown, process.stdout.isTTY ? process.stdout.columns : 100)) print(line);
  if (shown.length > 0) print('');
  print(styled(runnable ? 'bold' : ['bold', 'red'], summary(all)));
  return runnable ? 0 : 1;
}
