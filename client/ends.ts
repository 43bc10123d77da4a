/** How agents end: one reader of the events for all the processes that wait for an end. */
import type { SwarmEvent } from './abi/event.js';
import { Hold, openEvents } from './files/events.js';

/** The line that tells of an agent's end. */
export type Destroyed = Extract<SwarmEvent, { event: 'destroyed' }>;

interface Waiting {
  readonly resolve: (end: Destroyed | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Reads the events while anybody waits for an end, and not longer: an open reader keeps the module from being
 * unloaded, and the process from ending.
 */
export class Ends {
  readonly #path: string;
  #users = 0;
  /** Of these, who let the process end. */
  #idle = 0;
  #hold = new Hold();
  #stop: AbortController | undefined;
  #reading: Promise<void> | undefined;
  /** Ends of agents that nobody has asked about yet: one may end before its launch has returned. */
  readonly #early = new Map<number, Destroyed>();
  readonly #waiting = new Map<number, Waiting>();
  /** Agents that users will ask for. */
  readonly #expected = new Set<number>();
  /** Users whose agent is not known yet. */
  #launching = 0;
  /** How often events have been lost. */
  #losses = 0;
  #failure: Error | undefined;

  /** @param path of the events */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Begins to read, unless it does already. Each call needs a {@link Ends.release}.
   * @returns once no end that comes from now on is missed: what {@link Ends.of} needs to know.
   * @throws {SwarmError} if the events cannot be opened.
   */
  async hold(): Promise<number> {
    this.#users += 1;
    this.#launching += 1;
    try {
      this.#keep();
      this.#reading ??= this.#start();
      await this.#reading;
      return this.#losses;
    } catch (error) {
      this.launched();
      this.release();
      throw error;
    }
  }

  /**
   * Says which agent a user will ask for: once after each {@link Ends.hold}. Until then the end of any agent is
   * kept, because one may end before its launch has returned.
   * @param id undefined if it will ask for none
   */
  launched(id?: number): void {
    if (id !== undefined) this.#expected.add(id);
    this.#launching -= 1;
    if (this.#launching > 0) return;
    for (const agent of this.#early.keys()) if (!this.#expected.has(agent)) this.#early.delete(agent);
  }

  /** Says that a user, between {@link Ends.hold} and {@link Ends.release}, lets the process end, or does so no more. */
  letGo(idle: boolean): void {
    this.#idle += idle ? 1 : -1;
    this.#keep();
  }

  #keep(): void {
    this.#hold.set(this.#users > this.#idle);
  }

  /** Stops reading if nobody else waits. */
  release(): void {
    this.#users -= 1;
    this.#keep();
    if (this.#users > 0) return;
    this.#stop?.abort();
    this.#stop = undefined;
    this.#reading = undefined;
    this.#failure = undefined;
    this.#early.clear();
    this.#expected.clear();
  }

  /**
   * Waits for the end of an agent, between {@link Ends.hold} and {@link Ends.release}.
   * @param held what hold returned
   * @returns the event; undefined if it may be among those that were lost.
   * @throws {SwarmError} if reading fails.
   */
  async of(id: number, held: number): Promise<Destroyed | undefined> {
    this.#expected.delete(id);
    const early = this.#early.get(id);
    if (early) {
      this.#early.delete(id);
      return early;
    }
    if (this.#failure) throw this.#failure;
    if (this.#losses > held) return undefined;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
  }

  async #start(): Promise<void> {
    const stop = new AbortController();
    this.#stop = stop;
    this.#hold = new Hold();
    this.#keep();
    const events = await openEvents(this.#path, { signal: stop.signal }, this.#hold);
    void this.#read(events, stop.signal);
  }

  async #read(events: AsyncGenerator<SwarmEvent>, signal: AbortSignal): Promise<void> {
    try {
      for await (const event of events) {
        // A later reader may have taken over already.
        if (signal.aborted) return;
        if (event.event === 'destroyed') this.#tell(event);
        else if (event.event === 'lost') this.#miss();
      }
    } catch (error) {
      if (signal.aborted) return;
      this.#failure = error instanceof Error ? error : new Error(String(error));
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    }
  }

  #tell(event: Destroyed): void {
    const waiting = this.#waiting.get(event.agent);
    if (!waiting) {
      if (this.#launching > 0 || this.#expected.has(event.agent)) this.#early.set(event.agent, event);
      return;
    }
    this.#waiting.delete(event.agent);
    waiting.resolve(event);
  }

  /** Events were overwritten: whoever waits has to ask whether its agent is still there. */
  #miss(): void {
    this.#losses += 1;
    for (const { resolve } of this.#waiting.values()) resolve(undefined);
    this.#waiting.clear();
  }
}
