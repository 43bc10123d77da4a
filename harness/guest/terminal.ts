/** A shell at a terminal in a guest, used as a person uses it: type a line, read what comes until the next prompt. */
import type { ClientChannel } from 'ssh2';
import { GuestCommandError } from './errors.js';
import type { Machine } from './machine.js';

/** Begins every prompt; nothing else prints it. */
const BELL = '\x07';

/** A shell at a terminal of its own in a guest. {@link Terminal.type} is called one line at a time. */
export class Terminal {
  /**
   * The shell, without line editing, so that nothing but what is printed is seen; in /srv,
   * because a process without root's rights cannot enter a directory that only root may.
   */
  static readonly SHELL = `cd /srv; stty -echo; PS1='${BELL}guest# ' exec bash --noediting --norc -i`;

  readonly #channel: ClientChannel;
  readonly #machine: Machine;
  #pending = '';
  #closed = false;
  #wake: () => void = () => undefined;

  private constructor(channel: ClientChannel, machine: Machine) {
    this.#channel = channel;
    this.#machine = machine;
    channel.setEncoding('utf8');
    channel.on('data', (text: string) => {
      this.#pending += text.replaceAll('\r', '');
      this.#wake();
    });
    channel.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  /**
   * Waits for the first prompt of a shell started with {@link Terminal.SHELL}.
   * @param channel the shell's
   * @param machine the guest's: if it dies, waiting ends
   * @throws {GuestCommandError} if no prompt comes within a minute.
   */
  static async open(channel: ClientChannel, machine: Machine): Promise<Terminal> {
    const terminal = new Terminal(channel, machine);
    await terminal.#untilPrompt('the shell', 60_000);
    return terminal;
  }

  /**
   * Types a line and waits for the next prompt, which may be another program's: a prompt is a bell and
   * one line that ends in `# `.
   * @param timeoutMs how long the prompt may take, in ms
   * @returns what was printed in between, without the newline at its end.
   * @throws {GuestCommandError} if the shell ends first, or no prompt comes in time.
   */
  async type(line: string, timeoutMs = 60_000): Promise<string> {
    this.#channel.write(`${line}\n`);
    return (await this.#untilPrompt(line, timeoutMs)).replace(/\n$/, '');
  }

  /** Closes the terminal; the shell gets SIGHUP. */
  close(): void {
    this.#channel.close();
  }

  async #untilPrompt(what: string, timeoutMs: number): Promise<string> {
    const prompted = (async () => {
      for (;;) {
        const end = new RegExp(`${BELL}[^\\n]*# $`).exec(this.#pending);
        if (end) {
          const printed = this.#pending.slice(0, end.index);
          this.#pending = '';
          return printed;
        }
        if (this.#closed)
          throw new GuestCommandError(
            `the shell of this terminal has ended, before a prompt came: ${what}\n${this.#pending}`,
          );
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    })();
    return this.#machine.whileAlive(prompted, what, timeoutMs);
  }
}
