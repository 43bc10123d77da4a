/** One SSH connection to a guest, kept for its whole life. */
import ssh2 from 'ssh2';
import type { ClientChannel } from 'ssh2';
import { GuestCommandError } from './errors.js';

/** How a command in a guest ended. */
export interface ExecResult {
  /** Its exit status; 128 and the number of the signal where one killed it, as a shell says it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ExecOptions {
  stdin?: string | Buffer;
  /** The command is given up after so many milliseconds; a minute by default. */
  timeoutMs?: number;
}

const SIGNALS: Record<string, number> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ABRT: 6,
  KILL: 9,
  SEGV: 11,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
};

/** The exit status, or null and the signal. */
type Ended = (status: number | null, signal?: string) => void;

export class SshConnection {
  readonly #client: ssh2.Client;

  private constructor(client: ssh2.Client) {
    this.#client = client;
  }

  /** Connects to a port of the loopback interface as root. */
  static connect(port: number, privateKey: string): Promise<SshConnection> {
    const client = new ssh2.Client();
    return new Promise((resolve, reject) => {
      client.once('ready', () => {
        client.on('error', () => undefined);
        resolve(new SshConnection(client));
      });
      client.once('error', reject);
      client.connect({ host: '127.0.0.1', port, username: 'root', privateKey, readyTimeout: 60_000 });
    });
  }

  /**
   * Starts a shell line, with a terminal of its own where `pty` is given.
   * @param ended told how it ended. A channel says that once, and a short command's end may come in the
   * same packet as its beginning: whoever listens only once the channel is returned may miss it.
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
   * Runs a shell line and collects what it prints.
   * @throws {GuestCommandError} where it does not end in time, or the connection ends before it.
   */
  async exec(command: string, { stdin, timeoutMs = 60_000 }: ExecOptions = {}): Promise<ExecResult> {
    let code: number | undefined;
    const channel = await this.open(command, undefined, (status, signal = '') => {
      code = status ?? 128 + (SIGNALS[signal.replace(/^SIG/, '')] ?? 0);
    });
    const [out, err]: [Buffer[], Buffer[]] = [[], []];
    channel.on('data', (data: Buffer) => out.push(data));
    channel.stderr.on('data', (data: Buffer) => err.push(data));
    const text = (parts: Buffer[]) => Buffer.concat(parts).toString('utf8');
    const done = new Promise<ExecResult>((resolve, reject) => {
      const timer = setTimeout(() => {
        channel.close();
        reject(
          new GuestCommandError(`no end after ${timeoutMs / 1000} s: ${command}\n${text(out)}${text(err)}`),
        );
      }, timeoutMs);
      channel.on('close', () => {
        clearTimeout(timer);
        if (code === undefined) reject(new GuestCommandError(`the connection was lost during: ${command}`));
        else resolve({ code, stdout: text(out), stderr: text(err) });
      });
    });
    channel.end(stdin ?? '');
    return done;
  }

  /** Connects this process's terminal, or what stands in for it, to a shell line; returns its exit status. */
  async interactive(command: string): Promise<number> {
    const { stdin, stdout } = process;
    const size = () => ({ rows: stdout.rows || 24, cols: stdout.columns || 80, height: 0, width: 0 });
    const { rows, cols } = size();
    const pty = { rows, cols, term: process.env['TERM'] ?? 'xterm' };
    let code = 0;
    const channel = await this.open(command, stdin.isTTY ? pty : undefined, (status) => {
      code = status ?? 255;
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
    return code;
  }

  close(): void {
    this.#client.destroy();
  }
}
