/** Statistics of several values of one quantity. */
import type { Figure } from './figures.js';

/** The middle one, or the mean of the two in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1] ?? NaN, sorted[sorted.length >> 1] ?? NaN];
  return (low + high) / 2;
}

/** Median absolute deviation from the median. */
export function deviation(values: readonly number[]): number {
  const middle = median(values);
  return median(values.map((value) => Math.abs(value - middle)));
}

/** The median, and the least and the most where they differ. */
export function medianOf(values: readonly number[]): Pick<Figure, 'value' | 'spread'> {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return { value: median(values), ...(least === most ? {} : { spread: [least, most] as [number, number] }) };
}
