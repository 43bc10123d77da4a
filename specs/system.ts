/** Comparing a system without the module with one that has it, and with one where agents run. */
import { compare, summary } from '../harness/report/ktap.js';
import type { Results, Varying } from '../harness/report/ktap.js';
import type { LoadedGuest } from '../harness/vm/guest.js';
import { quoted } from '../harness/swarm/client.js';
import { background } from './support.js';

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
  for (;;) {
    const agents = await guest.swarm.agents();
    if (agents.filter(({ pid }) => pid > 0).length === running.length) return registered + running.length;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function shown({ name, without, withIt }: Varying): string {
  return `${name}: ${without.join(', ')} → ${withIt.join(', ')}`;
}

/** Runs all tests that are of interest, or those given so many times, and says how each went each time. */
export type Run = (tests?: readonly string[], times?: number) => Promise<Results[]>;

/** How often a test that differs is run again, with and without. */
const AGAIN = 4;

/** The test that a result is of, or of a subtest of. */
const testOf = (name: string) => name.replace(/ › .*$/, '');

/**
 * Compares runs without something and with it. A test that differs is run again several times each
 * way, and what varies by itself is printed.
 * @returns a line for each test that changed.
 */
export async function confirmedChanges(
  what: string,
  baseline: readonly Results[],
  without: Run,
  withIt: Run,
): Promise<string[]> {
  const first = await withIt();
  for (const results of baseline) console.log(`without: ${summary(results)}`);
  for (const results of first) console.log(`${what}: ${summary(results)}`);
  const { changed, flaky } = compare(baseline, first);
  for (const each of flaky) console.log(`varies by itself: ${shown(each)}`);
  if (changed.length === 0) return [];
  const tests = [...new Set(changed.map(({ name }) => testOf(name)))];
  for (const each of changed) console.log(`again, because it differs: ${shown(each)}`);
  const only = (results: Results) => new Map([...results].filter(([name]) => tests.includes(testOf(name))));
  const again = compare(
    [...baseline.map(only), ...(await without(tests, AGAIN))],
    [...first.map(only), ...(await withIt(tests, AGAIN))],
  );
  for (const each of again.flaky) console.log(`varies by itself: ${shown(each)}`);
  return again.changed.map(shown);
}
