/** A terminal whose screen a program has for itself, and which it leaves as it found it. */
import { constants } from 'node:os';
import type { ReadStream, WriteStream } from 'node:tty';
import { styled } from '../output.js';
import type { Frame, Size } from './draw.js';

/** The alternate screen, without a cursor: https://invisible-island.net/xterm/ctlseqs/ctlseqs.html */
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** Handlers of the events at a terminal. */
export interface Happenings {
  readonly typed: (text: string) => void;
  readonly resized: () => void;
  /** A signal has come that ends programs. */
  readonly signalled: (signal: NodeJS.Signals) => void;
}

/** The exit status that tells of a signal. */
export function statusOfSignal(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

const ignored = () => undefined;

/** The screen of a terminal, from its making to {@link Screen.leave}. */
export class Screen {
  readonly #out: WriteStream;
  readonly #undo: (() => void)[] = [];
  #left = false;

  constructor(out: WriteStream, input: ReadStream, { typed, resized, signalled }: Happenings) {
    this.#out = out;
    process.on('exit', this.leave);
    this.#undo.push(() => process.off('exit', this.leave));
    for (const signal of SIGNALS) {
      const handler = () => {
        signalled(signal);
      };
      process.on(signal, handler);
      this.#undo.push(() => process.off(signal, handler));
    }
    // A terminal that is gone also sends SIGHUP.
    out.on('error', ignored);
    out.on('resize', resized);
    this.#undo.push(() => out.off('resize', resized));
    this.#write(ENTER);
    if (!input.isTTY) return;
    const data = (text: string) => {
      typed(text);
    };
    input.setRawMode(true);
    input.setEncoding('latin1').on('data', data);
    input.resume();
    this.#undo.push(() => {
      input.off('data', data);
      input.setRawMode(false);
      input.pause();
    });
  }

  get size(): Size {
    // A terminal that nobody has told its size has 0 by 0.
    return { rows: this.#out.rows || 24, columns: this.#out.columns || 80 };
  }

  /** Shows a frame. Each line is written over the one that was there, so that nothing flickers. */
  show({ lines, titles }: Frame): void {
    if (this.#left) return;
    const painted = lines.map((line, index) => (index === titles ? styled('bold', line, this.#out) : line));
    this.#write(`\x1b[H${painted.map((line) => `${line}\x1b[K`).join('\r\n')}\x1b[J`);
  }

  /** Gives the terminal back. May be called again. */
  readonly leave = (): void => {
    if (this.#left) return;
    this.#left = true;
    for (const undo of this.#undo.reverse()) undo();
    this.#write(LEAVE);
  };

  /** Writing to a terminal is over when the call returns: https://nodejs.org/api/process.html#a-note-on-process-io */
  #write(text: string): void {
    this.#out.write(text);
  }
}
