/** Ends of agents whose events are lost: a FIFO stands in for /proc/swarm/events. */
import { open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { test as base, expect } from '@playwright/test';
import { execa } from 'execa';
import { Ending, endOf } from '../../client/ended.js';
import { Ends } from '../../client/ends.js';
import { SwarmError } from '../../client/error.js';
import { openEvents } from '../../client/files/events.js';
import type { Inspection } from '../../client/inspect.js';
import { waitCommand } from '../../client/cli/actions/change.js';
import { learn } from '../../client/learn.js';
import { Denials } from '../../client/explain/denials.js';
import type { Swarm } from '../../client/swarm.js';
import { agentOf, eventOf, printed } from '../support/cli/machine.js';
import { buildLauncher } from '../support/native.js';

/** A machine on which agents come and go as a test likes, and whose events it writes. */
class Machine {
  readonly ends: Ends;
  readonly #writer: FileHandle;
  #seq = 0;
  readonly alive = new Map<number, Inspection>();

  constructor(path: string, writer: FileHandle) {
    this.#writer = writer;
    // A FIFO has no end to move to.
    this.ends = new Ends(path, (path, options, hold) =>
      openEvents(path, { ...options, since: 'oldest' }, hold),
    );
  }

  readonly swarm = {
    inspect: (id: number): Promise<Inspection> => {
      const agent = this.alive.get(id);
      return agent
        ? Promise.resolve(agent)
        : Promise.reject(new SwarmError('ESRCH', `there is no agent ${id}`));
    },
  };

  async tell(event: object): Promise<void> {
    this.#seq += 1;
    await this.#writer.write(`${JSON.stringify({ seq: this.#seq, time: this.#seq, ...event })}\n`);
  }

  async lose(): Promise<void> {
    await this.tell({ event: 'lost', count: 3 });
  }

  async destroyed(agent: number): Promise<void> {
    const figures = { violations: 41, audited: 2, oom_kills: 1, cpu_usec: 5, runtime_usec: 9 };
    await this.tell({ event: 'destroyed', agent, reason: 'exit', signal: 9, ...figures });
  }

  /** A program that runs as this agent, or in it. */
  async program(id: number, joins = false): Promise<Ending> {
    const ending = new Ending(this, joins);
    await ending.expect();
    ending.launched(id);
    return ending;
  }
}

const test = base.extend<{ machine: Machine }>({
  machine: async ({}, use, info) => {
    process.env['SWARM_GUARD_ADDON'] = await buildLauncher();
    const path = info.outputPath('events');
    await execa('mkfifo', [path]);
    const writer = await open(path, 'r+');
    await use(new Machine(path, writer));
    await writer.close();
    await rm(path);
  },
});

const OPTIONS = { mayPersist: false, keeps: () => true };
const STARTED = { id: 7, pid: 8 };
const KNOWN = { oom: true, oomKills: 1, violations: 41, audited: 2, reason: 'exit', cpuUsec: 5 };
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

test('CLIENT-66: the end of an agent is told although other events were lost before it', async ({
  machine,
}) => {
  for (const late of [0, 400]) {
    const gone = await machine.program(7);
    const runs = await machine.program(9);
    machine.alive.set(9, agentOf(9));
    await machine.lose();
    const ends = Promise.all([gone.told(OPTIONS), runs.told(OPTIONS)]);
    await pause(late);
    await machine.destroyed(7);
    await pause(late);
    machine.alive.delete(9);
    await machine.lose();
    await machine.destroyed(9);
    for (const told of await ends) expect(endOf(STARTED, {}, told)).toMatchObject(KNOWN);
    gone.over();
    runs.over();
  }
});

test('CLIENT-67: if the end of an agent is lost, no figure is made up', async ({ machine }) => {
  const ending = await machine.program(7);
  machine.alive.set(7, agentOf(7));
  const told = ending.told(OPTIONS);
  await machine.lose();
  await pause(300);
  machine.alive.delete(7);
  const end = endOf(STARTED, { signal: 9 }, await told);
  expect(end).toEqual({
    ...{ ...STARTED, exit: undefined, signal: 9, reason: 'unknown' },
    ...{ oom: undefined, violations: undefined, audited: undefined },
    ...{ oomKills: undefined, cpuUsec: undefined, memoryPeak: undefined, runtimeUsec: undefined },
  });
  ending.over();
  const { doubts } = learn({ given: {}, denials: new Denials(), end, pidsPeak: 1, lost: 0 }, 0);
  expect(doubts.join('\n')).toContain('the event that tells how the program ended was lost');
  // Nor of an agent that goes on without the program.
  const joined = await machine.program(7, true);
  expect(endOf(STARTED, { exit: 0 }, await joined.told(OPTIONS))).toMatchObject({
    ...{ exit: 0, reason: 'exit', oom: undefined, violations: undefined },
  });
  joined.over();
});

test('CLIENT-68: nothing is kept of a thousand programs that join agents or leave ones that persist', async ({
  machine,
}) => {
  const long = await machine.program(1);
  const told = long.told(OPTIONS);
  machine.alive.set(9, agentOf(9, { policy: { persist: true } }));
  for (let count = 0; count < 1000; count++) {
    const joined = await machine.program(100 + count, true);
    const persisting = await machine.program(9);
    expect([await joined.told(OPTIONS), await persisting.told({ ...OPTIONS, mayPersist: true })]).toEqual([
      'goes on',
      'goes on',
    ]);
    if (count % 100 === 0) await machine.destroyed(100 + count);
    joined.over();
    persisting.over();
  }
  // Only the one that is waited for.
  await expect.poll(() => machine.ends.kept).toBe(2);
  // One that others ask for too stays: a program that ends does not take it from them.
  const first = await machine.program(9);
  const again = await machine.program(9);
  first.over();
  machine.alive.delete(9);
  await machine.destroyed(9);
  expect(await again.told({ ...OPTIONS, mayPersist: true })).toMatchObject({ agent: 9, violations: 41 });
  again.over();
  await machine.destroyed(1);
  expect(await told).toMatchObject({ agent: 1 });
  expect(machine.ends.kept).toBe(2);
  long.over();
  expect(machine.ends.kept).toBe(0);
});

test('CLI-85: wait takes the exit status of an agent from an event that comes after others were lost', async () => {
  const destroyed = (agent: number, exit: number) =>
    eventOf(agent, { event: 'destroyed', agent, reason: 'exit', exit, violations: 0, audited: 0 });
  const swarmOf = (told: boolean): Swarm => {
    const looks = new Map<number, number>();
    return {
      inspect: (id: number) => {
        looks.set(id, (looks.get(id) ?? 0) + 1);
        return looks.get(id) === 1
          ? Promise.resolve(agentOf(id))
          : Promise.reject(new SwarmError('ESRCH', `there is no agent ${id}`));
      },
      async *events({ signal }: { signal: AbortSignal }) {
        yield eventOf(1, { event: 'lost', count: 3 });
        yield destroyed(5, 3);
        await pause(100);
        if (told) yield destroyed(6, 4);
        if (!signal.aborted)
          await new Promise((resolve) => {
            signal.addEventListener('abort', resolve);
          });
      },
    } as unknown as Swarm;
  };
  expect(await printed(() => waitCommand(swarmOf(true), [5, 6]))).toBe('3\n4\n');
  // 125: not known.
  expect(await printed(() => waitCommand(swarmOf(false), [5, 6]))).toBe('3\n125\n');
});
