/** Every benchmark, in the order of the report. */
import type { Benchmark } from './figures.js';
import { COSTS } from './measure/costs.js';
import { peers } from './measure/peers.js';
import { starts } from './measure/starts.js';
import { system } from './measure/system.js';
import { time } from './measure/time.js';

/** All that `npm run bench` measures. */
export const BENCHMARKS: readonly Benchmark[] = [...COSTS, peers, starts, system, time];
