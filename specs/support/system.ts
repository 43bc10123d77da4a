/** Comparing a system without the module with one that has it, and with one where agents run. */
import { expect } from '@playwright/test';
import { compare, summary } from '../../harness/util/ktap.js';
import type { Results, Varying } from '../../harness/util/ktap.js';
import { quoted } from '../../client/client.js';
import { background } from './guest.js';
import type { LoadedGuest } from './loaded-guest.js';

/** The collections of the kernel's own tests that hooks of the module, or births of agents, could disturb. */
export const COLLECTIONS = [
  ...['cgroup', 'clone3', 'core', 'exec', 'kcmp', 'membarrier', 'mount', 'namespaces', 'pid_namespace'],
  ...['pidfd', 'prctl', 'proc', 'ptrace', 'rlimits', 'seccomp', 'timens', 'tty'],
] as const;

const BUSY = `while :; do sh -c 'exec 2>&-; read x </dev/kmsg'; sleep 0.2; done`;

/** Starts agents of several kinds, idle and busy, that run until they are destroyed; returns how many. */
export async function runAgents(guest: LoadedGuest): Promise<number> {
  const registered = 1000;
  await guest.sh(`yes '{"memory_limit":268435456}' | head -n ${registered} >/proc/swarm/create`);
  const running: [object, string][] = [
    [{ memory_limit: 33_554_432, cpu_quota: 25, pids_limit: 20 }, 'exec consume wait'],
    [{}, 'exec consume wait'],
    [{ syscalls: { fork: 'deny' } }, 'exec consume wait'],
    [{ namespace_flags: 0, privileged: true }, 'exec consume wait'],
    // Forks, executes and is denied a device all the while.
    [{ pids_limit: 20, cpu_quota: 10 }, BUSY],
  ];
  for (const [object, line] of running) {
    const request = quoted(JSON.stringify({ spawn: true, ...object }));
    await background(guest, `launch ${request} /bin/sh -c ${quoted(line)}`);
  }
  const born = async () => (await guest.swarm.agents()).filter(({ pid }) => pid > 0).length;
  await expect.poll(born, { message: 'agents with a process', timeout: 120_000 }).toBe(running.length);
  return registered + running.length;
}

function shown({ name, without, withIt }: Varying): string {
  return `${name}: ${without.join(', ')} → ${withIt.join(', ')}`;
}

/** The test that a result is of, or of a subtest of. */
const testOf = (name: string) => name.replace(/ › .*$/, '');

/** Runs without something, and with it. */
export interface Runs {
  readonly without: readonly Results[];
  readonly withIt: readonly Results[];
}

/**
 * Compares runs without something and with it. The tests that differ are run again, and what varies by
 * itself is printed.
 * @param again runs such tests as often as it takes, with and without in turn: how a test goes can depend
 * on the boot, and on what else the machine does at the time
 * @returns a line for each test that changed.
 */
export async function confirmedChanges(
  what: string,
  { without, withIt }: Runs,
  again: (tests: readonly string[]) => Promise<Runs>,
): Promise<string[]> {
  for (const results of without) console.log(`without: ${summary(results)}`);
  for (const results of withIt) console.log(`${what}: ${summary(results)}`);
  const { changed, flaky } = compare(without, withIt);
  for (const each of flaky) console.log(`varies by itself: ${shown(each)}`);
  if (changed.length === 0) return [];
  for (const each of changed) console.log(`again, because it differs: ${shown(each)}`);
  const tests = [...new Set(changed.map(({ name }) => testOf(name)))];
  const more = await again(tests);
  const only = (results: Results) => new Map([...results].filter(([name]) => tests.includes(testOf(name))));
  const confirmed = compare([...without.map(only), ...more.without], [...withIt.map(only), ...more.withIt]);
  for (const each of confirmed.flaky) console.log(`varies by itself: ${shown(each)}`);
  return confirmed.changed.map(shown);
}
