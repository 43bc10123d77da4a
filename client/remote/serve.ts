/** Serving the agents of this machine to a client on another one, over two streams. */
import type { Readable, Writable } from 'node:stream';
import { StreamMessageReader, StreamMessageWriter, createMessageConnection } from 'vscode-jsonrpc/node';
import type { MessageConnection } from 'vscode-jsonrpc/node';
import type * as z from 'zod';
import { SwarmError } from '../error.js';
import type { AgentProcess } from '../process.js';
import type { Swarm } from '../swarm.js';
import { MESSAGES, PARAMS, expected, failure, handleIn, sent } from './protocol.js';
import { Output } from './output.js';
import { Queue } from './queue.js';

/** A method of {@link Swarm}, with arguments that have come from elsewhere; what they hold is checked by it. */
type Method = (...args: readonly unknown[]) => unknown;

function methodOf(swarm: Swarm, name: string): Method {
  const method: unknown = Reflect.get(swarm, name);
  if (typeof method !== 'function') throw new SwarmError('ENOSYS', `there is no call ${name}`);
  return (...args) => Reflect.apply(method, swarm, args) as unknown;
}

/** The requests of the client. */
function asked<T>(schema: z.ZodType<T>, given: unknown): T {
  return expected(schema, given, 'asks');
}

/** A call that fails says why, with all that a SwarmError has. */
async function answered<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failure(error);
  }
}

/** The programs and iterators that one client has. */
class Session {
  readonly #swarm: Swarm;
  readonly #connection: MessageConnection;
  readonly #queues = new Map<number, Queue>();
  readonly #programs = new Map<number, AgentProcess>();
  #last = 0;

  constructor(swarm: Swarm, connection: MessageConnection) {
    this.#swarm = swarm;
    this.#connection = connection;
  }

  listen(): void {
    const { call, open, next, close, spawn, input, inputEnd, kill, resize, destroy } = MESSAGES;
    const connection = this.#connection;
    connection.onRequest(call, (given, token) =>
      answered(async () => {
        const { method, args } = asked(PARAMS.call, given);
        const stop = new AbortController();
        token.onCancellationRequested(() => {
          stop.abort();
        });
        return (await methodOf(this.#swarm, method)(...args, { signal: stop.signal })) ?? null;
      }),
    );
    connection.onRequest(open, (given) =>
      answered(async () => {
        const { method, args } = asked(PARAMS.open, given);
        const stop = new AbortController();
        const { length } = args;
        const options = {
          ...(length > 0 && method === 'events' ? (args[0] as object) : {}),
          signal: stop.signal,
        };
        const rest = method === 'events' ? [] : args;
        const values = methodOf(this.#swarm, method)(...rest, options) as AsyncIterable<unknown>;
        this.#queues.set((this.#last += 1), new Queue(values, stop));
        return Promise.resolve(this.#last);
      }),
    );
    connection.onRequest(next, (given) =>
      answered(async () => {
        const { handle } = asked(PARAMS.next, given);
        const taken = await this.#queues.get(handle)?.take();
        if (taken?.done !== false) this.#queues.delete(handle);
        return taken ?? { values: [], done: true };
      }),
    );
    connection.onRequest(close, (given) =>
      answered(async () => {
        const { handle } = asked(PARAMS.close, given);
        await this.#queues.get(handle)?.close();
        this.#queues.delete(handle);
        return null;
      }),
    );
    connection.onNotification(spawn, (given) => void this.#spawn(given));
    connection.onRequest(input, (given) =>
      answered(async () => {
        const { handle, data } = asked(PARAMS.input, given);
        const stdin = this.#programs.get(handle)?.stdin;
        if (stdin?.writable !== true) return null;
        await new Promise<void>((resolve) =>
          stdin.write(Buffer.from(data, 'base64'), () => {
            resolve();
          }),
        );
        return null;
      }),
    );
    connection.onNotification(inputEnd, (given) => {
      const program = this.#programs.get(asked(PARAMS.inputEnd, given).handle);
      if (!program?.terminal) program?.stdin?.end();
    });
    connection.onNotification(kill, (given) => {
      const { handle, signal } = asked(PARAMS.kill, given);
      this.#programs.get(handle)?.kill(signal as NodeJS.Signals | number);
    });
    connection.onNotification(resize, (given) => {
      const { handle, ...size } = asked(PARAMS.resize, given);
      this.#programs.get(handle)?.terminal?.resize(size);
    });
    connection.onRequest(destroy, (given) =>
      answered(async () => {
        await this.#programs.get(asked(PARAMS.destroy, given).handle)?.destroy();
        return null;
      }),
    );
    connection.listen();
  }

  /** Ends the iterators. Programs go on: an agent does not end with its launcher. */
  async end(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
    this.#connection.dispose();
  }

  async #spawn(given: unknown): Promise<void> {
    const handle = handleIn(given);
    if (handle === undefined) return;
    const tell = async (news: object) =>
      this.#connection.sendNotification(MESSAGES.ended, { handle, ...news });
    try {
      const { agent, argv, options } = asked(PARAMS.spawn, given);
      const program =
        agent === undefined ? this.#swarm.spawn(argv, options) : this.#swarm.exec(agent, argv, options);
      this.#programs.set(handle, program);
      program.started
        .then((started) => this.#connection.sendNotification(MESSAGES.started, { handle, ...started }))
        .catch(() => undefined);
      const outputs = [
        new Output(this.#connection, handle, 'stdout', program.stdout),
        new Output(this.#connection, handle, 'stderr', program.stderr),
      ];
      const end = { ...(await program) };
      // The client may wait with its output until it knows that there is no more.
      await this.#connection.sendNotification(MESSAGES.exited, { handle, end });
      await Promise.all(outputs.map((output) => output.rest()));
      await tell({ end });
    } catch (error) {
      await tell({ error: sent(error) }).catch(() => undefined);
    } finally {
      this.#programs.delete(handle);
    }
  }
}

/**
 * Serves until the client closes its side.
 * @param swarm the agents of this machine
 */
export async function serve(swarm: Swarm, input: Readable, output: Writable): Promise<void> {
  const connection = createMessageConnection(new StreamMessageReader(input), new StreamMessageWriter(output));
  const session = new Session(swarm, connection);
  const closed = new Promise<void>((resolve) => {
    connection.onClose(resolve);
  });
  session.listen();
  await closed;
  await session.end();
}
