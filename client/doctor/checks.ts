/** The doctor's table: every check, in the order of the report. docs/troubleshooting.md is made from it too. */
import { CAPACITY } from './capacity.js';
import { CGROUPS } from './cgroups.js';
import type { Check, Verdict } from './check.js';
import type { Facts } from './facts.js';
import { HOOKS } from './hooks.js';
import { LIMITS } from './limits.js';
import { MACHINE } from './machine.js';
import { MODULE } from './module.js';
import { SURROUNDINGS } from './surroundings.js';

/** Every check. */
export const CHECKS: readonly Check[] = [
  ...MACHINE,
  ...MODULE,
  ...HOOKS,
  ...CGROUPS,
  ...LIMITS,
  ...SURROUNDINGS,
  ...CAPACITY,
];

/** A check and its finding, for a report. */
export interface Examined {
  readonly id: string;
  readonly title: string;
  readonly verdict: Verdict;
  readonly found: string;
  /** Absent if there is nothing to do. */
  readonly todo?: string;
  /** Files that this process was not allowed to read. */
  readonly unseen?: readonly string[];
}

/** Markdown as plain text. */
function plain(text: string): string {
  return text.replace(/\[([^\]]+)\]\(([^)#]+)[^)]*\)/g, 'docs/$2').replaceAll('`', '');
}

/** Runs every check. */
export function examine(facts: Facts, checks: readonly Check[] = CHECKS): Examined[] {
  return checks.map(({ id, title, judge, todo: advice }) => {
    facts.unseen();
    const { verdict, found, todo } = judge(facts);
    const unseen = facts.unseen();
    const bad = verdict === 'warning' || verdict === 'failure';
    const what = todo ?? (bad ? plain(advice) : undefined);
    return {
      ...{ id, title, verdict, found },
      ...(what === undefined ? {} : { todo: what }),
      ...(unseen.length === 0 ? {} : { unseen }),
    };
  });
}

/** Can agents run, after what was found? */
export function canRun(examined: readonly Examined[]): boolean {
  return examined.every(({ verdict }) => verdict !== 'failure');
}
