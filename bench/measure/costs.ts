/** The benchmarks that count instructions: for the report, and for the budgets. */
import type { Benchmark } from '../figures.js';
import { hooks, hooksIn } from './hooks.js';
import { life, lifeIn } from './life.js';
import { lookup, lookupIn } from './lookup.js';
import { reading, readingIn } from './reading.js';

/** In two guests that were booted apart. */
export const COSTS: readonly Benchmark[] = [hooks, lookup, life, reading];

/** The same in one guest: what is held to budgets. */
export const QUICK_COSTS: readonly Benchmark[] = [hooksIn(1), lookupIn(1), lifeIn(1), readingIn(1)];
