/** A check of the doctor, and what it finds. */
import type { Facts } from './facts.js';

/** From harmless to fatal: with a `failure` no agent can run here. */
export const VERDICTS = ['ok', 'note', 'warning', 'failure'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** The finding of a check. */
export interface Finding {
  readonly verdict: Verdict;
  /** The state of the machine, in one or two sentences. */
  readonly found: string;
  /** The advice; by default that of the check, if the verdict is a warning or a failure. */
  readonly todo?: string;
}

/** The place where somebody meets the problem that a check explains. */
export type Place = 'insmod' | 'log' | 'create';

/** The message that somebody reads there. */
export interface Symptom {
  readonly place: Place;
  /** Word for word; `…` stands for what differs each time. */
  readonly says: string;
  /** The reason, in Markdown. */
  readonly reason: string;
  /** The advice, in Markdown, if it differs from that of the check. */
  readonly todo?: string;
}

/** A check: a row of the doctor's table. */
export interface Check {
  readonly id: string;
  readonly title: string;
  /** The files that it reads, in Markdown. */
  readonly looksAt: string;
  /** The reason why it matters to agents. */
  readonly means: string;
  /** The advice if something is wrong, in Markdown. */
  readonly todo: string;
  readonly symptoms?: readonly Symptom[];
  readonly judge: (facts: Facts) => Finding;
}

export const ok = (found: string): Finding => ({ verdict: 'ok', found });
export const note = (found: string, todo?: string): Finding => ({
  verdict: 'note',
  found,
  ...(todo === undefined ? {} : { todo }),
});
export const warning = (found: string, todo?: string): Finding => ({
  ...note(found, todo),
  verdict: 'warning',
});
export const failure = (found: string, todo?: string): Finding => ({
  ...note(found, todo),
  verdict: 'failure',
});

/** A number for people: 65,535. */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

/** Bytes for people, in binary units: 2.6 GiB. */
export function memory(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${value >= 10 || power === 0 ? Math.round(value) : value.toFixed(1)} ${units[power] ?? ''}`;
}
