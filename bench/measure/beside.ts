/** Starting a program that exits at once: by SwarmGuard, by hand and by other tools, in turn in one guest. */
import { z } from 'zod';
import { SYSTEMD_INIT, SYSTEMD_PACKAGES } from '../../specs/support/systemd.js';
import { quoted } from '../../client/client.js';
import type { AgentRequest } from '../../client/client.js';
import type { BootedGuest } from '../../harness/guest/guest.js';
import { uploadRuntime } from '../../specs/support/engines/guest.js';
import { inCountingGuest } from '../guest.js';
import { medianOf } from '../statistics.js';
import { countOf, parseCounts } from './counted.js';
import { PROGRAM, firstVersion, own, parseEfforts, prepare } from './starts.js';

/** In a guest whose first process is systemd, for systemd-run. */
const GUEST = {
  packages: ['crun', 'runc', 'bubblewrap', ...SYSTEMD_PACKAGES],
  append: SYSTEMD_INIT,
  memoryMb: 3072,
};

const ROUNDS = 7;

/** A way to start a program. */
interface Way {
  readonly title: string;
  readonly line: string;
  readonly ours?: true;
  /** Does the program get a network namespace that is its own? */
  readonly network: boolean;
  /** The kinds of namespaces, or the path in the guest of the OCI configuration that lists them. */
  readonly namespaces: string;
  /** Does it limit memory, CPU and processes? */
  readonly limits: 'yes' | 'no';
  readonly version?: string;
}

const LIMITS: AgentRequest = { memory_limit: 67_108_864, cpu_quota: 50, pids_limit: 100 };

const agent = (policy: AgentRequest) =>
  `launch ${quoted(JSON.stringify({ spawn: true, ...policy }))} ${PROGRAM}`;

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER and NEWPID; and NEWNET: include/uapi/linux/sched.h. */
const SIX = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000;
const NEWNET = 0x40000000;

const hex = (flags: number) => `0x${flags.toString(16)}`;
const UNSHARE = 'unshare --user --map-root-user --pid --fork --kill-child --mount-proc --uts --ipc --cgroup';
const BWRAP =
  'bwrap --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp --unshare-user --unshare-pid --unshare-uts --unshare-ipc --unshare-cgroup';

/** A bundle of crun without a network namespace, beside that of `crun spec`. */
const CRUN_SHARED = [
  'mkdir -p /srv/crun-shared',
  `sed -z 's/{[^{}]*"type": *"network"[^{}]*},\\?//' /srv/crun/config.json >/srv/crun-shared/config.json`,
  '! grep -q \'"network"\' /srv/crun-shared/config.json',
].join(' && ');

const SIX_KINDS = 'all but network';
const SEVEN_KINDS = 'all seven';
const SHARED = 'six, and an empty network that agents share';

/** In the order of the table that explains them. */
const WAYS: readonly Way[] = [
  { title: 'fork and execve alone', line: PROGRAM, namespaces: 'none', network: false, limits: 'no' },
  {
    title: 'clone3 by hand',
    line: `byhand ${hex(SIX)} ${PROGRAM}`,
    namespaces: SIX_KINDS,
    network: false,
    limits: 'no',
  },
  {
    title: 'clone3 by hand, own network',
    line: `byhand ${hex(SIX | NEWNET)} ${PROGRAM}`,
    namespaces: SEVEN_KINDS,
    network: true,
    limits: 'no',
  },
  {
    title: 'SwarmGuard, network none',
    line: agent({ network: 'none' }),
    namespaces: SHARED,
    network: false,
    limits: 'no',
    ours: true,
    version: 'sed -n \'s/.*version="\\([0-9.]*\\)".*/\\1/p\' /proc/swarm/metrics | head -n 1',
  },
  {
    title: 'SwarmGuard, own network',
    line: agent({}),
    namespaces: SEVEN_KINDS,
    network: true,
    limits: 'no',
    ours: true,
  },
  {
    title: 'SwarmGuard, network none, limits',
    line: agent({ network: 'none', ...LIMITS }),
    namespaces: SHARED,
    network: false,
    limits: 'yes',
    ours: true,
  },
  {
    title: 'SwarmGuard, own network, limits',
    line: agent(LIMITS),
    namespaces: SEVEN_KINDS,
    network: true,
    limits: 'yes',
    ours: true,
  },
  {
    title: 'unshare(1)',
    line: `${UNSHARE} ${PROGRAM}`,
    namespaces: SIX_KINDS,
    network: false,
    limits: 'no',
    version: firstVersion('unshare --version'),
  },
  {
    title: 'unshare(1), own network',
    line: `${UNSHARE} --net ${PROGRAM}`,
    namespaces: SEVEN_KINDS,
    network: true,
    limits: 'no',
  },
  {
    title: 'bubblewrap',
    line: `${BWRAP} -- ${PROGRAM}`,
    namespaces: SIX_KINDS,
    network: false,
    limits: 'no',
    version: firstVersion('bwrap --version'),
  },
  {
    title: 'bubblewrap, own network',
    line: `${BWRAP} --unshare-net -- ${PROGRAM}`,
    namespaces: SEVEN_KINDS,
    network: true,
    limits: 'no',
  },
  {
    title: 'crun, limits',
    line: 'crun run --bundle /srv/crun-shared bench',
    namespaces: '/srv/crun-shared/config.json',
    network: false,
    limits: 'yes',
    version: firstVersion('crun --version'),
  },
  {
    title: 'crun, own network, limits',
    line: 'crun run --bundle /srv/crun bench',
    namespaces: '/srv/crun/config.json',
    network: true,
    limits: 'yes',
  },
  {
    title: 'crun below swarm-runtime, own network, limits',
    line: 'swarm-runtime run --bundle /srv/crun bench',
    namespaces: '/srv/crun/config.json',
    network: true,
    limits: 'yes',
  },
  {
    title: 'runc, own network, limits',
    line: 'runc run --bundle /srv/runc bench',
    namespaces: '/srv/runc/config.json',
    network: true,
    limits: 'yes',
    version: firstVersion('runc --version'),
  },
  {
    title: 'systemd-run, own network, limits',
    line: `/srv/systemd-run.sh ${PROGRAM}`,
    namespaces: SEVEN_KINDS,
    network: true,
    limits: 'yes',
    version: firstVersion('systemd-run --version'),
  },
];

/** A way, and the instructions of a start to its end: the median, the least and the most. */
export interface Started extends Way {
  readonly value: number;
  readonly spread: readonly [number, number];
}

/** The instructions of a birth alone. */
export interface Birth {
  readonly title: string;
  readonly whole: number;
  readonly ours: boolean;
}

export interface Beside {
  readonly kernel: string;
  readonly versions: readonly string[];
  readonly rounds: number;
  readonly started: readonly Started[];
  readonly births: readonly Birth[];
}

const birthOf = (policy: AgentRequest) =>
  `life birth 8 ${quoted(JSON.stringify({ spawn: true, ...policy }))}`;

/** Births alone; by hand with the limits and mounts that a birth has. */
const BIRTHS = [
  { title: 'SwarmGuard, network none, limits', line: birthOf({ network: 'none', ...LIMITS }), ours: true },
  { title: 'SwarmGuard, own network, limits', line: birthOf(LIMITS), ours: true },
  { title: 'clone3 by hand, own network, limits (`CLONE_INTO_CGROUP`)', line: 'life into 8', ours: false },
  { title: 'clone3 by hand, own network, limits (`cgroup.procs`)', line: 'life procs 8', ours: false },
] as const;

const HAND_CGROUPS = [
  'mkdir -p /tmp/cgroup',
  'mount -t cgroup2 none /tmp/cgroup',
  'mkdir /tmp/cgroup/life',
  'echo +memory +cpu +pids >/tmp/cgroup/life/cgroup.subtree_control',
].join(' && ');

/** Turns of births. */
const TURNS = 3;

const oci = z.looseObject({
  linux: z.looseObject({ namespaces: z.array(z.looseObject({ type: z.string() })) }),
});

/** The kinds of namespaces of a way, in words. */
async function namespacesOf(guest: BootedGuest, { namespaces }: Way): Promise<string> {
  if (!namespaces.startsWith('/')) return namespaces;
  const { linux } = oci.parse(JSON.parse(await guest.sh(`cat ${namespaces}`)));
  return linux.namespaces.map(({ type }) => type).join(', ');
}

/** Counts every way, one after the other in each of several rounds. @throws if a program fails. */
export async function beside(kernelName: string, progress: (step: string) => void): Promise<Beside> {
  return inCountingGuest(kernelName, GUEST, async ({ stage, guest, about }) => {
    await prepare(guest, stage.module.ko);
    await uploadRuntime(guest);
    await guest.sh(CRUN_SHARED);
    await guest.upload(own('systemd-run.sh'), '/srv/systemd-run.sh', '755');
    const efforts = WAYS.map((): number[] => []);
    for (let round = 1; round <= ROUNDS; round++) {
      progress(`round ${round} of ${ROUNDS}`);
      for (const [at, { line }] of WAYS.entries()) {
        // What the one before has left to be done, such as a unit of systemd, is done by then.
        const text = await guest.sh(`sleep 2; effort 1 ${line} 2>&1`, { timeoutMs: 300_000 });
        efforts[at]?.push(...parseEfforts(text));
      }
    }
    const births = BIRTHS.map((): number[] => []);
    await guest.sh(HAND_CGROUPS);
    for (let turn = 1; turn <= TURNS; turn++) {
      progress(`births alone, turn ${turn} of ${TURNS}`);
      for (const [at, { line }] of BIRTHS.entries())
        births[at]?.push(countOf(parseCounts(await guest.sh(line, { timeoutMs: 300_000 })), 'whole').median);
    }
    const started: Started[] = [];
    for (const [at, way] of WAYS.entries()) {
      const { value, spread = [value, value] } = medianOf(efforts[at] ?? []);
      started.push({ ...way, namespaces: await namespacesOf(guest, way), value, spread });
    }
    const versions: string[] = [];
    for (const { title, version } of WAYS)
      if (version) versions.push(`${title.split(',')[0] ?? title} ${await guest.sh(version)}`);
    return {
      kernel: about.kernel,
      versions,
      rounds: ROUNDS,
      started,
      births: BIRTHS.map(({ title, ours }, at) => ({
        title,
        ours,
        whole: medianOf(births[at] ?? []).value,
      })),
    };
  });
}
