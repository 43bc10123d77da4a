/** Commands of swarmctl for several agents, some of which are not there. */
import { Command } from '@commander-js/extra-typings';
import { expect, test } from '@playwright/test';
import {
  destroyCommand,
  freezeCommand,
  killCommand,
  stopCommand,
  updateCommand,
  waitCommand,
} from '../../client/cli/actions/change.js';
import { listing } from '../../client/cli/commands/agents.js';
import { changing } from '../../client/cli/commands/change.js';
import { explaining } from '../../client/cli/commands/explain.js';
import { running } from '../../client/cli/commands/run.js';
import { topping } from '../../client/cli/commands/top.js';
import type { Registrar } from '../../client/cli/context.js';
import { SwarmError } from '../../client/error.js';
import type { Swarm } from '../../client/swarm.js';
import { agentOf, eventOf, machineOf, printed } from '../support/cli/machine.js';

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

/** The failures of a work, in the words that swarmctl has for them. */
async function failures(work: Promise<unknown>): Promise<string[]> {
  const error: unknown = await work.then(
    () => undefined,
    (each: unknown) => each,
  );
  const all: unknown[] = error instanceof AggregateError ? error.errors : [error];
  return all.map((each) =>
    each instanceof SwarmError ? `${each.field} ${each.message}`.trim() : String(each),
  );
}

/** Does something with what it is told on standard error, hints left out, which is not printed. */
async function hearing<T>(work: (lines: readonly string[]) => Promise<T>): Promise<T> {
  const { error } = console;
  const lines: string[] = [];
  console.error = (line: string) => {
    if (!line.startsWith('hint: ')) lines.push(line);
  };
  try {
    return await work(lines);
  } finally {
    console.error = error;
  }
}

/** A failure that is told at once. */
const NOBODY = 'swarmctl: no agent is called nobody (ESRCH)';

test('CLI-95: of several failures each names its agent, and a name that no agent has does not keep a command from others', async () => {
  const busy = (id: number) =>
    Promise.reject(
      id === 56
        ? new SwarmError('EINVAL', 'agent 56 is a number', { field: 'id' })
        : new SwarmError('EBUSY', 'too many', { field: 'devices', hint: 'wait' }),
    );
  const swarm = { freeze: busy, kill: busy, destroy: busy, inspect: busy, update: busy } as unknown as Swarm;
  const told = ['agent 5: devices: too many', 'id agent 56 is a number'];
  for (const work of [
    () => freezeCommand(swarm, [5, 56], true),
    () => killCommand(swarm, [5, 56], 'SIGTERM'),
    () => updateCommand(swarm, [5, 56], { pidsLimit: 3 }),
    () => destroyCommand(swarm, [5, 56]),
    () => stopCommand(swarm, [5, 56], 0),
  ])
    expect.soft(await failures(work())).toEqual(told);
  expect(await failures(freezeCommand(swarm, [5], true))).toEqual(['devices too many']);

  const commands: readonly [Registrar, string, ...string[]][] = [
    ...(['stop', 'pause', 'resume', 'kill', 'destroy'] as const).map((name): [Registrar, string] => [
      changing,
      name,
    ]),
    [changing, 'update', '--pids-limit', '3'],
    [listing, 'inspect', '--json'],
    [topping, 'stats', '--json'],
    [changing, 'wait'],
  ];
  for (const [register, name, ...options] of commands) {
    const done: number[] = [];
    const does = (id: number) => {
      done.push(id);
      return Promise.resolve(agentOf(id));
    };
    const ended = eventOf(1, {
      event: 'destroyed',
      agent: 5,
      reason: 'exit',
      exit: 3,
      violations: 0,
      audited: 0,
    });
    const machine = {
      ...machineOf([agentOf(5, { name: 'web' })], [ended]),
      ...{ freeze: does, kill: does, destroy: does, update: does, inspect: does },
    } as unknown as Swarm;
    const program = new Command('swarmctl').enablePositionalOptions();
    register(program, () => Promise.resolve(machine));
    const text = await printed(() =>
      hearing(async (lines) => {
        const work = program.parseAsync([name, ...options, 'nobody', 'web'], { from: 'user' });
        expect.soft(await failures(work), name).toEqual([]);
        expect.soft(lines, name).toEqual([NOBODY]);
      }),
    );
    expect.soft(done.includes(5) || text.includes('"id":5'), name).toBe(true);
    if (name === 'wait') expect.soft(text).toBe('-\n3\n');
  }
});

test('CLI-96: wait tells the exit status of an agent that has just ended from the events that are kept', async () => {
  const destroyed = (agent: number, how: object) =>
    eventOf(agent, { event: 'destroyed', agent, reason: 'exit', violations: 0, audited: 0, ...how });
  const events = [destroyed(5, { exit: 3 }), destroyed(7, { signal: 9 }), destroyed(9, { exit: 0 })];
  // Agent 8 is not gone yet; of agent 6 nothing tells, and the event of agent 9 comes late.
  const swarm = {
    inspect: (id: number) =>
      id === 8
        ? Promise.resolve(agentOf(id))
        : Promise.reject(new SwarmError('ESRCH', `there is no agent ${id}`, { field: 'id' })),
    async *events({
      since,
      follow = true,
      signal,
    }: {
      since: number | 'oldest';
      follow?: boolean;
      signal?: AbortSignal;
    }) {
      for (const event of events.slice(0, 2))
        if (since === 'oldest' || event.seq >= since) yield await Promise.resolve(event);
      if (!follow) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
      yield destroyed(9, { exit: 0 });
      await new Promise((resolve) => setTimeout(resolve, 1500));
      yield destroyed(8, { exit: 4 });
      if (signal?.aborted !== true)
        await new Promise((resolve) => signal?.addEventListener('abort', resolve));
    },
  } as unknown as Swarm;
  expect(await printed(() => waitCommand(swarm, [7, 5]))).toBe('137\n3\n');
  // Nobody is waited for for ever.
  expect(await printed(() => waitCommand(swarm, []))).toBe('');
  let told: string[] = [];
  const text = await printed(async () => {
    told = await failures(waitCommand(swarm, [5, 6, 8, 9]));
  });
  expect(text).toBe('3\n-\n4\n0\n');
  expect(told).toEqual(['id there is no agent 6']);
});

test("CLI-107: a name that is no agent's is told before the work on others, whose failures name them", async () => {
  let end: () => void = () => undefined;
  const over = new Promise<void>((resolve) => (end = resolve));
  const how = { reason: 'exit', exit: 3, violations: 0, audited: 0 };
  const machine = {
    ...machineOf([agentOf(5, { name: 'web' })]),
    kill: () => Promise.reject(new SwarmError('EBUSY', 'too many')),
    inspect: (id: number) => Promise.resolve(agentOf(id)),
    async *events() {
      await over;
      yield eventOf(1, { event: 'destroyed', agent: 5, ...how });
    },
  } as unknown as Swarm;
  const asked = (...words: string[]) => {
    const program = new Command('swarmctl').enablePositionalOptions();
    changing(program, () => Promise.resolve(machine));
    return program.parseAsync(words, { from: 'user' });
  };
  const text = await printed(() =>
    hearing(async (lines) => {
      const waiting = failures(asked('wait', 'web', 'nobody'));
      await expect.poll(() => lines).toEqual([NOBODY]);
      end();
      expect(await waiting).toEqual([]);
      expect.soft(await failures(asked('kill', '5', 'nobody'))).toEqual(['agent 5: too many']);
      expect.soft(await failures(asked('kill', '5'))).toEqual(['too many']);
      expect.soft(await failures(asked('kill', 'nobody'))).toEqual(['no agent is called nobody']);
    }),
  );
  expect(text).toBe('3\n-\n');
});

/**
 * A machine whose agent 7 is called `web` until it has been listed as a whole. From then on it is gone, and agent 8,
 * of somebody else, has the name.
 */
function replacing() {
  const asked: string[] = [];
  let listed = 0;
  const gone = (id: number) => new SwarmError('ESRCH', `there is no agent ${id}`);
  const refuse = (what: string) => (id: number) => {
    asked.push(`${what} ${id}`);
    return Promise.reject(gone(id));
  };
  const swarm = {
    ...machineOf([]),
    async *agents() {
      listed += 1;
      yield await Promise.resolve({ id: listed === 1 ? 7 : 8 });
    },
    async *inspectAll(ids: Iterable<number> | AsyncIterable<number>) {
      for await (const id of ids) {
        // The first look is the listing that finds the name.
        const found = asked.length === 0 && id === 7;
        asked.push(`inspectAll ${id}`);
        yield await Promise.resolve(found || id === 8 ? agentOf(id, { name: 'web' }) : undefined);
      }
    },
    ...Object.fromEntries(
      ['update', 'freeze', 'destroy', 'kill', 'inspect'].map((what) => [what, refuse(what)]),
    ),
    exec: (id: number) => {
      asked.push(`exec ${id}`);
      throw gone(id);
    },
    close: () => Promise.resolve(),
  } as unknown as Swarm;
  return { swarm, asked, listings: () => listed };
}

test('CLI-117: a command finds the agent of a name once, and never touches a later agent of the same name', async () => {
  const lines = [
    ...['update web --pids-limit 3', 'pause web', 'resume web', 'stop web', 'stop -t 0 web', 'kill web'],
    ...['destroy web', 'wait web', 'inspect web', 'stats web', 'explain web', 'exec web true'],
  ];
  for (const line of lines) {
    const { swarm, asked, listings } = replacing();
    const program = new Command('swarmctl').enablePositionalOptions();
    for (const register of [listing, changing, topping, explaining, running])
      register(program, () => Promise.resolve(swarm));
    const status = process.exitCode;
    await printed(() => program.parseAsync(['node', 'swarmctl', ...line.split(' ')]).catch(() => undefined));
    process.exitCode = status;
    expect.soft(listings(), line).toBe(1);
    expect.soft(asked[0], line).toBe('inspectAll 7');
    expect.soft(asked.length, line).toBeGreaterThan(1);
    expect
      .soft(
        asked.filter((each) => !each.endsWith(' 7')),
        line,
      )
      .toEqual([]);
  }
});
