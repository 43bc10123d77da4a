/** Every benchmark, in the order of the report. */
import type { Benchmark } from './figures.js';
import { calls } from './measure/calls.js';
import { COSTS } from './measure/costs.js';
import { launches } from './measure/launches.js';
import { peers } from './measure/peers.js';
import { SCALE } from './measure/scale.js';
import { starts } from './measure/starts.js';
import { system } from './measure/system.js';
import { time } from './measure/time.js';

/** All that `npm run bench` measures. */
export const BENCHMARKS: readonly Benchmark[] = [
  ...COSTS,
  calls,
  peers,
  starts,
  launches,
  system,
  time,
  ...SCALE,
];

/**
 * Those that are named; a name stands for all that begin with it and a dash.
 * @throws if it is the name of none.
 */
export function chosen(names: readonly string[] | undefined): readonly Benchmark[] {
  if (!names) return BENCHMARKS;
  const is = (name: string) => (each: Benchmark) => each.name === name || each.name.startsWith(`${name}-`);
  const unknown = names.filter((name) => !BENCHMARKS.some(is(name)));
  if (unknown.length > 0) {
    const known = BENCHMARKS.map(({ name }) => name).join(', ');
    throw new Error(`there is no benchmark ${unknown.join(', ')}; there are ${known}`);
  }
  return BENCHMARKS.filter((each) => names.some((name) => is(name)(each)));
}

/**
 * The benchmarks to measure on a kernel: those chosen, but on kernels to compare with only those that have budgets.
 * @throws as {@link chosen} does
 */
export function measuredOn(kernels: readonly string[], names: readonly string[] | undefined) {
  const all = chosen(names);
  const costs = all.filter((each) => COSTS.includes(each));
  return (kernelName: string) => (kernels.includes(kernelName) ? all : costs);
}
