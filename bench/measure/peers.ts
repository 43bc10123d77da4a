/** Denying execve and devices: SwarmGuard beside what one would use instead, in one guest. */
import { join } from 'node:path';
import { z } from 'zod';
import { quoted } from '../../client/client.js';
import { jsonLines } from '../../harness/util/json-lines.js';
import { repository } from '../../harness.config.js';
import type { BootedGuest } from '../../harness/guest/guest.js';
import type { Benchmark, Figure, Measured } from '../figures.js';
import { inCountingGuest } from '../guest.js';
import { PEER_PACKAGES } from './packages.js';
import { buildTestModules } from '../../specs/support/module.js';

const ROUNDS = 300;
/** Each is measured so often, in a process of its own. */
const REPEATS = 3;

/** The roles of a process: outside, and so not restrained; inside and allowed; inside and denied. */
const ROLES = ['outside', 'allow', 'deny'] as const;
type Role = (typeof ROLES)[number];

/** The calls of vm-images/guest/measure/deny.c. */
const CALLS = ['getppid', 'file', 'null', 'kmsg', 'exec'] as const;
type Call = (typeof CALLS)[number];

interface Cost {
  /** The fewest instructions of so many rounds, of each repetition. */
  least: number[];
  /** The call's answer: ok, or the name of its errno. */
  answer: string;
}

type Costs = Record<Call, Cost>;

interface Peer {
  id: string;
  title: string;
  /** Its shell line, to print the calls' costs in a role; undefined if it has no such role. */
  line: (role: Role) => string | undefined;
  before?: string;
  after?: string;
  /** The error of a call that it denies; calls that it does not deny are absent. */
  denies: Partial<Record<'kmsg' | 'exec', string>>;
  /** A shell line that prints its version. */
  version?: string;
}

const deny = (by: string, role: Role) => `deny ${by} ${role} ${ROUNDS}`;
const KPROBE = '/sys/module/swarm_kprobe/parameters/member';

const agent = (role: Role) => {
  if (role === 'outside') return deny('none', role);
  const object = JSON.stringify({ spawn: true, syscalls: { execve: role } });
  return `launch ${quoted(object)} /usr/local/bin/${deny('none', 'outside')} 2>/dev/null`;
};

const PEERS: readonly Peer[] = [
  {
    id: 'swarm-guard',
    title: 'SwarmGuard',
    line: agent,
    // Every denied call is told, which is what costs most.
    before: 'insmod /root/swarm_guard.ko event_rate=0',
    after: 'rmmod swarm_guard',
    denies: { kmsg: 'EPERM', exec: 'EPERM' },
    version: 'sed -n \'s/.*version="\\([0-9.]*\\)".*/\\1/p\' /proc/swarm/metrics | head -n 1',
  },
  {
    id: 'bpf-lsm',
    title: 'BPF LSM, hash lookup',
    line: (role) => deny('lsm', role),
    denies: { kmsg: 'EPERM', exec: 'EPERM' },
  },
  {
    id: 'bpf-cgroup',
    title: 'BPF of a cgroup (devices)',
    line: (role) => deny('cgroup', role),
    denies: { kmsg: 'EPERM' },
  },
  { id: 'seccomp', title: 'seccomp', line: (role) => deny('seccomp', role), denies: { exec: 'EPERM' } },
  {
    id: 'kprobe',
    title: 'kprobe, hash lookup',
    line: (role) => deny(KPROBE, role),
    before: 'insmod /root/swarm_kprobe.ko',
    after: 'rmmod swarm_kprobe',
    denies: { kmsg: 'EPERM', exec: 'EPERM' },
  },
  {
    id: 'apparmor',
    title: 'AppArmor',
    line: (role) => deny('apparmor', role),
    before: 'apparmor_parser -r --skip-cache /root/apparmor.profile',
    after: 'apparmor_parser -R /root/apparmor.profile',
    denies: { kmsg: 'EACCES', exec: 'EACCES' },
    version: "apparmor_parser --version | sed -n '1s/.* //p'",
  },
  {
    id: 'ftrace',
    title: 'empty ftrace hook',
    line: (role) => (role === 'outside' ? deny('none', role) : undefined),
    before: 'insmod /root/swarm_ftrace.ko',
    after: 'rmmod swarm_ftrace',
    denies: {},
  },
];

const denied = z.object({ name: z.enum(CALLS), least: z.number(), answer: z.string() });

/** Reads what `deny` printed. */
export function parseCosts(text: string): Record<Call, { least: number; answer: string }> {
  const lines = jsonLines(text, denied);
  const entries = CALLS.map((call) => {
    const line = lines.find(({ name }) => name === call);
    if (!line) throw new Error(`no cost of ${call}:\n${text}`);
    return [call, { least: line.least, answer: line.answer }] as const;
  });
  return Object.fromEntries(entries) as Record<Call, { least: number; answer: string }>;
}

async function costs(guest: BootedGuest, line: string): Promise<{ costs: Costs; text: string }> {
  const texts: string[] = [];
  while (texts.length < REPEATS) texts.push(await guest.sh(line, { timeoutMs: 300_000 }));
  const parsed = texts.map(parseCosts);
  const of = (call: Call): Cost => ({
    least: parsed.map((each) => each[call].least),
    answer: parsed[0]?.[call].answer ?? '',
  });
  return {
    costs: Object.fromEntries(CALLS.map((call) => [call, of(call)])) as Costs,
    text: `# ${line}\n${texts.join('\n')}\n`,
  };
}

/** A peer that does not deny what it is measured at is no peer. */
function mustDeny({ title, denies }: Peer, role: Role, { kmsg, exec, null: allowed, file }: Costs): void {
  const expected = {
    kmsg: role === 'outside' ? 'ok' : (denies.kmsg ?? 'ok'),
    exec: role === 'deny' ? (denies.exec ?? 'ENOEXEC') : 'ENOEXEC',
  };
  const seen = [kmsg.answer, exec.answer, allowed.answer, file.answer].join(' ');
  const right = [expected.kmsg, expected.exec, 'ok', 'ok'].join(' ');
  if (seen !== right) throw new Error(`${title} answers ${seen}, not ${right}, as ${role}`);
}

/** The comparisons: a call by a process in a role, alone or as the excess over a baseline that denies nothing. */
const GROUPS: readonly {
  id: string;
  title: string;
  role: Role;
  call: Call;
  over: boolean;
  /** The bound that SwarmGuard is to keep. */
  target?: number;
  /** Does the peer take part? */
  of: (peer: Peer) => boolean;
}[] = [
  {
    id: 'exec-denied',
    title: 'execve that is denied, the whole call',
    role: 'deny',
    call: 'exec',
    over: false,
    of: ({ denies }) => denies.exec !== undefined,
  },
  {
    id: 'device-denied',
    title: 'open of a device that is denied, the whole call',
    role: 'allow',
    call: 'kmsg',
    over: false,
    of: ({ denies }) => denies.kmsg !== undefined,
  },
  {
    id: 'exec-allowed',
    title: 'execve that is allowed to a process under a policy, added',
    role: 'allow',
    call: 'exec',
    over: true,
    of: ({ denies }) => denies.exec !== undefined,
  },
  {
    id: 'device-allowed',
    title: 'open of a device that is allowed to a process under a policy, added',
    role: 'allow',
    call: 'null',
    over: true,
    target: 150,
    of: ({ denies }) => denies.kmsg !== undefined,
  },
  {
    id: 'exec-outside',
    title: 'execve of a process that no policy is for, added',
    role: 'outside',
    call: 'exec',
    over: true,
    of: () => true,
  },
  {
    id: 'device-outside',
    title: 'open of a device by a process that no policy is for, added',
    role: 'outside',
    call: 'null',
    over: true,
    target: 60,
    of: () => true,
  },
  {
    id: 'file-allowed',
    title: 'open of a file by a process under a policy, added',
    role: 'allow',
    call: 'file',
    over: true,
    of: ({ denies }) => Object.keys(denies).length > 0,
  },
  {
    id: 'getppid-allowed',
    title: 'getppid of a process under a policy, added',
    role: 'allow',
    call: 'getppid',
    over: true,
    of: ({ denies }) => Object.keys(denies).length > 0,
  },
];

const least = ({ least }: Cost) => Math.min(...least);
const most = ({ least }: Cost) => Math.max(...least);

function figureOf(group: (typeof GROUPS)[number], peer: Peer, cost: Cost, floor: Cost): Figure {
  const [subtract, low, high] = group.over ? [least(floor), most(floor), least(floor)] : [0, 0, 0];
  const spread: [number, number] = [least(cost) - low, most(cost) - high];
  return {
    id: `peers/${group.id}/${peer.id}`,
    title: `${group.title}: ${peer.title}`,
    unit: 'instructions',
    value: least(cost) - subtract,
    ...(spread[0] === spread[1] ? {} : { spread }),
    ...(group.target !== undefined && peer.id === 'swarm-guard' ? { target: group.target } : {}),
    note: `${group.over ? 'Over the same call with nothing that denies. ' : ''}The fewest of ${ROUNDS} calls, from before the system call to behind it; the spread is that of ${REPEATS} processes.`,
  };
}

/** Notes on the limits of the peers, so that no bar is read as more than it is. */
const MISSING: Measured['missing'] = [
  {
    title: 'devices: seccomp',
    reason:
      'a filter sees numbers: neither which file is opened or executed, so it denies every execve or none',
  },
  {
    title: 'execve: BPF of a cgroup',
    reason: 'programs of a cgroup are asked about devices, sockets and sysctls, not about execve',
  },
  {
    title: 'open of a file: BPF of a cgroup',
    reason: 'what it adds there is not the program: its cgroup, as every container’s, accounts memory',
  },
  {
    title: 'execve: what is added',
    reason:
      'an execve makes and drops an address space, which varies by some hundred instructions with what memory looks like: smaller differences than the spread mean nothing',
  },
  {
    title: 'execve denied: BPF LSM',
    reason:
      'it is asked after the security modules before it; SwarmGuard and the kprobe answer before any of them',
  },
  { title: 'denying: empty ftrace hook', reason: 'it looks at nothing; it is the floor of every hook' },
];

async function measurePeer(guest: BootedGuest, peer: Peer) {
  if (peer.before) await guest.sh(peer.before, { timeoutMs: 300_000 });
  const version = peer.version ? await guest.sh(peer.version) : undefined;
  const seen = new Map<Role, Costs>();
  let raw = '';
  for (const role of ROLES) {
    const line = peer.line(role);
    if (line === undefined) continue;
    const { costs: found, text } = await costs(guest, line);
    mustDeny(peer, role, found);
    seen.set(role, found);
    raw += text;
  }
  if (peer.after) await guest.sh(peer.after);
  return { peer, seen, raw, version };
}

async function upload(guest: BootedGuest, ko: string, modules: string): Promise<void> {
  await guest.upload(ko, '/root/swarm_guard.ko');
  for (const name of ['swarm_kprobe.ko', 'swarm_ftrace.ko'])
    await guest.upload(join(modules, name), `/root/${name}`);
  await guest.upload(join(repository, 'bench/peers/apparmor.profile'), '/root/apparmor.profile');
  await guest.sh('install -m 755 /dev/null /srv/empty');
  // The first memory cgroup makes the kernel account every open file: whoever limits memory has one.
  await guest.sh('cd /sys/fs/cgroup && echo +memory >cgroup.subtree_control && mkdir -p others');
}

/** Denying execve and devices, by SwarmGuard and by what one would use instead. */
export const peers: Benchmark = {
  name: 'peers',
  title: 'Denying execve and devices, beside what one would use instead',
  measure: (kernelName, progress) =>
    inCountingGuest(kernelName, { packages: PEER_PACKAGES }, async ({ stage, guest, about }) => {
      await upload(guest, stage.module.ko, await buildTestModules(stage.kernel, 'peers'));
      const lsms = await guest.sh('cat /sys/kernel/security/lsm');
      const jit = await guest.sh('cat /proc/sys/net/core/bpf_jit_enable');
      progress('nothing that denies');
      const before = await costs(guest, deny('none', 'outside'));
      const machine: Record<string, string> = {
        ...about.machine,
        'security modules of the guest': lsms,
        'BPF compiled to machine code': jit === '1' ? 'yes' : 'no',
      };
      const measured: Awaited<ReturnType<typeof measurePeer>>[] = [];
      for (const each of PEERS) {
        progress(each.title);
        const one = await measurePeer(guest, each);
        if (one.version) machine[`version of ${each.title}`] = one.version;
        measured.push(one);
      }
      progress('nothing that denies, again');
      const after = await costs(guest, deny('none', 'outside'));
      const floor = (call: Call): Cost => ({
        least: [...before.costs[call].least, ...after.costs[call].least],
        answer: before.costs[call].answer,
      });
      const figures = GROUPS.flatMap((group) =>
        measured.flatMap(({ peer, seen }) => {
          const found = group.of(peer) ? seen.get(group.role) : undefined;
          return found ? [figureOf(group, peer, found[group.call], floor(group.call))] : [];
        }),
      );
      const raw = Object.fromEntries([
        ['nothing', before.text + after.text],
        ...measured.map(({ peer, raw: text }) => [peer.id, text] as const),
      ]) as Record<string, string>;
      return { ...about, machine, figures, missing: MISSING, raw };
    }),
};
