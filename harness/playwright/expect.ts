/** Playwright's `expect`, with what is expected of commands in guests. */
import { expect as base } from '@playwright/test';
import type { CommandOutcome } from '../guest/errors.js';
import { quoted } from '../util/errors.js';

const indented = (text: string) => text.trimEnd().replace(/^/gm, '    ');

/** A command and its output, as somebody reads it who was not there. */
function told({ command, code, signal, stdout, stderr, durationMs }: CommandOutcome): string {
  const ended = code === undefined ? 'did not end' : `exit ${code}${signal ? ` (${signal})` : ''}`;
  const printed = [stderr, stdout].filter((text) => text !== '').map((text) => indented(quoted(text)));
  return [`guest# ${command}`, `  ${ended}, ${(durationMs / 1000).toFixed(1)} s`, ...printed].join('\n');
}

/** The last commands that a guest was given, with a heading; nothing if there are none. */
export function toldBefore(history: readonly CommandOutcome[] = []): string[] {
  return history.length > 0 ? ['--- before it ---', ...history.map(told)] : [];
}

/** Playwright's `expect`, with matchers for commands in guests. */
export const expect = base.extend({
  /**
   * Expects a command to end with an exit status. What it has printed, and what the guest was told before,
   * is in the message.
   * @param outcome what a guest's exec() returns
   * @param code the exit status
   */
  toExit(outcome: CommandOutcome & { readonly before?: readonly CommandOutcome[] }, code: number) {
    const pass = outcome.code === code;
    return {
      pass,
      name: 'toExit',
      expected: code,
      actual: outcome.code,
      message: () =>
        [
          `expected${this.isNot ? ' any exit status but' : ' exit status'} ${code}`,
          told(outcome),
          ...toldBefore(outcome.before),
        ].join('\n'),
    };
  },
});
