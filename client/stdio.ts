/** The descriptors of a program, and the streams at their other ends. */
import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { Writable } from 'node:stream';
import { ReadStream } from 'node:tty';
import { systemError } from './error.js';
import { duplicate, openPipe, openTerminal, resize } from './native/launcher.js';
import type { Terminal, TerminalSize } from './process.js';

/**
 * A stream of a program: `pipe` to a stream of this process; `inherit`: this process's own; `ignore`: /dev/null;
 * a descriptor of this process; or a file, opened with this process's rights.
 */
export type Stdio =
  'pipe' | 'inherit' | 'ignore' | number | { readonly path: string; readonly flags?: 'r' | 'w' | 'a' };

/** The three standard streams of a program. */
export interface StdioOptions {
  /** Its standard input; a pipe by default, as are the other two. */
  readonly stdin?: Stdio;
  /** Its standard output. */
  readonly stdout?: Stdio;
  /** Its standard error. */
  readonly stderr?: Stdio;
  /** More descriptors: the first is 3 in the program, and so on. */
  readonly descriptors?: readonly number[];
  /** A new pseudo-terminal, instead of the three above; `true`: of 24 rows and 80 columns. */
  readonly terminal?: boolean | TerminalSize;
}

/** Both sides of what a program gets. */
export interface Wiring {
  /** Descriptors for the program, in its order. */
  readonly given: readonly number[];
  readonly stdin: Writable | null;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly terminal: Terminal | null;
  /** Closes what only the program needs, once. */
  closeGiven(): void;
  /** Closes this side too: for a program that has not started. */
  destroy(): void;
}

const NAMES = ['stdin', 'stdout', 'stderr'] as const;

/** A function that does something the first time that it is called: a descriptor closed twice may be another's. */
function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    work();
  };
}

/** A stream over a descriptor; that the other end is closed is no error that a program must handle. */
function stream(fd: number, options: { readable: boolean; writable: boolean }): Socket {
  const socket = new Socket({ fd, ...options });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') throw error;
  });
  return socket;
}

/** This side of a terminal; neither side stays open if that fails. */
function terminalStream(master: number, slave: number): ReadStream {
  try {
    return new ReadStream(master);
  } catch (error) {
    closeSync(master);
    closeSync(slave);
    throw error;
  }
}

function withTerminal(size: TerminalSize): Wiring {
  const { master, slave } = openTerminal(size);
  const side = terminalStream(master, slave);
  // Reading a terminal that nobody has open any more fails with EIO: that is its end.
  side.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EIO') throw error;
    side.destroy();
  });
  const terminal = Object.assign(side, {
    resize: (to: TerminalSize) => {
      if (!side.destroyed) resize(master, to);
    },
  }) as Terminal;
  return {
    given: [slave, slave, slave],
    stdin: terminal,
    stdout: terminal,
    stderr: Readable.from([]),
    terminal,
    closeGiven: once(() => {
      closeSync(slave);
    }),
    destroy: () => side.destroy(),
  };
}

/** One of the three streams: the program's descriptor, whether it is this side's to close, and the stream. */
interface End {
  readonly given: number;
  readonly own: boolean;
  readonly stream: Socket | null;
}

function end(index: number, stdio: Stdio): End {
  const input = index === 0;
  // At once, because whoever calls may close it before the program starts.
  if (typeof stdio === 'number') return { given: duplicate(stdio), own: true, stream: null };
  if (stdio === 'inherit') return { given: duplicate(index), own: true, stream: null };
  if (stdio === 'ignore') return end(index, { path: '/dev/null' });
  if (stdio === 'pipe') {
    const { read, write } = openPipe();
    return input
      ? { given: read, own: true, stream: stream(write, { readable: false, writable: true }) }
      : { given: write, own: true, stream: stream(read, { readable: true, writable: false }) };
  }
  const { path, flags = input ? 'r' : 'w' } = stdio;
  try {
    return { given: openSync(path, flags), own: true, stream: null };
  } catch (error) {
    throw systemError(path, error);
  }
}

/** Copies of descriptors; none stays open if one of them cannot be copied. */
function duplicates(descriptors: readonly number[]): number[] {
  const copies: number[] = [];
  try {
    for (const fd of descriptors) copies.push(duplicate(fd));
    return copies;
  } catch (error) {
    copies.forEach((fd) => {
      closeSync(fd);
    });
    throw error;
  }
}

/** A terminal, and more descriptors. */
function terminalAnd(size: TerminalSize, descriptors: readonly number[]): Wiring {
  const more = duplicates(descriptors);
  const closeMore = () => {
    more.forEach((fd) => {
      closeSync(fd);
    });
  };
  try {
    const wiring = withTerminal(size);
    return {
      ...wiring,
      given: [...wiring.given, ...more],
      closeGiven: once(() => {
        wiring.closeGiven();
        closeMore();
      }),
    };
  } catch (error) {
    closeMore();
    throw error;
  }
}

/** The three streams, and more descriptors. */
function streamsAnd(options: StdioOptions, descriptors: readonly number[]): Wiring {
  const ends: End[] = [];
  const closeGiven = once(() => {
    for (const { given, own } of ends) if (own) closeSync(given);
  });
  const destroy = () => {
    for (const each of ends) each.stream?.destroy();
  };
  try {
    NAMES.forEach((name, index) => ends.push(end(index, options[name] ?? 'pipe')));
    for (const fd of descriptors) ends.push(end(ends.length, fd));
  } catch (error) {
    closeGiven();
    destroy();
    throw error;
  }
  const [stdin = null, stdout = null, stderr = null] = ends.map((each) => each.stream);
  return {
    given: ends.map(({ given }) => given),
    stdin,
    stdout: stdout ?? Readable.from([]),
    stderr: stderr ?? Readable.from([]),
    terminal: null,
    closeGiven,
    destroy,
  };
}

/**
 * Opens what a program gets.
 * @throws {SwarmError} if a file or a terminal cannot be opened, or a descriptor is none. Then nothing stays open.
 */
export function wire(options: StdioOptions): Wiring {
  const { terminal, descriptors = [] } = options;
  try {
    if (terminal === undefined || terminal === false) return streamsAnd(options, descriptors);
    return terminalAnd(terminal === true ? { rows: 24, columns: 80 } : terminal, descriptors);
  } catch (error) {
    throw systemError('a descriptor of the program', error);
  }
}
