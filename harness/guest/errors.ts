/** Errors of guests, by what is at fault. */

import { quoted, withConsole } from '../util/errors.js';

/** The guest's kernel panicked: once it is up, a finding about what it runs. */
export class GuestPanicError extends Error {
  /** The name of the class. */
  override readonly name = 'GuestPanicError';

  /**
   * @param message the first line of the panic
   * @param console the tail of what the guest printed on its console
   */
  constructor(message: string, console: string) {
    super(withConsole(message, console));
  }
}

/** The guest was reset or powered off by what runs in it, without a panic: a finding about what it runs. */
export class GuestShutdownError extends Error {
  /** The name of the class. */
  override readonly name = 'GuestShutdownError';

  /**
   * @param reason what QEMU calls it: guest-reset or guest-shutdown
   * @param console the tail of what the guest printed on its console
   */
  constructor(reason: string, console: string) {
    const what = reason === 'guest-reset' ? 'was reset' : 'was powered off';
    super(withConsole(`the guest ${what} from inside, without a panic (${reason})`, console));
  }
}

/** The end of a command in a guest, or how far it had come. */
export interface CommandOutcome {
  /** The shell line. */
  readonly command: string;
  /** Its exit status; 128 and the number of the signal where one killed it, as a shell says it; none if it did not end. */
  readonly code?: number | undefined;
  /** The signal that killed it, such as SIGKILL. */
  readonly signal?: string | undefined;
  /** Its standard output. */
  readonly stdout: string;
  /** Its standard error. */
  readonly stderr: string;
  /** It was given up because it took too long. */
  readonly timedOut: boolean;
  /** Milliseconds from its start to its end, or until it was given up. */
  readonly durationMs: number;
}

/** A command in a guest did not end as it had to. */
export class GuestCommandError extends Error {
  /** The name of the class. */
  override readonly name = 'GuestCommandError';
  /** The shell line; undefined if the error is about no single command. */
  readonly command: string | undefined;
  /** Its exit status, as in {@link CommandOutcome}; undefined if it did not end. */
  readonly code: number | undefined;
  /** The signal that killed it, such as SIGKILL. */
  readonly signal: string | undefined;
  /** Its standard output, as far as it came. */
  readonly stdout: string;
  /** Its standard error, as far as it came. */
  readonly stderr: string;
  /** It was given up because it took too long. */
  readonly timedOut: boolean;
  /** Milliseconds from its start to its end, or until it was given up. */
  readonly durationMs: number | undefined;

  /**
   * @param what went wrong; the message adds the command and what it has printed, if that is long without its middle
   * @param outcome how far it had come, and what caused the error
   */
  constructor(what: string, outcome: Partial<CommandOutcome> & ErrorOptions = {}) {
    const { command, code, signal, stdout = '', stderr = '', timedOut = false, durationMs, cause } = outcome;
    const told = command === undefined ? what : `${what}: ${command}`;
    const printed = quoted(`${stdout}${stderr}`);
    super(printed ? `${told}\n${printed}` : told, { cause });
    this.command = command;
    this.code = code;
    this.signal = signal;
    this.durationMs = durationMs;
    this.stdout = stdout;
    this.stderr = stderr;
    this.timedOut = timedOut;
  }
}
