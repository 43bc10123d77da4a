/** Several launchers at once, each on a CPU of its own: which locks they wait for. */
import { z } from 'zod';
import { quoted } from '../../client/client.js';
import type { AgentRequest } from '../../client/client.js';
import type { BootedGuest } from '../../harness/guest/guest.js';
import { jsonLines } from '../../harness/util/json-lines.js';
import { load } from '../../specs/support/loaded-guest.js';
import { Stage } from '../../specs/support/stage.js';

/** Launchers at once, and CPUs of the guest. */
export const LAUNCHERS = [1, 2, 4, 8] as const;
const CPUS = 8;
/** Births of all launchers together. */
export const BIRTHS = 400;

const LIMITS = { memory_limit: 67_108_864, cpu_quota: 50, pids_limit: 64 };

/** The processes that launchers start: by an agent's policy, or without an agent. */
export const KINDS: readonly { readonly title: string; readonly policy: AgentRequest | undefined }[] = [
  { title: 'ordinary processes', policy: undefined },
  { title: 'agents with network `none`', policy: { network: 'none' } },
  { title: 'agents with network `none` and three limits', policy: { network: 'none', ...LIMITS } },
  { title: 'agents with network `own`', policy: {} },
];

/** A wait for a lock: how often, and the functions that it was called from, the innermost first. */
export interface Wait {
  readonly times: number;
  readonly stack: readonly string[];
}

/** The locks, by functions on the stack of a waiter; the first lock that fits counts. */
export const LOCKS: readonly { readonly title: string; readonly functions: readonly string[] }[] = [
  {
    title: '`cgroup_mutex`: a child joins the cgroup of its agent',
    functions: ['swarm_cgroup_join'],
  },
  {
    title: '`cgroup_mutex`: the module makes and removes cgroups, in workers',
    functions: ['swarm_make_dir', 'swarm_remove_dir'],
  },
  {
    title: '`cgroup_mutex`: the kernel gives the parts of removed cgroups back, in workers',
    functions: ['kill_css_finish_work_fn', 'css_killed_work_fn', 'css_release_work_fn', 'cgroup_bpf_release'],
  },
  { title: '`cgroup_mutex`: all others', functions: ['cgroup_kn_lock_live'] },
  {
    title: "locks of cgroupfs's directories: the module opens files of cgroups",
    functions: ['swarm_open_file', 'swarm_read_file', 'swarm_write_file', 'swarm_find_dir'],
  },
  {
    title: '`rtnl_mutex`: a birth brings its loopback up',
    functions: ['swarm_inside_set_up'],
  },
  {
    title: '`exp_mutex` of RCU: a mount namespace ends',
    functions: ['exp_funnel_lock'],
  },
  { title: '`pcpu_alloc_mutex`: memory of each CPU is allocated', functions: ['pcpu_alloc_noprof'] },
  {
    title: '`pernet_ops_rwsem`, and locks that are taken under it: network namespaces are made and end',
    functions: ['copy_net_ns', 'cleanup_net'],
  },
  {
    title: '`namespace_sem`: mounts are copied, made and given back',
    functions: ['copy_mnt_ns', 'put_mnt_ns', 'path_mount', 'namespace_unlock'],
  },
  {
    title: '`shrinker_mutex`: file systems are mounted and unmounted',
    functions: ['shrinker_alloc', 'shrinker_free'],
  },
  {
    title: "the module's own `create_lock`: agents are made and armed one at a time",
    functions: ['finish_object'],
  },
  {
    title: '`tasklist_lock`: processes are made, waited for and end',
    functions: ['__do_wait', 'release_task', 'exit_notify', 'do_exit', 'ksys_setsid', 'copy_process'],
  },
];

const TRIGGER = '/sys/kernel/tracing/events/lock/contention_end';
const HIST = 'hist:keys=common_stacktrace:size=8192';

/** Reads the histogram of contention_end, which a wait has once (contention_begin may have several). @throws if it had no room for all. */
export function parseWaits(text: string): Wait[] {
  const dropped = /^ {4}Dropped: (\d+)$/m.exec(text)?.[1];
  if (dropped === undefined || dropped !== '0') throw new Error(`${dropped ?? 'unknown'} waits are missing`);
  const [, ...entries] = text.split(/^\{/m);
  return entries.map((entry) => {
    const [, hits] = /hitcount: +(\d+)/.exec(entry) ?? [];
    if (hits === undefined) throw new Error(`no wait: ${entry}`);
    const stack = [...entry.matchAll(/^\s+([\w.]+)\+0x/gm)].map(([, name = '']) => name);
    return { times: Number(hits), stack };
  });
}

/** The number of waits for each of {@link LOCKS}; the last is for all others. */
export function byLock(waits: readonly Wait[]): number[] {
  const sums = [...LOCKS.map(() => 0), 0];
  for (const { times, stack } of waits) {
    const at = LOCKS.findIndex(({ functions }) => functions.some((name) => stack.includes(name)));
    const index = at < 0 ? LOCKS.length : at;
    sums[index] = (sums[index] ?? 0) + times;
  }
  return sums;
}

const ended = z.object({ launchers: z.number(), births: z.number() });

async function waitsOf(guest: BootedGuest, launchers: number, policy: AgentRequest | undefined) {
  const object = policy ? JSON.stringify({ spawn: true, ...policy }) : '';
  await guest.sh(`echo '${HIST}' >${TRIGGER}/trigger`);
  const line = `together ${launchers} ${BIRTHS / launchers} ${quoted(object)}`;
  const text = await guest.sh(`${line} && sleep 1`, { timeoutMs: 900_000 });
  const births = jsonLines(text, ended)[0]?.births;
  if (births !== BIRTHS) throw new Error(`not ${BIRTHS} births:\n${text}`);
  return parseWaits(await guest.sh(`cat ${TRIGGER}/hist; echo '!${HIST}' >${TRIGGER}/trigger`));
}

/** The waits of each kind of {@link KINDS}, by the number of launchers. */
export interface Launchers {
  readonly kernel: string;
  readonly waits: readonly (readonly (readonly Wait[])[])[];
}

/** Counts the waits in a guest with a CPU for each launcher. @throws if a birth fails. */
export async function launchersAtOnce(
  kernelName: string,
  progress: (step: string) => void,
): Promise<Launchers> {
  const stage = await Stage.prepare(kernelName, { findMemoryErrors: false, cpus: CPUS, memoryMb: 3072 });
  try {
    const guest = await load(await stage.booted('launchers'), stage.module.ko);
    await guest.sh('cd /sys/fs/cgroup && echo "+cpu +memory +pids" >cgroup.subtree_control');
    await guest.sh('mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing');
    // The first births make what the kernel keeps.
    for (const { policy } of KINDS) await waitsOf(guest, CPUS, policy);
    const waits: Wait[][][] = [];
    for (const { title, policy } of KINDS) {
      const kind: Wait[][] = [];
      for (const launchers of LAUNCHERS) {
        progress(`${title}: ${launchers} at once`);
        kind.push(await waitsOf(guest, launchers, policy));
      }
      waits.push(kind);
    }
    return { kernel: await guest.sh('uname -r'), waits };
  } finally {
    await stage.discard();
  }
}
