/** The selection of figures that the report shows. */
import type { Figure } from './figures.js';
import type { Run, Stored } from './store.js';

/** A figure beside others. */
export interface Bar {
  figure: Figure;
  /** The name of the tool or state that the figure belongs to. */
  label: string;
  ours: boolean;
}

/** Figures of one quantity that differ in who does it: `peers/exec-denied/...`. */
export interface Group {
  id: string;
  title: string;
  unit: Figure['unit'];
  bars: Bar[];
}

const parent = (id: string) => id.slice(0, id.lastIndexOf('/'));

/** Does the figure stand for SwarmGuard, beside others? `…/swarm-guard`, or `…/swarm-guard-` and a variant. */
const isOurs = ({ id }: Figure) => /\/swarm-guard(-[a-z0-9-]+)?$/.test(id);

/** Groups of figures with SwarmGuard among them; titles are "QUANTITY: WHO". */
export function groupsOf(figures: readonly Figure[]): Group[] {
  const parents = [...new Set(figures.filter(isOurs).map(({ id }) => parent(id)))];
  return parents.flatMap((id) => {
    const members = figures.filter((each) => parent(each.id) === id);
    const [first] = members;
    if (!first || members.length < 2) return [];
    const bars = members.map((figure) => ({
      figure,
      label: figure.title.slice(figure.title.lastIndexOf(': ') + 2),
      ours: isOurs(figure),
    }));
    return [{ id, title: first.title.slice(0, first.title.lastIndexOf(': ')), unit: first.unit, bars }];
  });
}

/** Kernels of a run, the newest release first. */
export function kernelsOf({ results }: Run): string[] {
  const names = [...new Set(results.map(({ kernel }) => kernel))];
  return names.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
}

/** A quantity, with what was measured of it on each kernel. */
export interface Row {
  figure: Figure;
  on: Map<string, Figure>;
}

/** The figures of results as rows, in the order of the newest kernel's. */
export function rowsOf(results: readonly Stored[], kernels: readonly string[]): Row[] {
  const rows = new Map<string, Row>();
  for (const kernel of kernels) {
    for (const figure of results.filter((each) => each.kernel === kernel).flatMap(({ figures }) => figures)) {
      const row = rows.get(figure.id) ?? { figure, on: new Map<string, Figure>() };
      row.on.set(kernel, figure);
      rows.set(figure.id, row);
    }
  }
  return [...rows.values()];
}

/** The benchmarks of a run, with the results of each. */
export function byBenchmark({ results }: Run): [string, Stored[]][] {
  const names = [...new Set(results.map(({ benchmark }) => benchmark))];
  return names.map((name) => [name, results.filter(({ benchmark }) => benchmark === name)]);
}

/** A figure's values in the runs that have it, the oldest first. */
export interface Past {
  figure: Figure;
  kernel: string;
  points: { run: Run; value: number }[];
}

/** The history of figures that have a target or stand in a comparison, if they were measured more than once. */
export function historyOf(runs: readonly Run[], latest: Run): Past[] {
  const followed = latest.results.flatMap(({ kernel, figures }) =>
    figures.filter((each) => each.target !== undefined || isOurs(each)).map((figure) => ({ kernel, figure })),
  );
  return followed
    .map(({ kernel, figure }) => ({
      figure,
      kernel,
      points: runs.flatMap((run) => {
        const of = run.results.filter((each) => each.kernel === kernel).flatMap(({ figures }) => figures);
        const found = of.find(({ id }) => id === figure.id);
        return found ? [{ run, value: found.value }] : [];
      }),
    }))
    .filter(({ points }) => points.length > 1);
}

/** The growth of the cost of one agent with the number of agents. */
export interface Growth {
  benchmark: string;
  kernel: string;
  /** The number of agents. */
  many: number;
  /** Instructions for one of the first thousand, and of the last. */
  first: number;
  cost: Figure;
  growth: Figure;
  /** Bytes of slab for one of them, where they stay; how much more for the last than for the first. */
  slab: Figure | undefined;
  slabGrowth: Figure | undefined;
  /** Bytes of slab that one leaves. */
  left: Figure;
}

/** The growths that were measured, in the order of the results. */
export function growthsOf({ results }: Run): Growth[] {
  return results.flatMap(({ benchmark, kernel, figures }) => {
    const of = (what: string) => figures.find(({ id }) => id === `${benchmark.replace('-', '/')}/${what}`);
    const [cost, growth, left] = [of('cost'), of('growth'), of('left')];
    const [begin, end] = [cost?.series?.[0], cost?.series?.at(-1)];
    if (!benchmark.startsWith('scale-') || !cost || !growth || !left || !begin || !end) return [];
    const slab = { slab: of('slab'), slabGrowth: of('slab-growth') };
    return [{ benchmark, kernel, many: end.x, first: begin.y, cost, growth, left, ...slab }];
  });
}
