/** The denials of an agent, collected from its events. */
import type { SwarmEvent } from '../abi/event.js';
import { shownName } from '../bytes.js';
import type { Violation } from '../explain.js';

type Suppressed = Extract<SwarmEvent, { event: 'suppressed' }>;

/** The same thing, denied any number of times. */
export interface Denial {
  /** `device`, `socket`, …: the kind of the event. */
  readonly kind: string;
  /** The action taken: `deny`, `kill`, `audit` or `report`. */
  readonly action: string;
  /** The action that the policy demands: `deny`, `kill` or `audit`. */
  readonly rule: string;
  /** The device, call, socket, file or module; empty for kinds that have none. */
  readonly what: string;
  readonly count: number;
  readonly last: Violation;
}

/** Violations that got no event of their own. */
export interface Suppression {
  readonly count: number;
  /** Their kinds; of the last one of each summary, if it is of a system call, the call. */
  readonly kinds: readonly string[];
}

/** The subject of an event: `c 10:229 rw`, `mount`, `netlink/generic`, a path or a module. */
function subjectOf({ device, syscall, socket, file, module }: Violation): string {
  return device ?? syscall ?? socket ?? shownName(file ?? module ?? '');
}

/** The denials of one agent. Memory is bounded by how many different things it was denied. */
export class Denials {
  readonly #groups = new Map<string, Denial>();
  readonly #kinds = new Set<string>();
  #suppressed = 0;
  #told = 0;

  add(event: Violation | Suppressed): void {
    if (event.event === 'suppressed') {
      // A process that was killed for memory was denied nothing.
      if (event.kind === 'oom') return;
      this.#suppressed += event.count;
      for (const kind of event.kinds ?? [event.kind]) {
        const last = kind === event.kind ? event.syscall : undefined;
        this.#kinds.add(last ?? kind);
      }
      return;
    }
    this.#told += 1;
    const what = subjectOf(event);
    const { kind, action, rule } = event;
    const key = JSON.stringify([kind, action, rule, what]);
    const count = (this.#groups.get(key)?.count ?? 0) + 1;
    this.#groups.set(key, { kind, action, rule, what, count, last: event });
  }

  /** Groups of equal denials; the one that happened last is the first. */
  get groups(): Denial[] {
    return [...this.#groups.values()].sort((a, b) => b.last.seq - a.last.seq);
  }

  /** The number of denials that had an event of their own. */
  get told(): number {
    return this.#told;
  }

  get suppressed(): Suppression {
    return { count: this.#suppressed, kinds: [...this.#kinds] };
  }
}
