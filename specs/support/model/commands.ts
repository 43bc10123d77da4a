/** The orders of the model, as fast-check draws, runs and shrinks them. */
import { expect } from '@playwright/test';
import fc from 'fast-check';
import type { AsyncCommand } from 'fast-check';
import type { AgentRequest } from '../../../client/client.js';
import type { Puppets } from './puppets.js';
import type { ModelAgent, Outcome, Policy, Puppet, World } from './world.js';

/** The guest, and what its counters were before. */
export interface Real {
  puppets: Puppets;
  base: { created: number; destroyed: number; violations: number };
}

/** The model and the guest, as fast-check hands them from order to order. */
export interface Model {
  world: World;
}

/** A number drawn blindly, standing for one of those that are there when it comes to it. */
type Pick = number;

function pick<T>(from: readonly T[], which: Pick): T | undefined {
  return from[which % Math.max(from.length, 1)];
}

/** The changes of a policy, as they are written to update. */
function updateOf(id: number, { fork, thread, execve, memory, cpu }: Partial<Policy>): string {
  return JSON.stringify({ id, syscalls: { fork, thread, execve }, memory_limit: memory, cpu_quota: cpu });
}

function requestOf(policy: Policy, more: AgentRequest): string {
  const { namespaces, fork, thread, execve, persist, memory, cpu } = policy;
  const request: AgentRequest = {
    namespace_flags: namespaces,
    syscalls: { fork, thread, execve },
    persist,
    memory_limit: memory,
    cpu_quota: cpu,
    ...(namespaces & 32 ? {} : { privileged: true }),
    ...more,
  };
  return JSON.stringify(request);
}

/** Tells the guest and compares everything that can be seen with what the model believes. */
export async function play(world: World, real: Real, command: string, outcome: Outcome): Promise<void> {
  const { answer, alive, state } = await real.puppets.tell(command, outcome.deaths);
  expect(answer, command).toBe(outcome.answer);
  for (const puppet of world.puppets) puppet.pid ||= alive.get(puppet.slot) ?? 0;
  const living = world.puppets.map(({ slot, pid }) => `${slot}=${pid}`);
  expect(
    [...alive].map(([slot, pid]) => `${slot}=${pid}`),
    `the living after ${command}`,
  ).toEqual(living);
  expect(state, `after ${command}`).toBe(world.expected(real.base));
}

/** One order: to whom, what the model makes of it, and how the guest is told. */
interface Order<T> {
  name: string;
  which: Pick;
  among: (world: World) => readonly T[];
  command: (target: T, world: World) => string;
  outcome: (target: T, world: World) => Outcome;
}

/** An order as a command of fast-check: given to the guest and to the model, whose outcomes must agree. */
class OrderCommand<T> implements AsyncCommand<Model, Real> {
  readonly #order: Order<T>;

  constructor(order: Order<T>) {
    this.#order = order;
  }

  check({ world }: Readonly<Model>): boolean {
    return this.#order.among(world).length > 0;
  }

  async run({ world }: Model, real: Real): Promise<void> {
    const { among, which, command, outcome } = this.#order;
    const target = pick(among(world), which);
    if (target === undefined) return;
    const told = command(target, world);
    await play(world, real, told, outcome(target, world));
  }

  toString(): string {
    return `${this.#order.name}#${this.#order.which}`;
  }
}

/** Those of a frozen agent would not answer. */
const anybody = (world: World) => world.puppets.filter(({ agent }) => !agent?.frozen);
/** Nor would a child of those who are armed for one more process of a frozen agent. */
const parents = (world: World) =>
  world.room ? anybody(world).filter(({ agent, armed }) => agent ?? !armed?.frozen) : [];
const outside = (world: World) => world.puppets.filter(({ agent }) => !agent);
const nobody = (world: World) => [world];

const rule = fc.oneof(
  { weight: 6, arbitrary: fc.constant('allow' as const) },
  { weight: 1, arbitrary: fc.constantFrom('deny' as const, 'kill' as const, 'audit' as const) },
);

const policies: fc.Arbitrary<Policy> = fc.record({
  namespaces: fc.constantFrom(127, 126, 255, 33, 96, 8, 0),
  fork: rule,
  thread: rule,
  execve: rule,
  persist: fc.boolean(),
  memory: fc.constantFrom(0, 0, 67108864),
  cpu: fc.constantFrom(0, 0, 50),
});

const which = fc.nat({ max: 999 });

function toPuppet(
  name: string,
  order: (world: World) => string,
  outcome: (world: World, puppet: Puppet) => Outcome,
  among = anybody,
) {
  return which.map(
    (which) =>
      new OrderCommand<Puppet>({
        ...{ name, which, among },
        command: (puppet, world) => `order ${puppet.slot} ${order(world)}`,
        outcome: (puppet, world) => outcome(world, puppet),
      }),
  );
}

const hatch = fc.constant(
  new OrderCommand<World>({
    ...{ name: 'hatch', which: 0, among: (world) => (world.room ? [world] : []) },
    command: (world) => `hatch ${world.nextSlot}`,
    outcome: (world) => world.hatch(),
  }),
);

const register = policies.map(
  (policy) =>
    new OrderCommand<World>({
      ...{ name: `register ${JSON.stringify(policy)}`, which: 0, among: nobody },
      command: () => `create ${requestOf(policy, {})}`,
      outcome: (world) => world.register(policy),
    }),
);

const arm = fc.tuple(which, policies).map(
  ([which, policy]) =>
    new OrderCommand<Puppet>({
      ...{ name: `arm ${JSON.stringify(policy)}`, which, among: outside },
      command: ({ slot }) => `order ${slot} create ${requestOf(policy, { spawn: true })}`,
      outcome: (puppet, world) => world.arm(puppet, policy),
    }),
);

const spawn = fc.tuple(which, which).map(
  ([which, other]) =>
    new OrderCommand<ModelAgent>({
      ...{
        name: `spawn by ${other} into`,
        which,
        among: (world) => (outside(world).length ? world.agents : []),
      },
      command: ({ id }, world) => `order ${pick(outside(world), other)?.slot ?? 0} spawn {"id":${id}}`,
      outcome: (agent, world) => {
        const launcher = pick(outside(world), other);
        if (!launcher) throw new Error('nobody could be armed');
        return world.spawn(launcher, agent);
      },
    }),
);

const adopting = (name: string, among: (world: World) => readonly Puppet[]) =>
  fc.tuple(which, policies).map(
    ([which, policy]) =>
      new OrderCommand<Puppet>({
        ...{ name: `${name} ${JSON.stringify(policy)}`, which, among },
        command: ({ pid }) => `create ${requestOf({ ...policy, namespaces: 8 }, { pid })}`,
        outcome: (puppet, world) => world.adopt(puppet, policy),
      }),
  );

const destroy = which.map(
  (which) =>
    new OrderCommand<ModelAgent>({
      ...{ name: 'destroy', which, among: (world) => world.agents },
      command: ({ id }) => `destroy ${id}`,
      outcome: ({ id }, world) => world.destroy(id),
    }),
);

const destroyNothing = fc.constant(
  new OrderCommand<World>({
    ...{ name: 'destroy what is not there', which: 0, among: nobody },
    command: () => 'destroy 9007199254740991',
    outcome: (world) => world.destroy(9007199254740991),
  }),
);

/** Any puppet into any agent: into one that runs in the same namespaces it goes. */
const attach = fc.tuple(which, which).map(
  ([which, other]) =>
    new OrderCommand<ModelAgent>({
      ...{ name: `attach ${other} to`, which, among: (world) => (world.puppets.length ? world.agents : []) },
      command: ({ id }, world) => `attach {"id":${id},"pid":${pick(world.puppets, other)?.pid ?? 0}}`,
      outcome: (agent, world) => world.attach(agent, pick(world.puppets, other)),
    }),
);

const changes: fc.Arbitrary<Partial<Policy>> = fc.record(
  {
    ...{ fork: rule, thread: rule, execve: rule },
    memory: fc.constantFrom(0, 67108864, 134217728),
    cpu: fc.constantFrom(0, 50, 100),
  },
  { requiredKeys: [] },
);

const update = fc.tuple(which, changes).map(
  ([which, policy]) =>
    new OrderCommand<ModelAgent>({
      ...{ name: `update ${JSON.stringify(policy)}`, which, among: (world) => world.agents },
      command: ({ id }) => `update ${updateOf(id, policy)}`,
      outcome: (agent, world) => world.update(agent, policy),
    }),
);

const freeze = fc.tuple(which, fc.boolean()).map(
  ([which, frozen]) =>
    new OrderCommand<ModelAgent>({
      ...{ name: `freeze ${frozen}`, which, among: (world) => world.agents },
      command: ({ id }) => `update {"id":${id},"frozen":${frozen}}`,
      outcome: (agent, world) => world.freeze(agent, frozen),
    }),
);

/** Every kind of order, likelier the more it does. */
export const orders: fc.Arbitrary<AsyncCommand<Model, Real>>[] = [
  hatch,
  register,
  arm,
  arm,
  spawn,
  spawn,
  adopting('adopt', anybody),
  // Likelier than chance has it: one that has left the initial namespace, so that it can be adopted.
  adopting('adopt one that may be', (world) => outside(world).filter(({ uts }) => uts)),
  attach,
  attach,
  update,
  freeze,
  destroy,
  destroyNothing,
  toPuppet(
    'fork',
    (world) => `fork ${world.nextSlot}`,
    (world, puppet) => world.fork(puppet),
    parents,
  ),
  toPuppet(
    'fork',
    (world) => `fork ${world.nextSlot}`,
    (world, puppet) => world.fork(puppet),
    parents,
  ),
  toPuppet(
    'fork',
    (world) => `fork ${world.nextSlot}`,
    (world, puppet) => world.fork(puppet),
    parents,
  ),
  // Likelier than chance has it: the steps of joining an agent.
  toPuppet(
    'fork of one that is armed to join',
    (world) => `fork ${world.nextSlot}`,
    (world, puppet) => world.fork(puppet),
    (world) => parents(world).filter(({ armedToJoin }) => armedToJoin),
  ),
  toPuppet(
    'exec of one that joins',
    () => 'exec',
    (world, puppet) => world.exec(puppet),
    (world) => anybody(world).filter(({ joining }) => joining),
  ),
  toPuppet(
    'exec',
    () => 'exec',
    (world, puppet) => world.exec(puppet),
  ),
  toPuppet(
    'thread-exec',
    () => 'thread-exec',
    (world, puppet) => world.threadExec(puppet),
  ),
  toPuppet(
    'unshare',
    () => 'unshare 4000000',
    (world, puppet) => world.unshareUts(puppet),
  ),
  toPuppet(
    'exit',
    () => 'exit',
    (world, puppet) => world.end(puppet),
  ),
];
