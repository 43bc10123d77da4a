/** One SSH connection to a guest, kept for its whole life. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import ssh2 from 'ssh2';
import type { ClientChannel } from 'ssh2';
import { GuestCommandError } from './errors.js';
import type { CommandOutcome } from './errors.js';

/** The result of a command in a guest. */
export interface ExecResult extends CommandOutcome {
  readonly code: number;
}

export interface ExecOptions {
  /** Its standard input; empty by default. A stream is read for as long as the command runs. */
  stdin?: string | Buffer | Readable;
  /** Streams that its output goes to as it comes; the result holds none then. */
  output?: { readonly stdout: Writable; readonly stderr: Writable };
  /** The command is given up after so many milliseconds; a minute by default. */
  timeoutMs?: number;
  /** The command is given up once this is aborted. */
  signal?: AbortSignal;
}

/** dropbear refuses commands of more than 9,000 bytes. */
const LONGEST_COMMAND = 8000;

/** The wait for a connection to show that it lives, in ms. */
const LIVES_MS = 5000;

/** The number of a signal, by the name that SSH has for it. */
function signalNumber(name: string): number {
  const signals: Readonly<Partial<Record<string, number>>> = constants.signals;
  return signals[`SIG${name.replace(/^SIG/, '')}`] ?? 0;
}

/** One argument, as a shell takes it whole. */
const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

/** A shell line that runs a program with its arguments unchanged, whatever is in them. */
export function shellLine(words: readonly string[]): string {
  return words.map(quoted).join(' ');
}

/** The exit status, or null and the signal. */
type Ended = (status: number | null, signal?: string) => void;

/**
 * A connection to a guest's SSH server, over which any number of commands run at a time. It is kept for the
 * guest's whole life, because making one takes longer than a command.
 */
export class SshConnection {
  readonly #client: ssh2.Client;

  private constructor(client: ssh2.Client) {
    this.#client = client;
  }

  /**
   * Connects as root.
   * @param port on 127.0.0.1
   * @param privateKey in the form of OpenSSH
   * @param limitMs the time that the server may take to let us in; a minute by default
   * @throws if the server does not answer in time, ends the connection, or refuses the key.
   */
  static connect(port: number, privateKey: string, limitMs = 60_000): Promise<SshConnection> {
    const client = new ssh2.Client();
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => {
        reject(error);
        client.destroy();
      };
      const ended = () => {
        fail(new Error('the server ended the connection before it let us in'));
      };
      // One failure may be told several times, and an error that nobody listens for ends the process.
      client.on('error', fail).once('end', ended).once('close', ended);
      client.once('ready', () => {
        client.on('error', () => undefined);
        client.off('error', fail).off('end', ended).off('close', ended);
        resolve(new SshConnection(client));
      });
      client.connect({ host: '127.0.0.1', port, username: 'root', privateKey, readyTimeout: limitMs });
    });
  }

  /**
   * Starts a shell line, with a terminal of its own if `pty` is given.
   * @param ended told how it ended. A channel says that once, and a short command's end may come in the
   * same packet as its beginning: a caller that listens only once the channel is returned may miss it.
   */
  open(command: string, pty?: ssh2.PseudoTtyOptions, ended?: Ended): Promise<ClientChannel> {
    return new Promise((resolve, reject) => {
      this.#client.exec(command, pty ? { pty } : {}, (error, channel) => {
        if (error) {
          reject(error);
          return;
        }
        if (ended) channel.on('exit', ended);
        resolve(channel);
      });
    });
  }

  /**
   * The same shell line, short enough for the guest's server: what is longer is left in a file of the guest,
   * which the shell reads and removes before it does what is in it.
   */
  async #short(command: string): Promise<string> {
    if (Buffer.byteLength(command) <= LONGEST_COMMAND) return command;
    const file = `/run/command-${randomBytes(8).toString('hex')}`;
    const { code, stderr } = await this.#run(`cat >${file}`, { stdin: `rm ${file}\n${command}\n` });
    if (code !== 0) throw new GuestCommandError('a long command cannot be left in the guest', { stderr });
    return `. ${file}`;
  }

  /**
   * Runs a shell line, of any length, and collects what it prints.
   * @throws {GuestCommandError} if it does not end in time, or the connection ends before it.
   */
  async exec(command: string, options: ExecOptions = {}): Promise<ExecResult> {
    return this.#run(await this.#short(command), options, command);
  }

  async #run(line: string, options: ExecOptions, command = line): Promise<ExecResult> {
    const { stdin = '', output, timeoutMs = 60_000, signal: abort } = options;
    abort?.throwIfAborted();
    const began = performance.now();
    let code: number | undefined;
    let killedBy: string | undefined;
    const channel = await this.open(line, undefined, (status, signal = '') => {
      code = status ?? 128 + signalNumber(signal);
      if (status === null) killedBy = `SIG${signal.replace(/^SIG/, '')}`;
    });
    const [out, err]: [Buffer[], Buffer[]] = [[], []];
    if (output) {
      channel.pipe(output.stdout, { end: false });
      channel.stderr.pipe(output.stderr, { end: false });
    } else {
      channel.on('data', (data: Buffer) => out.push(data));
      channel.stderr.on('data', (data: Buffer) => err.push(data));
    }
    const text = (parts: Buffer[]) => Buffer.concat(parts).toString('utf8');
    const outcome = (timedOut = false): CommandOutcome => ({
      ...{ command, code, signal: killedBy, stdout: text(out), stderr: text(err), timedOut },
      durationMs: performance.now() - began,
    });
    const done = new Promise<ExecResult>((resolve, reject) => {
      const giveUp = (error: GuestCommandError) => {
        channel.close();
        reject(error);
      };
      const timer = setTimeout(() => {
        giveUp(new GuestCommandError(`no end after ${timeoutMs / 1000} s`, outcome(true)));
      }, timeoutMs);
      const onAbort = () => {
        giveUp(new GuestCommandError('given up', { ...outcome(), cause: abort?.reason }));
      };
      abort?.addEventListener('abort', onAbort, { once: true });
      channel.on('close', () => {
        clearTimeout(timer);
        abort?.removeEventListener('abort', onAbort);
        if (code !== undefined) resolve({ ...outcome(), code });
        else
          void this.#whyLost().then((why) => {
            reject(new GuestCommandError(why, outcome()));
          });
      });
    });
    if (typeof stdin === 'string' || Buffer.isBuffer(stdin)) {
      channel.end(stdin);
      return done;
    }
    // A command need not read all that it could.
    channel.on('error', () => undefined);
    stdin.pipe(channel);
    return done.finally(() => {
      stdin.unpipe(channel);
    });
  }

  /** Asks if the guest's server still answers: it does not report a command that SIGSYS or SIGXCPU has ended. */
  async #lives(): Promise<boolean> {
    const late = new AbortController();
    const answered = this.open('true').then(
      (channel) => {
        channel.resume();
        return true;
      },
      () => false,
    );
    try {
      return await Promise.race([answered, sleep(LIVES_MS, false, { signal: late.signal })]);
    } finally {
      late.abort();
    }
  }

  /** Says how a command ended whose exit status never came. */
  async #whyLost(): Promise<string> {
    const lives = await this.#lives();
    return lives ? 'a signal that SSH has no name for ended' : 'the connection was lost during';
  }

  /**
   * Connects this process's terminal, or its standard input and output if they are no terminal, to a shell line.
   * @returns its exit status; 128 and the number of the signal if one killed it.
   * @throws {GuestCommandError} if the connection ends before it, as it does when the guest panics.
   */
  async interactive(command: string): Promise<number> {
    const { stdin, stdout } = process;
    const size = () => ({ rows: stdout.rows || 24, cols: stdout.columns || 80, height: 0, width: 0 });
    const { rows, cols } = size();
    const pty = { rows, cols, term: process.env['TERM'] ?? 'xterm' };
    let code: number | undefined;
    const began = performance.now();
    const line = await this.#short(command);
    const channel = await this.open(line, stdin.isTTY ? pty : undefined, (status, signal = '') => {
      code = status ?? 128 + signalNumber(signal);
    });
    const resize = () => {
      channel.setWindow(size().rows, size().cols, 0, 0);
    };
    stdout.on('resize', resize);
    if (stdin.isTTY) stdin.setRawMode(true);
    stdin.pipe(channel);
    channel.pipe(stdout, { end: false });
    channel.stderr.pipe(process.stderr, { end: false });
    await new Promise<void>((resolve) => {
      channel.on('close', () => {
        resolve();
      });
    });
    if (stdin.isTTY) stdin.setRawMode(false);
    stdin.unpipe(channel);
    stdin.unref();
    stdout.off('resize', resize);
    if (code !== undefined) return code;
    const why = await this.#whyLost();
    throw new GuestCommandError(why, { command, durationMs: performance.now() - began });
  }

  /** Closes the connection; commands that run are lost. */
  close(): void {
    this.#client.destroy();
  }
}
