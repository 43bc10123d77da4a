/** The notation of figures, for the report and the documents alike. */
import type { Figure } from './figures.js';

const UNITS: Readonly<Record<Figure['unit'], string>> = {
  instructions: 'instructions',
  bytes: 'bytes',
  nanoseconds: 'ns',
  percent: '%',
  count: '',
};

/** A unit as axes and columns name it. */
export const unitName = (unit: Figure['unit']) => UNITS[unit];

/** A number as it is shown: whole ones in full, others with so many decimals that something is left. */
export function shown(value: number): string {
  const digits = Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 1 ? 1 : 3;
  return value.toLocaleString('en-US', { maximumFractionDigits: digits });
}

/** A number with its unit, which stay on one line. */
export const withUnit = (value: number, unit: Figure['unit']) =>
  `${shown(value)}\u00a0${unitName(unit)}`.trimEnd();

/** The spread of a figure, or nothing if every measurement was the same. */
export function shownSpread({ spread }: Figure): string {
  return spread ? `${shown(spread[0])} to ${shown(spread[1])}` : '';
}

/** The share of its target that a figure uses, in percent. */
export function ofTarget({ value, target }: Figure): number | undefined {
  return target === undefined || target === 0 ? undefined : (100 * value) / target;
}

/** One instruction a cycle, at 2 GHz. */
const INSTRUCTIONS_A_MICROSECOND = 2000;

/** Instructions as a time: derived by the assumption of {@link DERIVED}, not measured. */
export function derivedTime({ unit, value }: Figure): string {
  if (unit !== 'instructions') return '';
  const us = value / INSTRUCTIONS_A_MICROSECOND;
  if (us < 1) return `${shown(Math.round(us * 1000))} ns`;
  return us < 1000 ? `${shown(us)} µs` : `${shown(us / 1000)} ms`;
}

/** The assumption of {@link derivedTime}. */
export const DERIVED = 'derived, not measured: 1 instruction a cycle at 2 GHz';
