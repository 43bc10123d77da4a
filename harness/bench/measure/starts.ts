/** Starting an isolated process with limits: SwarmGuard beside what one would use instead, in one guest. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { quoted } from '../../swarm/client.js';
import { repository } from '../../util/repository.js';
import type { BootedGuest } from '../../vm/guest.js';
import type { Benchmark, Figure, Measured } from '../figures.js';
import { inCountingGuest } from '../guest.js';
import { PEER_PACKAGES } from './packages.js';

const PROGRAM = '/usr/local/bin/effort nothing';
/** After one that is not counted. */
const ROUNDS = 6;

interface Starter {
  id: string;
  title: string;
  line: string;
  version?: string;
}

const firstVersion = (command: string) => `${command} | grep -o '[0-9][0-9.]*' | head -n 1`;

/** What each runs; all but the first with the same limits, each with every namespace that it knows. */
function starters(object: string): Starter[] {
  return [
    { id: 'fork', title: 'fork and execve alone', line: PROGRAM },
    {
      id: 'swarm-guard',
      title: 'SwarmGuard',
      line: `launch ${quoted(object)} ${PROGRAM}`,
      version: 'sed -n \'s/.*version="\\([0-9.]*\\)".*/\\1/p\' /proc/swarm/metrics | head -n 1',
    },
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

const own = (name: string) => join(repository, 'bench/peers', name);

async function prepare(guest: BootedGuest, ko: string): Promise<void> {
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
  await guest.load(ko);
}

/**
 * Reads what `effort` printed, without the first round, which fills caches.
 * @throws where a program failed.
 */
export function parseEfforts(text: string): number[] {
  const rounds = [...text.matchAll(/^(\d+) (\d+)$/gm)].map(
    ([, total, code]) => [Number(total), code] as const,
  );
  if (rounds.length < 2 || rounds.some(([, code]) => code !== '0'))
    throw new Error(`not so many rounds:\n${text}`);
  return rounds.slice(1).map(([total]) => total);
}

/** The middle of values, and the least and the most of them where they differ. */
export function medianOf(values: readonly number[]): Pick<Figure, 'value' | 'spread'> {
  const sorted = [...values].sort((a, b) => a - b);
  const [least = NaN, most = NaN] = [sorted[0], sorted.at(-1)];
  const value = sorted[Math.floor(sorted.length / 2)] ?? NaN;
  return { value, ...(least === most ? {} : { spread: [least, most] as [number, number] }) };
}

const NOTE = [
  'From the fork that starts the program to 0.3 s after its end: what all tasks of the guest executed,',
  'the kernel’s own workers included and idle time not; the median of',
  `${ROUNDS} starts, one after the other, in a CPU that does nothing else.`,
].join(' ');

/** What is not the same about the peers. */
const MISSING: Measured['missing'] = [
  {
    title: 'systemd-run',
    reason: 'it asks systemd, which is not the first process of this guest',
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

/** Starting an isolated process with limits. */
export const starts: Benchmark = {
  name: 'starts',
  title: 'Starting an isolated process with limits, to its end',
  measure: (kernelName, progress) =>
    inCountingGuest(kernelName, { packages: PEER_PACKAGES }, async ({ stage, guest, about }) => {
      await prepare(guest, stage.module.ko);
      const object = (await readFile(own('swarm-guard.json'), 'utf8')).trim();
      const figures: Figure[] = [];
      const machine = { ...about.machine };
      const raw: Record<string, string> = {};
      for (const { id, title, line, version } of starters(object)) {
        progress(title);
        const text = await guest.sh(`effort ${ROUNDS} ${line} 2>&1`, { timeoutMs: 900_000 });
        raw[id] = `# effort ${ROUNDS} ${line}\n${text}\n`;
        if (version) machine[`version of ${title}`] = await guest.sh(version);
        figures.push({
          id: `starts/process/${id}`,
          title: `an isolated process with limits, start to end: ${title}`,
          unit: 'instructions',
          ...medianOf(parseEfforts(text)),
          note: NOTE,
        });
      }
      return { ...about, machine, figures, missing: MISSING, raw };
    }),
};
