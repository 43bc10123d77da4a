/** Values of an iterator, read ahead so that they can be taken by many at a time. */

/** The most values that wait: the iterator is asked for no more until some have been taken. */
const MOST = 256;

/** Reads an iterator ahead. */
export class Queue {
  readonly #stop: AbortController;
  readonly #reading: Promise<void>;
  #values: unknown[] = [];
  #done = false;
  #failure: unknown;
  /** Wakes whoever waits for values, or for room. */
  #changed: () => void = () => undefined;

  /** @param stop ends the iterator, even if it waits for a value */
  constructor(values: AsyncIterable<unknown>, stop: AbortController) {
    this.#stop = stop;
    this.#reading = this.#read(values);
  }

  async #change(): Promise<void> {
    return new Promise((resolve) => {
      const before = this.#changed;
      this.#changed = () => {
        before();
        resolve();
      };
    });
  }

  #wake(): void {
    const wake = this.#changed;
    this.#changed = () => undefined;
    wake();
  }

  async #read(values: AsyncIterable<unknown>): Promise<void> {
    try {
      for await (const value of values) {
        this.#values.push(value);
        this.#wake();
        while (this.#values.length >= MOST && !this.#stop.signal.aborted) await this.#change();
        if (this.#stop.signal.aborted) break;
      }
    } catch (error) {
      this.#failure = error;
    }
    this.#done = true;
    this.#wake();
  }

  /**
   * Takes what there is, once there is anything.
   * @throws what the iterator has thrown, once the values before it have been taken.
   */
  async take(): Promise<{ values: unknown[]; done: boolean }> {
    while (this.#values.length === 0 && !this.#done) await this.#change();
    const values = this.#values;
    this.#values = [];
    this.#wake();
    if (values.length === 0 && this.#failure !== undefined && !this.#stop.signal.aborted) {
      const failure = this.#failure;
      this.#failure = undefined;
      throw failure instanceof Error ? failure : new Error('the iterator has failed', { cause: failure });
    }
    return { values, done: this.#done && this.#failure === undefined };
  }

  /** Ends the iterator. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#reading;
  }
}
