/** The cost of an agent's life: registering, destroying, adopting, and a whole birth beside its floors. */
import { quoted } from '../../client/client.js';
import type { AgentRequest } from '../../client/client.js';
import type { Benchmark, Figure } from '../figures.js';
import { countOf, instructions, measured, parseCounts } from './counted.js';
import type { Count, Reading } from './counted.js';
import { load } from '../../specs/support/loaded-guest.js';
import type { LoadedGuest } from '../../specs/support/loaded-guest.js';

/** The targets that the project promises. */
const TARGETS = {
  register: 4000,
  batch: 2500,
  adopt: 10_000,
  arm: 20_000,
  join: 20_000,
  rules: 10_000,
  limits: 50_000,
  birthPercent: 10,
} as const;

const BATCH = 100;
/** Births of a turn, and turns. */
const BIRTHS = 8;
const TURNS = 5;
const LIMITS = { memory_limit: 67_108_864, cpu_quota: 50, pids_limit: 64 };
const ADOPTION = '{"pid":%d,"namespace_flags":0,"privileged":true}';

/** A budget of an agent's life as a time, under an assumption that is part of it. */
function derived({ id, title, value }: Figure): Figure {
  return {
    id: `${id}/derived-time`,
    title: `${title}, derived time`,
    unit: 'nanoseconds',
    value: value / 2,
    note: 'derived, not measured: at 1 instruction a cycle and 2 GHz',
  };
}

/** The middle of what was counted, and how far it reached down. */
function figure(id: string, title: string, { least, median }: Count, more: Partial<Figure> = {}): Figure {
  return instructions(id, title, median, {
    spread: [least, median],
    ...more,
  });
}

const PHASES = {
  birth: { before: 'arming: the write to create', clone: 'clone3', child: "the child's birth" },
  none: { before: 'arming: the write to create', clone: 'clone3', child: "the child's birth" },
  into: { before: 'cgroup and limits', clone: 'clone3 into the cgroup', child: 'the child' },
  procs: { before: 'cgroup and limits', clone: 'clone3', child: 'the child joins its cgroup' },
} as const;

const WHO = {
  birth: 'Birth',
  none: 'Birth without a network',
  into: 'By hand, with CLONE_INTO_CGROUP',
  procs: 'By hand, through cgroup.procs',
} as const;

/** The counts of each turn. */
const turns = (raw: Record<string, string>, name: string) =>
  Array.from({ length: TURNS }, (_, turn) => parseCounts(raw[`${name}-${turn + 1}`] ?? ''));

/** The middle of as many numbers as there are turns. */
const middle = (numbers: readonly number[]) =>
  numbers.toSorted((one, other) => one - other)[(TURNS - 1) / 2] ?? NaN;

/** The counts of all turns as one: the middle of their middles. */
function turnsOf(raw: Record<string, string>, name: string): Map<string, Count> {
  const phases = ['before', 'clone', 'child', 'whole'];
  return new Map(
    phases.map((phase) => {
      const counts = turns(raw, name).map((each) => countOf(each, phase));
      return [
        phase,
        {
          least: Math.min(...counts.map(({ least }) => least)),
          median: middle(counts.map(({ median }) => median)),
          most: Math.max(...counts.map(({ most }) => most)),
        },
      ];
    }),
  );
}

function births(raw: Record<string, string>): Figure[] {
  const names = ['birth', 'none', 'into', 'procs'] as const;
  const all = names.map((name) => [name, turnsOf(raw, name)] as const);
  const figures = all.flatMap(([name, counts]) => [
    ...(['before', 'clone', 'child'] as const).map((phase) =>
      figure(`life/${name}/${phase}`, `${WHO[name]}: ${PHASES[name][phase]}`, countOf(counts, phase), {
        note: 'without waits',
      }),
    ),
    figure(`life/${name}`, `${WHO[name]}: whole`, countOf(counts, 'whole'), {
      note: "six namespaces and that of cgroups, three limits; to the child's first instruction, without waits; by hand without ids and without leaving the session",
    }),
  ]);
  const wholes = (name: string) => turns(raw, name).map((each) => countOf(each, 'whole').median);
  const added = (floor: 'into' | 'procs'): Figure => {
    // What both cost moves together in the course of a guest's life, so they are compared turn by turn.
    const [whole, byHand] = [wholes('birth'), wholes(floor)];
    const shares = whole.map((birth, turn) => ((birth - (byHand[turn] ?? NaN)) / birth) * 100);
    return {
      id: `life/birth/added-${floor}`,
      title: `Birth: what SwarmGuard adds to what is done by hand (${floor === 'into' ? 'CLONE_INTO_CGROUP' : 'cgroup.procs'})`,
      unit: 'percent',
      value: Math.round(middle(shares) * 10) / 10,
      target: TARGETS.birthPercent,
      note: 'of the whole, the middle of all turns; it has given the agent ids of its own and left the session besides',
    };
  };
  const bare = wholes('bare');
  const procfs = wholes('birth').map((whole, turn) => whole - (bare[turn] ?? NaN));
  return [
    ...figures,
    instructions('life/birth/procfs', 'Birth: of it, the procfs of its own', middle(procfs), {
      spread: [Math.min(...procfs), Math.max(...procfs)],
      note: 'over a birth with "proc":false, the middle of all turns; the work by hand mounts one, too',
    }),
    added('into'),
    added('procs'),
  ];
}

async function run(guest: LoadedGuest, command: string): Promise<string> {
  return guest.sh(command, { timeoutMs: 600_000 });
}

/** A cgroup2 of the guest's own at a place that an agent does not see, with a parent for those made by hand. */
const CGROUPS = [
  'mkdir -p /tmp/cgroup',
  'mount -t cgroup2 none /tmp/cgroup',
  'mkdir /tmp/cgroup/life',
  'echo +memory +cpu +pids >/tmp/cgroup/cgroup.subtree_control',
  'echo +memory +cpu +pids >/tmp/cgroup/life/cgroup.subtree_control',
].join(' && ');

async function read(guest: LoadedGuest, progress: (step: string) => void): Promise<Record<string, string>> {
  progress('registering, destroying, adopting');
  const raw: Record<string, string> = {
    register: await run(guest, 'life register 200 {}'),
    batch: await run(guest, `life batch 20 {} ${BATCH}`),
    destroy: await run(guest, 'life destroy 200'),
    adopt: await run(guest, `life adopt 200 ${quoted(ADOPTION)}`),
    arm: await run(guest, `life arm 200 ${quoted('{"persist":true}')}`),
    join: await run(guest, `life join 200 ${quoted('{"spawn":true}')}`),
    rules: await run(guest, `life rules 200 ${quoted('{}')}`),
    limits: await run(guest, `life limits 200 ${quoted('{"spawn":true,"pids_limit":40}')}`),
    move: await run(guest, `life move 20 ${quoted('{"spawn":true}')}`),
  };
  await guest.sh(CGROUPS);
  const birth = (policy: AgentRequest) =>
    `life birth ${BIRTHS} ${quoted(JSON.stringify({ spawn: true, ...policy }))}`;
  // In turn, since what namespaces cost depends on what the allocator has at hand.
  for (let turn = 1; turn <= TURNS; turn++) {
    progress(`births and the same by hand, turn ${turn} of ${TURNS}`);
    raw[`birth-${turn}`] = await run(guest, birth(LIMITS));
    raw[`bare-${turn}`] = await run(guest, birth({ ...LIMITS, proc: false }));
    raw[`none-${turn}`] = await run(guest, birth({ ...LIMITS, network: 'none' }));
    raw[`into-${turn}`] = await run(guest, `life into ${BIRTHS}`);
    raw[`procs-${turn}`] = await run(guest, `life procs ${BIRTHS}`);
  }
  await guest.sh('rmdir /tmp/cgroup/life && umount /tmp/cgroup');
  return raw;
}

function figuresOf(raw: Record<string, string>): Figure[] {
  const of = (name: string) => countOf(parseCounts(raw[name] ?? ''), name);
  const batch = of('batch');
  const each = (count: number) => Math.round(count / BATCH);
  const figures = [
    figure('life/register/single', 'Registering one agent in one write', of('register'), {
      target: TARGETS.register,
      note: 'the whole system call; the object is {}',
    }),
    figure(
      'life/register/batch',
      `Registering, of ${BATCH} agents in one write each`,
      { least: each(batch.least), median: each(batch.median), most: each(batch.most) },
      { target: TARGETS.batch, note: 'the whole system call, by agent; the objects are {}' },
    ),
    figure('life/destroy', 'Destroying a registered agent in one write', of('destroy'), {
      note: 'the whole system call, with the switch to the worker that takes it out of the index',
    }),
    figure('life/adopt', 'Adopting a process, without limits', of('adopt'), {
      target: TARGETS.adopt,
      note: 'the whole system call',
    }),
    figure('life/spawn/first', 'Arming by spawn, for the first process of a registered agent', of('arm'), {
      target: TARGETS.arm,
      note: 'the whole system call; the agent has no limits',
    }),
    figure('life/spawn/join', 'Arming by spawn, for one more process of an agent', of('join'), {
      target: TARGETS.join,
      note: 'the whole system call; the agent has no limits',
    }),
    figure('life/update/rules', 'Updating a rule of an agent', of('rules'), {
      target: TARGETS.rules,
      note: 'the whole system call',
    }),
    figure('life/update/limits', 'Updating a limit of an agent that runs', of('limits'), {
      target: TARGETS.limits,
      note: 'the whole system call, with the switch to the worker that writes to the cgroup',
    }),
    figure('life/update/move', 'Giving an agent that runs its first limit', of('move'), {
      note: 'the whole system call, without waits: a cgroup is made, and its one process is moved there',
    }),
    ...births(raw),
  ];
  return [...figures, ...figures.filter(({ unit }) => unit === 'instructions').map(derived)];
}

/** Forks in whole, which do not repeat to the instruction: means over a thousand. */
async function forks(
  guest: LoadedGuest,
  floor: string,
): Promise<{ figures: Figure[]; raw: Record<string, string> }> {
  const outside = await run(guest, 'life forks 5');
  const inside = (await guest.swarm.run({}, 'life forks 5')).stdout;
  const over = (text: string) => {
    const [seen, before] = [countOf(parseCounts(text), 'forks'), countOf(parseCounts(floor), 'forks')];
    return {
      least: seen.least - before.most,
      median: seen.median - before.median,
      most: seen.most - before.least,
    };
  };
  const note =
    "over no module, of a child in its parent's memory, its exit, the wait for it, and what the kernel does later; a mean of 1000";
  const one = (who: string, text: string) => {
    const { least, median, most } = over(text);
    return instructions(`life/fork/${who}`, `Fork and exit ${who} an agent`, median, {
      spread: [least, most],
      note,
    });
  };
  return {
    figures: [one('outside', outside), one('inside', inside)],
    raw: { forksFloor: floor, forksOutside: outside, forksInside: inside },
  };
}

/** @param boots in how many guests, booted apart, to measure */
export function lifeIn(boots: 1 | 2): Benchmark {
  return {
    name: 'life',
    title: "An agent's life",
    measure: (kernelName, progress) =>
      measured(kernelName, {}, boots, progress, async ({ guest, stage }): Promise<Reading> => {
        const floor = await guest.sh('life forks 5', { timeoutMs: 600_000 });
        const loaded = await load(guest, stage.module.ko);
        const raw = await read(loaded, progress);
        progress('forks in whole');
        const forked = await forks(loaded, floor);
        await loaded.unload();
        return {
          figures: [...figuresOf(raw), ...forked.figures],
          missing: [],
          raw: { ...raw, ...forked.raw },
        };
      }),
  };
}

export const life = lifeIn(2);
