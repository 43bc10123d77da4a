/** Saying what takes long, to whoever is at the terminal. */

/** Milliseconds after which something takes long. */
const LONG = 2000;

/** Milliseconds between two lines. */
const AGAIN = 500;

/** A terminal that lines are written to, as far as they need it. */
export interface Screen {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

interface Task {
  readonly what: () => string;
  readonly since: number;
}

/** The last line of a terminal, which says what takes long, and is erased when that is over. */
export class Progress {
  readonly #screen: Screen;
  readonly #tasks: Task[] = [];
  #timer: NodeJS.Timeout | undefined;
  #drawn = false;

  /** @param screen nothing is written to it unless it is a terminal */
  constructor(screen: Screen) {
    this.#screen = screen;
  }

  /**
   * Says, from two seconds on, what is being done and for how long.
   * @param what is asked for each line: it may count
   * @returns what ends that, and erases the line.
   */
  begin(what: () => string): () => void {
    if (this.#screen.isTTY !== true) return () => undefined;
    const task = { what, since: performance.now() };
    this.#tasks.push(task);
    this.#timer ??= setInterval(() => {
      this.#draw();
    }, AGAIN).unref();
    return () => {
      const at = this.#tasks.indexOf(task);
      if (at >= 0) this.#tasks.splice(at, 1);
      this.erase();
      if (this.#tasks.length > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  /** Does something, and says so if it takes long. */
  async during<T>(what: () => string, work: () => Promise<T>): Promise<T> {
    const end = this.begin(what);
    try {
      return await work();
    } finally {
      end();
    }
  }

  /** Makes room for another line; the next one says again what takes long. */
  erase(): void {
    if (this.#drawn) this.#screen.write('\r\x1b[K');
    this.#drawn = false;
  }

  #draw(): void {
    const now = performance.now();
    const task = this.#tasks.findLast(({ since }) => now - since >= LONG);
    if (!task) return;
    const seconds = Math.floor((now - task.since) / 1000);
    const text = `swarmctl: ${task.what()} (${seconds} s)`.slice(0, (this.#screen.columns ?? 80) - 1);
    this.#screen.write(`\r\x1b[K${text}`);
    this.#drawn = true;
  }
}

/** Standard error, if it is a terminal. */
export const progress = new Progress(process.stderr);
