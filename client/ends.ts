/** The ends of agents: one reader of the events serves all that wait for an end in this process. */
import type { SwarmEvent } from './abi/event.js';
import { Hold, openEvents } from './files/events.js';

/** The line that tells of an agent's end. */
export type Destroyed = Extract<SwarmEvent, { event: 'destroyed' }>;

interface Waiting {
  readonly resolve: (end: Destroyed) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Reads the events while anybody waits for an end, and not longer: an open reader keeps the module from being
 * unloaded, and the process from ending.
 */
export class Ends {
  readonly #path: string;
  readonly #open: typeof openEvents;
  #users = 0;
  /** The number of users that let this process end. */
  #idle = 0;
  #hold = new Hold();
  #stop: AbortController | undefined;
  #reading: Promise<void> | undefined;
  /** Ends of agents that nobody has asked about yet: one may end before its launch has returned. */
  readonly #early = new Map<number, Destroyed>();
  readonly #waiting = new Map<number, Waiting[]>();
  /** Callbacks for the loss of events. */
  readonly #missing = new Set<() => void>();
  /** Agents that users will ask for, and how many do. */
  readonly #expected = new Map<number, number>();
  /** Users whose agent is not known yet. */
  #launching = 0;
  /** The number of times that events have been lost. */
  #losses = 0;
  #failure: Error | undefined;

  /** @param path of the events, and what opens them */
  constructor(path: string, open = openEvents) {
    this.#path = path;
    this.#open = open;
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
   * @param id undefined if it will ask for none; {@link Ends.forget} must follow otherwise
   */
  launched(id?: number): void {
    if (id !== undefined) this.#expected.set(id, (this.#expected.get(id) ?? 0) + 1);
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

  /** Says that a user asks for the end of an agent no more. */
  forget(id: number): void {
    const others = (this.#expected.get(id) ?? 0) - 1;
    if (others > 0) {
      this.#expected.set(id, others);
      return;
    }
    this.#expected.delete(id);
    this.#early.delete(id);
    this.#waiting.delete(id);
  }

  /** The number of ends that are kept or waited for, and of agents that are still to be asked for. */
  get kept(): number {
    return this.#early.size + this.#expected.size + this.#waiting.size;
  }

  /**
   * Waits for the end of an agent, between {@link Ends.hold} and {@link Ends.release}. Where events have been lost it
   * may wait in vain: see {@link Ends.missed}.
   * @param id what {@link Ends.launched} was told
   * @throws {SwarmError} if reading fails.
   */
  async of(id: number): Promise<Destroyed> {
    const early = this.#early.get(id);
    if (early) return early;
    if (this.#failure) throw this.#failure;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, [...(this.#waiting.get(id) ?? []), { resolve, reject }]);
    });
  }

  /**
   * Calls back once events have been lost, at once if they have been already: the end of an agent may be among them.
   * @param held what {@link Ends.hold} returned
   * @returns what ends that.
   */
  missed(held: number, told: () => void): () => void {
    if (this.#losses > held) told();
    else this.#missing.add(told);
    return () => {
      this.#missing.delete(told);
    };
  }

  async #start(): Promise<void> {
    const stop = new AbortController();
    this.#stop = stop;
    this.#hold = new Hold();
    this.#keep();
    const events = await this.#open(this.#path, { signal: stop.signal }, this.#hold);
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
      for (const { reject } of [...this.#waiting.values()].flat()) reject(error);
      this.#waiting.clear();
    }
  }

  #tell(event: Destroyed): void {
    if (this.#launching > 0 || this.#expected.has(event.agent)) this.#early.set(event.agent, event);
    for (const { resolve } of this.#waiting.get(event.agent) ?? []) resolve(event);
    this.#waiting.delete(event.agent);
  }

  /** Events were overwritten. Whoever waits goes on waiting: what was lost may be any others. */
  #miss(): void {
    this.#losses += 1;
    const told = [...this.#missing];
    this.#missing.clear();
    for (const each of told) each();
  }
}
