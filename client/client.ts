/** /proc/swarm of a guest, typed. abi/ holds the schemas of what is written and read. */
import { parseAnswer } from './abi/answer.js';
import type { Answer } from './abi/answer.js';
import { parseAgentLine, parseStatus } from './abi/listing.js';
import type { AgentLine, Status } from './abi/listing.js';
import type { AgentRequest, UpdateRequest } from './abi/request.js';
import { parseEvents } from './events.js';
import type { SwarmEvent } from './events.js';
import { parseInspection } from './inspect.js';
import type { Inspection } from './inspect.js';
import type { OrderFile } from './policy/core.js';

export type { Answer } from './abi/answer.js';
export type { AgentLine, Status } from './abi/listing.js';
export type { Action } from './abi/names.js';
export type { AgentRequest, UpdateRequest } from './abi/request.js';
export type { OrderFile } from './policy/core.js';

/** A shell on the machine whose /proc/swarm is used. */
export interface Shell {
  exec(
    command: string,
    options?: { stdin?: string | Buffer; timeoutMs?: number },
  ): Promise<{
    code: number;
    stdout: string;
    stderr: string;
  }>;
  sh(command: string): Promise<string>;
}

/** The results of writing orders. */
export interface Written {
  /** The result of each write: bytes, or the name of its errno. */
  readonly writes: (number | string)[];
  readonly answers: Answer[];
}

/** The result of each write as swarmio prints it: bytes, or the name of its errno. */
function parseWrites(stderr: string): (number | string)[] {
  return stderr
    .split('\n')
    .filter(Boolean)
    .map((line) => (line.startsWith('written ') ? Number(line.slice('written '.length)) : line));
}

/** The calls by which a launcher can make an agent's first process. */
export const LAUNCH_CALLS = ['fork', 'vfork', 'posix_spawn', 'clone', 'clone3'] as const;

export interface LaunchOptions {
  via?: (typeof LAUNCH_CALLS)[number];
  /** Flags of clone and clone3, in hexadecimal. */
  flags?: string;
  /** Flags, in hexadecimal, of a clone3 that is tried before and expected to fail. */
  first?: string;
  /** Makes the launcher dumpable (1) or not (0), and prints that before and after; 2 needs fs.suid_dumpable to be 2. */
  dumpable?: 0 | 1 | 2;
  /** A command that starts the launcher itself, such as "nice -n -5". */
  under?: string;
}

/** A program that ran as the first process of an agent. */
export interface Launched {
  /** Its exit status; 128 and the signal where one killed it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The agent. */
  readonly id: number;
  /** Its first process, as the host counts. */
  readonly pid: number;
}

/** A word, quoted so that a shell takes it literally. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * The files of /proc/swarm, reached through a shell. What is given to create is not checked here: the kernel
 * answers what is wrong with it.
 */
export class SwarmClient {
  readonly #shell: Shell;

  /** @param shell runs commands as root on the machine whose /proc/swarm is meant */
  constructor(shell: Shell) {
    this.#shell = shell;
  }

  /**
   * Reads status.
   * @throws if it cannot be read, or has another form.
   */
  async status(): Promise<Status> {
    return parseStatus(await this.#shell.sh('cat /proc/swarm/status'));
  }

  /**
   * Reads agents, by rising id.
   * @throws if it cannot be read, or has another form.
   */
  async agents(): Promise<AgentLine[]> {
    const text = await this.#shell.sh('cat /proc/swarm/agents');
    return text.split('\n').filter(Boolean).map(parseAgentLine);
  }

  /** Reads metrics: OpenMetrics text, with the newline at its end. */
  async metrics(): Promise<string> {
    return `${await this.#shell.sh('cat /proc/swarm/metrics')}\n`;
  }

  /**
   * The events that are kept, oldest first.
   * @param since the `seq` of the first one wanted; all that are kept by default
   * @throws if a line is no event.
   */
  async events(since = 0): Promise<SwarmEvent[]> {
    // Reading ends with EAGAIN where there is no more.
    const { stdout } = await this.#shell.exec('dd if=/proc/swarm/events iflag=nonblock bs=64k 2>/dev/null');
    return parseEvents(stdout).filter(({ seq }) => seq >= since);
  }

  /** Every event that happens while `work` runs, oldest first. */
  async eventsDuring(work: () => Promise<unknown>): Promise<SwarmEvent[]> {
    const before = await this.events();
    await work();
    return this.events((before.at(-1)?.seq ?? 0) + 1);
  }

  /**
   * Reads everything about an agent.
   * @throws if there is no such agent.
   */
  async inspect(id: number): Promise<Inspection> {
    const shell = 'exec 3<>/proc/swarm/inspect && echo';
    return parseInspection(await this.#shell.sh(`${shell} ${id} >&3 && cat <&3`));
  }

  /**
   * Writes bytes to a file as they are, and reads everything back.
   * @param bytes what is written
   * @param piece bytes of each write; all in one by default
   * @param file one that takes orders
   * @returns what each write did, and every answer. A refusal is an answer, not an exception.
   */
  async write(bytes: string | Buffer, piece?: number, file: OrderFile = 'create'): Promise<Written> {
    const command = `swarmio /proc/swarm/${file} ${piece ?? ''}`;
    const { stdout, stderr } = await this.#shell.exec(command, { stdin: bytes, timeoutMs: 300_000 });
    return { writes: parseWrites(stderr), answers: stdout.split('\n').filter(Boolean).map(parseAnswer) };
  }

  /**
   * Creates one agent.
   * @returns its id.
   * @throws with the kernel's answer if it is refused.
   */
  async create(request: AgentRequest): Promise<number> {
    const { answers } = await this.write(JSON.stringify(request));
    const answer = answers[0];
    if (answer?.kind !== 'created') throw new Error(`refused: ${JSON.stringify(answer)}`);
    return answer.id;
  }

  /**
   * Gives an agent other limits or rules, stops its processes or lets them run.
   * @throws with the kernel's answer if it is refused; then nothing has changed.
   */
  async update(request: UpdateRequest): Promise<void> {
    const { answers } = await this.write(JSON.stringify(request), undefined, 'update');
    const answer = answers[0];
    if (answer?.kind !== 'created') throw new Error(`refused: ${JSON.stringify(answer)}`);
  }

  /**
   * Writes bytes to attach as they are.
   * @param piece bytes of each write; all in one by default
   * @returns what each write returned: bytes, or the name of its errno.
   */
  async writeAttach(bytes: string | Buffer, piece?: number): Promise<(number | string)[]> {
    return (await this.write(bytes, piece, 'attach')).writes;
  }

  /**
   * Makes a running process one more of an agent that runs.
   * @param pid its id in the guest's initial pid namespace
   * @throws with the errno's name if it is refused.
   */
  async attach(id: number, pid: number): Promise<void> {
    const object = JSON.stringify({ id, pid });
    const [written] = await this.writeAttach(object);
    if (written !== object.length) throw new Error(`refused: ${written}`);
  }

  /**
   * Destroys agents.
   * @returns what each write returned: bytes, or the name of its errno.
   */
  async destroy(...ids: number[]): Promise<(number | string)[]> {
    const { stderr } = await this.#shell.exec('swarmio -w /proc/swarm/destroy', {
      stdin: ids.map((id) => `${id}\n`).join(''),
    });
    return parseWrites(stderr);
  }

  /**
   * Runs a program as the first process of an agent and waits for its end.
   * @param how how its launcher makes it, and what it is started by
   * @returns how it ended. An exit status other than 0 is an answer, not an exception.
   * @throws if the agent is refused or no process can be made; {@link SwarmClient.tryLaunch} does not.
   */
  async launch(request: AgentRequest, program: string[], how: LaunchOptions = {}): Promise<Launched> {
    const { code, stdout, stderr } = await this.tryLaunch(request, program, how);
    const id = /^\{"id":(\d+)\}$/m.exec(stderr)?.[1];
    const pid = /^pid (\d+)$/m.exec(stderr)?.[1];
    if (id === undefined || pid === undefined) throw new Error(`not launched: ${code} ${stderr}`);
    return { code, stdout, stderr, id: Number(id), pid: Number(pid) };
  }

  /**
   * As {@link SwarmClient.launch}, for a launch that may fail.
   * @returns how it ended; the code is 125 if the object is refused, and 126 if no process is made.
   */
  async tryLaunch(request: AgentRequest, program: string[], how: LaunchOptions = {}) {
    const { via = 'fork', flags = '0', first = '0', dumpable, under = '' } = how;
    const object = JSON.stringify({ spawn: true, ...request });
    const options = dumpable === undefined ? '' : `--dumpable ${dumpable}`;
    const command = `${under} launch --via ${via} --flags ${flags} --first ${first} ${options} ${[object, ...program].map(quoted).join(' ')}`;
    return this.#shell.exec(command.trimStart(), { timeoutMs: 120_000 });
  }

  /** Runs a shell line as the first process of an agent; see {@link SwarmClient.launch}. */
  async run(request: AgentRequest, line: string, how: LaunchOptions = {}): Promise<Launched> {
    return this.launch(request, ['/bin/sh', '-c', line], how);
  }
}
