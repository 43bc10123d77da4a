/** The puppets of a guest, and what the guest says when they have done what they were told. */
import { z } from 'zod';
import type { Puppet } from './world.js';
import { ORACLE } from '../loaded-guest.js';
import type { LoadedGuest } from '../loaded-guest.js';

/** The result of a command. */
export interface Told {
  /** "0", an errno's name, "dead", `{"id":N}`, or error and field of a refusal. */
  answer: string;
  /** Processes of the living, by slot. */
  alive: Map<number, number>;
  /** status, agents and the oracle, as printed. */
  state: string;
}

const refusal = z.object({ error: z.string(), field: z.string() });

function readAnswer(line: string): string {
  if (!line.startsWith('{"error"')) return line;
  const { error, field } = refusal.parse(JSON.parse(line));
  return `${error} ${field}`;
}

/** The puppets of a guest: processes that do as they are told, by the program `puppet`. */
export class Puppets {
  readonly #guest: LoadedGuest;

  private constructor(guest: LoadedGuest) {
    this.#guest = guest;
  }

  static async start(guest: LoadedGuest): Promise<Puppets> {
    await guest.sh('puppet serve >/dev/null 2>&1 </dev/null');
    return new Puppets(guest);
  }

  /**
   * Gives a command, waits for the end of those who die of it, and looks at everything.
   * @param command as vm-images/guest/stress/puppet.c has it
   */
  async tell(command: string, deaths: readonly Puppet[] = []): Promise<Told> {
    const look = `cat /proc/swarm/status /proc/swarm/agents ${ORACLE}`;
    const stdin = `${command}\n${deaths.map(({ slot }) => slot).join(' ')}`;
    const text = await this.#guest.sh(`puppet tell && echo && ${look}`, { stdin });
    const [first = '', living = '', ...state] = text.split('\n');
    const alive = new Map(
      living
        .split(' ')
        .filter(Boolean)
        .map((each) => each.split('=').map(Number) as [number, number]),
    );
    return { answer: readAnswer(first), alive, state: state.join('\n') };
  }

  /** Ends all puppets that are left, and their server. */
  async quit(): Promise<void> {
    await this.tell('quit');
  }
}
