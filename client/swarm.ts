/** The interface to a machine's agents, for this machine and any other. */
import type { Answer } from './abi/answer.js';
import type { SwarmEvent } from './abi/event.js';
import type { Inspection } from './abi/inspection.js';
import type { AgentLine, Status } from './abi/listing.js';
import type { AgentRequest, UpdateRequest } from './abi/request.js';
import type { EventOptions } from './files/events.js';
import type { Located, Wanted } from './files/locate.js';
import type { AgentProcess } from './process.js';
import type { SpawnOptions } from './spawn.js';

/** The options of every call. */
export interface CallOptions {
  /** Ends the call: it rejects with the signal's reason. What the kernel has carried out by then stays. */
  readonly signal?: AbortSignal;
  /** Milliseconds after which the call rejects with a TimeoutError. */
  readonly timeout?: number;
}

/** An agent that has been made, or has got a process. */
export type Created = Omit<Extract<Answer, { kind: 'created' }>, 'kind'>;

/** The process to attach: by its number, or by a pidfd of this process, which cannot come to mean another one. */
export type Target = ({ readonly pid: number } | { readonly pidfd: number }) & {
  /** The rules apply from its next completed execve on. */
  readonly after_exec?: boolean;
  /** It is outside, and enters the agent's namespaces later: the rules apply from its first execve there on. */
  readonly enters?: boolean;
};

/** A request of create. It has no key `spawn`, since arming a thread is the task of spawn(). */
export type CreateRequest = Omit<AgentRequest, 'spawn'>;

/**
 * The agents of a machine. Every call rejects with a {@link SwarmError} if it is refused. What the kernel would refuse
 * whatever its state is not written to it at all; the check, by the kernel's own code, is made on the machine of the
 * agents.
 */
export interface Swarm {
  /** Makes an agent: registered, or with a running process (`pid`, `pidfd`). */
  create(request: CreateRequest, options?: CallOptions): Promise<Created>;
  /**
   * Makes many. Yields an answer for each request, in order; a refusal is an answer, not an exception.
   */
  createMany(
    requests: Iterable<CreateRequest> | AsyncIterable<CreateRequest>,
    options?: CallOptions,
  ): AsyncGenerator<Answer>;
  /** Makes a running process one more of an agent that runs. */
  attach(id: number, target: Target, options?: CallOptions): Promise<Created>;
  /** Gives an agent other limits or rules: all of them, or none if it rejects. */
  update(id: number, changes: Omit<UpdateRequest, 'id'>, options?: CallOptions): Promise<void>;
  /** Stops all processes of an agent, or lets them go on; resolves once they have stopped. */
  freeze(id: number, frozen?: boolean, options?: CallOptions): Promise<void>;
  /** Kills every process of an agent, and ends it; resolves once it is gone. */
  destroy(id: number, options?: CallOptions): Promise<void>;
  /**
   * Sends a signal to the first process of an agent, or to the oldest that is left; rejects with ESRCH if there is
   * none. Process 1 of a pid namespace does not get signals that it has no handler for, but for SIGKILL and SIGSTOP.
   */
  kill(id: number, signal?: NodeJS.Signals | number, options?: CallOptions): Promise<void>;
  /** Everything about an agent; rejects with ESRCH if there is none with this id. */
  inspect(id: number, options?: CallOptions): Promise<Inspection>;
  /** Everything about many agents; undefined for an id that is no agent's (any more). */
  inspectAll(
    ids: Iterable<number> | AsyncIterable<number>,
    options?: CallOptions,
  ): AsyncGenerator<Inspection | undefined>;
  /** The agents, by rising id, as they are listed. */
  agents(options?: CallOptions): AsyncGenerator<AgentLine>;
  /** The events of agents; {@link EventOptions} says which is the first and the last. */
  events(options?: EventOptions): AsyncGenerator<SwarmEvent>;
  /** OpenMetrics text, with a newline at its end. */
  metrics(options?: CallOptions): Promise<string>;
  /** The numbers of agents that there are and were, and of violations. */
  status(options?: CallOptions): Promise<Status>;
  /** Looks up device files, paths and programs on the machine of the agents. */
  locate(wanted: Wanted, options?: CallOptions): Promise<Located>;
  /**
   * Runs a program as the first process of a new agent, or of one that has no process.
   * @param argv the program, a path or a name that is searched in PATH, and its arguments
   */
  spawn(argv: readonly string[], options?: SpawnOptions): AgentProcess;
  /** Runs a program as one more process of an agent that runs. */
  exec(
    id: number,
    argv: readonly string[],
    options?: Omit<SpawnOptions, 'policy' | 'id' | 'root'>,
  ): AgentProcess;
  /** Has the connection to another machine ended? Every call then rejects, and a new one has to be made. */
  readonly closed: boolean;
  /** Closes the connection to another machine; on this one there is nothing to close. Programs go on. */
  close(): Promise<void>;
}
