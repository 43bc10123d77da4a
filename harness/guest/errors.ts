/** Errors of guests, by what is at fault. */

import { withConsole } from '../util/errors.js';

/** The guest's kernel panicked: once it is up, a finding about what it runs. */
export class GuestPanicError extends Error {
  override readonly name = 'GuestPanicError';

  /**
   * @param message the first line of the panic
   * @param console the tail of what the guest printed on its console
   */
  constructor(message: string, console: string) {
    super(withConsole(message, console));
  }
}

/** The state of a command in a guest when it failed. */
export interface CommandDetails {
  readonly command: string;
  /** Its exit status, as in a shell; none if it did not end. */
  readonly code?: number;
  readonly stdout: string;
  readonly stderr: string;
  /** It was given up because it took too long. */
  readonly timedOut: boolean;
  readonly durationMs: number;
}

/** A command in a guest did not end as it had to. */
export class GuestCommandError extends Error {
  override readonly name = 'GuestCommandError';
  /** The message's facts, for programs. */
  readonly details: CommandDetails | undefined;

  /** @param message what was asked for, how it ended, and what it printed */
  constructor(message: string, details?: CommandDetails) {
    super(message);
    this.details = details;
  }
}
