/** Programs that run on another machine: their streams here, and how they end. */
import { Duplex, PassThrough, Writable } from 'node:stream';
import type { MessageConnection } from 'vscode-jsonrpc/node';
import * as z from 'zod';
import { SwarmError } from '../error.js';
import type { AgentEnd, AgentProcess, HandleParts, Started, Terminal, TerminalSize } from '../process.js';
import { handleOf } from '../process.js';
import { signalNumber, signalOf, until } from '../signals.js';
import type { SpawnOptions } from '../spawn.js';
import type { CallOptions, Swarm } from '../swarm.js';
import type { Stdio, StdioOptions } from '../stdio.js';
import { MESSAGES, PARAMS, errorsOf, expected, handleIn, received } from './protocol.js';

const number = z.number().optional();
const agentEnd = z.object({
  id: z.int(),
  pid: z.int(),
  exit: number,
  signal: number,
  oom: z.boolean().optional(),
  reason: z.string(),
  violations: number,
  audited: number,
  oomKills: number,
  cpuUsec: number,
  memoryPeak: number,
  runtimeUsec: number,
});

/**
 * The most bytes of output kept for a slow reader after the program's end: what may still come by then, REST_MAX of
 * output.ts, and more than was kept before.
 */
const KEPT_MAX = 1 << 23;

const NAMES = ['stdin', 'stdout', 'stderr'] as const;

/** Checks that a stream's destination can be sent: a descriptor of this machine means nothing on the other. */
function sendable(name: string, stdio: Stdio = 'pipe'): Stdio {
  if (typeof stdio !== 'number' && stdio !== 'inherit') return stdio;
  throw new SwarmError('EBADF', `${name}: a descriptor of this machine means nothing on another`, {
    hint: 'use pipe, and the stream of the handle',
  });
}

/** Sends something. That the connection is gone, which may be thrown at once, is told by the program's end. */
async function quietly(send: () => Promise<unknown>): Promise<void> {
  try {
    await send();
  } catch {
    // Nobody is there any more.
  }
}

/** One program. */
class Program {
  readonly #connection: MessageConnection;
  readonly #handle: number;
  readonly stdin: Writable | null = null;
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly terminal: Terminal | null = null;
  readonly started: Promise<Started>;
  readonly end: Promise<AgentEnd>;
  readonly stop: AbortSignal | undefined;
  running: Started | undefined;
  over = false;
  /** The program's end, while its output is still on the way. */
  exited: AgentEnd | undefined;
  /** Somebody has asked for its end, which then does not wait for readers. */
  #unwanted = false;
  /** Resolves whoever waits for room in a stream, once the program is over. */
  readonly #waiting = new Set<() => void>();
  tellStarted: (started: Started) => void = () => undefined;
  tellEnd: (end: AgentEnd) => void = () => undefined;
  fail: (error: Error) => void = () => undefined;

  constructor(
    connection: MessageConnection,
    handle: number,
    options: StdioOptions,
    stop: AbortSignal | undefined,
  ) {
    this.stop = stop;
    this.#connection = connection;
    this.#handle = handle;
    let failStarted: (error: Error) => void = () => undefined;
    this.started = new Promise((resolve, reject) => {
      this.tellStarted = (started) => {
        this.running = started;
        resolve(started);
      };
      failStarted = reject;
    });
    this.started.catch(() => undefined);
    this.end = new Promise((resolve, reject) => {
      this.tellEnd = (end) => {
        this.#finish();
        resolve(end);
      };
      this.fail = (error) => {
        this.#finish();
        failStarted(error);
        reject(error);
      };
    });
    const { terminal, stdin, stdout, stderr } = options;
    const piped = (stdio: Stdio | undefined) => stdio === undefined || stdio === 'pipe';
    const inTerminal = terminal !== undefined && terminal !== false;
    if (!inTerminal && !piped(stdout)) this.stdout.end();
    if (inTerminal || !piped(stderr)) this.stderr.end();
    if (inTerminal || piped(stdin)) this.stdin = this.#input();
    if (inTerminal && this.stdin) this.terminal = this.#terminal(this.stdin, this.stdout);
  }

  #input(): Writable {
    const connection = this.#connection;
    const handle = this.#handle;
    return new Writable({
      write: (chunk: Buffer, _, done) => {
        const data = chunk.toString('base64');
        void quietly(() => connection.sendRequest(MESSAGES.input, { handle, data })).then(() => {
          done();
        });
      },
      final: (done) => {
        void quietly(() => connection.sendNotification(MESSAGES.inputEnd, { handle })).then(() => {
          done();
        });
      },
    });
  }

  #terminal(writable: Writable, readable: PassThrough): Terminal {
    const connection = this.#connection;
    const handle = this.#handle;
    return Object.assign(Duplex.from({ writable, readable }), {
      resize: (size: TerminalSize) => {
        void quietly(() => connection.sendNotification(MESSAGES.resize, { handle, ...size }));
      },
    });
  }

  /** Passes on output of the program; resolves when a reader has taken it. */
  async output(stream: 'stdout' | 'stderr', data: Buffer): Promise<void> {
    const to = this[stream];
    if (to.destroyed || to.writableEnded || to.write(data) || this.#keeps(to)) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        to.off('drain', done).off('close', done);
        this.#waiting.delete(done);
        resolve();
      };
      to.on('drain', done).on('close', done);
      this.#waiting.add(done);
    });
  }

  /** May more be kept for a reader who does not take it? The end of a program must not wait for its readers. */
  #keeps(stream: PassThrough): boolean {
    if (!this.over) return false;
    return this.#unwanted || stream.readableLength + stream.writableLength < KEPT_MAX;
  }

  /** Its end is asked for: whoever reads it does not hold that up, and still gets what it has printed. */
  forget(): void {
    this.#unwanted = true;
    for (const done of this.#waiting) done();
  }

  /** The program is over; what it has printed may still be on the way. */
  exit(end: AgentEnd): void {
    this.exited = end;
    this.#release();
  }

  /** Waits no longer for readers. */
  #release(): void {
    this.over = true;
    for (const stream of [this.stdout, this.stderr])
      // As for a program of this machine: nobody may ever read it.
      if (stream.readableFlowing === null && stream.listenerCount('readable') === 0) stream.resume();
    for (const done of this.#waiting) done();
  }

  #finish(): void {
    this.#release();
    for (const stream of [this.stdout, this.stderr]) stream.end();
    this.stdin?.end();
  }
}

/** The programs of a connection. */
export class Programs {
  readonly #connection: MessageConnection;
  readonly #swarm: Swarm;
  readonly #programs = new Map<number, Program>();
  #last = 0;
  #closed: Error | undefined;

  /** @param swarm whose programs they are */
  constructor(connection: MessageConnection, swarm: Swarm) {
    this.#connection = connection;
    this.#swarm = swarm;
    const { started, output, outputEnd, exited, ended } = MESSAGES;
    connection.onNotification(started, (given) => {
      this.#heard(given, (program) => {
        const { id, pid } = expected(PARAMS.started, given);
        program.tellStarted({ id, pid });
      });
    });
    connection.onRequest(output, async (given) => {
      const { handle, stream, data } = PARAMS.output.parse(given);
      await this.#programs.get(handle)?.output(stream, Buffer.from(data, 'base64'));
      return null;
    });
    connection.onNotification(outputEnd, (given) => {
      const { handle, stream } = PARAMS.outputEnd.parse(given);
      this.#programs.get(handle)?.[stream].end();
    });
    connection.onNotification(exited, (given) => {
      this.#heard(given, (program) => {
        const { handle, end } = expected(PARAMS.exited, given);
        program.exit(expected(agentEnd, end) as AgentEnd);
        if (program.stop?.aborted === true) this.#settle(handle);
      });
    });
    connection.onNotification(ended, (given) => {
      this.#heard(given, (program) => {
        const { handle, end, error } = expected(PARAMS.ended, given);
        const how = end && (expected(agentEnd, end) as AgentEnd);
        this.#programs.delete(handle);
        if (how) program.tellEnd(how);
        else program.fail(received(error));
      });
    });
  }

  /** Takes news of a program; those that are not understood are the program's failure. */
  #heard(given: unknown, take: (program: Program) => void): void {
    const handle = handleIn(given);
    const program = handle === undefined ? undefined : this.#programs.get(handle);
    if (handle === undefined || !program) return;
    try {
      take(program);
    } catch (error) {
      this.#programs.delete(handle);
      program.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** If a program is over, takes its end without what is left of its output. */
  #settle(handle: number): void {
    const program = this.#programs.get(handle);
    if (!program?.exited) return;
    this.#programs.delete(handle);
    program.tellEnd(program.exited);
  }

  /** Fails all that run: their connection is gone. */
  end(why: Error): void {
    this.#closed = why;
    for (const program of this.#programs.values())
      if (program.exited) program.tellEnd(program.exited);
      else program.fail(why);
    this.#programs.clear();
  }

  /** Asks for a program; what is wrong, and a connection that is gone, is the program's failure. */
  async #start(
    handle: number,
    argv: readonly string[],
    options: SpawnOptions,
    agent: number | undefined,
  ): Promise<void> {
    if (agent !== undefined && !(Number.isSafeInteger(agent) && agent >= 1))
      throw new SwarmError('EINVAL', `${agent} is no id of an agent`, {
        field: 'id',
        hint: '`swarmctl ls` lists them',
      });
    const { terminal, env } = options;
    // The terminal is the one of this process, whatever the server on the other machine was started in.
    const term = terminal === undefined || terminal === false ? {} : { TERM: process.env['TERM'] ?? 'xterm' };
    await this.#connection.sendNotification(MESSAGES.spawn, {
      handle,
      argv: [...argv],
      options: { ...options, env: { ...term, ...env }, signal: undefined },
      ...(agent === undefined ? {} : { agent }),
    });
  }

  /**
   * Runs a program there.
   * @param agent that it joins
   */
  spawn(argv: readonly string[], options: SpawnOptions, agent?: number): AgentProcess {
    for (const name of NAMES) sendable(name, options[name]);
    if ((options.descriptors ?? []).length > 0) sendable('descriptors', 0);
    const handle = (this.#last += 1);
    const stop = signalOf(options);
    const program = new Program(this.#connection, handle, options, stop);
    this.#programs.set(handle, program);
    this.#start(handle, argv, options, agent).catch((error: unknown) => {
      this.#programs.delete(handle);
      program.fail(error instanceof Error ? error : new Error(String(error)));
    });
    const destroy = async (options: CallOptions = {}) => {
      if (this.#closed) throw this.#closed;
      program.forget();
      const answer = errorsOf(this.#connection.sendRequest(MESSAGES.destroy, { handle }));
      await until(answer, signalOf(options)).catch((error: unknown) => {
        throw this.#closed ?? error;
      });
    };
    const abort = () => {
      this.#settle(handle);
      destroy().catch(() => undefined);
    };
    stop?.addEventListener('abort', abort);
    const end = program.end.then(
      (ended) => {
        stop?.throwIfAborted();
        return ended;
      },
      (error: unknown) => {
        stop?.throwIfAborted();
        throw error;
      },
    );
    const over = () => stop?.removeEventListener('abort', abort);
    end.then(over, over);
    if (stop?.aborted === true) abort();
    const handleOfIt: HandleParts = {
      started: program.started,
      get id() {
        return program.running?.id;
      },
      get pid() {
        return program.running?.pid;
      },
      pidfd: undefined,
      stdin: program.stdin,
      stdout: program.terminal ?? program.stdout,
      stderr: program.stderr,
      terminal: program.terminal,
      kill: (number = 'SIGTERM') => {
        signalNumber(number);
        if (program.over || !program.running) return false;
        if (signalNumber(number) !== 0) program.forget();
        void quietly(() => this.#connection.sendNotification(MESSAGES.kill, { handle, signal: number }));
        return true;
      },
      destroy,
      ref: () => undefined,
      unref: () => undefined,
    };
    return handleOf(end, handleOfIt, this.#swarm);
  }
}
