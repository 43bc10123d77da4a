/** Times of the policy core, called from Node: what parsing an object and matching a device take. */
import { createRequire } from 'node:module';
import { Bench } from 'tinybench';
import { z } from 'zod';

/** Calls in a sample: one alone is shorter than a clock can tell. */
const CALLS = 1000;

const addonSchema = z.object({
  parse: z.custom<(bytes: Uint8Array, cpus: number) => unknown>((value) => typeof value === 'function'),
  deviceAllowed: z.custom<
    (rules: Uint8Array, type: number, major: number, minor: number, access: number) => unknown
  >((value) => typeof value === 'function'),
});
const parsed = z.object({ rules: z.instanceof(Buffer) });

/** A time of one call, in nanoseconds. */
export interface Timed {
  name: string;
  median: number;
  /** Median absolute deviation of samples of so many calls. */
  mad: number;
  least: number;
  samples: number;
}

const FULL = {
  ...{ memory_limit: 268435456, cpu_quota: 25, pids_limit: 100, namespace_flags: 127, spawn: true },
  ...{ name: 'worker-17', syscalls: { execve: 'deny', fork: 'audit', thread: 'kill' } },
  exec_paths: ['/usr/bin/', '/srv/agent'],
  devices: Array.from({ length: 16 }, (_, index) => `c ${index + 1}:3 rw`),
};

const CHARACTER = 'c'.charCodeAt(0);
const READ = 2;

/** What is timed, each as a function that calls the addon once. */
function cases(path: string): [string, () => unknown][] {
  const addon = addonSchema.parse(createRequire(import.meta.url)(path));
  const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));
  const [least, full, devices] = [bytes({}), bytes(FULL), bytes({ devices: FULL.devices })];
  const wrong = Buffer.from('{"cpu_quota":-1}');
  const { rules } = parsed.parse(addon.parse(devices, 4));
  const device = (major: number) => () => addon.deviceAllowed(rules, CHARACTER, major, 3, READ);
  return [
    ['parse {}', () => addon.parse(least, 4)],
    [`parse every key, 16 devices (${full.length} bytes)`, () => addon.parse(full, 4)],
    ['parse what is refused', () => addon.parse(wrong, 4)],
    ['device allowed by the first of 16 rules', device(1)],
    ['device allowed by the last of 16 rules', device(16)],
    ['device denied by 16 rules', device(99)],
  ];
}

/**
 * Times the addon's calls, the way to it from Node and its answer as JavaScript included.
 * @param path from buildNative()
 * @param timeMs for each
 * @throws where a call fails.
 */
export async function timeNative(path: string, timeMs = 1000): Promise<Timed[]> {
  const bench = new Bench({ time: timeMs, throws: true });
  for (const [name, call] of cases(path))
    bench.add(name, () => {
      for (let count = 0; count < CALLS; count++) call();
    });
  await bench.run();
  return bench.tasks.map(({ name, result }) => {
    if (result.state !== 'completed') throw new Error(`${name} was not timed: ${result.state}`);
    const { p50, mad, min, samplesCount } = result.latency;
    const ns = (ms: number) => Number(((ms * 1e6) / CALLS).toFixed(1));
    return { name, median: ns(p50), mad: ns(mad), least: ns(min), samples: samplesCount };
  });
}
