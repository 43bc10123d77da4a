/** The benchmarks' report: one page that needs no server and nothing from the network. */
import type { VNode } from 'preact';
import { BASE_STYLE } from '../../harness/report/base-style.js';
import { htmlDocument } from '../../harness/report/html.js';
import { OPEN_TARGET_SCRIPT } from '../../harness/report/page-script.js';
import { byBenchmark, kernelsOf } from '../select.js';
import type { Run } from '../store.js';
import { History, RawData } from './background.js';
import type { Raw } from './background.js';
import { Benchmark } from './benchmark.js';
import { First } from './first.js';
import { Scale } from './scale.js';
import { STYLE } from './style.js';
import { Targets, isKept, targetsOf } from './targets.js';

export interface Report {
  /** The run that is shown. */
  latest: Run;
  /** All runs, the oldest first, for what has changed. */
  runs: readonly Run[];
  /** Titles of benchmarks by their names. */
  titles: Readonly<Record<string, string>>;
  raw: Raw;
}

/** A link to the targets that says in a word how many are kept. */
function Kept({ run, names }: { run: Run; names: readonly string[] }): VNode | null {
  const rows = targetsOf(run, names);
  if (rows.length === 0) return null;
  const missed = rows.filter((row) => !isKept(row)).length;
  return (
    <a class={`verdict ${missed > 0 ? 'missed' : 'held'}`} href="#targets">
      {missed > 0
        ? `✘ ${missed} of ${rows.length} targets are missed`
        : `✔ all ${rows.length} targets are kept`}
    </a>
  );
}

/** A button that unfolds everything, or folds it again. */
const FOLDS_SCRIPT = `
const all = document.getElementById('unfold');
all.addEventListener('click', () => {
  const unfold = all.getAttribute('aria-pressed') !== 'true';
  all.setAttribute('aria-pressed', String(unfold));
  for (const fold of document.querySelectorAll('details.fold')) fold.open = unfold;
});
`;

/** The report as HTML. */
export function reportPage({ latest, runs, titles, raw }: Report): string {
  const names = kernelsOf(latest);
  return htmlDocument({
    title: 'SwarmGuard: benchmarks',
    style: BASE_STYLE + STYLE,
    script: `'use strict';${OPEN_TARGET_SCRIPT}${FOLDS_SCRIPT}`,
    children: (
      <>
        <header>
          <h1>What does SwarmGuard cost?</h1>
          <Kept run={latest} names={names} />
          <span class="quiet">
            Run of {latest.startedAt.slice(0, 16).replace('T', ' ')} UTC on {names.join(', ')}; sources{' '}
            {latest.sources}
          </span>
        </header>
        <First run={latest} />
        <Scale run={latest} titles={titles} />
        <section id="everything">
          <h2>Every figure</h2>
          <p>
            <button type="button" id="unfold" aria-pressed="false">
              Unfold everything
            </button>
          </p>
          <Targets run={latest} names={names} />
          {byBenchmark(latest).map(([name, results]) => (
            <Benchmark name={name} title={titles[name] ?? name} results={results} names={names} />
          ))}
          <History runs={runs} latest={latest} />
          <RawData latest={latest} raw={raw} />
        </section>
      </>
    ),
  });
}
