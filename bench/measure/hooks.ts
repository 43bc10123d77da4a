/** The cost of the hooks: of whole calls, which fail early behind the hook if they can, and of the hooks alone. */
import pWaitFor from 'p-wait-for';
import { z } from 'zod';
import type { AgentRequest } from '../../client/client.js';
import type { BootedGuest } from '../../harness/guest/guest.js';
import { jsonLines } from '../../harness/util/json-lines.js';
import type { Benchmark, Figure } from '../figures.js';
import type { Bench } from '../guest.js';
import {
  MEMORY_CGROUP,
  OPEN_BENCH,
  benchOrder,
  benchOrderOfOne,
  countOf,
  instructions,
  loadBench,
  measured,
  parseCounts,
  sectionsOf,
} from './counted.js';
import type { Count, Reading } from './counted.js';
import { load } from '../../specs/support/loaded-guest.js';

/** The targets that the project promises. */
const TARGETS = { outside: 60, allowed: 150, denied: 300, fork: 600 } as const;

export interface Call {
  /** The id that its figures begin with. */
  id: string;
  title: string;
  /** The program and its arguments; its first word but one names the count. */
  command: string;
  /** The order to /proc/swarm_bench that runs its hook alone. */
  alone?: string;
  /** Does it take the same number of instructions every time? */
  exact: boolean;
  note?: string;
}

const EARLY = 'refused by the kernel just behind the hook, for flags that contradict each other';

/** The calls, in the order of the report. */
export const CALLS: readonly Call[] = [
  {
    id: 'process',
    title: 'clone3 of a process',
    command: 'cost process 200',
    alone: 'clone 0x11',
    exact: true,
    note: EARLY,
  },
  {
    id: 'thread',
    title: 'clone3 of a thread',
    command: 'cost thread 200',
    alone: 'clone 0x10900',
    exact: true,
    note: EARLY,
  },
  {
    id: 'clone-namespace',
    title: 'clone3 with a namespace',
    command: 'cost clone 200',
    alone: 'clone 0x20011',
    exact: true,
    note: `${EARLY}; inside an agent two rules are asked`,
  },
  {
    id: 'setns',
    title: 'setns',
    command: 'cost setns 200',
    alone: 'setns',
    exact: true,
    note: 'of no descriptor',
  },
  {
    id: 'unshare',
    title: 'unshare',
    command: 'cost unshare 200',
    alone: 'unshare 0x20000',
    exact: true,
    note: 'refused just behind the hook, for a flag that the kernel does not know',
  },
  {
    id: 'open-file',
    title: 'open of a file',
    command: 'cost open 200 /tmp/empty',
    exact: true,
    note: 'no hook',
  },
  {
    id: 'open-device',
    title: 'open of a device',
    command: 'cost open 200 /dev/null',
    alone: 'device 2 1 3 2',
    exact: true,
  },
  {
    id: 'socket',
    title: 'socket of family unix',
    command: 'cost socket 200',
    alone: 'socket 1 1 0',
    exact: true,
  },
  { id: 'fork', title: 'fork', command: 'cost fork 500', exact: false, note: 'to the return in the parent' },
  {
    id: 'vfork',
    title: 'vfork',
    command: 'cost vfork 500',
    exact: false,
    note: "with the child's exit, to the return in the parent",
  },
  { id: 'thread-whole', title: 'creating a thread', command: 'cost pthread 500', exact: false },
  {
    id: 'execve',
    title: 'execve',
    command: 'cost exec 200',
    alone: 'exec /bin/true',
    exact: false,
    note: 'of an empty file, which the kernel refuses behind the hook',
  },
  {
    id: 'mknod',
    title: 'mknod of a device',
    command: 'cost mknod 200 /tmp/node',
    alone: 'device 2 1 3 1',
    exact: false,
  },
];

/** /dev/kmsg, which the hook alone is asked about: agents may not open it for other reasons as well. */
const DENIED_DEVICE: Call = {
  id: 'device',
  title: 'open of a device',
  command: '',
  alone: 'device 2 1 11 2',
  exact: true,
};

/** A socket of a family that an agent may not make: AF_ALG. */
const DENIED_SOCKET: Call = {
  id: 'socket',
  title: 'socket',
  command: '',
  alone: 'socket 38 5 0',
  exact: true,
};

/** A call that has a rule by its own name: it has a hook only while a policy names it. */
const NAMED: Call = { id: 'named', title: 'getppid', command: 'cost getppid 200', exact: true };

/** A policy of defaults, under which an agent is denied some calls. */
const DENYING: AgentRequest = {};
const DENYING_FORKS: AgentRequest = { syscalls: { fork: 'deny', thread: 'deny', execve: 'deny' } };
/** Rules under which an agent may do all that is measured. */
export const ALLOWING: AgentRequest = { syscalls: { setns: 'allow', unshare: 'allow' } };

/** Calls that an agent is denied by default, in whole. */
const DENIED = ['clone-namespace', 'setns', 'unshare'];
/** Those that it is denied by rules of its own; `cost` itself makes no process then. */
const DENIED_FORKS = ['process', 'thread'];
/** Calls that an agent of its own user namespace is allowed, but for what the kernel denies it. */
const ALLOWED = CALLS.filter(({ id }) => id !== 'mknod').map(({ id }) => id);

type Counts = Map<string, Count>;

const byId = (ids: readonly string[]) => CALLS.filter(({ id }) => ids.includes(id));
const nameOf = ({ command }: Call) => command.split(' ')[1] ?? '';

/** Counts of calls by id, from what their commands printed, a section each. */
export function countsIn(calls: readonly Call[], text: string): Counts {
  const sections = sectionsOf(text);
  const made = calls.filter(({ id }) => sections.has(id));
  return new Map(
    made.map((call) => [call.id, countOf(parseCounts(sections.get(call.id) ?? ''), nameOf(call))]),
  );
}

/** A shell line that makes each of these calls often, for {@link countsIn}. */
export const commandLine = (calls: readonly Call[]) =>
  calls.map(({ id, command }) => `echo '== ${id}'; ${command}`).join('; ');

/** Many calls take a while. */
export const LONG = { timeoutMs: 600_000 };

/** Did a hook answer the call itself, and so deny it? */
const answer = z.object({ answered: z.boolean() });

/** The hooks alone: each call's count by its id, and whether the hook let it pass. */
function aloneIn(text: string): Map<string, { count: Count; answered: boolean }> {
  return new Map(
    [...sectionsOf(text)].flatMap(([id, part]) => {
      const [count] = parseCounts(part).values();
      const [said] = jsonLines(part, answer);
      return count && said ? [[id, { count, ...said }]] : [];
    }),
  );
}

/** @param ask how the shell of the guest gives an order */
const aloneLine = (calls: readonly Call[], ask = benchOrder) =>
  calls
    .flatMap(({ id, alone }) => (alone === undefined ? [] : [`echo '== ${id}'; ${ask(alone)}`]))
    .join('; ');

/** Launches an agent that has /proc/swarm_bench open. */
const UNDER_BENCH = { under: OPEN_BENCH };

interface Readings {
  floor: string;
  outside: string;
  beside: string;
  allowed: string;
  denied: string;
  deniedForks: string;
  unnamed: string;
  namedOutside: string;
  namedAllowed: string;
  aloneOutside: string;
  aloneAllowed: string;
  aloneDenied: string;
  aloneDeniedForks: string;
  forkOutside: string;
  forkInside: string;
}

async function read(
  guest: BootedGuest,
  { stage }: Bench,
  progress: (step: string) => void,
): Promise<Readings> {
  // /tmp/empty is there for all, whoever may make files there.
  await guest.sh(`cost exec 1 && ${MEMORY_CGROUP}`);
  progress('calls without the module');
  const floor = await guest.sh(commandLine([...CALLS, NAMED]), LONG);
  progress('calls outside agents');
  // Every denied call is told, which is what costs most.
  const loaded = await load(guest, stage.module.ko, { event_rate: 0 });
  const outside = await loaded.sh(commandLine(CALLS), LONG);
  progress('calls inside agents');
  const allowed = (await loaded.swarm.run(ALLOWING, commandLine(byId(ALLOWED)))).stdout;
  const denied = (await loaded.swarm.run(DENYING, commandLine(byId(DENIED)))).stdout;
  let deniedForks = '';
  for (const call of byId(DENIED_FORKS)) {
    const [, ...words] = call.command.split(' ');
    const { stdout } = await loaded.swarm.launch(DENYING_FORKS, ['/usr/local/bin/cost', ...words]);
    deniedForks += `== ${call.id}\n${stdout}`;
  }
  progress('calls beside an agent');
  const running = loaded.swarm.run({}, 'exec sleep 1000');
  const agents = await pWaitFor(
    async () => {
      const listed = await loaded.swarm.agents();
      return listed.some(({ pid }) => pid > 0) && pWaitFor.resolveWith(listed);
    },
    { timeout: 60_000 },
  );
  const beside = await loaded.sh(commandLine(CALLS.filter(({ exact }) => exact)), LONG);
  await loaded.swarm.destroy(...agents.map(({ id }) => id));
  await running;

  progress('a call by its name');
  const unnamed = (await loaded.swarm.run(ALLOWING, commandLine([NAMED]))).stdout;
  const naming = await loaded.swarm.create({ privileged: true, syscalls: { getppid: 'deny' } });
  const namedOutside = await loaded.sh(commandLine([NAMED]));
  const namedAllowed = (await loaded.swarm.run(ALLOWING, commandLine([NAMED]))).stdout;
  await loaded.swarm.destroy(naming);

  progress('hooks alone');
  await loadBench(loaded, stage.module.bench);
  const aloneOutside = await loaded.sh(`${OPEN_BENCH} ${aloneLine(CALLS)}`, LONG);
  const within = async (request: AgentRequest, shell: string) =>
    (await loaded.swarm.run(request, shell, UNDER_BENCH)).stdout;
  const aloneAllowed = await within(ALLOWING, aloneLine(CALLS));
  const aloneDenied = await within(DENYING, aloneLine([...byId(DENIED), DENIED_DEVICE, DENIED_SOCKET]));
  const forksDenied = aloneLine(byId(['process', 'thread', 'execve']), benchOrderOfOne);
  const aloneDeniedForks = await within(DENYING_FORKS, forksDenied);
  const forkOutside = await loaded.sh(`${OPEN_BENCH} ${benchOrder('fork')}`);
  const forkInside = await within({}, benchOrder('fork'));
  await loaded.sh('rmmod swarm_bench');
  await loaded.unload();
  return {
    ...{ floor, outside, beside, allowed, denied, deniedForks },
    ...{ unnamed, namedOutside, namedAllowed },
    ...{ aloneOutside, aloneAllowed, aloneDenied, aloneDeniedForks, forkOutside, forkInside },
  };
}

/** The instructions that a call takes more than without the module. */
function added(call: Call, floor: Counts, seen: Counts, who: string, target?: number): Figure | undefined {
  const [before, after] = [floor.get(call.id), seen.get(call.id)];
  if (!before || !after) return undefined;
  const note = ['of the whole call, over no module', ...(call.note === undefined ? [] : [call.note])].join(
    '; ',
  );
  const title = `${call.title}, ${who}`;
  const [least, median] = [after.least - before.least, after.median - before.median];
  const id = `hook/${call.id}/${who.split(' ')[0] ?? who}`;
  if (call.exact)
    return instructions(id, title, least, { note, ...(target === undefined ? {} : { target }) });
  const spread: [number, number] = [Math.min(least, median), Math.max(least, median)];
  return instructions(id, title, median, { note, spread });
}

function figuresOf(readings: Readings): Figure[] {
  const floor = countsIn([...CALLS, NAMED], readings.floor);
  const outside = countsIn(CALLS, readings.outside);
  const beside = countsIn(CALLS, readings.beside);
  const allowed = countsIn(CALLS, readings.allowed);
  const denied = countsIn(CALLS, readings.denied + '\n' + readings.deniedForks);
  const figures: (Figure | undefined)[] = [];
  for (const call of CALLS) {
    figures.push(
      added(call, floor, outside, 'outside agents', TARGETS.outside),
      call.exact ? added(call, outside, beside, 'beside an agent that runs', 0) : undefined,
      added(call, floor, allowed, 'allowed to an agent', TARGETS.allowed),
      added(call, floor, denied, 'denied to an agent'),
    );
  }
  figures.push(...namedFigures(readings, floor));
  return [...figures.filter((figure) => figure !== undefined), ...aloneFigures(readings, floor, outside)];
}

/** A call by its name: while no policy has a rule on it, and while one does. */
function namedFigures(readings: Readings, floor: Counts): (Figure | undefined)[] {
  const counts = (text: string) => countsIn([NAMED], text);
  return [
    added(NAMED, floor, counts(readings.unnamed), 'without a rule on it, to an agent', 0),
    added(NAMED, floor, counts(readings.namedOutside), 'outside agents, with a rule on it', TARGETS.outside),
    added(
      NAMED,
      floor,
      counts(readings.namedAllowed),
      "allowed to an agent, with a rule on it in another's policy",
      TARGETS.allowed,
    ),
  ];
}

/** The hooks alone, and denied calls up to the hook's return. */
function aloneFigures(readings: Readings, floor: Counts, outside: Counts): Figure[] {
  const figures: Figure[] = [];
  const at = { outside: aloneIn(readings.aloneOutside), allowed: aloneIn(readings.aloneAllowed) };
  const denied = new Map([...aloneIn(readings.aloneDenied), ...aloneIn(readings.aloneDeniedForks)]);
  // What ftrace adds around a hook: whole calls against the hook alone.
  const whole = countOf(outside, 'setns').least - countOf(floor, 'setns').least;
  const ftrace = whole - (at.outside.get('setns')?.count.least ?? NaN);
  figures.push(
    instructions('hook/ftrace', 'ftrace around a hook', ftrace, { note: 'of setns outside agents' }),
  );
  for (const call of [...CALLS, DENIED_DEVICE]) {
    const { id, title } = call;
    for (const [who, found] of Object.entries(at)) {
      const hook = found.get(id);
      if (!hook && call.alone && call !== DENIED_DEVICE) throw new Error(`no count of ${call.alone} alone`);
      if (!hook) continue;
      if (hook.answered) throw new Error(`${id} was to be let pass ${who} an agent`);
      figures.push(instructions(`hook-alone/${id}/${who}`, `Hook on ${title}, ${who}`, hook.count.least));
    }
    const hook = denied.get(id);
    if (!hook) continue;
    if (!hook.answered) throw new Error(`${id} was to be denied`);
    figures.push(
      instructions(`hook-alone/${id}/denied`, `Hook on ${title}, denied`, hook.count.least),
      instructions(
        `hook/${id}/denied-return`,
        `${title}, denied, to the hook's return`,
        hook.count.least + ftrace,
        {
          target: TARGETS.denied,
          note: 'the hook alone and ftrace around it, with the event that it records',
        },
      ),
    );
  }
  return [...figures, ...forkFigures(readings, ftrace)];
}

/** All that is added to a fork: the hook, what is called for the child, and for its exit. */
function forkFigures(readings: Readings, ftrace: number): Figure[] {
  return (['outside', 'inside'] as const).flatMap((who) => {
    const counts = parseCounts(who === 'outside' ? readings.forkOutside : readings.forkInside);
    const parts = ['hook', 'fork', 'exit'].map((part) => [part, countOf(counts, part)] as const);
    const sum = parts.reduce((total, [, count]) => total + count.median, ftrace);
    return [
      ...parts.map(([part, { median }]) =>
        instructions(`fork/${who}/${part}`, `A fork ${who} an agent: ${part}`, median),
      ),
      instructions(`fork/${who}/whole`, `A fork ${who} an agent, all that is added`, sum, {
        ...(who === 'inside' ? { target: TARGETS.fork } : {}),
        note: 'ftrace, the hook, and what is called when the child is made and when it exits, each with a synthetic child; the tracepoints around them are not in it',
      }),
    ];
  });
}

/** @param boots in how many guests, booted apart, to measure */
export function hooksIn(boots: 1 | 2): Benchmark {
  return {
    name: 'hooks',
    title: 'Hooks',
    measure: (kernelName, progress) =>
      measured(kernelName, {}, boots, progress, async (bench): Promise<Reading> => {
        const readings = await read(bench.guest, bench, progress);
        return { figures: figuresOf(readings), missing: [], raw: { ...readings } };
      }),
  };
}

export const hooks = hooksIn(2);
