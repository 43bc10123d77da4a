/** swarmctl run and exec: a program as an agent, at this terminal. */
import { fstatSync, writeSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { constants as os } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import type { AgentRequest } from '../../abi/request.js';
import type { AgentEnd, AgentProcess, Started } from '../../process.js';
import { SwarmError } from '../../error.js';
import { SwarmGuard } from '../../guard.js';
import type { SpawnOptions } from '../../spawn.js';
import type { Stdio } from '../../stdio.js';
import type { Swarm } from '../../swarm.js';
import { forwarding } from '../forwarding.js';
import { located } from '../located.js';
import { bytes, printed, say } from '../output.js';
import { policyOf } from '../new-policy.js';
import type { PolicyOptions } from '../policy.js';
import { rootOf } from '../root.js';
import type { RootOptions } from '../root.js';
import { envFile, environment } from '../values.js';

/** Options that run and exec share. */
export interface ProgramOptions {
  readonly interactive?: true | undefined;
  readonly tty?: true | undefined;
  readonly env?: readonly string[] | undefined;
  readonly envFile?: readonly string[] | undefined;
  readonly workdir?: string | undefined;
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
}

/** Options of run alone. */
export interface RunOptions extends ProgramOptions, PolicyOptions, RootOptions {
  readonly detach?: true | undefined;
  readonly init?: true | undefined;
  readonly timeout?: number | undefined;
  readonly statusFd?: number | undefined;
  readonly quiet?: true | undefined;
}

/** Additions by a command that runs a program and does more than `run`. */
export interface Hooks {
  /** Changes the policy that the options make. */
  readonly policy?: (policy: Partial<AgentRequest>) => Partial<AgentRequest>;
  readonly spawn?: SpawnOptions;
  readonly started?: (started: Started) => void;
  readonly ended?: (end: AgentEnd) => void;
}

/** Small inits that distributions package; each takes the program after `--`. */
const INITS = ['tini', 'catatonit', 'dumb-init'];

async function initPath(swarm: Swarm): Promise<string> {
  const { program } = await swarm.locate({ programs: INITS });
  if (program !== undefined) return program;
  throw new SwarmError('ENOENT', `--init: there is no ${INITS.join(', ')}`, {
    hint: 'apt-get install tini',
  });
}

/** The part of spawn's options that run and exec share. */
function common(swarm: Swarm, options: ProgramOptions): SpawnOptions {
  const entries = [...(options.envFile ?? []).flatMap(envFile), ...(options.env ?? [])];
  const size = process.stdout.isTTY ? process.stdout : { rows: 24, columns: 80 };
  // A program of another machine has no descriptors of this one: what it prints is copied.
  const inherited: Stdio = swarm instanceof SwarmGuard ? 'inherit' : 'pipe';
  return {
    env: environment(entries),
    ...(options.workdir === undefined ? {} : { cwd: options.workdir }),
    ...(options.user === undefined ? {} : { user: options.user }),
    ...(options.tty === true
      ? { terminal: { rows: size.rows, columns: size.columns } }
      : { stdin: options.interactive === true ? inherited : 'ignore', stdout: inherited, stderr: inherited }),
  };
}

/** A terminal of this side that a program's is joined to. */
interface Joined {
  /** Gives the terminal back as it was. */
  readonly leave: () => void;
  /** Takes it again. */
  readonly enter: () => void;
  /** Parts the two. */
  readonly undo: () => void;
}

/** Joins the program's terminal to this one. */
function atTerminal({ terminal }: AgentProcess, interactive: boolean): Joined {
  const nothing = () => undefined;
  if (!terminal) return { leave: nothing, enter: nothing, undo: nothing };
  const { stdin, stdout } = process;
  terminal.pipe(stdout, { end: false });
  const resized = () => {
    terminal.resize({ rows: stdout.rows, columns: stdout.columns });
  };
  const raw = (mode: boolean) => {
    if (interactive) stdin.setRawMode(mode);
  };
  if (stdout.isTTY) stdout.on('resize', resized);
  raw(true);
  if (interactive) stdin.pipe(terminal);
  return {
    leave: () => {
      raw(false);
    },
    enter: () => {
      raw(true);
    },
    undo: () => {
      stdout.off('resize', resized);
      if (!interactive) return;
      stdin.unpipe(terminal);
      raw(false);
      stdin.pause();
    },
  };
}

/**
 * Looks at what cannot be, before anything runs.
 * @throws {SwarmError} if options exclude each other, or what there is.
 */
function possible({ tty, interactive, ...rest }: RunOptions): void {
  if (tty === true && interactive === true && !process.stdin.isTTY)
    throw new SwarmError('ENOTTY', '-it: standard input is no terminal', { hint: 'leave out -t' });
  const useless = [tty && '--tty', rest.timeout !== undefined && '--timeout'].find(Boolean);
  if (rest.detach === true && useless !== undefined)
    throw new SwarmError('EINVAL', `${useless} needs swarmctl to stay`, { hint: 'leave out --detach' });
  const fd = rest.statusFd;
  if (fd === undefined) return;
  const stat = ((): Stats | undefined => {
    try {
      return fstatSync(fd);
    } catch {
      return undefined;
    }
  })();
  if (!stat || !(stat.isFIFO() || stat.isFile() || stat.isSocket() || stat.isCharacterDevice()))
    throw new SwarmError('EBADF', `--status-fd ${fd}: this descriptor is not open`, {
      hint: `open it in the shell: swarmctl run --status-fd ${fd} … ${fd}>FILE`,
    });
}

/** The exit status that tells how a program ended. */
export function statusOf({ exit, signal }: AgentEnd): number {
  return exit ?? (signal === undefined ? 125 : 128 + signal);
}

/** Remarks on an end, for people, about what the exit status does not say. */
function remarks(end: AgentEnd, name: string, limit: number | undefined): string[] {
  const who = `agent ${end.id}${name === '' ? '' : ` (${name})`}`;
  const { violations = 0 } = end;
  return [
    ...(end.reason === 'unknown'
      ? [
          `the event that tells how ${who} ended was lost: whether it ran out of memory or was denied anything is not known`,
        ]
      : []),
    ...(end.oom === true
      ? [
          `${who} ran out of memory${limit === undefined ? '' : `: its limit is ${bytes(limit)}`}; --memory raises it`,
        ]
      : []),
    ...(violations > 0
      ? [
          `${who} was denied ${violations} ${violations === 1 ? 'thing' : 'things'}: swarmctl explain ${end.id}`,
        ]
      : []),
  ];
}

/** Writes a line of JSON to the descriptor of --status-fd. */
function told(fd: number | undefined, line: object): void {
  if (fd === undefined) return;
  try {
    writeSync(fd, `${JSON.stringify(line)}\n`);
  } catch (error) {
    say(`--status-fd ${fd}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Copies a stream. If what it is copied to breaks, it is read on: nothing must wait for somebody to take it. */
function copy(from: Readable, to: Writable): void {
  if (!to.errored) from.pipe(to, { end: false });
  else from.resume();
  to.once('error', () => from.unpipe(to).resume());
}

/** Copies the streams of a program of another machine; returns what stops that. */
function copied({ terminal, stdin, stdout, stderr }: AgentProcess): () => void {
  if (terminal) return () => undefined;
  copy(stdout, process.stdout);
  copy(stderr, process.stderr);
  if (stdin) process.stdin.pipe(stdin);
  return () => {
    if (stdin) process.stdin.unpipe(stdin).pause();
  };
}

/**
 * Waits for the end of a program that is at this terminal.
 * @param whole it is an agent's first program, and what stops it stops the agent
 */
async function follow(running: AgentProcess, options: ProgramOptions, whole: boolean): Promise<AgentEnd> {
  const { leave, enter, undo } = atTerminal(running, options.interactive === true);
  const uncopy = copied(running);
  const stop = forwarding(running, { whole, terminal: running.terminal !== null, leave, enter });
  try {
    return await running;
  } finally {
    stop();
    uncopy();
    undo();
  }
}

/**
 * Runs a program as an agent and waits for its end, unless it is detached.
 * @returns the exit status: the program's; 128 and the signal that killed it; 125 if the agent was refused, 126
 * if it was not born or the program cannot be executed, 127 if there is no such program.
 */
export async function runCommand(
  swarm: Swarm,
  argv: readonly string[],
  asked: RunOptions,
  hooks: Hooks = {},
): Promise<number> {
  possible(asked);
  const options = await located(swarm, asked);
  const policy = hooks.policy ? hooks.policy(policyOf(options)) : policyOf(options);
  const root = rootOf(options);
  const program = options.init === true ? [await initPath(swarm), '--', ...argv] : argv;
  const detached: Stdio = 'ignore';
  const running = swarm.spawn(program, {
    ...common(swarm, options),
    ...(options.detach === true ? { stdin: detached, stdout: detached, stderr: detached } : {}),
    ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
    ...(root === undefined ? {} : { root }),
    ...hooks.spawn,
    policy,
  });
  if (options.detach === true) {
    running.catch(() => undefined);
    const { id, pid } = await running.started;
    told(options.statusFd, { event: 'started', id, pid });
    await printed(String(id));
    await swarm.close();
    // Whoever starts a program waits for its end; here nobody does.
    process.exit(0);
  }
  running.started.then(
    ({ id, pid }) => {
      told(options.statusFd, { event: 'started', id, pid });
      hooks.started?.({ id, pid });
    },
    () => undefined,
  );
  const end = await follow(running, options, true);
  told(options.statusFd, { event: 'ended', ...end });
  hooks.ended?.(end);
  if (options.quiet !== true)
    for (const line of remarks(end, policy.name ?? '', policy.memory_limit)) say(line);
  return statusOf(end);
}

/** Runs a program as one more process of an agent that runs; see {@link runCommand} for the exit status. */
export async function execCommand(
  swarm: Swarm,
  id: number,
  argv: readonly string[],
  options: ProgramOptions,
): Promise<number> {
  possible(options);
  return statusOf(await follow(swarm.exec(id, argv, common(swarm, options)), options, false));
}

/** The exit status for an error of running a program: as docker has it, and timeout(1). */
export function failureOf(error: unknown): number {
  if (error instanceof Error && error.name === 'TimeoutError') return 124;
  if (!(error instanceof SwarmError)) return 125;
  if (error.field === 'process' || error.code === 'ECANCELED') return 126;
  if (error.field !== 'argv') return 125;
  return error.errno === os.errno.ENOENT ? 127 : 126;
}
