/** The report's figures as Markdown, for a README, a comment of CI and the documents. */
import { table } from '../harness/util/markdown.js';
import { DERIVED, derivedTime, ofTarget, shown, shownSpread, unitName } from './numbers.js';
import type { Figure } from './figures.js';
import { byBenchmark, groupsOf, growthsOf, kernelsOf, rowsOf } from './select.js';
import type { Group } from './select.js';
import type { Run } from './store.js';

/** The head of {@link growthTable}. */
const GROWTH_COLUMNS = [
  'kind of agents',
  'number',
  'instructions each, first thousand',
  'instructions each, last thousand',
  'growth',
  'bytes of slab each',
  'growth',
  'bytes of slab that each leaves',
] as const;

/** The allocations that these bytes count. */
export const GROWTH_NOTE =
  'An agent’s bytes are all that the kernel allocates for it, including its process, namespaces and cgroup if it has them.';

/** Targets against what was measured; nothing if no figure has a target. */
function headlineTable(run: Run): string | undefined {
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

/** A figure of a comparison. What repetitions put on both sides of nothing is no difference that was seen. */
function compared(figure: Figure): string {
  const { spread, value } = figure;
  if (!spread) return shown(value);
  const seen = spread[0] < 0 && spread[1] > 0 ? 'none seen' : shown(value);
  return `${seen} (${shownSpread(figure)})`;
}

/** A comparison as a table: tools across, quantities down. */
export function comparison(groups: readonly Group[]): string {
  const who = [...new Set(groups.flatMap(({ bars }) => bars.map(({ label }) => label)))];
  return table(
    ['', ...who],
    groups.map(({ title, unit, bars }) => [
      `${title} (${unitName(unit)})`,
      ...who.map((label) => {
        const figure = bars.find((bar) => bar.label === label)?.figure;
        return figure ? compared(figure) : '–';
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

/** The marginal cost of an agent, by the number of agents; nothing if that was not measured. */
export function growthTable(run: Run, titles: Readonly<Record<string, string>>): string | undefined {
  const growths = growthsOf(run);
  if (growths.length === 0) return undefined;
  const size = (figure?: Figure) => (figure ? shown(figure.value) : '–');
  return table(
    GROWTH_COLUMNS,
    growths.map(({ benchmark, many, first, cost, growth, slab, slabGrowth, left }) => [
      (titles[benchmark] ?? benchmark).replace(/^Scale: /, ''),
      shown(many),
      ...[shown(first), shown(cost.value), `${shown(growth.value)} %`],
      ...[size(slab), slabGrowth ? `${shown(slabGrowth.value)} %` : '–', shown(left.value)],
    ]),
  );
}

/** The whole summary. */
export function summary(run: Run, titles: Readonly<Record<string, string>>): string {
  const names = kernelsOf(run);
  const head = headlineTable(run);
  const growth = growthTable(run, titles);
  const sections = byBenchmark(run).flatMap(([name, results]) => {
    const comparing = comparisonTable(run, name);
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
      comparing ?? table(['what', ...names, 'unit'], rows),
      ...(missing.size > 0
        ? [[...missing].map(([title, reason]) => `- **${title}**: ${reason}`).join('\n')]
        : []),
    ];
  });
  const when = run.startedAt.slice(0, 16).replace('T', ' ');
  return [
    '# Benchmarks',
    `Run of ${when} UTC on ${names.join(', ')}. Instructions are counted by an emulated processor: identical on any machine, and not durations. If repetitions differ, the least and the most are in brackets. “Added” means more than the same call needs if nothing can deny it.`,
    ...(head ? ['## Targets', head, `As a time: ${DERIVED}.`] : []),
    ...(growth ? ['## Marginal cost of an agent at scale', growth, GROWTH_NOTE] : []),
    ...sections,
  ].join('\n\n');
}
