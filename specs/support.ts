/** Small things that specs share. */
import { expect } from '@playwright/test';
import { z } from 'zod';
import { runInRoot, toolRoot } from '../harness/roots/tool-root.js';
import type { LoadedGuest } from '../harness/vm/guest.js';

/** Namespaces by the names of /proc/PID/ns, with their bits of namespace_flags. */
export const NAMESPACES = {
  pid: 1,
  net: 2,
  mnt: 4,
  uts: 8,
  ipc: 16,
  user: 32,
  cgroup: 64,
  time: 128,
} as const;

/** A shell line that prints every namespace of its process, name and inode. */
export const SHOW_NAMESPACES = `for n in ${Object.keys(NAMESPACES).join(' ')}; do readlink /proc/self/ns/$n; done`;

/** What `attempt` printed: each attempt and how it went. */
export function attempts(stdout: string): string[] {
  return stdout.split('\n').filter(Boolean);
}

/** Waits until so many agents are active: an agent's end comes a moment after its last process's. */
export async function expectActive(guest: LoadedGuest, count: number): Promise<void> {
  await expect
    .poll(async () => (await guest.swarm.status()).active, { intervals: [50, 100, 200] })
    .toBe(count);
}

/** How many violations were counted while `work` ran. */
export async function violationsDuring(guest: LoadedGuest, work: () => Promise<unknown>): Promise<number> {
  const before = (await guest.swarm.status()).violations;
  await work();
  return (await guest.swarm.status()).violations - before;
}

/** Starts a process of the guest that outlives its command; returns its id. */
export async function background(guest: LoadedGuest, line: string): Promise<number> {
  return Number(await guest.sh(`setsid ${line} >/dev/null 2>&1 </dev/null & echo $!`));
}

const PARSER = `
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
samples = {}
for family in text_string_to_metric_families(sys.stdin.read()):
    for sample in family.samples:
        labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
        samples[sample.name + ("{" + labels + "}" if labels else "")] = sample.value
json.dump(samples, sys.stdout)
`;

/**
 * Samples by name and labels, as the reference parser of OpenMetrics (prometheus_client) reads them.
 * @throws with what the parser says where it is no OpenMetrics.
 */
export async function parseMetrics(text: string): Promise<Map<string, number>> {
  const { exitCode, stdout, output } = await runInRoot(await toolRoot(), ['python3', '-c', PARSER], {
    input: text,
  });
  if (exitCode !== 0) throw new Error(output);
  return new Map(Object.entries(z.record(z.string(), z.number()).parse(JSON.parse(stdout))));
}
