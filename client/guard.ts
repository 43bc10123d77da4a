/** The agents of this machine. */
import { join } from 'node:path';
import type { Answer } from './abi/answer.js';
import { parseAgentLine, parseStatus } from './abi/listing.js';
import type { AgentLine, Status } from './abi/listing.js';
import type { UpdateRequest } from './abi/request.js';
import { checked, checkedOrRefused, unarmed } from './check.js';
import { Ends } from './ends.js';
import { SwarmError } from './error.js';
import type { ConnectOptions } from './remote/ssh.js';
import { events } from './files/events.js';
import type { EventOptions } from './files/events.js';
import { killFirst } from './kill.js';
import { inspect, inspectAll } from './files/inspect.js';
import { lines, pieces, whole } from './files/lines.js';
import { locate } from './files/locate.js';
import type { Located, Wanted } from './files/locate.js';
import { order } from './files/orders.js';
import type { Order } from './files/orders.js';
import type { Inspection } from './inspect.js';
import type { OrderFile } from './policy/check.js';
import type { AgentProcess } from './process.js';
import { signalOf, until } from './signals.js';
import { run } from './spawn.js';
import type { SpawnOptions } from './spawn.js';
import type { CallOptions, CreateRequest, Created, Swarm, Target } from './swarm.js';
import type { SwarmEvent } from './abi/event.js';

/** Options of opening the files of /proc/swarm. */
export interface OpenOptions extends CallOptions {
  /** Their directory; /proc/swarm by default. */
  readonly directory?: string;
}

/** Milliseconds between two looks at an agent that is to stop or to go. */
const LOOK_AGAIN = 10;

async function pause(milliseconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
}

async function* checkedAll(
  requests: Iterable<CreateRequest> | AsyncIterable<CreateRequest>,
): AsyncGenerator<Order> {
  for await (const request of requests) yield checkedOrRefused(request);
}

/** The agents of this machine, through the files of /proc/swarm. */
export class SwarmGuard implements Swarm {
  readonly #directory: string;
  readonly #ends: Ends;

  private constructor(directory: string) {
    this.#directory = directory;
    this.#ends = new Ends(join(directory, 'events'));
  }

  /**
   * The agents of this machine.
   * @throws {SwarmError} ENOENT if the module is not loaded.
   */
  static async open({ directory = '/proc/swarm', ...options }: OpenOptions = {}): Promise<SwarmGuard> {
    const guard = new SwarmGuard(directory);
    await guard.status(options);
    return guard;
  }

  /**
   * The agents of another machine, by SSH. swarm-guard must be installed there.
   * @param to ssh://[USER@]HOST[:PORT], or options
   * @throws {SwarmError} if it is not reached, or refuses us.
   */
  static async connect(to: string | ConnectOptions): Promise<Swarm> {
    // Loaded when it is needed: most programs use this machine alone.
    const { RemoteSwarm } = await import('./remote/connect.js');
    return RemoteSwarm.connect(to);
  }

  async create(request: CreateRequest, options: CallOptions = {}): Promise<Created> {
    return this.#order('create', unarmed(request), options);
  }

  async *createMany(
    requests: Iterable<CreateRequest> | AsyncIterable<CreateRequest>,
    options: CallOptions = {},
  ): AsyncGenerator<Answer> {
    yield* order(this.#path('create'), checkedAll(requests), signalOf(options));
  }

  async attach(id: number, target: Target, options: CallOptions = {}): Promise<Created> {
    return this.#order('attach', { id, ...target }, options);
  }

  async update(id: number, changes: Omit<UpdateRequest, 'id'>, options: CallOptions = {}): Promise<void> {
    await this.#order('update', { id, ...changes }, options);
  }

  async freeze(id: number, frozen = true, options: CallOptions = {}): Promise<void> {
    const signal = signalOf(options);
    await this.#order('update', { id, frozen }, signal ? { signal } : {});
    while (frozen && (await inspect(this.#path('inspect'), id, signal)).frozen === 'freezing')
      await pause(LOOK_AGAIN);
  }

  async destroy(id: number, options: CallOptions = {}): Promise<void> {
    const signal = signalOf(options);
    await this.#order('destroy', { id }, signal ? { signal } : {});
    for (;;) {
      for await (const found of inspectAll(this.#path('inspect'), [id], signal)) if (!found) return;
      await pause(LOOK_AGAIN);
    }
  }

  async kill(
    id: number,
    signal: NodeJS.Signals | number = 'SIGTERM',
    options: CallOptions = {},
  ): Promise<void> {
    await killFirst(this, id, signal, options);
  }

  async inspect(id: number, options: CallOptions = {}): Promise<Inspection> {
    return inspect(this.#path('inspect'), id, signalOf(options));
  }

  async *inspectAll(
    ids: Iterable<number> | AsyncIterable<number>,
    options: CallOptions = {},
  ): AsyncGenerator<Inspection | undefined> {
    yield* inspectAll(this.#path('inspect'), ids, signalOf(options));
  }

  async *agents(options: CallOptions = {}): AsyncGenerator<AgentLine> {
    for await (const line of lines(pieces(this.#path('agents'), signalOf(options))))
      yield parseAgentLine(line);
  }

  async *events(options: EventOptions = {}): AsyncGenerator<SwarmEvent> {
    yield* events(this.#path('events'), options);
  }

  async metrics(options: CallOptions = {}): Promise<string> {
    return whole(this.#path('metrics'), signalOf(options));
  }

  async status(options: CallOptions = {}): Promise<Status> {
    return parseStatus(await whole(this.#path('status'), signalOf(options)));
  }

  async locate(wanted: Wanted, options: CallOptions = {}): Promise<Located> {
    return until(locate(wanted), signalOf(options));
  }

  spawn(argv: readonly string[], options: SpawnOptions = {}): AgentProcess {
    return run({ swarm: this, ends: this.#ends, directory: this.#directory }, argv, options);
  }

  exec(
    id: number,
    argv: readonly string[],
    options: Omit<SpawnOptions, 'policy' | 'id' | 'root'> = {},
  ): AgentProcess {
    return run({ swarm: this, ends: this.#ends, directory: this.#directory }, argv, { ...options, id }, true);
  }

  /** Never: there is no connection. */
  get closed(): boolean {
    return false;
  }

  async close(): Promise<void> {
    // Every call closes what it opens.
  }

  #path(file: string): string {
    return join(this.#directory, file);
  }

  async #order(file: OrderFile, request: object, options: CallOptions): Promise<Created> {
    const object = checked(file, request);
    for await (const answer of order(this.#path(file), [object], signalOf(options))) {
      if (answer.kind === 'refused') throw SwarmError.of(answer);
      return { id: answer.id, ...(answer.kept ? { kept: answer.kept } : {}) };
    }
    throw new SwarmError('EIO', `${this.#path(file)} has not answered`);
  }
}
