/** The report's figures as Markdown, for a README, a comment of CI and the documents. */
import { DERIVED, derivedTime, ofTarget, shown, shownSpread, unitName } from './numbers.js';
import { byBenchmark, groupsOf, kernelsOf, rowsOf } from './select.js';
import type { Group } from './select.js';
import type { Run } from './store.js';

const cell = (text: string) => text.replaceAll('|', '\\|');
const row = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
}

/** Targets against what was measured; nothing where no figure has a target. */
export function headlineTable(run: Run): string | undefined {
  const names = kernelsOf(run);
  const rows = rowsOf(run.results, names).filter(({ figure }) => figure.target !== undefined);
  if (rows.length === 0) return undefined;
  return table(
    ['what', 'target', ...names, 'of the target', 'as a time'],
    rows.map(({ figure, on }) => [
      figure.title,
      `at most ${shown(figure.target ?? 0)} ${unitName(figure.unit)}`,
      ...names.map((name) => {
        const of = on.get(name);
        return of ? shown(of.value) : 'not measured';
      }),
      `${shown(Math.round(Math.max(...[...on.values()].map((each) => ofTarget(each) ?? 0))))} %`,
      derivedTime(figure),
    ]),
  );
}

/** Who does the same, across; quantities down. */
function comparison(groups: readonly Group[]): string {
  const who = [...new Set(groups.flatMap(({ bars }) => bars.map(({ label }) => label)))];
  return table(
    ['', ...who],
    groups.map(({ title, unit, bars }) => [
      `${title} (${unitName(unit)})`,
      ...who.map((label) => {
        const figure = bars.find((bar) => bar.label === label)?.figure;
        if (!figure) return '–';
        return figure.spread ? `${shown(figure.value)} (${shownSpread(figure)})` : shown(figure.value);
      }),
    ]),
  );
}

/** The comparison of one benchmark on the newest kernel that it was run on. */
export function comparisonTable(run: Run, benchmark: string): string | undefined {
  const results = run.results.filter((each) => each.benchmark === benchmark);
  const newest = kernelsOf({ ...run, results })[0];
  const groups = groupsOf(results.find(({ kernel }) => kernel === newest)?.figures ?? []);
  return groups.length > 0 ? comparison(groups) : undefined;
}

/** The whole summary. */
export function summary(run: Run, titles: Readonly<Record<string, string>>): string {
  const names = kernelsOf(run);
  const head = headlineTable(run);
  const sections = byBenchmark(run).flatMap(([name, results]) => {
    const compared = comparisonTable(run, name);
    const rows = rowsOf(results, names).map(({ figure, on }) => [
      figure.title,
      ...names.map((kernel) => {
        const of = on.get(kernel);
        if (!of) return 'not measured';
        return of.spread ? `${shown(of.value)} (${shownSpread(of)})` : shown(of.value);
      }),
      unitName(figure.unit),
    ]);
    const missing = new Map(results.flatMap((each) => each.missing.map((one) => [one.title, one.reason])));
    return [
      `## ${titles[name] ?? name}`,
      compared ?? table(['what', ...names, 'unit'], rows),
      ...(missing.size > 0
        ? [[...missing].map(([title, reason]) => `- **${title}**: ${reason}`).join('\n')]
        : []),
    ];
  });
  const when = run.startedAt.slice(0, 16).replace('T', ' ');
  return [
    '# Benchmarks',
    `Run of ${when} UTC on ${names.join(', ')}. Instructions are counted by an emulated processor: the same on any machine, and no times. In brackets the least and the most of repetitions, where they differ. “Added” is over the same call with nothing that denies.`,
    ...(head ? ['## Targets', head, `As a time: ${DERIVED}.`] : []),
    ...sections,
  ].join('\n\n');
}
