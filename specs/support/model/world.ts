/** The model's state: puppets, agents and counters, and what each order does to them. */
import type { Action } from '../../../client/client.js';

/** The part of a policy that the model varies. */
export interface Policy {
  namespaces: number;
  fork: Action;
  thread: Action;
  execve: Action;
  persist: boolean;
  /** Bytes and percent; 0 for none. */
  memory: number;
  cpu: number;
}

/** A process that does what it is told (vm-images/guest/stress/puppet.c). */
export interface Puppet {
  readonly slot: number;
  /** As the host counts; 0 until it has said so. */
  pid: number;
  agent: ModelAgent | undefined;
  /** The first process of its agent, born there. */
  readonly born: boolean;
  /** Has completed an execve as a member. */
  execed: boolean;
  /** Its next fork is this agent's first process, or if that has one, one more. */
  armed: ModelAgent | undefined;
  /** It is armed for one more process of an agent that runs. */
  armedToJoin: boolean;
  /** Forked to join its agent: no rule is its own before its execve, which kills it elsewhere than its agent. */
  joining: boolean;
  /** The UTS namespace that it is in; 0 is the initial one. */
  uts: number;
  /** The first process of the pid namespace it is in; undefined on the host. */
  readonly init: Puppet | undefined;
}

export interface ModelAgent {
  readonly id: number;
  policy: Policy;
  /** Its processes do nothing that they are told. */
  frozen: boolean;
  /** Oldest first. */
  members: Puppet[];
  /** Destroyed, but a thread that was armed for it has not been told; it may have members as yet. */
  dying: boolean;
}

/** The answer to an order, and who dies of it. */
export interface Outcome {
  answer: string;
  deaths: Puppet[];
}

const UTS = 8;
const SLOTS = 64;

/** The oldest process of an agent that is where the agent is, with which others are compared. */
const placed = (agent: ModelAgent) => agent.members.find(({ joining }) => !joining);

/** Puppets enter no namespaces: they share those of an agent that has none of its own, but for its host name. */
function sharesPlace({ uts }: Puppet, agent: ModelAgent): boolean {
  return !(agent.policy.namespaces & ~UTS) && placed(agent)?.uts === uts;
}

/** The model of a guest: the puppets and agents that it must have, and the outcome that each order must have. */
export class World {
  puppets: Puppet[] = [];
  agents: ModelAgent[] = [];
  created = 0;
  destroyed = 0;
  violations = 0;
  #slots = 0;
  #namespaces = 0;
  #ids: number;

  /** @param ids the id that was given last */
  constructor(ids: number) {
    this.#ids = ids;
  }

  /** Room for one more puppet. */
  get room(): boolean {
    return this.#slots < SLOTS;
  }

  /** The slot that the next puppet gets. */
  get nextSlot(): number {
    return this.#slots;
  }

  /** A puppet that has nothing to do with agents. */
  hatch(): Outcome {
    this.#puppet({});
    return { answer: '0', deaths: [] };
  }

  /** An agent without a process. */
  register(policy: Policy): Outcome {
    return { answer: this.#agent(policy), deaths: [] };
  }

  arm(launcher: Puppet, policy: Policy): Outcome {
    if (launcher.armed && !launcher.armed.dying) return { answer: 'EBUSY spawn', deaths: [] };
    // Armed anew, it lets go of an agent that was destroyed.
    this.#disarm(launcher);
    const answer = this.#agent(policy);
    launcher.armed = this.agents.at(-1);
    return { answer, deaths: [] };
  }

  /** Arms for the first process of an agent that is there already, or for one more. */
  spawn(launcher: Puppet, agent: ModelAgent): Outcome {
    if (agent.dying) return { answer: 'ESRCH id', deaths: [] };
    const armed = this.puppets.filter((each) => each.armed === agent);
    const busy = { answer: 'EBUSY id', deaths: [] };
    if (armed.some((each) => !each.armedToJoin)) return busy;
    const runs = agent.members.length > 0 || armed.length > 0;
    if (runs && agent.frozen) return busy;
    if (launcher.armed && !launcher.armed.dying) return { answer: 'EBUSY spawn', deaths: [] };
    this.#disarm(launcher);
    // Its last process has exited, but threads are armed for one more.
    if (runs && agent.members.length === 0) return busy;
    launcher.armed = agent;
    launcher.armedToJoin = runs;
    return { answer: `{"id":${agent.id}}`, deaths: [] };
  }

  adopt(target: Puppet, policy: Policy): Outcome {
    if (target.agent) return { answer: 'EBUSY pid', deaths: [] };
    if (!target.uts) {
      this.violations++;
      return { answer: 'EPERM pid', deaths: [] };
    }
    const id = this.#agent({ ...policy, namespaces: UTS });
    target.agent = this.agents.at(-1);
    target.agent?.members.push(target);
    const answer = id.replace('}', ',"kept":["memory","capabilities","no_new_privs"]}');
    return { answer, deaths: [] };
  }

  attach(agent: ModelAgent, target: Puppet | undefined): Outcome {
    const armed = this.puppets.filter((each) => each.armed === agent);
    if (agent.dying || agent.members.length + armed.length === 0) return { answer: 'ESRCH', deaths: [] };
    if (armed.some((each) => !each.armedToJoin)) return { answer: 'EBUSY', deaths: [] };
    if (!target || target.agent) return { answer: 'EBUSY', deaths: [] };
    const first = placed(agent);
    if (!first) return { answer: 'ESRCH', deaths: [] };
    // Puppets outside are in initial namespaces, but for that of their host name.
    const { namespaces } = agent.policy;
    if (namespaces & ~UTS || (namespaces & UTS && target.uts !== first.uts)) {
      this.violations++;
      return { answer: 'EPERM', deaths: [] };
    }
    target.agent = agent;
    agent.members.push(target);
    return { answer: '0', deaths: [] };
  }

  update(agent: ModelAgent, changes: Partial<Policy>): Outcome {
    if (agent.dying) return { answer: 'ESRCH', deaths: [] };
    agent.policy = { ...agent.policy, ...changes };
    return { answer: '0', deaths: [] };
  }

  freeze(agent: ModelAgent, frozen: boolean): Outcome {
    if (agent.dying) return { answer: 'ESRCH', deaths: [] };
    if (frozen && agent.members.length === 0) return { answer: 'EBUSY', deaths: [] };
    agent.frozen = frozen;
    return { answer: '0', deaths: [] };
  }

  fork(parent: Puppet): Outcome {
    const verdict = this.#judge(parent, parent.agent?.policy.fork);
    if (verdict) return verdict;
    const { agent, armed, uts, init, joining } = parent;
    const late = parent.armedToJoin && armed?.members.length === 0;
    if (!agent && (armed?.dying || late)) {
      this.#disarm(parent);
      return { answer: 'ECANCELED', deaths: [] };
    }
    if (agent) {
      // Armed, then adopted: the agent it was armed for loses it with its first fork as a member.
      this.#disarm(parent);
      this.#puppet({ agent, uts, init, joining });
    } else if (armed && parent.armedToJoin) {
      parent.armed = undefined;
      parent.armedToJoin = false;
      this.#puppet({ agent: armed, uts, init, joining: true });
    } else if (armed) {
      parent.armed = undefined;
      const own = armed.policy.namespaces & UTS;
      this.#puppet({ agent: armed, uts: own ? ++this.#namespaces : uts, born: true, init });
    } else {
      this.#puppet({ uts, init });
    }
    return { answer: '0', deaths: [] };
  }

  exec(puppet: Puppet): Outcome {
    // The execve that starts the program belongs to the birth.
    const free = puppet.born && !puppet.execed;
    const verdict = free ? undefined : this.#judge(puppet, puppet.agent?.policy.execve);
    if (verdict) return verdict;
    if (puppet.agent && puppet.joining && !sharesPlace(puppet, puppet.agent)) {
      this.violations++;
      return this.end(puppet);
    }
    puppet.joining = false;
    puppet.execed = puppet.agent !== undefined;
    return { answer: '0', deaths: [] };
  }

  /** By another thread than the first, which an execve that succeeds ends, and with it what it was armed for. */
  threadExec(puppet: Puppet): Outcome {
    const verdict = this.#judge(puppet, puppet.agent?.policy.thread);
    if (verdict) return verdict;
    const outcome = this.exec(puppet);
    if (outcome.answer === '0') this.#disarm(puppet);
    return outcome;
  }

  unshareUts(puppet: Puppet): Outcome {
    const verdict = this.#judge(puppet, 'deny');
    if (verdict) return verdict;
    puppet.uts = ++this.#namespaces;
    return { answer: '0', deaths: [] };
  }

  end(puppet: Puppet): Outcome {
    return { answer: 'dead', deaths: this.#die([puppet]) };
  }

  destroy(id: number): Outcome {
    const agent = this.agents.find((each) => each.id === id);
    if (!agent) return { answer: 'ESRCH', deaths: [] };
    agent.dying = true;
    const deaths = this.#die(agent.members);
    this.#over(agent);
    return { answer: '0', deaths };
  }

  /** The text of status, agents and the oracle. */
  expected(base: { created: number; destroyed: number; violations: number }): string {
    const memory = ({ memory }: Policy) => (memory ? `${memory / 1048576}MB` : 'max');
    const cpu = ({ cpu }: Policy) => (cpu ? `${cpu}%` : 'max');
    const hex = ({ namespaces }: Policy) => namespaces.toString(16).toUpperCase().padStart(2, '0');
    return [
      `Active agents: ${this.agents.length}`,
      `Total created: ${base.created + this.created}`,
      `Total destroyed: ${base.destroyed + this.destroyed}`,
      `Policy violations: ${base.violations + this.violations}`,
      ...this.agents.map(
        ({ id, policy, members }) =>
          `ID: ${id}, PID: ${members[0]?.pid ?? 0}, Memory: ${memory(policy)}, CPU: ${cpu(policy)}, Namespaces: 0x${hex(policy)}`,
      ),
      `ok ${this.agents.length} agents ${this.puppets.filter(({ agent }) => agent).length} members`,
    ].join('\n');
  }

  #puppet(given: Partial<Pick<Puppet, 'agent' | 'uts' | 'born' | 'init' | 'joining'>>): Puppet {
    const { agent, uts = 0, born = false, init, joining = false } = given;
    const puppet: { -readonly [K in keyof Puppet]: Puppet[K] } = {
      ...{ slot: this.#slots++, pid: 0, agent, born, execed: false, armed: undefined, uts, init },
      ...{ armedToJoin: false, joining },
    };
    if (born && agent && agent.policy.namespaces & 1) puppet.init = puppet;
    this.puppets.push(puppet);
    if (agent) agent.members.push(puppet);
    return puppet;
  }

  #agent(policy: Policy): string {
    const id = ++this.#ids;
    this.created++;
    this.agents.push({ id, policy, members: [], dying: false, frozen: false });
    return `{"id":${id}}`;
  }

  /** The effect of a rule on a member's call, if it has one. */
  #judge(puppet: Puppet, action: Action = 'allow'): Outcome | undefined {
    if (!puppet.agent || puppet.joining || action === 'allow' || action === 'audit') return undefined;
    this.violations++;
    if (action === 'kill') return this.end(puppet);
    return { answer: 'EPERM', deaths: [] };
  }

  #gone(agent: ModelAgent): void {
    this.agents = this.agents.filter((each) => each !== agent);
    this.destroyed++;
  }

  /** A process, or a thread that was armed, has gone: perhaps the last. */
  #over(agent: ModelAgent): void {
    if (!this.agents.includes(agent) || agent.members.length > 0) return;
    if (this.puppets.some((each) => each.armed === agent)) return;
    agent.frozen = false;
    if (agent.dying || !agent.policy.persist) this.#gone(agent);
  }

  #disarm(puppet: Puppet): void {
    const { armed } = puppet;
    puppet.armed = undefined;
    puppet.armedToJoin = false;
    if (armed) this.#over(armed);
  }

  #die(first: readonly Puppet[]): Puppet[] {
    const deaths = this.puppets.filter(
      (each) => first.includes(each) || first.some((other) => each.init === other),
    );
    this.puppets = this.puppets.filter((each) => !deaths.includes(each));
    const left = new Set(deaths.flatMap(({ agent }) => agent ?? []));
    for (const agent of left) {
      agent.members = agent.members.filter((each) => !deaths.includes(each));
      this.#over(agent);
    }
    for (const puppet of deaths) this.#disarm(puppet);
    return deaths;
  }
}
