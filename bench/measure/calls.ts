/** Rules on calls by their names: SwarmGuard beside seccomp with Docker's default profile, in one guest. */
import { z } from 'zod';
import { quoted } from '../../client/client.js';
import type { AgentRequest } from '../../client/client.js';
import { jsonLines } from '../../harness/util/json-lines.js';
import type { BootedGuest } from '../../harness/guest/guest.js';
import type { Benchmark, Figure, Measured } from '../figures.js';
import { inCountingGuest } from '../guest.js';
import { DOCKER_CAPABILITIES, dockerProfile, ociSeccomp } from '../peers/docker-profile.js';
import type { DockerProfile } from '../peers/docker-profile.js';
import { MEMORY_CGROUP, instructions } from './counted.js';
import { PEER_PACKAGES } from './packages.js';
import { load } from '../../specs/support/loaded-guest.js';

const ROUNDS = 200;
/** Each is measured so often, in a process of its own. */
const REPEATS = 3;

/** The calls, each with arguments that it refuses at once, and with what it answers then. */
const CALLS = { getppid: 'ok', openat: 'ENOENT', futex: 'ENOSYS', mount: 'ENOENT', bpf: 'EINVAL' } as const;
type Call = keyof typeof CALLS;
const NAMES = Object.keys(CALLS) as Call[];

/** Those that a default agent may make: no rule is about them. */
const FREE: readonly Call[] = ['getppid', 'openat', 'futex'];

/** The targets that the project promises. */
const TARGETS = { outside: 60, allowed: 150 } as const;

const cost = (call: Call) => `/usr/local/bin/cost ${call} ${ROUNDS}`;

const counted = z.object({ least: z.number(), answer: z.string() });

/** The fewest instructions of a call, of each process. */
type Least = readonly number[];

/** Runs a line that prints a call's cost. @throws if the call answers otherwise. */
async function least(guest: BootedGuest, line: string, answer: string): Promise<Least> {
  const all: number[] = [];
  while (all.length < REPEATS) {
    const text = await guest.sh(line, { timeoutMs: 300_000 });
    const [seen] = jsonLines(text, counted);
    if (seen?.answer !== answer) throw new Error(`${line}: not ${answer}, but ${text}`);
    all.push(seen.least);
  }
  return all;
}

async function leastOf(
  guest: BootedGuest,
  calls: readonly Call[],
  line: (call: Call) => string,
  answer: (call: Call) => string = (call) => CALLS[call],
): Promise<Map<Call, Least>> {
  const found = new Map<Call, Least>();
  for (const call of calls) found.set(call, await least(guest, line(call), answer(call)));
  return found;
}

const launch = (request: AgentRequest, call: Call) =>
  `launch ${quoted(JSON.stringify({ spawn: true, ...request }))} ${cost(call)} 2>/dev/null`;

const denial = () => 'EPERM';

interface Readings {
  readonly floor: Map<Call, Least>;
  readonly free: Map<Call, Least>;
  readonly outside: Map<Call, Least>;
  readonly allowed: Map<string, Map<Call, Least>>;
  readonly denied: Map<string, Map<Call, Least>>;
}

async function ours(guest: BootedGuest, ko: string) {
  // Every denied call is told, which is what costs most.
  const loaded = await load(guest, ko, { event_rate: 0 });
  const free = await leastOf(guest, FREE, (call) => launch({}, call));
  const rules = Object.fromEntries(NAMES.map((call) => [call, 'deny' as const]));
  const naming = await loaded.swarm.create({ privileged: true, syscalls: rules });
  const outside = await leastOf(guest, NAMES, cost);
  const allowing: AgentRequest = { syscalls: { mount: 'allow', bpf: 'allow' } };
  const allowed = await leastOf(guest, NAMES, (call) => launch(allowing, call));
  const denied = await leastOf(
    guest,
    NAMES,
    (call) => launch({ syscalls: { [call]: 'deny' } }, call),
    denial,
  );
  await loaded.swarm.destroy(naming);
  await loaded.unload();
  return { free, outside, allowed, denied };
}

const oci = z.looseObject({ process: z.looseObject({}), root: z.looseObject({}), linux: z.looseObject({}) });

/** A bundle of a runtime whose only process makes a call. @returns a line that runs it. */
async function bundle(guest: BootedGuest, runtime: string, call: Call, seccomp: object): Promise<string> {
  const dir = `/srv/calls-${runtime}`;
  await guest.sh(`rm -rf ${dir} && mkdir -p ${dir} && cd ${dir} && ${runtime} spec`);
  const spec = oci.parse(JSON.parse(await guest.sh(`cat ${dir}/config.json`)));
  const sets = ['bounding', 'effective', 'permitted'].map((set) => [set, DOCKER_CAPABILITIES] as const);
  Object.assign(spec.process, {
    terminal: false,
    args: cost(call).split(' '),
    noNewPrivileges: true,
    capabilities: Object.fromEntries(sets),
  });
  Object.assign(spec.root, { path: '/srv/root', readonly: true });
  Object.assign(spec.linux, { seccomp });
  await guest.writeFile(`${dir}/config.json`, JSON.stringify(spec));
  return `${runtime} run --bundle ${dir} calls-${call}`;
}

/** The calls that Docker's profile denies to every container. */
const DENIED: readonly Call[] = ['mount', 'bpf'];

async function seccomp(guest: BootedGuest, profile: DockerProfile, runtime: string, calls: readonly Call[]) {
  const allowed = new Map<Call, Least>();
  const denied = new Map<Call, Least>();
  for (const call of NAMES) {
    const loose = ociSeccomp(profile, DOCKER_CAPABILITIES, { allowed: DENIED });
    allowed.set(call, await least(guest, await bundle(guest, runtime, call, loose), CALLS[call]));
  }
  for (const call of calls) {
    const strict = ociSeccomp(profile, DOCKER_CAPABILITIES, { denied: [call] });
    denied.set(call, await least(guest, await bundle(guest, runtime, call, strict), 'EPERM'));
  }
  return { allowed, denied };
}

/** The tools that are compared. The runtime builds the filter of a profile, so filters differ between runtimes. */
const PEERS = {
  'swarm-guard': 'SwarmGuard',
  runc: "seccomp, Docker's profile, by runc",
  crun: "seccomp, Docker's profile, by crun",
} as const;
type Peer = keyof typeof PEERS;

const titleOf = (peer: string) => PEERS[peer as Peer];

function figure(
  id: string,
  title: string,
  seen: Least,
  floor: Least | undefined,
  more: Partial<Figure>,
): Figure {
  const [subtract, low] = floor ? [Math.min(...floor), Math.max(...floor)] : [0, 0];
  const value = Math.min(...seen) - subtract;
  const spread: [number, number] = [Math.min(...seen) - low, Math.max(...seen) - subtract];
  const note = `${floor ? 'Over the same call with nothing that denies. ' : ''}The fewest of ${ROUNDS} calls, from before the system call to behind it; the spread is that of ${REPEATS} processes.`;
  return instructions(id, title, value, { note, ...(spread[0] === spread[1] ? {} : { spread }), ...more });
}

function figuresOf({ floor, free, outside, allowed, denied }: Readings): Figure[] {
  const added = (id: string, title: string, seen: ReadonlyMap<Call, Least>, more: Partial<Figure>) =>
    [...seen].map(([call, each]) =>
      figure(`calls/${call}/${id}`, `${call}, ${title}`, each, floor.get(call), more),
    );
  return [
    ...added('free', 'that no rule is about: SwarmGuard, added', free, { target: 0 }),
    ...added('outside', 'with a rule on it, by a process of no agent: SwarmGuard, added', outside, {
      target: TARGETS.outside,
    }),
    ...[...allowed].flatMap(([peer, seen]) =>
      added(
        `allowed/${peer}`,
        `allowed: ${titleOf(peer)}, added`,
        seen,
        peer === 'swarm-guard' ? { target: TARGETS.allowed } : {},
      ),
    ),
    ...[...denied].flatMap(([peer, seen]) =>
      [...seen].map(([call, each]) =>
        figure(
          `calls/${call}/denied/${peer}`,
          `${call}, denied: ${titleOf(peer)}, the whole call`,
          each,
          undefined,
          {},
        ),
      ),
    ),
  ];
}

/** Notes on facts that the bars do not show. */
const MISSING: Measured['missing'] = [
  {
    title: 'calls that no rule is about',
    reason:
      'a filter is asked about every call of its process; SwarmGuard hooks only those that a policy in force names',
  },
  {
    title: 'allowed: seccomp',
    reason:
      'for a call that it allows whatever the arguments, the kernel remembers the answer in a bitmap and does not run the filter again',
  },
  {
    title: 'getppid',
    reason:
      'in a pid namespace of its own a process has no parent, which takes the kernel 5 instructions fewer',
  },
  {
    title: 'denied: SwarmGuard',
    reason: 'every denied call is recorded as an event and counted, which a filter does not do',
  },
  {
    title: 'denied, by runc: getppid, openat, futex',
    reason: 'runc, which is written in Go, makes these calls itself behind its own filter',
  },
];

const texts = (found: ReadonlyMap<Call, Least>) => JSON.stringify(Object.fromEntries(found));

/** Rules on calls, by SwarmGuard and by seccomp with Docker's default profile. */
export const calls: Benchmark = {
  name: 'calls',
  title: "System calls by name, beside seccomp with Docker's default profile",
  measure: (kernelName, progress) =>
    inCountingGuest(kernelName, { packages: PEER_PACKAGES }, async ({ stage, guest, about }) => {
      const profile = await dockerProfile();
      await guest.sh(`${MEMORY_CGROUP} && mkdir -p /srv/root && mount --bind / /srv/root`);
      progress('nothing that denies');
      const floor = await leastOf(guest, NAMES, cost);
      progress(PEERS['swarm-guard']);
      const own = await ours(guest, stage.module.ko);
      progress(PEERS.runc);
      const runc = await seccomp(guest, profile, 'runc', DENIED);
      progress(PEERS.crun);
      const crun = await seccomp(guest, profile, 'crun', NAMES);
      const of = (what: 'allowed' | 'denied') =>
        new Map(Object.entries({ 'swarm-guard': own[what], runc: runc[what], crun: crun[what] }));
      const readings = {
        floor,
        free: own.free,
        outside: own.outside,
        allowed: of('allowed'),
        denied: of('denied'),
      };
      const raw: Record<string, string> = {
        floor: texts(floor),
        free: texts(own.free),
        outside: texts(own.outside),
      };
      for (const what of ['allowed', 'denied'] as const)
        for (const [peer, found] of readings[what]) raw[`${what}-${peer}`] = texts(found);
      const machine = { ...about.machine, "version of Docker's profile": profile.version };
      return { ...about, machine, figures: figuresOf(readings), missing: MISSING, raw };
    }),
};
