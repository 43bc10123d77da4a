/** A program that runs as an agent: a handle, and a promise of how it ends. */
import type { Duplex, Readable, Writable } from 'node:stream';
import type { UpdateRequest } from './abi/request.js';
import { TIME_MAX, signalOf, until } from './signals.js';
import type { CallOptions, Swarm } from './swarm.js';

/** The end of a program and of its agent. */
export interface AgentEnd {
  /** The agent's id. */
  readonly id: number;
  /** The program's process, as this machine counts. */
  readonly pid: number;
  /** Its exit status; undefined if a signal killed it. */
  readonly exit: number | undefined;
  /** The number of the signal that killed it. */
  readonly signal: number | undefined;
  /**
   * The reason why the agent is gone, as the event `destroyed` says; `exit` for a program that joined one, or whose
   * agent persists; `unknown` if the event has been lost. In these cases the rest is undefined. Single figures are
   * also undefined if the kernel does not count them.
   */
  readonly reason: string;
  /** Did the kernel kill any of its processes because memory ran out? */
  readonly oom: boolean | undefined;
  /** Calls that were denied or killed for. */
  readonly violations: number | undefined;
  /** Calls that were audited, or only reported because of `enforce=0`. */
  readonly audited: number | undefined;
  /** Processes that were killed because memory ran out. */
  readonly oomKills: number | undefined;
  /** CPU time of all its processes, in microseconds. */
  readonly cpuUsec: number | undefined;
  /** The most memory at one time, in bytes; only with `memory_limit`. */
  readonly memoryPeak: number | undefined;
  /** From the birth of its first process to the end of its last, in microseconds. */
  readonly runtimeUsec: number | undefined;
}

/** The terminal of a program, as this side sees it. */
export type Terminal = Duplex & {
  /** Tells the program of another size, by SIGWINCH. */
  resize(size: TerminalSize): void;
};

/** The size of a terminal, in characters. */
export interface TerminalSize {
  /** Lines. */
  readonly rows: number;
  /** Characters of a line. */
  readonly columns: number;
}

/** A handle to a program that runs. */
export interface AgentHandle {
  /** Resolves when the program runs; rejects, as the handle itself does, if it cannot be started. */
  readonly started: Promise<Started>;
  /** The agent's id, once it has started. */
  readonly id: number | undefined;
  /** Its first process, once it has started. */
  readonly pid: number | undefined;
  /** A pidfd of that process, once it has started and until it has exited. It belongs to the handle: do not close it. */
  readonly pidfd: number | undefined;
  /** The writing end of its standard input, if that is a pipe or a terminal; otherwise null. */
  readonly stdin: Writable | null;
  /** The reading end of its standard output; empty if that goes elsewhere. */
  readonly stdout: Readable;
  /** The reading end of its standard error; empty if that goes elsewhere, or to its terminal. */
  readonly stderr: Readable;
  /** Its terminal, if it was started with one. */
  readonly terminal: Terminal | null;
  /**
   * Sends a signal to the program.
   * @param signal a number or a name; SIGTERM by default. Process 1 of a pid namespace does not get signals that
   * it has no handler for, other than SIGKILL and SIGSTOP.
   * @returns whether it still ran.
   * @throws {SwarmError} EINVAL if there is no such signal.
   */
  kill(signal?: NodeJS.Signals | number): boolean;
  /**
   * Gives its agent other limits or rules, once the program has started: all of them, or none if it rejects.
   * @param changes the keys of update, but for `id`
   */
  update(changes: Omit<UpdateRequest, 'id'>, options?: CallOptions): Promise<void>;
  /**
   * Stops all processes of its agent, once the program has started, or lets them go on; resolves once they have
   * stopped.
   * @param frozen true by default
   */
  freeze(frozen?: boolean, options?: CallOptions): Promise<void>;
  /**
   * Ends the agent: SIGTERM, and after a time of grace, or if the program does not handle SIGTERM, destruction.
   * @param grace milliseconds; 10,000 by default. A program that has not started by then is destroyed
   * @returns how it ended.
   */
  stop(grace?: number): Promise<AgentEnd>;
  /**
   * Kills every process of the agent; of a program that joined one, its own process. If the program has not started
   * yet, it never will: the handle rejects with ECANCELED.
   */
  destroy(options?: CallOptions): Promise<void>;
  /**
   * Lets this process end while the program runs, as that of child_process; the agent goes on. Streams that are
   * open keep this process running all the same, and so does a program that is still being started. A program on
   * another machine never keeps this process running: the connection does, until it is closed.
   */
  unref(): void;
  /** Undoes {@link AgentHandle.unref}. */
  ref(): void;
}

/** The facts about a program that has been started. */
export interface Started {
  /** The agent's id. */
  readonly id: number;
  /** The program's process, as this machine counts. */
  readonly pid: number;
}

/** A program that runs as an agent. As a promise it resolves with how the program and its agent ended. */
export type AgentProcess = AgentHandle & Promise<AgentEnd>;

/** The parts of a handle that differ between this machine and another. */
export type HandleParts = Omit<AgentHandle, 'stop' | 'update' | 'freeze'>;

/**
 * Makes a handle and a promise one thing.
 * @param end how the program ends
 * @param parts what can be done to it
 * @param swarm whose agent it is
 */
export function handleOf(end: Promise<AgentEnd>, parts: HandleParts, swarm: Swarm): AgentProcess {
  const { started } = parts;
  /** Destroys it if something takes longer than a time. */
  const within = async <T>(time: number, work: Promise<T>): Promise<T> => {
    const timer = setTimeout(() => void parts.destroy().catch(() => undefined), Math.min(time, TIME_MAX));
    return work.finally(() => {
      clearTimeout(timer);
    });
  };
  const stop = async (grace = 10_000): Promise<AgentEnd> => {
    end.catch(() => undefined);
    await within(grace, started);
    parts.kill('SIGTERM');
    return within(grace, end);
  };
  const update: AgentHandle['update'] = async (changes, options) => {
    // Whoever waits for this learns here that the program has not started.
    end.catch(() => undefined);
    const signal = signalOf(options ?? {});
    const { id } = await until(started, signal);
    await swarm.update(id, changes, signal ? { signal } : {});
  };
  const freeze: AgentHandle['freeze'] = async (frozen, options) => {
    end.catch(() => undefined);
    const signal = signalOf(options ?? {});
    const { id } = await until(started, signal);
    await swarm.freeze(id, frozen, signal ? { signal } : {});
  };
  const handle = Object.defineProperties(parts, {
    update: { value: update, enumerable: true },
    freeze: { value: freeze, enumerable: true },
    stop: { value: stop, enumerable: true },
    // Whoever looks at this learns there of a failure, and need not look at the end too.
    started: {
      enumerable: true,
      configurable: true,
      get: () => {
        end.catch(() => undefined);
        return started;
      },
    },
  });
  return Object.defineProperties(end, Object.getOwnPropertyDescriptors(handle)) as AgentProcess;
}
