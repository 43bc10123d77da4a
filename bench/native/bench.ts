/** Times of the policy core, called from Node: what parsing an object and matching a device take. */
import { createRequire } from 'node:module';
import { Bench } from 'tinybench';
import { z } from 'zod';
import { CASES } from './cases.js';
import type { Case } from './cases.js';

/** Calls in a sample: one alone is shorter than a clock can tell. */
export const CALLS = 1000;

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

/** A case as a function that calls the addon once. */
function caller(path: string): (each: Case) => () => unknown {
  const addon = addonSchema.parse(createRequire(import.meta.url)(path));
  return ({ object, device }) => {
    const bytes = Buffer.from(object);
    if (!device) return () => addon.parse(bytes, 4);
    const { rules } = parsed.parse(addon.parse(bytes, 4));
    return () => addon.deviceAllowed(rules, ...device);
  };
}

/**
 * Times the addon's calls, the way to it from Node and its answer as JavaScript included.
 * @param path from buildNative()
 * @param timeMs for each
 * @throws if a call fails.
 */
export async function timeNative(path: string, timeMs = 1000): Promise<Timed[]> {
  const bench = new Bench({ time: timeMs, throws: true });
  const callOf = caller(path);
  for (const each of CASES) {
    const call = callOf(each);
    bench.add(each.name, () => {
      for (let count = 0; count < CALLS; count++) call();
    });
  }
  await bench.run();
  return bench.tasks.map(({ name, result }) => {
    if (result.state !== 'completed') throw new Error(`${name} was not timed: ${result.state}`);
    const { p50, mad, min, samplesCount } = result.latency;
    const ns = (ms: number) => Number(((ms * 1e6) / CALLS).toFixed(1));
    return { name, median: ns(p50), mad: ns(mad), least: ns(min), samples: samplesCount };
  });
}
