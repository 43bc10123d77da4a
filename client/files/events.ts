/** Reading /proc/swarm/events as it grows. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { parseEvent } from '../abi/event.js';
import type { SwarmEvent } from '../abi/event.js';
import { codeOf, fileError } from '../error.js';
import { seekToEnd, watch } from '../native/launcher.js';
import type { Watching } from '../native/launcher.js';
import { signalOf } from '../signals.js';

/** The first event to read, and the end of reading. */
export interface EventOptions {
  /**
   * `now` (the default): what happens from here on; `oldest`: what is kept too; a number: from the event with
   * that `seq` on.
   */
  readonly since?: 'now' | 'oldest' | number;
  /** false: ends after the newest event instead of waiting for the next one. */
  readonly follow?: boolean;
  /** Ends the reading; the loop over the events then ends, without an exception. */
  readonly signal?: AbortSignal;
  /** Milliseconds after which the reading ends in the same way. */
  readonly timeout?: number;
}

/** The most bytes of one read: some four hundred events. */
const PIECE = 65_536;

/** A switch: does waiting for events keep the process running? */
export class Hold {
  #keeps = true;
  #watching: Watching | undefined;

  /** Changes it, for a wait that is under way too. */
  set(keeps: boolean): void {
    this.#keeps = keeps;
    this.#watching?.hold(keeps);
  }

  /** Applies to a wait that begins, or to none when it is over. */
  apply(watching: Watching | undefined): void {
    this.#watching = watching;
    if (!this.#keeps) watching?.hold(false);
  }
}

/** Waits until a descriptor can be read, or until it is woken. */
class Readiness {
  readonly #fd: number;
  readonly #hold: Hold;
  #wake: (() => void) | undefined;

  constructor(fd: number, hold: Hold) {
    this.#fd = fd;
    this.#hold = hold;
  }

  /** Ends a wait that is under way. */
  readonly wake = (): void => {
    this.#wake?.();
  };

  /** Resolves once there is something to read, or at {@link Readiness.wake}. */
  async wait(): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    // For one wait only: while nobody reads, a descriptor that stays readable must not call back again and again.
    const watching = watch(this.#fd, this.wake);
    this.#hold.apply(watching);
    try {
      await woken;
    } finally {
      this.#hold.apply(undefined);
      watching.stop();
    }
  }
}

/** The text that a read returns; undefined if there is none for now, as at the end of a plain file. */
async function readSome(file: FileHandle, buffer: Buffer): Promise<string | undefined> {
  try {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
    return bytesRead === 0 ? undefined : buffer.toString('latin1', 0, bytesRead);
  } catch (error) {
    if (codeOf(error) === 'EAGAIN') return undefined;
    throw error;
  }
}

/**
 * Opens the events of a machine. Nothing is kept here: a reader that is slow finds the events in the kernel, and
 * a line `lost` where the kernel has overwritten some.
 * @param path of the file
 * @param hold whether they keep the process running while there are none
 * @returns once the file is open: the events from that moment on, or from where `since` says. They must be
 * iterated, to the end or until the loop is left, for the file to be closed.
 * @throws {SwarmError} if it cannot be opened.
 */
export async function openEvents(
  path: string,
  options: Omit<EventOptions, 'timeout'> = {},
  hold = new Hold(),
): Promise<AsyncGenerator<SwarmEvent>> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    throw fileError(path, error);
  });
  const { since = 'now', follow = true, signal } = options;
  try {
    if (since === 'now') seekToEnd(file.fd);
  } catch (error) {
    await file.close();
    throw fileError(path, error);
  }
  return read(path, file, { least: typeof since === 'number' ? since : 0, follow, signal, hold });
}

interface Reading {
  readonly least: number;
  readonly follow: boolean;
  readonly signal: AbortSignal | undefined;
  readonly hold: Hold;
}

async function* read(path: string, file: FileHandle, { least, follow, signal, hold }: Reading) {
  const readiness = new Readiness(file.fd, hold);
  signal?.addEventListener('abort', readiness.wake);
  try {
    const buffer = Buffer.alloc(PIECE);
    let rest = '';
    while (!aborted(signal)) {
      const text = await readSome(file, buffer);
      if (text === undefined) {
        // Looked at again, because it may have changed while the file was read.
        if (!follow || aborted(signal)) break;
        await readiness.wait();
        continue;
      }
      const parts = (rest + text).split('\n');
      rest = parts.pop() ?? '';
      for (const line of parts) {
        const event = parseEvent(line);
        if (event.seq >= least) yield event;
        if (aborted(signal)) return;
      }
    }
    // A plain file may lack its last newline; /proc/swarm/events ends with one.
    if (rest !== '' && !aborted(signal)) yield* [parseEvent(rest)].filter(({ seq }) => seq >= least);
  } catch (error) {
    throw fileError(path, error);
  } finally {
    signal?.removeEventListener('abort', readiness.wake);
    await file.close();
  }
}

/** As a function, because the compiler does not know that a signal changes between two looks at it. */
function aborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

/**
 * Yields the events of a machine as they happen; see {@link openEvents}.
 * @throws {SwarmError} if the file cannot be opened or read.
 */
export async function* events(path: string, options: EventOptions = {}): AsyncGenerator<SwarmEvent> {
  const signal = signalOf(options);
  if (aborted(signal)) return;
  yield* await openEvents(path, { ...options, ...(signal ? { signal } : {}) });
}
