/** Progress for people: what is being done, and for how long. */
import { appendFileSync } from 'node:fs';
import { clearLine, cursorTo } from 'node:readline';
import { run } from './run.js';

const QUIET_MS = 2000;

let subject = '';

/** Says what the steps from now on are for, in the file that is told of them. */
export function stepsFor(name: string): void {
  subject = name;
}

/** A line of JSON for each step, in the file that the run names for it. */
function note(title: string, start: number): void {
  const { steps } = run();
  if (steps)
    appendFileSync(steps, `${JSON.stringify({ for: subject, title, ms: performance.now() - start })}\n`);
}

/** Seconds since `start` (a {@link performance.now} value), with one decimal. */
function seconds(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}

/** Empties the line of the terminal, to be written anew. */
function eraseLine(): void {
  cursorTo(process.stderr, 0);
  clearLine(process.stderr, 0);
}

/**
 * Runs a step and shows it on standard error: on a terminal a line that counts the seconds, elsewhere
 * one line when it begins to take long and one at its end. A step of under two seconds shows nothing
 * off a terminal.
 */
export async function step<T>(title: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const tty = process.stderr.isTTY;
  const announce = () => {
    if (tty) eraseLine();
    process.stderr.write(tty ? `… ${title} ${seconds(start)}` : `… ${title}\n`);
  };
  const timer = tty ? setInterval(announce, 500) : setTimeout(announce, QUIET_MS);
  const clear = () => {
    clearInterval(timer);
    if (tty) eraseLine();
  };
  try {
    const result = await work();
    clear();
    note(title, start);
    if (performance.now() - start >= QUIET_MS) process.stderr.write(`✔ ${title} ${seconds(start)}\n`);
    return result;
  } catch (error) {
    clear();
    process.stderr.write(`✘ ${title} ${seconds(start)}\n`);
    throw error;
  }
}
