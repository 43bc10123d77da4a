/** Running a program as an agent. */
import { closeSync } from 'node:fs';
import * as z from 'zod';
import { parseAnswer } from './abi/answer.js';
import { checked } from './check.js';
import { Ending, endOf } from './ended.js';
import type { Ends } from './ends.js';
import { SwarmError, systemError } from './error.js';
import { guideOf } from './guide.js';
import { LaunchError, launch, signal as sendSignal, wait, watch } from './native/launcher.js';
import type { LaunchSpec, Launched, RootSpec, Watching } from './native/launcher.js';
import { handleOf } from './process.js';
import type { AgentEnd, AgentProcess, HandleParts, Started } from './process.js';
import { signalNumber, signalOf, until } from './signals.js';
import { wire } from './stdio.js';
import type { StdioOptions, Wiring } from './stdio.js';
import type { CallOptions, CreateRequest, Swarm } from './swarm.js';

/** The options of a program's run. */
export interface SpawnOptions extends StdioOptions {
  /** The policy of the new agent; what it does not say is the kernel's default. */
  readonly policy?: Omit<CreateRequest, 'pid' | 'pidfd' | 'after_exec'>;
  /** An agent that has no process, instead of a new one. */
  readonly id?: number;
  /** The environment. The program gets no variable of this process, but PATH and what is given here. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The working directory, `/` by default. */
  readonly cwd?: string;
  /** The file mode creation mask; this process's by default. */
  readonly umask?: number;
  /** The ids that the program has inside the agent; root by default. */
  readonly user?: { readonly uid: number; readonly gid: number; readonly groups?: readonly number[] };
  /** A root file system of its own. */
  readonly root?: RootSpec;
  /** Destroys the agent, or the program before it has started, and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Milliseconds after which the agent is destroyed; the promise then rejects with a TimeoutError. */
  readonly timeout?: number;
}

/** The directories in which programs are searched that are named without a slash. */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The machine on which {@link run} starts a program. */
export interface Place {
  readonly swarm: Swarm;
  readonly ends: Ends;
  /** The directory of the files. */
  readonly directory: string;
}

function environment({ env = {}, terminal }: SpawnOptions): string[] {
  const term = terminal === undefined || terminal === false ? {} : { TERM: process.env['TERM'] ?? 'xterm' };
  const variables: Record<string, string | undefined> = { PATH: DEFAULT_PATH, ...term, ...env };
  return Object.entries(variables).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
}

/** The error that options stand for which no launch can have. */
function invalid(error: z.ZodError): SwarmError {
  const [{ path, message } = { path: [], message: error.message }] = error.issues;
  const place = path.join('.');
  return new SwarmError('EINVAL', place === '' ? message : `${place}: ${message}`, {
    cause: error,
    field: String(path[0] ?? ''),
  });
}

/**
 * The error that a launch that failed stands for.
 * @param program that was to be run
 */
export function explained(error: unknown, program: string): unknown {
  if (error instanceof z.ZodError) return invalid(error);
  if (!(error instanceof LaunchError)) return systemError(program, error);
  if (error.answer !== undefined) {
    const answer = parseAnswer(error.answer);
    if (answer.kind === 'refused') return SwarmError.of(answer);
  }
  const place = {
    exec: program,
    clone: 'making the process',
    setup: error.what,
    open: error.what,
    write: error.what,
  };
  return new SwarmError(error.code, `${place[error.stage]}: ${error.message}`, {
    cause: error,
    field: FIELDS[error.stage] ?? '',
    hint: error.stage === 'exec' ? (EXEC_HINTS[error.code] ?? '') : '',
  });
}

/** The field of the error, for each stage of a launch that may fail beside keys of requests. */
const FIELDS: Readonly<Partial<Record<LaunchError['stage'], string>>> = { exec: 'argv', clone: 'process' };

const EXEC_HINTS: Readonly<Record<string, string>> = {
  EACCES:
    'the agent is no root outside: its program, and every directory above, must be executable for others',
  EPERM: 'a rule of the policy denies the execve: see exec_paths and syscalls',
  ENOENT: 'the path is looked up in the agent, by its PATH; an interpreter that is missing says the same',
};

/**
 * Waits for the end of a child; then its pidfd is closed.
 * @param began is told how this keeps the process running
 */
function exited(pidfd: number, began: (watching: Watching) => void): Promise<Partial<AgentEnd>> {
  return new Promise((resolve, reject) => {
    const watching = watch(pidfd, () => {
      watching.stop();
      try {
        resolve(wait(pidfd) ?? {});
      } catch (error) {
        const why = systemError('waiting for the end of the program', error);
        reject(why instanceof Error ? why : new Error(String(why)));
      } finally {
        closeSync(pidfd);
      }
    });
    began(watching);
  });
}

/** One program, from its launch to its end. */
class Run {
  readonly place: Place;
  readonly spec: Omit<LaunchSpec, 'stdio' | 'object'>;
  readonly options: SpawnOptions;
  /** Does the program join an agent that runs? */
  readonly joins: boolean;
  launched: Launched | undefined;
  /** Has its process been waited for? Then its pidfd is closed. */
  over = false;
  readonly stop: AbortSignal | undefined;
  /** Ends a launch that is under way. */
  readonly #cancel = new AbortController();
  readonly #launching: AbortSignal;
  /** Does the program keep this process running? */
  #keeps = true;
  #watching: Watching | undefined;
  /** Are its user's ends held? */
  #holds = false;
  readonly wiring: Wiring;
  readonly #resolveStarted: (started: Started) => void;
  readonly #rejectStarted: (error: unknown) => void;
  readonly started: Promise<Started>;

  constructor(
    place: Place,
    spec: Omit<LaunchSpec, 'stdio' | 'object'>,
    options: SpawnOptions,
    joins: boolean,
  ) {
    this.place = place;
    this.spec = spec;
    this.options = options;
    this.joins = joins;
    this.stop = signalOf(options);
    const { signal } = this.#cancel;
    this.#launching = this.stop ? AbortSignal.any([this.stop, signal]) : signal;
    this.wiring = wire(options);
    let resolveStarted: (started: Started) => void = () => undefined;
    let rejectStarted: (error: unknown) => void = () => undefined;
    this.started = new Promise((resolve, reject) => {
      resolveStarted = resolve;
      rejectStarted = reject;
    });
    this.#resolveStarted = resolveStarted;
    this.#rejectStarted = rejectStarted;
    // Whoever awaits the handle learns of it anyway.
    this.started.catch(() => undefined);
  }

  async end(): Promise<AgentEnd> {
    try {
      this.stop?.throwIfAborted();
      const { ends } = this.place;
      const ending = new Ending(this.place, this.joins);
      await ending.expect();
      this.#holds = true;
      if (!this.#keeps) ends.letGo(true);
      try {
        return await this.#launched(ending);
      } finally {
        this.#holds = false;
        if (!this.#keeps) ends.letGo(false);
        ending.over();
      }
    } catch (error) {
      this.#rejectStarted(error);
      if (!this.launched) {
        this.wiring.closeGiven();
        this.wiring.destroy();
      }
      throw error;
    }
  }

  async #launched(ending: Ending): Promise<AgentEnd> {
    const launched = await this.#launch().finally(() => {
      ending.launched(this.launched?.id);
    });
    const started = { id: launched.id, pid: launched.pid };
    this.#resolveStarted(started);
    const kill = () => {
      this.destroy().catch(() => undefined);
    };
    this.stop?.addEventListener('abort', kill);
    if (this.stop?.aborted === true) kill();
    try {
      const own = await exited(launched.pidfd, (watching) => {
        this.#watching = watching;
        watching.hold(this.#keeps);
      }).finally(() => {
        this.over = true;
        this.#watching = undefined;
      });
      const { policy, id } = this.options;
      const mayPersist = policy?.persist === true || id !== undefined;
      const end = endOf(started, own, await ending.told({ mayPersist, keeps: () => this.#keeps }));
      this.#flush();
      this.stop?.throwIfAborted();
      return end;
    } finally {
      this.stop?.removeEventListener('abort', kill);
    }
  }

  async #launch(): Promise<Launched> {
    try {
      const join = this.joins ? { join: { pid: await this.#guide() } } : {};
      const { policy = {}, id } = this.options;
      const object = checked(this.spec.file, id === undefined ? { ...policy, spawn: true } : { id });
      const spec = { ...this.spec, ...join, object, stdio: this.wiring.given };
      const launched = await launch(spec, this.place.directory, this.#launching);
      this.launched = launched;
      return launched;
    } catch (error) {
      throw explained(error, this.spec.program);
    } finally {
      this.wiring.closeGiven();
    }
  }

  /** A process of the agent, to show where the agent is. */
  async #guide(): Promise<number> {
    return guideOf(this.place.swarm, this.options.id ?? 0, { signal: this.#launching });
  }

  /** Output that nobody reads would keep its stream open for good; child_process does the same. */
  #flush(): void {
    for (const stream of [this.wiring.stdout, this.wiring.stderr])
      if (stream.readableFlowing === null && stream.listenerCount('readable') === 0) stream.resume();
    if (!this.wiring.terminal) this.wiring.stdin?.destroy();
  }

  kill(signal: NodeJS.Signals | number): boolean {
    const number = signalNumber(signal);
    if (!this.launched || this.over) return false;
    sendSignal(this.launched.pidfd, number);
    return true;
  }

  async destroy(options: CallOptions = {}): Promise<void> {
    if (!this.launched)
      this.#cancel.abort(new SwarmError('ECANCELED', `${this.spec.program} was destroyed before it started`));
    const signal = signalOf(options);
    const begun = this.started.catch(() => undefined);
    const started = await until(begun, signal);
    if (!started) return;
    if (this.joins) this.kill('SIGKILL');
    else await this.place.swarm.destroy(started.id, signal ? { signal } : {});
  }

  /** Says whether the program keeps this process running. */
  keep(keeps: boolean): void {
    if (keeps === this.#keeps) return;
    this.#keeps = keeps;
    this.#watching?.hold(keeps);
    if (this.#holds) this.place.ends.letGo(!keeps);
  }
}

/**
 * Runs a program as an agent.
 * @param argv the program and its arguments
 * @param joins whether it becomes one more process of the agent that the options name
 * @throws {SwarmError} at once if an argument is no text that a program can be given, or a file cannot be opened.
 */
export function run(
  place: Place,
  argv: readonly string[],
  options: SpawnOptions,
  joins = false,
): AgentProcess {
  const [program] = argv;
  if (!program)
    throw new SwarmError('EINVAL', 'there is no program: the first of argv is its path or name', {
      field: 'argv',
    });
  const env = environment(options);
  if ([...argv, ...env, options.cwd ?? ''].some((text) => text.includes('\0')))
    throw new SwarmError('EINVAL', 'no argument, variable or path can contain a NUL byte', { field: 'argv' });
  const { id, cwd = '/', umask, user, root, terminal } = options;
  const file = id === undefined ? 'create' : 'spawn';
  const state = new Run(
    place,
    {
      file,
      program,
      argv,
      env,
      cwd,
      ...(umask === undefined ? {} : { umask }),
      ...(user === undefined ? {} : { user }),
      ...(root === undefined ? {} : { root }),
      terminal: terminal !== undefined && terminal !== false,
    },
    options,
    joins,
  );
  const { wiring } = state;
  const end = state.end();
  const handle: HandleParts = {
    started: state.started,
    get id() {
      return state.launched?.id;
    },
    get pid() {
      return state.launched?.pid;
    },
    get pidfd() {
      return state.over ? undefined : state.launched?.pidfd;
    },
    stdin: wiring.stdin,
    stdout: wiring.stdout,
    stderr: wiring.stderr,
    terminal: wiring.terminal,
    kill: (signal = 'SIGTERM') => state.kill(signal),
    destroy: (options) => {
      // Whoever ends a program that has not started need not look at that it did not.
      end.catch(() => undefined);
      return state.destroy(options);
    },
    ref: () => {
      state.keep(true);
    },
    unref: () => {
      state.keep(false);
    },
  };
  return handleOf(end, handle, place.swarm);
}
