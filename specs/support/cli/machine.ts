/** A machine with made-up agents and events, for commands of swarmctl that need no kernel. */
import { parseEvent } from '../../../client/abi/event.js';
import type { SwarmEvent } from '../../../client/abi/event.js';
import type { Inspection } from '../../../client/inspect.js';
import type { Wanted } from '../../../client/files/locate.js';
import type { Swarm } from '../../../client/swarm.js';

/** A made-up agent, which runs and has no limits; other figures and rules as they are given. */
export function agentOf(
  id: number,
  given: Partial<Omit<Inspection, 'usage' | 'policy'>> & {
    readonly usage?: Partial<Inspection['usage']>;
    readonly policy?: Partial<Inspection['policy']>;
  } = {},
): Inspection {
  const { usage, policy, ...rest } = given;
  return {
    id,
    name: null,
    state: 'running',
    frozen: 'no',
    violations: 0,
    audited: 0,
    ids: null,
    cgroup: null,
    namespaces: null,
    members: [id + 1000],
    joining: [],
    starting: [],
    ...rest,
    usage: { pids: 1, oom_kills: 0, runtime_usec: 1_000_000, cpu_usec: 0, ...usage },
    policy: {
      memory_limit: 0,
      cpu_quota: 0,
      pids_limit: 0,
      namespace_flags: 127,
      devices: ['c 1:3 rwm'],
      syscalls: {
        fork: 'allow',
        thread: 'allow',
        execve: 'allow',
        unshare: 'deny',
        setns: 'deny',
        autoload: 'deny',
      },
      persist: false,
      privileged: false,
      proc: true,
      devpts: true,
      oom_group: true,
      sockets: ['unix', 'inet', 'inet6', 'netlink/route'],
      core: false,
      capabilities: [],
      no_new_privs: true,
      ...policy,
    },
  };
}

/** An event, with what every event has filled in. */
export function eventOf(seq: number, fields: object): SwarmEvent {
  return parseEvent(JSON.stringify({ seq, time: seq * 1_000_000_000, pid: 140, comm: 'program', ...fields }));
}

/** A violation of agent 7, denied unless it says otherwise. */
export function violationOf(seq: number, fields: object) {
  const event = eventOf(seq, { event: 'violation', agent: 7, action: 'deny', rule: 'deny', ...fields });
  if (event.event !== 'violation') throw new Error('not a violation');
  return event;
}

/**
 * A machine that has these agents and events, and can do nothing else.
 * @param rooted processes with a root of their own
 */
export function machineOf(
  agents: readonly Inspection[],
  events: readonly SwarmEvent[] = [],
  rooted: readonly number[] = [],
): Swarm {
  // Commands under test use no more of it.
  return {
    async *agents() {
      for (const { id } of agents) yield await Promise.resolve({ id });
    },
    async *inspectAll(ids: Iterable<number> | AsyncIterable<number>) {
      for await (const id of ids) yield agents.find((agent) => agent.id === id);
    },
    async *events() {
      for (const event of events) yield await Promise.resolve(event);
    },
    locate: ({ processes = [] }: Wanted) =>
      Promise.resolve({ devices: [], paths: [], rooted: processes.map((pid) => rooted.includes(pid)) }),
  } as unknown as Swarm;
}

/** The output of a command on standard output. */
export async function printed(work: () => Promise<unknown>): Promise<string> {
  const { stdout } = process;
  const write = stdout.write.bind(stdout);
  let text = '';
  stdout.write = (piece: string | Uint8Array) => {
    text += piece.toString();
    return true;
  };
  try {
    await work();
  } finally {
    stdout.write = write;
  }
  return text;
}
