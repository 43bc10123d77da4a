/** The error of this package, and what to do about it. */
import { constants } from 'node:os';
import type { Refusal } from './abi/answer.js';

/** The details of a {@link SwarmError}, beside its message. */
export interface SwarmErrorDetails {
  /** The key of the request at fault; empty if none is. */
  readonly field?: string;
  /** The byte of the request at fault, from 0; 0 if no single one is. */
  readonly offset?: number;
  /** Advice, if there is more to say than the message does. */
  readonly hint?: string;
  /** The error behind this one. */
  readonly cause?: unknown;
}

/** Everything that this package refuses, and that the kernel refuses it. */
export class SwarmError extends Error {
  /** `SwarmError`. */
  override readonly name = 'SwarmError';
  /** The name of the errno: `EINVAL`. */
  readonly code: string;
  /** Its number, as on this machine; 0 if this machine has no such errno. */
  readonly errno: number;
  /**
   * The key of the request, or the option, at fault: `argv` if the program cannot be executed, `process` if no process
   * can be made for it; empty if none is.
   */
  readonly field: string;
  /** The byte of the request at fault, from 0; 0 if no single one is. */
  readonly offset: number;
  /** Advice, if there is more to say than the message does; otherwise empty. */
  readonly hint: string;

  /**
   * @param code the name of an errno
   * @param message what was wrong, and where
   */
  constructor(code: string, message: string, details: SwarmErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.errno = (constants.errno as Readonly<Record<string, number>>)[code] ?? 0;
    this.field = details.field ?? '';
    this.offset = details.offset ?? 0;
    this.hint = details.hint ?? '';
  }

  /** The error that an answer of the kernel's, or of the check before it, stands for. */
  static of({ error, field, offset, message }: Refusal): SwarmError {
    return new SwarmError(error, message, { field, offset });
  }
}

/**
 * An error of a call of the system, with the errno that it has.
 * @param what was tried: what the message begins with
 * @returns the error itself if it is a SwarmError, or has no errno.
 */
export function systemError(what: string, error: unknown, hint?: string): unknown {
  const code = codeOf(error);
  if (error instanceof SwarmError || code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error;
  const why = error instanceof Error ? error.message.replace(/^\w+: |, \w+( '.*')?$/g, '') : code;
  return new SwarmError(code, `${what}: ${why}`, { cause: error, ...(hint === undefined ? {} : { hint }) });
}

/** The errno's name of an error of node:fs and the like. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Advice for each errno of opening a file of /proc/swarm. */
const HINTS: Readonly<Record<string, string>> = {
  ENOENT: 'load the module: modprobe swarm_guard',
  EACCES: 'run as root, outside agents and containers',
  EPERM: 'run as root, outside agents and containers',
  ENODEV: 'the module is being loaded: try again',
  EMFILE: 'close descriptors, or raise the limit: ulimit -n',
};

/** An error of opening, reading or writing a file of /proc/swarm, with what to do. */
export function fileError(path: string, error: unknown): unknown {
  return systemError(path, error, HINTS[codeOf(error) ?? '']);
}
