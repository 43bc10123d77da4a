/** Starting an isolated process with limits: SwarmGuard beside what one would use instead, in one guest. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { SYSTEMD_INIT, SYSTEMD_PACKAGES } from '../../specs/support/systemd.js';
import { quoted } from '../../client/client.js';
import { jsonLines } from '../../harness/util/json-lines.js';
import { repository } from '../../harness.config.js';
import type { BootedGuest } from '../../harness/guest/guest.js';
import type { Benchmark, Figure, Measured } from '../figures.js';
import { inCountingGuest } from '../guest.js';
import { medianOf } from '../statistics.js';
import { PEER_PACKAGES } from './packages.js';
import { load } from '../../specs/support/loaded-guest.js';

/** A static program that exits at once. */
export const PROGRAM = '/usr/local/bin/effort nothing';
/** After one that is not counted. */
const ROUNDS = 6;

interface Starter {
  id: string;
  title: string;
  line: string;
  version?: string;
}

/** A shell line that prints the first version number that a command prints. */
export const firstVersion = (command: string) => `${command} | grep -o '[0-9][0-9.]*' | head -n 1`;

/** The floor, and SwarmGuard. */
const ours = (object: string): Starter[] => [
  { id: 'fork', title: 'fork and execve alone', line: PROGRAM },
  {
    id: 'swarm-guard',
    title: 'SwarmGuard',
    line: `launch ${quoted(object)} ${PROGRAM}`,
    version: 'sed -n \'s/.*version="\\([0-9.]*\\)".*/\\1/p\' /proc/swarm/metrics | head -n 1',
  },
];

/**
 * The tools and their command lines; all but the first with the same limits, each with every namespace that it knows.
 */
function starters(object: string): Starter[] {
  return [
    ...ours(object),
    {
      id: 'unshare',
      title: 'unshare(1), cgroup by hand',
      line: `/srv/unshare.sh ${PROGRAM}`,
      version: firstVersion('unshare --version'),
    },
    {
      id: 'bubblewrap',
      title: 'bubblewrap, cgroup by hand',
      line: `/srv/bwrap.sh ${PROGRAM}`,
      version: firstVersion('bwrap --version'),
    },
    {
      id: 'crun',
      title: 'crun',
      line: 'crun run --bundle /srv/crun bench',
      version: firstVersion('crun --version'),
    },
    {
      id: 'runc',
      title: 'runc',
      line: 'runc run --bundle /srv/runc bench',
      version: firstVersion('runc --version'),
    },
  ];
}

const oci = z.looseObject({
  process: z.looseObject({}),
  root: z.looseObject({}),
  linux: z.looseObject({ resources: z.looseObject({}) }),
});

/** A file of bench/peers. */
export const own = (name: string) => join(repository, 'bench/peers', name);

/** Makes the bundles of crun and runc in a guest, and brings it the module and the scripts of peers. */
export async function prepare(guest: BootedGuest, ko: string): Promise<void> {
  await guest.sh('cd /sys/fs/cgroup && echo "+cpu +memory +pids" >cgroup.subtree_control');
  await guest.sh('mkdir -p /srv/root && mount --bind / /srv/root');
  const wanted = oci.parse(JSON.parse(await readFile(own('oci.json'), 'utf8')));
  for (const name of ['crun', 'runc']) {
    await guest.sh(`mkdir -p /srv/${name} && cd /srv/${name} && ${name} spec`);
    const spec = oci.parse(JSON.parse(await guest.sh(`cat /srv/${name}/config.json`)));
    Object.assign(spec.process, wanted.process);
    Object.assign(spec.root, wanted.root);
    Object.assign(spec.linux.resources, wanted.linux.resources);
    await guest.writeFile(`/srv/${name}/config.json`, JSON.stringify(spec));
  }
  for (const name of ['bwrap.sh', 'unshare.sh']) await guest.upload(own(name), `/srv/${name}`, '755');
  await load(guest, ko);
}

/** The instructions that a program took in all, and its exit status. */
const round = z.object({ effort: z.number(), status: z.number() });

/**
 * Reads what `effort` printed, without the first round, which fills caches.
 * @throws if a program failed.
 */
export function parseEfforts(text: string): number[] {
  const rounds = jsonLines(text, round);
  if (rounds.length < 2 || rounds.some(({ status }) => status !== 0))
    throw new Error(`not so many rounds:\n${text}`);
  return rounds.slice(1).map(({ effort }) => effort);
}

const NOTE = [
  'From the fork that starts the program to 0.3 s after its end: what all tasks of the guest executed,',
  'the kernel’s own workers included and idle time not; the median of',
  `${ROUNDS} starts, one after the other, in a CPU that does nothing else.`,
].join(' ');

/** Differences between the peers that bars do not show. */
const MISSING: Measured['missing'] = [
  {
    title: 'systemd-run',
    reason:
      'it asks systemd, which has to be the guest’s first process: hence a guest of its own, SwarmGuard beside it there. The journal that is told of each start and end is counted too. It makes no time namespace',
  },
  {
    title: 'crun and runc, beyond this',
    reason:
      'they also mount a root of their own, drop capabilities and install a seccomp filter and a device program, as their own `spec` writes it',
  },
  {
    title: 'bubblewrap and unshare(1), less than this',
    reason:
      'they make namespaces; limits are a directory of cgroup v2 that a shell makes and removes; neither tracks descendants nor denies devices or execve',
  },
  {
    title: 'SwarmGuard, less than this',
    reason: 'it mounts nothing: the agent has a mount namespace of its own and sees its launcher’s files',
  },
];

/** systemd-run, and ours beside it. */
const systemdStarters = (object: string): Starter[] => [
  ...ours(object),
  {
    id: 'systemd-run',
    title: 'systemd-run',
    line: `/srv/systemd-run.sh ${PROGRAM}`,
    version: firstVersion('systemd-run --version'),
  },
];

interface Started {
  figures: Figure[];
  /** Versions, by what they are of. */
  versions: Record<string, string>;
  raw: Record<string, string>;
}

/** Counts what each takes in a guest, as the figures `starts/<group>/…`. */
async function count(
  guest: BootedGuest,
  group: string,
  title: string,
  all: readonly Starter[],
  progress: (step: string) => void,
): Promise<Started> {
  const started: Started = { figures: [], versions: {}, raw: {} };
  for (const { id, title: who, line, version } of all) {
    progress(who);
    const text = await guest.sh(`effort ${ROUNDS} ${line} 2>&1`, { timeoutMs: 900_000 });
    started.raw[`${group}-${id}`] = `# effort ${ROUNDS} ${line}\n${text}\n`;
    if (version) started.versions[`version of ${who}`] = await guest.sh(version);
    started.figures.push({
      id: `starts/${group}/${id}`,
      title: `${title}: ${who}`,
      unit: 'instructions',
      ...medianOf(parseEfforts(text)),
      note: NOTE,
    });
  }
  return started;
}

const wanted = async () => (await readFile(own('swarm-guard.json'), 'utf8')).trim();

/** In a guest whose first process is systemd, which does what systemd-run asks for. */
const underSystemd = (kernelName: string, progress: (step: string) => void) =>
  inCountingGuest(
    kernelName,
    { packages: SYSTEMD_PACKAGES, append: SYSTEMD_INIT },
    async ({ stage, guest }) => {
      await guest.upload(own('systemd-run.sh'), '/srv/systemd-run.sh', '755');
      await load(guest, stage.module.ko);
      const title = 'the same in a guest that systemd runs';
      return count(guest, 'systemd', title, systemdStarters(await wanted()), progress);
    },
  );

/** Starting an isolated process with limits. */
export const starts: Benchmark = {
  name: 'starts',
  title: 'Starting an isolated process with limits, to its end',
  measure: async (kernelName, progress) => {
    const title = 'an isolated process with limits, start to end';
    const [about, plain] = await inCountingGuest(
      kernelName,
      { packages: PEER_PACKAGES },
      async ({ stage, guest, about }) => {
        await prepare(guest, stage.module.ko);
        return [about, await count(guest, 'process', title, starters(await wanted()), progress)] as const;
      },
    );
    const systemd = await underSystemd(kernelName, progress);
    return {
      ...about,
      machine: { ...about.machine, ...plain.versions, ...systemd.versions },
      figures: [...plain.figures, ...systemd.figures],
      missing: MISSING,
      raw: { ...plain.raw, ...systemd.raw },
    };
  },
};
