/** Very many agents: what they cost in memory and in instructions, the last thousand beside the first. */
import { totalmem } from 'node:os';
import { quoted } from '../../client/client.js';
import { complaints } from '../../harness/guest/kernel-log.js';
import type { GuestExtras } from '../../harness/guest/stage.js';
import type { Benchmark, Figure, Measured } from '../figures.js';
import { inCountingGuest } from '../guest.js';
import { THOUSAND, crowd, crowdWrong, mustHold, parseCrowd, slopes } from './crowd.js';
import type { At, Crowd, Limits } from './crowd.js';
import { load } from '../../specs/support/loaded-guest.js';

/** A crowd, and what is asked of it. */
interface Scene {
  name: string;
  /** The section's heading. */
  title: string;
  /** The work that is counted for one agent: "Registering an agent". */
  doing: string;
  /** An agent of these: "a registered agent". */
  one: string;
  kind: 'register' | 'adopt' | 'spawn' | 'register-rounds' | 'spawn-rounds' | 'fork';
  object: string;
  /** MiB of memory that are left. */
  floor?: number;
  sizes: readonly number[];
  limits: Limits;
  /** Bytes of slab for an agent in all, where the project promises something. */
  target?: number;
  guest: GuestExtras;
  /** Further checks, and figures made of them. */
  optional?: boolean;
  more?: (crowd: Crowd) => { wrong: string[]; figures: Figure[]; missing?: Measured['missing'] };
}

const COUNTED = `of the last ${THOUSAND} of each size, with nothing else going on; everything that all tasks executed, the kernel’s workers included`;
const SLAB = 'objects of all slab caches, less those of the empty module, after caches were dropped';
const READING =
  'one process reads agents, another events, all the while but for the thousands that are counted';

/** Is each of what it counts gone before the next, or soon after? */
const isOfRounds = ({ kind }: Scene) => kind.endsWith('-rounds') || kind === 'fork';

const each = (value: number) => Math.round(value / THOUSAND);

type Points = { x: number; y: number }[];

const byNumber = (id: string, title: string, unit: Figure['unit'], series: Points): Figure => ({
  ...{ id, title, unit, value: series.at(-1)?.y ?? NaN, series },
});

const line = (id: string, title: string, unit: Figure['unit'], at: readonly At[], of: (each: At) => number) =>
  byNumber(
    id,
    title,
    unit,
    at.map((one) => ({ x: one.size, y: of(one) })),
  );

const plain = (id: string, title: string, unit: Figure['unit'], value: number, note: string): Figure => ({
  ...{ id, title, unit, value, note },
});

/** The growth from the first to the last, in percent. */
function growth(id: string, title: string, [first, last]: readonly [number, number], note: string): Figure {
  return plain(id, title, 'percent', Number((100 * (last / first - 1)).toFixed(1)), note);
}

/** Bytes of slab for each agent of the first two sizes, and of those from the last size but one to the last. */
function firstAndLast(seen: Crowd): [number, number] {
  const { at, empty } = seen;
  const second = at[1] ?? at[0];
  return [((second?.slab ?? NaN) - empty.slab) / (second?.size ?? NaN), slopes(seen).at(-1)?.bytes ?? NaN];
}

/** The table's rows of a crowd. */
function figuresOf(scene: Scene, seen: Crowd): Figure[] {
  const { at, empty, left, full, readers } = seen;
  const [first, last] = [at[0], at.at(-1)];
  if (!first || !last) return [];
  const id = (what: string) => `${scene.name.replace('-', '/')}/${what}`;
  const rounds = isOfRounds(scene);
  const many = full.toLocaleString('en-US');
  const slab = rounds
    ? []
    : [
        {
          ...line(id('slab'), `Slab for ${scene.one}, by how many there are`, 'bytes', at, (one) =>
            Math.round((one.slab - empty.slab) / one.size),
          ),
          ...(scene.target === undefined ? {} : { target: scene.target }),
          note: scene.kind === 'register' ? SLAB : `${SLAB}; its process included`,
        },
        scene.kind === 'adopt'
          ? {
              ...line(
                id('added'),
                `Slab that ${scene.one} adds to its process, by how many there are`,
                'bytes',
                at,
                (one) => each(one.added),
              ),
              note: `the last ${THOUSAND} of each size`,
            }
          : {
              ...byNumber(
                id('further'),
                'Slab that each further agent takes, by how many there are',
                'bytes',
                slopes(seen).map(({ size, bytes }) => ({ x: size, y: Math.round(bytes) })),
              ),
              note: 'from one size to the next',
            },
        {
          ...line(
            id('available'),
            `MemAvailable for ${scene.one}, by how many there are`,
            'bytes',
            // Of few of them it says nothing.
            at.length > 2 ? at.slice(1) : at,
            (one) => Math.round((empty.available - one.available) / one.size),
          ),
          note: 'stacks, page tables and what the kernel keeps for each processor included; varies',
        },
      ];
  return [
    {
      ...line(
        id('cost'),
        `${scene.doing}, by how many there ${rounds ? 'were before' : 'are'}`,
        'instructions',
        at,
        (one) => each(one.effort),
      ),
      note: COUNTED,
    },
    growth(
      id('growth'),
      `${scene.doing}: the last ${THOUSAND} of ${many} over the first`,
      [first.effort, last.effort],
      'in instructions',
    ),
    ...(rounds
      ? []
      : [
          growth(
            id('slab-growth'),
            `Slab for each of the last of ${many} over the first`,
            firstAndLast(seen),
            'the first are those up to the second size, the last those from the last size but one on',
          ),
        ]),
    ...slab,
    ...(scene.kind === 'adopt'
      ? [
          plain(
            id('process'),
            'Slab of such a process itself',
            'bytes',
            each(last.own),
            'it shares memory and files with the others',
          ),
        ]
      : []),
    plain(
      id('left'),
      `Slab that ${scene.one} leaves when it is gone`,
      'bytes',
      Number(((left.slab - empty.slab) / full).toFixed(1)),
      `after all of ${many} were destroyed, beside a first ${THOUSAND} that were`,
    ),
    ...(rounds
      ? []
      : [
          line(id('line'), `Reading a line of agents, beside so many`, 'instructions', at, (one) => one.line),
        ]),
    plain(id('reads'), `Reads of agents in whole during all of it`, 'count', readers.passes, READING),
    plain(id('events'), `Events that were read during all of it`, 'count', readers.events, READING),
    plain(
      id('lost'),
      'Events that a reader was told to have lost',
      'count',
      readers.lost,
      `of ${readers.recorded} that were recorded; with those that were read these are all`,
    ),
  ];
}

async function measureScene(
  scene: Scene,
  kernelName: string,
  progress: (step: string) => void,
): Promise<Measured> {
  return inCountingGuest(kernelName, scene.guest, async ({ stage, guest, about }) => {
    const most = Math.max(...scene.sizes);
    const loaded = await load(guest, stage.module.ko, { max_agents: most + 2 * THOUSAND });
    progress(`${most.toLocaleString('en-US')} agents`);
    const args = [scene.kind, quoted(scene.object), scene.floor ?? 0, ...scene.sizes].join(' ');
    const text = await crowd(loaded, args, progress);
    const seen = parseCrowd(text);
    const more = scene.more?.(seen) ?? {
      wrong: seen.full === most ? [] : [`there were ${seen.full} only`],
      figures: [],
    };
    const complained = complaints(await loaded.kernelLog());
    mustHold(
      scene.title,
      [...crowdWrong(seen, scene.limits, isOfRounds(scene)), ...more.wrong, ...complained],
      text,
    );
    await loaded.unload();
    return {
      ...about,
      figures: [...more.figures, ...figuresOf(scene, seen)],
      missing: more.missing ?? [],
      raw: { crowd: `# crowd ${args}\n${text}\n` },
    };
  });
}

/** Linux's memory cgroups have ids of 16 bits. */
const MEMORY_CGROUPS = 65_535;
/**
 * The number of cgroups that belong to the guest itself: the root, init's and others that its kernel makes, and the
 * module's two.
 */
const OTHERS = 16;

function cgroups({ full, refused, again }: Crowd) {
  const right = refused !== undefined && /"error":"ENOSPC","field":"memory_limit"/.test(refused);
  const near = full < MEMORY_CGROUPS && full > MEMORY_CGROUPS - OTHERS;
  return {
    wrong: [
      ...(right ? [] : [`the one that is too many was answered ${refused ?? 'nothing'}`]),
      ...(near ? [] : [`there were ${full}, not nearly ${MEMORY_CGROUPS}`]),
      ...(again === undefined ? ['after another was destroyed none was taken'] : []),
    ],
    figures: [
      plain(
        'scale/cgroups/most',
        'Agents with a memory limit at a time, at most',
        'count',
        full,
        `Linux has ${MEMORY_CGROUPS} memory cgroups, of which some are the guest’s own; the next agent was answered ${refused ?? ''}`,
      ),
    ],
  };
}

/** MiB of a guest with very many processes, and of one that is to be filled. */
const MEMORY = 9216;
const FILLED = 6144;
/** MiB that are left to a guest whose memory is full of agents. */
const FLOOR = 512;
/** MiB by which a thousand agents may miss it. */
const MISSED = 512;

/** As many as there is memory for. */
function memoryFull({ full, available, refused }: Crowd) {
  const mib = Math.round(available / 1024 ** 2);
  return {
    wrong: [
      ...(refused === undefined ? [] : [`one was answered ${refused} before memory was full`]),
      ...(mib < FLOOR + MISSED ? [] : [`${mib} MiB were still available`]),
    ],
    figures: [
      plain(
        'scale/namespaces/most',
        'Agents with all namespaces at a time, as many as memory allows',
        'count',
        full,
        `in a guest of ${FILLED} MiB, of which ${mib} were still available`,
      ),
    ],
  };
}

/** Agents that are to be there at a time, each isolated in all ways. */
const WHOLE = 200_000;
/** MiB of the guest that holds them: 84 KB for each, a third more for a kernel that takes more. */
const LARGEST = 21_504;
/** MiB that the machine keeps for itself and for QEMU. */
const KEPT = 2048;
/** GiB of the machine that the account is made for. */
const SERVER = 128;

/** MiB for such a guest: less on a machine that has not as much, which holds fewer agents then. */
export const largestGuest = (machineBytes: number) =>
  Math.min(LARGEST, Math.floor(machineBytes / 1024 ** 2) - KEPT);

/**
 * All of them are there at a time, or as many as a smaller guest's memory holds.
 * @param guestMb MiB of the guest
 */
export function allThere({ full, available, empty, refused }: Crowd, guestMb: number) {
  const left = Math.round(available / 1024 ** 2);
  const filled = guestMb < LARGEST && refused === undefined && left < FLOOR + MISSED;
  const each = (empty.available - available) / full;
  const taken = guestMb * 1024 ** 2 - empty.available;
  return {
    wrong:
      full === WHOLE || filled
        ? []
        : [
            `there were ${full}, not ${WHOLE}; the next was answered ${refused ?? 'nothing'}, and ${left} MiB were available`,
          ],
    figures: [
      plain(
        'whole/agents/most',
        'Agents in seven namespaces of their own, at a time',
        'count',
        full,
        `in a guest of ${guestMb} MiB, of which ${left} were still available`,
      ),
      plain(
        'whole/agents/server',
        `Such agents that ${SERVER} GiB hold`,
        'count',
        Math.floor((SERVER * 1024 ** 3 - taken) / each / 1000) * 1000,
        `computed: each took ${Math.round(each)} bytes of MemAvailable; what a program needs for itself comes on top`,
      ),
    ],
  };
}

/**
 * Bytes of slab for each pair of agents: half of what each further agent takes more for every one that is
 * there, between the middles of the last two sizes.
 */
export function bytesOfPair({ at, empty }: Pick<Crowd, 'at' | 'empty'>): number {
  const steps = slopes({ at, empty }).map(({ size, bytes }, index) => ({
    middle: (size + (at[index - 1]?.size ?? 0)) / 2,
    bytes,
  }));
  const [before, last] = steps.slice(-2);
  return before && last ? (last.bytes - before.bytes) / (last.middle - before.middle) / 2 : NaN;
}

/**
 * The bytes that Linux keeps for each shrinker: for 64 shrinkers each memory cgroup has a page of 1 KiB
 * (mm/shrinker.c, struct shrinker_info_unit).
 */
const SHRINKER = 1024 / 64;
/**
 * The number of file systems that each agent mounts of its own: mqueue with its IPC namespace, a procfs, and a
 * devpts.
 */
const MOUNTED = 3;

/** Figures of memory that grows with the number of agents, which only Linux's memory for pairs of agents may do. */
function shrinkers(crowd: Crowd) {
  const pair = bytesOfPair(crowd);
  const { full, refused } = crowd;
  return {
    wrong: [
      ...(refused === undefined ? [] : [`the next of ${full} was answered ${refused}`]),
      ...(pair <= 1.25 * MOUNTED * SHRINKER
        ? []
        : [`each pair takes ${pair.toFixed(1)} bytes, not ${MOUNTED * SHRINKER}`]),
    ],
    figures: [
      plain(
        'scale/limited/pair',
        'Slab for each pair of agents with a memory limit and an IPC namespace',
        'bytes',
        Number(pair.toFixed(1)),
        `Linux keeps ${MOUNTED * SHRINKER}: each agent mounts ${MOUNTED} file systems (mqueue, proc, devpts) whose caches can shrink, and each memory cgroup counts for each of those (mm/shrinker.c). Setting a quota of processors goes through all task groups (kernel/sched/core.c, __cfs_schedulable). Both are read off Linux’s source; the same without the module was not measured`,
      ),
    ],
  };
}

/** Figures of agents that forked as fast as they can. */
function forking({ forkers, full }: Crowd) {
  const { count = 0, least = 0, most = 0, refused = 0 } = forkers ?? {};
  return {
    wrong: least > 0 ? [] : [`of ${count} agents one never forked`],
    figures: [
      plain('scale/forks/agents', 'Agents that fork at a time', 'count', count, `${full} forks in all`),
      plain(
        'scale/forks/least',
        'Forks of the agent that made least',
        'count',
        least,
        'fair is the same of each; they share one processor',
      ),
      plain(
        'scale/forks/most',
        'Forks of the agent that made most',
        'count',
        most,
        'fair is the same of each; they share one processor',
      ),
      plain(
        'scale/forks/refused',
        'Forks that pids_limit refused, and that were tried again',
        'count',
        refused,
        'as fast as they can: no agent waits for a child before it forks again',
      ),
    ],
  };
}

const LIMITS = { memory_limit: 268_435_456, cpu_quota: 25 };
const BORN = JSON.stringify({ spawn: true, pids_limit: 100, ...LIMITS });
const SHARED = { namespace_flags: 0, privileged: true };
/** `crowd` writes the process where %d is. */
const adopting = (policy: object) => JSON.stringify({ ...policy, pid: 0 }).replace('"pid":0', '"pid":%d');

const WHOLE_GUEST = largestGuest(totalmem());

const SCENES: readonly Scene[] = [
  {
    name: 'scale-registered',
    title: 'Scale: registered agents',
    doing: 'Registering an agent',
    one: 'a registered agent',
    kind: 'register',
    object: JSON.stringify(LIMITS),
    sizes: [1_000, 50_000, 100_000, 200_000, 500_000, 1_000_000],
    limits: { growth: 8, effort: 1.25, left: 8 },
    target: 512,
    guest: {},
  },
  {
    name: 'scale-live',
    title: 'Scale: live agents',
    doing: 'Adopting a process',
    one: 'a live agent',
    kind: 'adopt',
    object: adopting(SHARED),
    sizes: [1_000, 50_000, 100_000, 200_000],
    limits: { growth: 64, effort: 1.25, left: 64 },
    guest: { memoryMb: MEMORY },
  },
  {
    name: 'scale-cgroups',
    title: 'Scale: live agents with a memory limit',
    doing: 'Adopting a process, with a memory cgroup',
    one: 'an agent with a memory cgroup',
    kind: 'adopt',
    object: adopting({ ...SHARED, memory_limit: 67_108_864 }),
    sizes: [1_000, 20_000, 40_000, 65_000, 66_000],
    limits: { growth: 2048, effort: 1.5, left: 64 },
    guest: { memoryMb: 8192 },
    more: cgroups,
  },
  {
    name: 'scale-rounds',
    title: 'Scale: registered agents that come and go',
    doing: 'Registering an agent and destroying it',
    one: 'an agent that was registered',
    kind: 'register-rounds',
    object: JSON.stringify(LIMITS),
    sizes: [1_000, 4_000, 7_000, 10_000],
    limits: { growth: 8, effort: 1.25, left: 8 },
    guest: {},
  },
  {
    name: 'scale-births',
    title: 'Scale: agents that are born and end',
    doing: 'A birth with all namespaces and limits, and its end',
    one: 'an agent that was born',
    kind: 'spawn-rounds',
    object: BORN,
    sizes: [1_000, 4_000, 7_000, 10_000],
    // Right after a thousand, the kernel's workers have not freed all namespaces; what stays is left's,
    // which from run to run differs by 100 kB in all.
    limits: { growth: 512, effort: 1.25, left: 16 },
    guest: {},
  },
  {
    name: 'scale-namespaces',
    title: 'Scale: live agents with all namespaces',
    doing: 'A birth with all namespaces and a limit of tasks',
    one: 'an agent with all namespaces',
    kind: 'spawn',
    object: JSON.stringify({ spawn: true, pids_limit: 100 }),
    floor: FLOOR,
    sizes: [1_000, 4_000, 8_000, 12_000, 16_000, 20_000, 24_000],
    limits: { growth: 8192, effort: 1.25, left: 64 },
    guest: { memoryMb: FILLED },
    more: memoryFull,
  },
  {
    name: 'whole-agents',
    title:
      'Scale: 200,000 live agents, each with its own namespaces, ids, procfs and devpts, without a network',
    doing: 'A birth with all namespaces, network none',
    one: 'an agent with all namespaces and network none',
    kind: 'spawn',
    object: JSON.stringify({ spawn: true, network: 'none' }),
    floor: FLOOR,
    sizes: [1_000, 50_000, 100_000, 150_000, WHOLE],
    limits: { growth: 4096, effort: 1.5, left: 64 },
    target: 80_000,
    guest: { memoryMb: WHOLE_GUEST },
    optional: true,
    more: (crowd) => allThere(crowd, WHOLE_GUEST),
  },
  {
    name: 'scale-limited',
    title: 'Scale: live agents with all namespaces and a memory limit',
    doing: 'A birth with all namespaces and limits',
    one: 'an agent with all namespaces and a memory limit',
    kind: 'spawn',
    object: BORN,
    sizes: [1_000, 3_000, 6_000],
    limits: { growth: 131_072, effort: 1.75, left: 64 },
    guest: { memoryMb: MEMORY },
    more: shrinkers,
  },
  {
    name: 'scale-forks',
    title: 'Scale: a hundred agents that fork as fast as they can',
    doing: 'A fork and its exit, in one of a hundred agents that do nothing else',
    one: 'a fork',
    kind: 'fork',
    object: BORN,
    sizes: [1_000, 10_000, 30_000, 50_000],
    limits: { growth: 8, effort: 1.25, left: 8 },
    guest: {},
    more: forking,
  },
];

/** Very many agents, a benchmark for each kind of them. */
export const SCALE: readonly Benchmark[] = [
  ...SCENES.map((scene): Benchmark => ({
    name: scene.name,
    title: scene.title,
    ...(scene.optional === undefined ? {} : { optional: scene.optional }),
    measure: (kernelName, progress) => measureScene(scene, kernelName, progress),
  })),
];
