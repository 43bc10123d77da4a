/** Starting programs as processes of agents, in threads of the addon: docs/launching.md. */
import * as z from 'zod';
import { addon } from './load.js';
import { rootOrder, rootSpec } from './root.js';
import type { RootSpec } from './root.js';

export type { RootSpec } from './root.js';

/** A program, and how it is started. */
export interface LaunchSpec {
  /**
   * The file that arms the thread: `create`, or `spawn` for an agent without a process, or one that runs (`join`).
   */
  readonly file: 'create' | 'spawn';
  /** The object to write there; for `create` with `"spawn": true`. */
  readonly object: string;
  /** The program: a path, or a name that is searched in PATH of `env`, in the agent's root. */
  readonly program: string;
  /** Its arguments, the first of which is its name. */
  readonly argv: readonly string[];
  /** Its environment: KEY=VALUE. */
  readonly env: readonly string[];
  /** Its working directory; the launcher's by default, and that of a `root` or of an agent that is joined is /. */
  readonly cwd?: string;
  /** Its file mode creation mask; the launcher's by default. */
  readonly umask?: number;
  /** Descriptors of this process that become 0, 1, 2, … of the program; it gets no others. */
  readonly stdio: readonly number[];
  /** Descriptor 0 is a terminal, and becomes the controlling one. */
  readonly terminal?: boolean;
  /** Ids inside the agent; root without groups by default. */
  readonly user?: { readonly uid: number; readonly gid: number; readonly groups?: readonly number[] };
  /** A process of the agent that runs and gets one more; only with `spawn`. */
  readonly join?: { readonly pid: number };
  /** A root of its own; only for an agent's first process. */
  readonly root?: RootSpec;
}

/** A process that executes its program. */
export interface Launched {
  /** Its agent. */
  readonly id: number;
  /** Its id, as this process counts. */
  readonly pid: number;
  /** A descriptor of it, to be closed by whoever has waited for it. It is a child of this process. */
  readonly pidfd: number;
}

/** Rows and columns of a terminal. */
export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

const uint32 = z.int().min(0).max(0xffff_ffff);
const fd = z.int().min(0).max(0x7fff_ffff);
const pid = z.int().min(1).max(0x7fff_ffff);
const words = z.array(z.string().refine(whole, 'no NUL byte can be passed')).readonly();

const launchSpec = z
  .strictObject({
    file: z.enum(['create', 'spawn']),
    object: z.string(),
    program: z.string().min(1).refine(whole, 'no NUL byte can be passed'),
    argv: words,
    env: words,
    cwd: z.string().refine(whole, 'no NUL byte can be passed').optional(),
    umask: z.int().min(0).max(0o777).optional(),
    stdio: z.array(fd).max(1024).readonly(),
    terminal: z.boolean().optional(),
    user: z
      .strictObject({ uid: uint32, gid: uint32, groups: z.array(uint32).readonly().optional() })
      .optional(),
    join: z.strictObject({ pid }).optional(),
    root: rootSpec.optional(),
  })
  .refine(
    ({ file, object }) => file === 'spawn' || arms(object),
    'an object of create must have "spawn": true',
  )
  .refine(({ file, join }) => file === 'spawn' || !join, 'an agent is joined by the file spawn')
  .refine(({ root, join }) => !root || !join, 'a process that joins an agent has the root of the agent');

const failure = z.object({
  stage: z.enum(['open', 'write', 'clone', 'setup', 'exec']),
  errno: z.int(),
  code: z.string(),
  what: z.string(),
  answer: z.string(),
});
const launched = z.object({ id: z.number(), pid, pidfd: fd });
const pair = z.tuple([z.number(), z.number()]);
const ended = z.union([
  z.strictObject({ exit: z.number() }),
  z.strictObject({ signal: z.number() }),
  z.undefined(),
]);

function whole(text: string): boolean {
  return !text.includes('\0');
}

/** Does an object of create arm a thread? What is no JSON is the kernel's to refuse. */
function arms(object: string): boolean {
  try {
    const parsed: unknown = JSON.parse(object);
    return z.object({ spawn: z.literal(true) }).safeParse(parsed).success;
  } catch {
    return true;
  }
}

/** The paths at which a program may be, in the order in which execvp(3) tries them. */
function paths(program: string, env: readonly string[]): string[] {
  if (program.includes('/')) return [program];
  const path = env.find((each) => each.startsWith('PATH='))?.slice('PATH='.length) ?? '/bin:/usr/bin';
  return path.split(':').map((dir) => (dir === '' ? program : `${dir}/${program}`));
}

/** A launch that came to nothing: no process of it is left. */
export class LaunchError extends Error {
  override readonly name = 'LaunchError';
  /**
   * The stage that failed: opening a file, the order, making the process, setting it up, or executing the program.
   */
  readonly stage: z.infer<typeof failure>['stage'];
  /** The errno's name. */
  readonly code: string;
  readonly errno: number;
  /** The step of the set-up, or the path. */
  readonly what: string;
  /** The kernel's answer, a line of JSON, if it has refused the order. */
  readonly answer?: string;

  constructor({ stage, errno, code, what, answer }: z.infer<typeof failure>) {
    super(`${what}: ${code}${answer === '' ? '' : ` ${answer.trimEnd()}`}`);
    this.stage = stage;
    this.code = code;
    this.errno = errno;
    this.what = what;
    if (answer !== '') this.answer = answer.trimEnd();
  }
}

/** Names the launches of this thread for {@link Addon.cancel}. */
let launches = 0;

/**
 * Starts a program as a process of an agent. Any number may be started at once: each launch has a thread of its own.
 * If the thread of Node that calls ends meanwhile (a worker), the launch comes to nothing.
 * @param directory of the files, as of /proc/swarm
 * @param signal ends the launch, whatever its process waits for: it then rejects with the signal's reason, and no
 * process is left
 * @returns once the program is being executed. Whoever calls waits for its end ({@link watch}, {@link wait}), and
 * closes the pidfd.
 * @throws {LaunchError} if there is no process. An agent that the order has made is destroyed then.
 * @throws if the addon is not built, or the specification is none; at once, as a rejection.
 */
export async function launch(
  spec: LaunchSpec,
  directory = '/proc/swarm',
  signal?: AbortSignal,
): Promise<Launched> {
  const {
    file,
    program,
    env,
    umask = -1,
    user,
    join,
    terminal = false,
    cwd,
    root,
    ...rest
  } = launchSpec.parse(spec);
  signal?.throwIfAborted();
  const handle = (launches = (launches + 1) >>> 0);
  const cancel = () => {
    addon().cancel(handle);
  };
  signal?.addEventListener('abort', cancel);
  const order = {
    ...rest,
    env,
    program,
    file: `${directory}/${file}`,
    destroy: `${directory}/destroy`,
    creates: file === 'create',
    paths: paths(program, env),
    cwd: cwd ?? (root ? '/' : undefined),
    umask,
    terminal,
    // A process that joins has its launcher's ids until it takes others.
    user: user || join ? { uid: 0, gid: 0, ...user, groups: user?.groups ?? [] } : undefined,
    join: join?.pid ?? 0,
    root: root && rootOrder(root),
  };
  const answer = await addon()
    .launch(handle, order)
    .finally(() => signal?.removeEventListener('abort', cancel));
  const failed = failure.safeParse(answer);
  if (!failed.success) return launched.parse(answer);
  signal?.throwIfAborted();
  throw new LaunchError(failed.data);
}

/** A descriptor that is watched. */
export interface Watching {
  /** No callback comes any more. */
  stop(): void;
  /** Says whether it keeps the process running; at first it does. */
  hold(keeps: boolean): void;
}

/**
 * Calls back, again and again, while a descriptor can be read: a pidfd, once its process has ended; or
 * /proc/swarm/events. It keeps the process running until it is stopped, unless {@link Watching.hold} says otherwise.
 * @param fd must stay open until then; it becomes non-blocking
 * @throws if it cannot be polled.
 */
export function watch(fd: number, ready: () => void): Watching {
  const watching = new (addon().Watch)(fd, ready);
  return {
    stop: () => {
      watching.stop();
    },
    hold: (keeps) => {
      watching.hold(keeps);
    },
  };
}

/**
 * Takes the exit status of a process.
 * @returns undefined while it runs.
 * @throws if it is no child of this process, or has been waited for already (ECHILD).
 */
export function wait(pidfd: number): { exit: number } | { signal: number } | undefined {
  return ended.parse(addon().wait(pidfd));
}

/**
 * Another descriptor of what one is of. Whoever calls closes it.
 * @throws if it is none (EBADF).
 */
export function duplicate(of: number): number {
  return fd.parse(addon().duplicate(of));
}

/**
 * Opens a descriptor of a process, which never comes to mean another one. Whoever calls closes it.
 * @param pid as this process counts
 * @throws if there is no such process (ESRCH).
 */
export function openProcess(pid: number): number {
  return fd.parse(addon().openProcess(pid));
}

/**
 * Sends a signal to a process.
 * @param signal its number
 * @throws if there is no such process (ESRCH).
 */
export function signal(pidfd: number, signal: number): void {
  addon().signal(pidfd, signal);
}

/**
 * Opens a pseudo-terminal. Both sides are closed in whatever is executed, but for a `stdio` of a launch.
 * @throws if there is none left (ENOSPC).
 */
export function openTerminal({ rows, columns }: TerminalSize = { rows: 24, columns: 80 }): {
  master: number;
  slave: number;
} {
  const [master, slave] = pair.parse(addon().openTerminal(rows, columns));
  return { master, slave };
}

/**
 * Changes the size of a terminal; whoever is in its foreground gets SIGWINCH.
 * @throws if the descriptor is no terminal (ENOTTY).
 */
export function resize(fd: number, { rows, columns }: TerminalSize): void {
  addon().resize(fd, rows, columns);
}

/** The size of a terminal; undefined if the descriptor is none. */
export function terminalSize(fd: number): TerminalSize | undefined {
  const size = pair.optional().parse(addon().terminalSize(fd));
  return size && { rows: size[0], columns: size[1] };
}

/**
 * Lets everything that is typed and printed pass as it is, unlike Node's setRawMode, which still changes what is
 * printed.
 * @returns a function that makes the terminal what it was.
 * @throws if the descriptor is no terminal (ENOTTY).
 */
export function rawMode(fd: number): () => void {
  const mode = addon().rawMode(fd);
  return () => {
    addon().restoreMode(fd, mode);
  };
}

/** Opens a pipe. Both ends block, and are closed in whatever is executed, but for a `stdio` of a launch. */
export function openPipe(): { read: number; write: number } {
  const [read, write] = pair.parse(addon().openPipe());
  return { read, write };
}

/**
 * Moves to the end of a file: of /proc/swarm/events, past everything that has happened.
 * @throws if that is not possible (ESPIPE).
 */
export function seekToEnd(fd: number): void {
  addon().seekToEnd(fd);
}
