/** The output of a program, on its way to the client that has started it. */
import type { Duplex, Readable } from 'node:stream';
import type { MessageConnection } from 'vscode-jsonrpc/node';
import { MESSAGES } from './protocol.js';

/**
 * Milliseconds for which nothing comes until the output of a program that is over counts as complete: another process
 * may hold its end of the stream open for ever.
 */
const QUIET = 200;

/**
 * The most bytes that are sent of what comes after the program's end. A pipe holds a MiB at most, unless
 * fs.pipe-max-size has been raised, and Node reads ahead a little.
 */
const REST_MAX = 1 << 22;

/** One stream of a program. Its data is sent; no more is read until the client has taken it. */
export class Output {
  readonly #connection: MessageConnection;
  readonly #handle: number;
  readonly #stream: 'stdout' | 'stderr';
  readonly #sending: Promise<void>;
  /** Bytes that may still be sent. */
  #left = Infinity;
  /** Tells that the rest is over. */
  #complete: () => void = () => undefined;
  #quiet: NodeJS.Timeout | undefined;
  /** Is the client taking data? */
  #busy = false;

  constructor(
    connection: MessageConnection,
    handle: number,
    stream: 'stdout' | 'stderr',
    from: Readable | Duplex | null,
  ) {
    this.#connection = connection;
    this.#handle = handle;
    this.#stream = stream;
    this.#sending = from ? this.#send(from) : Promise.resolve();
  }

  async #send(from: Readable | Duplex): Promise<void> {
    const [handle, stream] = [this.#handle, this.#stream];
    try {
      for await (const data of from as AsyncIterable<Buffer>) {
        // Whoever prints on, after the program, must not find the stream closed.
        if (this.#left <= 0) continue;
        clearTimeout(this.#quiet);
        this.#quiet = undefined;
        this.#busy = true;
        await this.#connection.sendRequest(MESSAGES.output, {
          handle,
          stream,
          data: data.toString('base64'),
        });
        this.#busy = false;
        this.#left -= data.length;
        if (this.#left <= 0) this.#complete();
        else if (this.#left < Infinity) this.#wait();
      }
    } catch {
      // The program or the client is gone: its end tells.
    }
    this.#left = 0;
    try {
      await this.#connection.sendNotification(MESSAGES.outputEnd, { handle, stream });
    } catch {
      // The client is gone, which may be thrown at once.
    }
  }

  /** Completes when nothing has come for a while. What has come while this thread was busy is looked for first. */
  #wait(): void {
    const timer = setTimeout(() => {
      setImmediate(() => {
        if (this.#quiet === timer) this.#complete();
      });
    }, QUIET);
    this.#quiet = timer;
  }

  /** The program is over: waits until what it has printed has been sent. */
  async rest(): Promise<void> {
    this.#left = REST_MAX;
    const complete = new Promise<void>((resolve) => {
      this.#complete = resolve;
    });
    if (!this.#busy) this.#wait();
    await Promise.race([this.#sending, complete]);
    this.#left = 0;
    clearTimeout(this.#quiet);
  }
}
