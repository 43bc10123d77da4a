/** swarmctl top and stats: what agents use, live or once. */
import { SwarmError } from '../../error.js';
import type { Swarm } from '../../swarm.js';
import { filled, jsonOf, print, styled, table } from '../output.js';
import type { Printing } from '../output.js';
import { progress } from '../progress.js';
import { TOP_COLUMNS } from '../top/columns.js';
import { START, draw, keysOf, pressed, settled } from '../top/draw.js';
import type { State } from '../top/draw.js';
import { Looker, sorted } from '../top/rows.js';
import type { Row, Sort, Source } from '../top/rows.js';
import { Screen, statusOfSignal } from '../top/screen.js';

/** Options of top. */
export interface TopOptions {
  readonly sort: Sort;
  /** Milliseconds between two looks. */
  readonly interval: number;
  readonly json?: true | undefined;
}

/** Options of stats. */
export interface StatsOptions extends Printing {
  readonly sort?: Sort | undefined;
  /** Milliseconds between two tables. */
  readonly watch?: number | undefined;
}

/** The part of the time that may go into looking. */
const SHARE = 0.1;

/** Milliseconds of looking between two screens while not all agents have been seen. */
const FIRST = 500;

/** The least time between two looks, in milliseconds. */
const INTERVAL_MIN = 100;

function looker(swarm: Swarm): Looker {
  const source: Source = {
    agents: () => swarm.agents(),
    inspectAll: (ids) => swarm.inspectAll(ids),
  };
  return new Looker(source);
}

function printed(rows: readonly Row[], options: Printing): void {
  const { json, format } = options;
  if (json === true || format !== undefined) {
    for (const row of rows) print(format === undefined ? jsonOf(row) : filled(format, row));
    return;
  }
  const [titles = '', ...lines] = table(TOP_COLUMNS, rows);
  print(styled('bold', titles));
  for (const line of lines) print(line);
}

/**
 * Prints a table of what agents use; with --watch one after the other, until SIGINT. CPU time is that since the last
 * table, and in the first since an agent's birth.
 * @param ids all agents if there is none
 * @throws {SwarmError} ESRCH if an agent that is named is not there at first.
 */
export async function statsCommand(
  swarm: Swarm,
  ids: readonly number[],
  options: StatsOptions,
): Promise<void> {
  const looking = looker(swarm);
  const named = async () => {
    if (ids.length === 0) await looking.look();
    else await looking.some(ids);
    return ids.length === 0
      ? looking.rows
      : ids.flatMap((id) => looking.rows.find((row) => row.id === id) ?? []);
  };
  const first = await progress.during(() => `${looking.rows.length} agents looked at`, named);
  const gone = ids.find((id) => !first.some((row) => row.id === id));
  if (gone !== undefined) throw new SwarmError('ESRCH', `there is no agent ${gone}`);
  const arranged = (rows: Row[]) =>
    options.sort === undefined
      ? ids.length === 0
        ? rows.sort((a, b) => a.id - b.id)
        : rows
      : sorted(rows, options.sort);
  printed(arranged(first), options);
  if (options.watch === undefined) return;
  const nap = new Nap();
  const interrupted = () => {
    nap.end();
  };
  process.once('SIGINT', interrupted);
  let took = 0;
  while (await nap.sleep(Math.max(options.watch, INTERVAL_MIN, took / SHARE))) {
    const start = performance.now();
    const rows = arranged(await named());
    took = performance.now() - start;
    if (options.json !== true && options.format === undefined) print('');
    printed(rows, options);
  }
  process.off('SIGINT', interrupted);
}

/** Waiting that can be cut short. */
class Nap {
  #over = false;
  #wake: () => void = () => undefined;

  /** Ends the sleep that is under way, and all later ones. */
  end(): void {
    this.#over = true;
    this.#wake();
  }

  /** @returns whether there is to be more: false after {@link Nap.end}. */
  async sleep(milliseconds: number): Promise<boolean> {
    if (this.#over) return false;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    return !this.#over;
  }

  get over(): boolean {
    return this.#over;
  }
}

/**
 * Shows what agents use until `q` or a signal. Every interval it looks at the agents that are on the screen, at new
 * ones, and at as many others as a tenth of the interval allows, in turn. If standard output is no terminal, prints
 * one table.
 * @returns the exit status: 128 and the number of the signal that ended it, or 0.
 */
export async function topCommand(swarm: Swarm, { sort, interval, json }: TopOptions): Promise<number> {
  const { stdout, stdin } = process;
  if (json === true || !stdout.isTTY) {
    await statsCommand(swarm, [], { sort, json });
    return 0;
  }
  const looking = looker(swarm);
  const nap = new Nap();
  let status = 0;
  let state: State = { ...START, sort };
  let shown: readonly number[] = [];
  const show = () => {
    const { size } = screen;
    const { rows, age, listed } = looking;
    state = settled(state, rows, size);
    const frame = draw(rows, size, state, { age, listed });
    shown = frame.ids;
    screen.show(frame);
  };
  const screen = new Screen(stdout, stdin, {
    typed: (text) => {
      for (const key of keysOf(text)) {
        const next = pressed(key, state, looking.rows, screen.size);
        if (next === undefined) {
          nap.end();
          return;
        }
        state = next;
      }
      show();
    },
    resized: show,
    signalled: (signal) => {
      status = statusOfSignal(signal);
      nap.end();
    },
  });
  try {
    show();
    let took = 0;
    let more = true;
    do {
      const start = performance.now();
      const all = took > 0 && looking.rows.length >= looking.listed;
      await looking.look(shown, all ? interval * SHARE : FIRST);
      took = performance.now() - start;
      if (!nap.over) show();
      // At first there is no pause, until each has been seen.
      const pause = looking.rows.length < looking.listed ? 0 : Math.max(interval, took / SHARE) - took;
      more = await nap.sleep(pause);
    } while (more);
    return status;
  } finally {
    screen.leave();
  }
}
