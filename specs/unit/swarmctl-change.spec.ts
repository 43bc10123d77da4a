/** Commands of swarmctl for several agents, some of which are not there. */
import { expect, test } from '@playwright/test';
import {
  destroyCommand,
  freezeCommand,
  killCommand,
  stopCommand,
  updateCommand,
} from '../../client/cli/actions/change.js';
import { SwarmError } from '../../client/error.js';
import type { Swarm } from '../../client/swarm.js';
import { agentOf } from '../support/cli/machine.js';

/** A machine with agents 5 and 6, which ignore SIGTERM; each call takes a moment, and fails once it is closed. */
class Machine {
  readonly done: string[] = [];
  #closed = false;

  async #call(what: string, id: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 10));
    if (this.#closed) throw new SwarmError('ECONNRESET', 'the connection has been closed');
    if (id !== 5 && id !== 6) throw new SwarmError('ESRCH', `there is no agent ${id}`);
    this.done.push(`${what} ${id}`);
  }

  readonly update = (id: number) => this.#call('update', id);
  readonly freeze = (id: number) => this.#call('freeze', id);
  readonly destroy = (id: number) => this.#call('destroy', id);
  readonly kill = (id: number) => this.#call('kill', id);
  readonly inspect = async (id: number) => {
    await this.#call('inspect', id);
    return agentOf(id);
  };

  async *events({ signal }: { readonly signal: AbortSignal }) {
    yield await new Promise((resolve) => {
      signal.addEventListener('abort', resolve);
    });
  }

  close(): void {
    this.#closed = true;
  }
}

test('CLI-87: what is asked for several agents is done to each that is there, and each that is not is told', async () => {
  const ids = [998, 5, 999, 6];
  const commands: Readonly<Record<string, (swarm: Swarm) => Promise<void>>> = {
    destroy: (swarm) => stopCommand(swarm, ids, 100),
    'destroy ': (swarm) => stopCommand(swarm, ids, 0),
    'destroy  ': (swarm) => destroyCommand(swarm, ids),
    kill: (swarm) => killCommand(swarm, ids, 'SIGTERM'),
    freeze: (swarm) => freezeCommand(swarm, ids, true),
    update: (swarm) => updateCommand(swarm, ids, { pidsLimit: 3 }),
  };
  for (const [what, work] of Object.entries(commands)) {
    const machine = new Machine();
    const error: unknown = await work(machine as unknown as Swarm).then(
      () => undefined,
      (each: unknown) => each,
    );
    // As main.ts does.
    machine.close();
    expect(machine.done.filter((each) => each.startsWith(what.trim())).sort(), what).toEqual([
      `${what.trim()} 5`,
      `${what.trim()} 6`,
    ]);
    if (what === 'destroy ') {
      // Nothing is waited for, and one that is gone already is as it was to be.
      expect(error).toBeUndefined();
      continue;
    }
    expect(error, what).toBeInstanceOf(AggregateError);
    expect((error as AggregateError).errors, what).toMatchObject([
      { code: 'ESRCH', message: 'there is no agent 998' },
      { code: 'ESRCH', message: 'there is no agent 999' },
    ]);
  }
});
