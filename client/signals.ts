/** Signals of several sources, and times. */

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
