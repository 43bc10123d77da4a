/** The end of a program's agent, from the kernel's event about it. */
import type { Destroyed, Ends } from './ends.js';
import { codeOf } from './error.js';
import type { AgentEnd, Started } from './process.js';
import type { Swarm } from './swarm.js';

/** Milliseconds between two looks at an agent whose end may have been told among events that were lost. */
const LOOK_AGAIN = 100;

/** Milliseconds that the event of an end may take when the agent is gone. */
const LATE = 1000;

/** The event of an end; `goes on` if the agent has not ended, `lost` if its event was lost. */
export type Told = Destroyed | 'goes on' | 'lost';

/** The end of a program and of its agent, as one result. */
export function endOf(started: Started, own: Partial<AgentEnd>, end: Told): AgentEnd {
  const told = typeof end === 'string' ? undefined : end;
  return {
    ...started,
    exit: own.exit ?? told?.exit,
    signal: own.signal ?? told?.signal,
    oom: told && (told.oom_kills ?? 0) > 0,
    reason: told?.reason ?? (end === 'lost' ? 'unknown' : 'exit'),
    violations: told?.violations,
    audited: told?.audited,
    oomKills: told?.oom_kills,
    cpuUsec: told?.cpu_usec,
    memoryPeak: told?.memory_peak,
    runtimeUsec: told?.runtime_usec,
  };
}

/** The events and the interface of the machine on which the program runs. */
interface Place {
  readonly ends: Ends;
  readonly swarm: Pick<Swarm, 'inspect'>;
}

/** Options of waiting for an end. */
interface Asking {
  /** May the agent go on without the program? */
  readonly mayPersist: boolean;
  /** Does asking keep this process running? */
  readonly keeps: () => boolean;
}

/** The wait for the end of one program's agent, from before its launch until after its end. */
export class Ending {
  readonly #place: Place;
  readonly #joins: boolean;
  #held = 0;
  #id: number | undefined;

  /** @param joins whether the program joins an agent that runs, and which may go on without it */
  constructor(place: Place, joins: boolean) {
    this.#place = place;
    this.#joins = joins;
  }

  /** Must come before the launch; {@link Ending.over} must follow unless it rejects. */
  async expect(): Promise<void> {
    this.#held = await this.#place.ends.hold();
  }

  /** @param id of the agent that runs the program; undefined if the launch has failed */
  launched(id: number | undefined): void {
    this.#id = this.#joins ? undefined : id;
    this.#place.ends.launched(this.#id);
  }

  /** Nothing more is asked. */
  over(): void {
    if (this.#id !== undefined) this.#place.ends.forget(this.#id);
    this.#place.ends.release();
  }

  /** Waits for the end of the agent, once the program has ended. */
  async told({ mayPersist, keeps }: Asking): Promise<Told> {
    const id = this.#id;
    if (id === undefined || (mayPersist && (await this.#persists(id)))) return 'goes on';
    return this.#listen(id, keeps);
  }

  /** An agent that persists is registered again; one whose policy is not known here may be. */
  async #persists(id: number): Promise<boolean> {
    return this.#place.swarm.inspect(id).then(
      ({ policy }) => policy.persist,
      (error: unknown) => {
        if (codeOf(error) === 'ESRCH') return false;
        throw error;
      },
    );
  }

  /**
   * Waits for the event. If events have been lost, it also looks whether the agent is gone, and then waits no longer
   * than the event may take.
   */
  async #listen(id: number, keeps: () => boolean): Promise<Told> {
    const { ends, swarm } = this.#place;
    const told = ends.of(id);
    let timer: NodeJS.Timeout | undefined;
    let over = false;
    let unlisten: () => void = () => undefined;
    const lost = new Promise<Told>((resolve) => {
      const later = (milliseconds: number, work: () => void) => {
        if (over) return;
        timer = setTimeout(work, milliseconds);
        if (!keeps()) timer.unref();
      };
      const again = () => {
        later(LOOK_AGAIN, look);
      };
      const look = () => {
        swarm.inspect(id).then(again, (error: unknown) => {
          if (codeOf(error) !== 'ESRCH') again();
          else
            later(LATE, () => {
              resolve('lost');
            });
        });
      };
      unlisten = ends.missed(this.#held, look);
    });
    try {
      return await Promise.race([told, lost]);
    } finally {
      over = true;
      unlisten();
      clearTimeout(timer);
    }
  }
}
