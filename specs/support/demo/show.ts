/** The output of the demonstration: what is typed, what was expected, what was seen. */
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { styleText } from 'node:util';

const tty = process.stdout.isTTY;
// One format at a time: given several, Node 20 does not ask whether there is a terminal.
const paint = (format: Parameters<typeof styleText>[0] & string) => (text: string) => styleText(format, text);
const bold = paint('bold');
const dim = paint('dim');
const red = paint('red');
const green = paint('green');
const yellow = paint('yellow');
const cyan = paint('cyan');

/** The time that typing a character takes, in milliseconds. */
const TYPING_MS = tty ? 6 : 0;

/** The printer of the demonstration: it types commands, compares outcomes with those expected, and counts differences. */
export class Show {
  readonly #out: Writable;
  #steps = 0;
  #differences = 0;
  readonly #start = performance.now();

  /** @param out where it is printed; the terminal by default */
  constructor(out: Writable = process.stdout) {
    this.#out = out;
  }

  #print(line: string): void {
    this.#out.write(`${line}\n`);
  }

  /** Begins a step. */
  step(title: string): void {
    this.#steps += 1;
    this.#print(`\n${bold(`${this.#steps}. ${title}`)}`);
  }

  /** Shows a line as it is typed at a prompt. */
  async typed(prompt: string, line: string): Promise<void> {
    this.#out.write(`   ${cyan(prompt)} `);
    for (const character of line) {
      this.#out.write(character);
      if (TYPING_MS > 0) await sleep(TYPING_MS);
    }
    this.#out.write('\n');
  }

  /** Shows what was printed. */
  printed(text: string): void {
    if (text) this.#print(text.replace(/^/gm, '   '));
  }

  /** Says something about what is going on. */
  note(text: string): void {
    this.#print(`   ${dim(text)}`);
  }

  /** A bar for a share of one CPU, redrawn in place on a terminal. */
  meter(label: string, percent: number): void {
    const width = 40;
    const filled = Math.min(width, Math.round((percent / 100) * width));
    const bar = `${yellow('█'.repeat(filled))}${dim('░'.repeat(width - filled))}`;
    this.#print(`   ${label} ${bar} ${percent.toFixed(0).padStart(3)} %`);
  }

  /**
   * Compares what was seen with what was expected.
   * @param expected the text itself, or a test with its description
   */
  check(what: string, seen: string, expected: string | { text: string; holds: boolean }): void {
    const { text, holds } =
      typeof expected === 'string' ? { text: expected, holds: seen === expected } : expected;
    if (!holds) this.#differences += 1;
    const mark = holds ? green('✔') : red('✘');
    const [left, right] = [`${dim('expected')} ${text}`, `${dim('seen')} ${seen}`];
    if (text.length + seen.length < 50) this.#print(`   ${mark} ${what.padEnd(36)} ${left}, ${right}`);
    else this.#print(`   ${mark} ${what}\n       ${left}\n       ${right}`);
  }

  /** Prints the summary; true if everything was as expected. */
  end(): boolean {
    const seconds = ((performance.now() - this.#start) / 1000).toFixed(0);
    const steps = `${this.#steps} steps in ${seconds} s`;
    if (this.#differences === 0) this.#print(`\n${green(bold(`Everything was as expected: ${steps}`))}`);
    else this.#print(`\n${red(bold(`${this.#differences} differences from what was expected: ${steps}`))}`);
    return this.#differences === 0;
  }
}
