/** The agents of another machine, through `swarmctl serve` there. */
import {
  CancellationTokenSource,
  StreamMessageReader,
  StreamMessageWriter,
  createMessageConnection,
} from 'vscode-jsonrpc/node';
import type { MessageConnection } from 'vscode-jsonrpc/node';
import * as z from 'zod';
import { answer as answerLine } from '../abi/answer.js';
import type { Answer } from '../abi/answer.js';
import type { SwarmEvent } from '../abi/event.js';
import { inspectionOnceUsed } from '../abi/inspection.js';
import type { Inspection } from '../abi/inspection.js';
import type { AgentLine, Status } from '../abi/listing.js';
import type { UpdateRequest } from '../abi/request.js';
import { unarmed } from '../check.js';
import { SwarmError } from '../error.js';
import type { EventOptions } from '../files/events.js';
import type { Located, Wanted } from '../files/locate.js';
import type { AgentProcess } from '../process.js';
import { signalOf, until, untilAborted } from '../signals.js';
import type { SpawnOptions } from '../spawn.js';
import type { CallOptions, CreateRequest, Created, Swarm, Target } from '../swarm.js';
import { MESSAGES, errorsOf, expected } from './protocol.js';
import type { CALLS, ITERATORS } from './protocol.js';
import { Programs } from './programs.js';
import { ANSWER_TIMEOUT, SERVE, link, parseAddress } from './ssh.js';
import type { ConnectOptions, Link } from './ssh.js';

type Call = (typeof CALLS)[number];
type Iterator = (typeof ITERATORS)[number];

/** Requests that are sent together. */
const TOGETHER = 256;

const created = z.looseObject({ id: z.int(), kept: z.array(z.string()).optional() });
const status = z.object({
  active: z.number(),
  created: z.number(),
  destroyed: z.number(),
  violations: z.number(),
});
const texts = z.array(z.string());
const located = z.object({
  devices: texts,
  paths: texts,
  program: z.string().optional(),
  rooted: z.array(z.boolean().nullable()).optional(),
});
const agentLine = z.object({
  id: z.int(),
  pid: z.int(),
  memory: z.string(),
  cpu: z.string(),
  namespaces: z.int(),
});
const kinds = z.looseObject({ kind: z.enum(['created', 'refused']) });
const eventKeys = z.looseObject({ seq: z.int(), time: z.number(), event: z.string() });
/** An event. The same package has parsed it on the other side, so only the keys that every event has are looked at. */
const event = z.custom<SwarmEvent>((value) => eventKeys.safeParse(value).success);

function parsedAnswer(value: unknown): Answer {
  const { kind } = expected(kinds, value);
  return { kind, ...expected(answerLine, value) } as Answer;
}

async function* chunks<T>(values: Iterable<T> | AsyncIterable<T>): AsyncGenerator<T[]> {
  let chunk: T[] = [];
  for await (const value of values) {
    chunk.push(value);
    if (chunk.length < TOGETHER) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

/** The options by which all requests of one call end at one time. */
function stopOf(options: Parameters<typeof signalOf>[0]): { readonly signal?: AbortSignal } {
  const signal = signalOf(options);
  return signal ? { signal } : {};
}

/** The agents of another machine. */
export class RemoteSwarm implements Swarm {
  readonly #link: Link;
  readonly #connection: MessageConnection;
  readonly #programs: Programs;
  #closed: Error | undefined;

  private constructor(made: Link) {
    this.#link = made;
    const { channel } = made;
    this.#connection = createMessageConnection(
      new StreamMessageReader(channel),
      new StreamMessageWriter(channel),
    );
    this.#programs = new Programs(this.#connection, this);
    made.onExit((code) => {
      const said = made.complaint();
      this.#end(
        new SwarmError(
          code === 127 ? 'ENOENT' : 'ECONNRESET',
          `the connection has ended${said === '' ? '' : `: ${said}`}`,
          {
            hint: code === 127 ? 'install swarm-guard there: swarmctl serves' : '',
          },
        ),
      );
    });
    this.#connection.onClose(() => {
      this.#end(new SwarmError('ECONNRESET', 'the connection has ended'));
    });
    this.#connection.onError(([error]) => {
      this.#end(
        new SwarmError('EPROTO', `what the other machine prints is no answer: ${error.message}`, {
          hint: 'does a login script there print something?',
        }),
      );
    });
    this.#connection.listen();
  }

  /**
   * Connects to a machine by SSH, as its root or another user who may write to /proc/swarm.
   * @param to ssh://[USER@]HOST[:PORT], or options
   * @throws {SwarmError} if it is not reached or refuses us, or swarm-guard is not installed there.
   */
  static async connect(to: string | ConnectOptions): Promise<RemoteSwarm> {
    const options = typeof to === 'string' ? parseAddress(to) : to;
    const { timeout = ANSWER_TIMEOUT, signal } = options;
    const end = performance.now() + timeout;
    const swarm = new RemoteSwarm(await link(options));
    try {
      await swarm.status({ timeout: Math.max(end - performance.now(), 1), ...(signal ? { signal } : {}) });
      return swarm;
    } catch (error) {
      await swarm.close();
      const late = error instanceof Error && error.name === 'TimeoutError' && signal?.aborted !== true;
      if (!late) throw error;
      const { host, port = 22, command = SERVE } = options;
      throw new SwarmError('ETIMEDOUT', `ssh://${host}:${port}: \`${command}\` does not answer`, {
        hint: 'is swarm-guard installed there, and does it work: swarmctl doctor',
        cause: error,
      });
    }
  }

  async create(request: CreateRequest, options: CallOptions = {}): Promise<Created> {
    return expected(created, await this.#call('create', [unarmed(request)], options));
  }

  async *createMany(
    requests: Iterable<CreateRequest> | AsyncIterable<CreateRequest>,
    options: CallOptions = {},
  ): AsyncGenerator<Answer> {
    const stop = stopOf(options);
    for await (const chunk of chunks(untilAborted(requests, stop.signal)))
      for await (const value of this.#iterate('createMany', [chunk.map(unarmed)], stop))
        yield parsedAnswer(value);
  }

  async attach(id: number, target: Target, options: CallOptions = {}): Promise<Created> {
    if ('pidfd' in target)
      throw new SwarmError('EBADF', 'a descriptor of this machine means nothing on another', {
        field: 'pidfd',
      });
    return expected(created, await this.#call('attach', [id, target], options));
  }

  async update(id: number, changes: Omit<UpdateRequest, 'id'>, options: CallOptions = {}): Promise<void> {
    await this.#call('update', [id, changes], options);
  }

  async freeze(id: number, frozen = true, options: CallOptions = {}): Promise<void> {
    await this.#call('freeze', [id, frozen], options);
  }

  async destroy(id: number, options: CallOptions = {}): Promise<void> {
    await this.#call('destroy', [id], options);
  }

  async kill(
    id: number,
    signal: NodeJS.Signals | number = 'SIGTERM',
    options: CallOptions = {},
  ): Promise<void> {
    await this.#call('kill', [id, signal], options);
  }

  async inspect(id: number, options: CallOptions = {}): Promise<Inspection> {
    return expected(inspectionOnceUsed(), await this.#call('inspect', [id], options));
  }

  async *inspectAll(
    ids: Iterable<number> | AsyncIterable<number>,
    options: CallOptions = {},
  ): AsyncGenerator<Inspection | undefined> {
    const stop = stopOf(options);
    for await (const chunk of chunks(untilAborted(ids, stop.signal)))
      for await (const value of this.#iterate('inspectAll', [chunk], stop))
        yield value === null || value === undefined ? undefined : expected(inspectionOnceUsed(), value);
  }

  async *agents(options: CallOptions = {}): AsyncGenerator<AgentLine> {
    for await (const value of this.#iterate('agents', [], options)) yield expected(agentLine, value);
  }

  async *events({ signal, timeout, ...options }: EventOptions = {}): AsyncGenerator<SwarmEvent> {
    const stop = stopOf({ signal, timeout });
    for await (const value of this.#iterate('events', [options], stop, true)) yield expected(event, value);
  }

  async metrics(options: CallOptions = {}): Promise<string> {
    return expected(z.string(), await this.#call('metrics', [], options));
  }

  async status(options: CallOptions = {}): Promise<Status> {
    return expected(status, await this.#call('status', [], options));
  }

  async locate(wanted: Wanted, options: CallOptions = {}): Promise<Located> {
    return expected(located, await this.#call('locate', [wanted], options));
  }

  spawn(argv: readonly string[], options: SpawnOptions = {}): AgentProcess {
    this.#check();
    return this.#programs.spawn(argv, options);
  }

  exec(
    id: number,
    argv: readonly string[],
    options: Omit<SpawnOptions, 'policy' | 'id' | 'root'> = {},
  ): AgentProcess {
    this.#check();
    return this.#programs.spawn(argv, options, id);
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  async close(): Promise<void> {
    this.#end(new SwarmError('ECONNRESET', 'the connection has been closed'));
    return Promise.resolve();
  }

  #check(): void {
    if (this.#closed) throw this.#closed;
  }

  #end(why: Error): void {
    if (this.#closed) return;
    this.#closed = why;
    this.#programs.end(why);
    this.#connection.dispose();
    this.#link.close();
  }

  /** Waits for an answer, for the caller's signal, or for the end of the connection. */
  async #call(method: Call, args: unknown[], options: CallOptions): Promise<unknown> {
    this.#check();
    const stop = signalOf(options);
    stop?.throwIfAborted();
    const source = new CancellationTokenSource();
    const cancel = () => {
      source.cancel();
    };
    stop?.addEventListener('abort', cancel);
    try {
      return await until(
        errorsOf(this.#connection.sendRequest(MESSAGES.call, { method, args }, source.token)),
        stop,
      );
    } catch (error) {
      stop?.throwIfAborted();
      throw this.#closed ?? error;
    } finally {
      stop?.removeEventListener('abort', cancel);
      source.dispose();
    }
  }

  async *#iterate(method: Iterator, args: unknown[], options: CallOptions, quiet = false): AsyncGenerator {
    this.#check();
    const stop = signalOf(options);
    if (quiet && stop?.aborted === true) return;
    stop?.throwIfAborted();
    const close = (handle: number) => {
      if (!this.#closed) this.#connection.sendRequest(MESSAGES.close, { handle }).catch(() => undefined);
    };
    let over = false;
    let abort: () => void = () => undefined;
    let handle: number | undefined;
    try {
      const opening = errorsOf(this.#connection.sendRequest(MESSAGES.open, { method, args }));
      // Opened too late, it is closed.
      const opened = await until(opening, stop).catch((error: unknown) => {
        opening.then(close, () => undefined);
        throw error;
      });
      handle = opened;
      abort = () => {
        close(opened);
      };
      stop?.addEventListener('abort', abort);
      while (!over) {
        const next = this.#connection.sendRequest(MESSAGES.next, { handle: opened });
        const { values, done } = await until(errorsOf(next), stop);
        over = done;
        for (const value of values) {
          if (stop?.aborted === true) break;
          yield value;
        }
        if (stop?.aborted === true) {
          if (quiet) return;
          stop.throwIfAborted();
        }
      }
    } catch (error) {
      if (stop?.aborted === true && quiet) return;
      stop?.throwIfAborted();
      throw this.#closed ?? error;
    } finally {
      stop?.removeEventListener('abort', abort);
      if (handle !== undefined && !over) close(handle);
    }
  }
}
