/** The cgroups of agents: one that was made ahead has a name of its own, another the agent's id. */
import { expect } from './expect.js';
import type { LoadedGuest } from './loaded-guest.js';

const TOP = '/sys/fs/cgroup';

/** Directories below `memory` and `plain`, less those that wait for an agent, which come and go meanwhile. */
const COUNT = `
waiting() { sed -n 's/^swarm_guard_cgroup_pool //p' /proc/swarm/metrics; }
until
  before=$(waiting); all=$(find ${TOP}/swarm -mindepth 2 -type d | wc -l); after=$(waiting)
  [ "$before" = "$after" ]
do :; done
echo $((all - after))`;

/**
 * The cgroup of an agent, below the root of cgroup v2: `/swarm/plain/p3`.
 * @throws if it has none.
 */
export async function agentCgroup(guest: LoadedGuest, id: number): Promise<string> {
  const { cgroup } = await guest.swarm.inspect(id);
  if (cgroup === null) throw new Error(`agent ${id} has no cgroup`);
  return cgroup;
}

/** The directory of an agent's cgroup. */
export async function agentCgroupDir(guest: LoadedGuest, id: number): Promise<string> {
  return `${TOP}${await agentCgroup(guest, id)}`;
}

/** The line of `/proc/PID/cgroup` of a process that is in an agent's cgroup. */
export async function agentCgroupLine(guest: LoadedGuest, id: number): Promise<string> {
  return `0::${await agentCgroup(guest, id)}`;
}

/**
 * The number of directories that agents have, with those that they have made below theirs.
 *
 * Those that the module makes ahead are there a moment before they are counted, and removals are late: so poll.
 */
export async function agentCgroups(guest: LoadedGuest): Promise<number> {
  return Number(await guest.sh(COUNT));
}

/** Waits until no directory is an agent's any more. */
export async function expectNoAgentCgroups(guest: LoadedGuest, timeout?: number): Promise<void> {
  await expect
    .poll(() => agentCgroups(guest), { message: 'cgroups of agents', ...(timeout ? { timeout } : {}) })
    .toBe(0);
}

/** Waits until at least so many cgroups are ready: what the next agents get was made ahead. */
export async function expectReadyCgroups(guest: LoadedGuest, least: number): Promise<void> {
  const ready = async () => Number(/^swarm_guard_cgroup_pool (\d+)$/m.exec(await guest.swarm.metrics())?.[1]);
  await expect.poll(ready, { message: 'cgroups made ahead' }).toBeGreaterThanOrEqual(least);
}
