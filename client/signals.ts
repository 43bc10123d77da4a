/** Signals of several sources, times, and signals that processes get. */
import { constants } from 'node:os';
import { SwarmError } from './error.js';

/** The longest time that a timer of Node can wait, in milliseconds: about 24 days. */
export const TIME_MAX = 0x7fff_ffff;

/** AbortSignal.any holds its sources weakly: a time that nobody else holds would be forgotten with its timer. */
const SOURCES = new WeakMap<AbortSignal, readonly AbortSignal[]>();

/**
 * A signal that is aborted when a given one is, or when a time is over.
 * @param timeout milliseconds
 * @returns undefined if there is neither.
 */
export function signalOf({
  signal,
  timeout,
}: {
  readonly signal?: AbortSignal | undefined;
  readonly timeout?: number | undefined;
}): AbortSignal | undefined {
  if (timeout === undefined) return signal;
  const sources = [...(signal ? [signal] : []), AbortSignal.timeout(Math.min(Math.ceil(timeout), TIME_MAX))];
  const any = AbortSignal.any(sources);
  SOURCES.set(any, sources);
  return any;
}

/**
 * Waits for a promise, or rejects with a signal's reason as soon as that is aborted.
 * What the promise comes to later is of no interest then.
 */
export async function until<T>(promise: Promise<T>, stop: AbortSignal | undefined): Promise<T> {
  if (!stop) return promise;
  promise.catch(() => undefined);
  stop.throwIfAborted();
  let abort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => {
      reject(stop.reason instanceof Error ? stop.reason : new Error(String(stop.reason)));
    };
    stop.addEventListener('abort', abort);
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    stop.removeEventListener('abort', abort);
  }
}

/**
 * The same values, one after the other, until a signal is aborted: then it throws the signal's reason, even while the
 * next value is waited for. A source that does not give that is not waited for.
 */
export async function* untilAborted<T>(
  values: Iterable<T> | AsyncIterable<T>,
  stop: AbortSignal | undefined,
): AsyncGenerator<T> {
  const source: Iterator<T, unknown> | AsyncIterator<T, unknown> =
    Symbol.asyncIterator in values ? values[Symbol.asyncIterator]() : values[Symbol.iterator]();
  let left = true;
  try {
    for (;;) {
      const next = Promise.resolve(source.next());
      const result = await until(next, stop).catch((error: unknown) => {
        // What fails by itself has nothing left to give up.
        left = stop?.aborted === true;
        throw error;
      });
      left = result.done !== true;
      if (result.done === true) return;
      yield result.value;
    }
  } finally {
    if (left) {
      const given = Promise.resolve(source.return?.());
      if (stop?.aborted === true) given.catch(() => undefined);
      else await given;
    }
  }
}

/** The highest number of a signal, SIGRTMAX. */
const SIGNAL_MAX = 64;

/**
 * The number of a signal for a process.
 * @param signal a name, or a number; 0 sends nothing, and only looks whether the process is there
 * @throws {SwarmError} EINVAL if there is no such signal.
 */
export function signalNumber(signal: NodeJS.Signals | number): number {
  const numbers: Readonly<Record<string, number>> = constants.signals;
  const number = typeof signal === 'number' ? signal : Object.hasOwn(numbers, signal) ? numbers[signal] : NaN;
  if (number !== undefined && Number.isInteger(number) && number >= 0 && number <= SIGNAL_MAX) return number;
  throw new SwarmError('EINVAL', `there is no signal ${signal}`, {
    field: 'signal',
    hint: 'signals have names such as SIGTERM, and numbers up to 64',
  });
}
