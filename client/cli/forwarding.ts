/** Signals that swarmctl gets while it runs a program: they go on to the program, and Ctrl-Z stops both. */
import type { AgentHandle } from '../process.js';

/** A program as far as signals go. */
export type Signalled = Pick<AgentHandle, 'destroy' | 'freeze' | 'kill' | 'started'>;

/** Signals that go on to the program as they are. Those that tell swarmctl of its own doings (SIGCHLD, SIGPIPE) do not. */
const FORWARDED = [
  ...(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGVTALRM'] as const),
  ...(['SIGIO', 'SIGPWR', 'SIGXCPU', 'SIGXFSZ'] as const),
] as const;

/** The number of SIGINT or SIGTERM after which the agent is destroyed, as with docker. */
const PATIENCE = 3;

/** The longest time that Ctrl-Z waits until the program has stopped, in milliseconds. */
const STOP_MAX = 2000;

/** The ways of one program that sending signals on depends on. */
export interface Forwarding {
  /**
   * The program is an agent's first: the whole agent stops. Otherwise it has joined one that somebody else runs, and
   * stops alone.
   */
  readonly whole: boolean;
  /** The program has a terminal of its own, which tells it of another size. */
  readonly terminal: boolean;
  /** Gives the terminal back to the shell. */
  readonly leave?: () => void;
  /** Takes the terminal again. */
  readonly enter?: () => void;
}

/** Sends a signal as soon as the program runs; one that is never started gets none. */
function send(running: Signalled, signal: NodeJS.Signals): void {
  if (running.kill(signal)) return;
  running.started.then(
    () => running.kill(signal),
    () => undefined,
  );
}

/**
 * Stops the program and this process, and lets both go on at SIGCONT. The program is in a session of its own, so
 * neither Ctrl-Z nor the shell's `fg` reaches it. There SIGTSTP would do nothing either: the kernel ignores it in a
 * process group that has no parent in its session.
 */
function stopping(running: Signalled, { whole, leave, enter }: Forwarding) {
  let stopped = false;
  let over = false;
  const hold = async (held: boolean) => {
    if (!whole) send(running, held ? 'SIGSTOP' : 'SIGCONT');
    else await running.freeze(held, { timeout: STOP_MAX }).catch(() => undefined);
  };
  // Each waits for the one before: whoever presses Ctrl-Z and calls `fg` at once has a program that runs.
  let last = Promise.resolve();
  return {
    stop: () => {
      if (stopped) return;
      stopped = true;
      last = last.then(async () => {
        await hold(true);
        // SIGCONT has come meanwhile, or the program has ended.
        if (!stopped || over) return;
        leave?.();
        process.kill(process.pid, 'SIGSTOP');
      });
    },
    end: () => {
      over = true;
    },
    goOn: () => {
      if (!stopped) {
        send(running, 'SIGCONT');
        return;
      }
      stopped = false;
      last = last.then(async () => {
        if (over) return;
        enter?.();
        await hold(false);
      });
    },
  };
}

/** Sends signals on; returns what stops that. */
export function forwarding(running: Signalled, how: Forwarding): () => void {
  const handlers: [NodeJS.Signals, () => void][] = [];
  let asked = 0;
  for (const signal of FORWARDED)
    handlers.push([
      signal,
      () => {
        asked += signal === 'SIGINT' || signal === 'SIGTERM' ? 1 : 0;
        if (asked >= PATIENCE) void running.destroy().catch(() => undefined);
        else send(running, signal);
      },
    ]);
  const { stop, goOn, end } = stopping(running, how);
  // SIGTTOU and SIGTTIN keep their effect: with a handler, a change of the terminal would be tried for ever.
  handlers.push(['SIGTSTP', stop], ['SIGCONT', goOn]);
  if (!how.terminal)
    handlers.push([
      'SIGWINCH',
      () => {
        send(running, 'SIGWINCH');
      },
    ]);
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return () => {
    end();
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}
