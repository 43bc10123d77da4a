/** QEMU's machine protocol, as much of it as is needed: commands and their answers over a UNIX socket. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import pWaitFor from 'p-wait-for';
import { z } from 'zod';

const message = z.union([
  z.object({ return: z.unknown() }),
  z.object({ error: z.object({ class: z.string(), desc: z.string() }) }),
  z.object({ event: z.string(), data: z.unknown().optional() }),
  z.object({ QMP: z.unknown() }),
]);

/** A message, or undefined if a line is none. */
function parsed(line: string): z.infer<typeof message> | undefined {
  try {
    return message.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

/** The longest time until a QEMU that has been started accepts commands, in milliseconds. */
const CONNECT_MS = 60_000;

/** Connects to a socket that another process is about to make. */
async function connectSoon(path: string, ...stops: readonly AbortSignal[]): Promise<Socket> {
  return pWaitFor<Socket>(
    async () => {
      for (const stop of stops) stop.throwIfAborted();
      const socket = connect(path);
      const connected = await new Promise<boolean>((resolve) => {
        socket.once('connect', () => {
          resolve(true);
        });
        socket.once('error', () => {
          resolve(false);
        });
      });
      return connected && pWaitFor.resolveWith(socket);
    },
    { interval: 10 },
  );
}

/**
 * A connection to QEMU's control socket. Commands are answered in the order in which they were given. If QEMU
 * exits, or says half a message, pending and later commands fail.
 */
export class Qmp {
  readonly #socket: Socket;
  readonly #waiting: { resolve: (value: unknown) => void; reject: (error: Error) => void }[] = [];

  /** Events of QEMU, newest last: the data of each, by its name. */
  readonly events = new Map<string, unknown>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('close', () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error('QEMU closed its control socket'));
    });
    // The interface passes the socket's errors on, and an emitter's error without a listener ends the process.
    createInterface({ input: socket })
      .on('error', () => undefined)
      .on('line', (line) => {
        this.#take(line);
      });
  }

  /**
   * Connects, and waits for QEMU to accept commands.
   * @param path of the socket, which QEMU may not have made yet
   * @param signal ends the attempt
   * @param ms the longest time that it may take
   * @throws the signal's reason if it aborts first, and an error that says so if the time is over.
   */
  static async connect(path: string, signal: AbortSignal, ms = CONNECT_MS): Promise<Qmp> {
    const over = new AbortController();
    const timer = setTimeout(() => {
      over.abort(
        new Error(`QEMU has not accepted commands for ${ms / 1000} s: stop what keeps this machine busy`),
      );
    }, ms);
    let qmp: Qmp | undefined;
    const hangUp = () => qmp?.close();
    for (const stop of [signal, over.signal]) stop.addEventListener('abort', hangUp);
    try {
      qmp = new Qmp(await connectSoon(path, signal, over.signal));
      for (const stop of [signal, over.signal]) stop.throwIfAborted();
      await qmp.command('qmp_capabilities');
      return qmp;
    } catch (error) {
      qmp?.close();
      // The end of the attempt closes the socket, which is no news.
      for (const stop of [signal, over.signal]) stop.throwIfAborted();
      throw error;
    } finally {
      clearTimeout(timer);
      for (const stop of [signal, over.signal]) stop.removeEventListener('abort', hangUp);
    }
  }

  #take(line: string): void {
    const received = parsed(line);
    // Half a message is the last that a QEMU says, and no answer can be told from another after it.
    if (!received) {
      this.#socket.destroy();
      return;
    }
    if ('event' in received) this.events.set(received.event, received.data);
    else if ('error' in received) this.#waiting.shift()?.reject(new Error(received.error.desc));
    else if ('return' in received) this.#waiting.shift()?.resolve(received.return);
  }

  /**
   * Runs a command.
   * @param execute the command's name
   * @param args its arguments
   * @returns its answer, as QEMU gives it: to be parsed.
   * @throws with QEMU's own words if it refuses, or if QEMU closes the socket first.
   */
  command(execute: string, args: Record<string, unknown> = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) {
        reject(new Error('QEMU closed its control socket'));
        return;
      }
      this.#waiting.push({ resolve, reject });
      this.#socket.write(`${JSON.stringify({ execute, arguments: args })}\n`);
    });
  }

  /**
   * Runs a command of the human monitor.
   * @returns its answer, which is text.
   * @throws as {@link Qmp.command} does.
   */
  async monitor(line: string): Promise<string> {
    return z.string().parse(await this.command('human-monitor-command', { 'command-line': line }));
  }

  /** Closes the connection; QEMU goes on. Pending commands fail. */
  close(): void {
    this.#socket.destroy();
  }
}
