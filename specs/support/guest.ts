/** Small things that specs share. */
import { expect } from './expect.js';
import { z } from 'zod';
import { NAMESPACES as NAMES, bitOf, namesOf } from '../../client/abi/names.js';
import type { Namespace } from '../../client/abi/names.js';
import type { AgentLine } from '../../client/client.js';
import { jsonLines } from '../../harness/util/json-lines.js';
import type { BootedGuest } from '../../harness/guest/guest.js';
import type { LoadedGuest } from './loaded-guest.js';

/** Namespaces by the names of /proc/PID/ns, with their bits of namespace_flags. */
export const NAMESPACES = Object.fromEntries(namesOf(NAMES).map((name) => [name, bitOf(name)])) as Record<
  Namespace,
  number
>;

/** A shell line that prints every namespace of its process, name and inode. */
export const SHOW_NAMESPACES = `for n in ${Object.keys(NAMESPACES).join(' ')}; do readlink /proc/self/ns/$n; done`;

/** The lines that `attempt` printed: each attempt and its result. */
export function attempts(stdout: string): string[] {
  return stdout.split('\n').filter(Boolean);
}

/** Waits until so many agents have a first process that has been born whole: an active one may have none yet. */
export async function expectBorn(guest: LoadedGuest, count: number): Promise<void> {
  const born = async () => {
    const agents = await guest.swarm.agents();
    const spawned = new Set<number>();
    for (const event of await guest.swarm.events()) if (event.event === 'spawned') spawned.add(event.agent);
    return agents.filter(({ id }) => spawned.has(id)).length;
  };
  await expect.poll(born, { intervals: [50, 100, 200] }).toBe(count);
}

/**
 * Returns the only agent there is.
 * @throws if there is none, or more than one.
 */
export async function onlyAgent(guest: LoadedGuest): Promise<AgentLine> {
  const [agent, ...others] = await guest.swarm.agents();
  if (!agent) throw new Error('there is no agent');
  if (others.length === 0) return agent;
  const ids = [agent, ...others].map(({ id }) => id);
  throw new Error(`there is more than one agent: ${ids.join(', ')}`);
}

let holds = 0;

/**
 * Makes agents last until they are released, so that a spec sees them running, however long looking takes.
 * @returns a shell line to end theirs with, and a function that lets all of them go on.
 */
export function hold(guest: LoadedGuest): { line: string; release: () => Promise<unknown> } {
  const file = `/run/released-${++holds}`;
  return {
    line: `until [ -e ${file} ]; do sleep 0.1; done`,
    release: () => guest.sh(`touch ${file}`),
  };
}

/**
 * A shell line after which slab caches count as in use only what is: where KASAN keeps freed objects for a
 * while, shrinking a cache gives them back.
 */
export function shrink(caches: readonly string[]): string {
  return `for cache in ${caches.join(' ')}; do echo 1 >/sys/kernel/slab/$cache/shrink; done`;
}

/** The module's lines in a guest's log; others, such as a clock's watchdog, write there too. */
export async function moduleLog(guest: BootedGuest): Promise<string[]> {
  return (await guest.kernelLog()).split('\n').filter((line) => /\bswarm_guard: /.test(line));
}

/** Is the guest's Linux this one, or a later one? */
export async function isFrom(guest: BootedGuest, major: number, minor: number): Promise<boolean> {
  const [own = 0, part = 0] = (await guest.sh('uname -r')).split('.').map((each) => parseInt(each, 10));
  return own > major || (own === major && part >= minor);
}

/** Destroys every agent; those with processes go a moment later. */
export async function destroyAll(guest: LoadedGuest): Promise<void> {
  const ids = `sed 's/^ID: \\([0-9]*\\),.*/\\1/' /proc/swarm/agents >/tmp/ids`;
  await guest.sh(`${ids}; cat /tmp/ids >/proc/swarm/destroy`, { timeoutMs: 300_000 });
}

/** The number of violations that were counted while `work` ran. */
export async function violationsDuring(guest: LoadedGuest, work: () => Promise<unknown>): Promise<number> {
  const before = (await guest.swarm.status()).violations;
  await work();
  return (await guest.swarm.status()).violations - before;
}

/** Starts a process of the guest that outlives its command; returns its id. */
export async function background(guest: LoadedGuest, line: string): Promise<number> {
  return Number(await guest.sh(`setsid ${line} >/dev/null 2>&1 </dev/null & echo $!`));
}

/** A line of a reader of `census`. */
const seen = z.object({
  how: z.string(),
  lines: z.number(),
  missing: z.number(),
  twice: z.number(),
  disorder: z.number(),
  malformed: z.number(),
  churned: z.number(),
});

/** The findings of a reader of `census` about the agents that lived through its reads. */
export interface Census {
  /** The way in which it read, as it was told. */
  readonly how: string;
  readonly lines: number;
  /** Agents that came and went meanwhile. */
  readonly churned: number;
  /** The faults: agents missing, twice, or out of order, and lines that are none; empty if all is well. */
  readonly wrong: string[];
}

/**
 * Runs `census`: readers of agents while agents come and go.
 * @param readers how each reads; see vm-images/guest/stress/census.c
 */
export async function census(
  guest: LoadedGuest,
  agents: number,
  passes: number,
  readers: string[],
  timeoutMs = 120_000,
): Promise<Census[]> {
  const text = await guest.sh(`census ${agents} ${passes} ${readers.join(' ')}`, { timeoutMs });
  return jsonLines(text, seen).map(({ how, lines, churned, ...wrong }) => ({
    ...{ how, lines, churned },
    wrong: Object.entries(wrong).flatMap(([what, count]) => (count > 0 ? [`${what} ${count}`] : [])),
  }));
}
