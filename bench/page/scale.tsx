/** The cost of one agent among very many, as their number grows. */
import type { VNode } from 'preact';
import type { Figure } from '../figures.js';
import { shown } from '../numbers.js';
import { growthsOf } from '../select.js';
import type { Growth } from '../select.js';
import { GROWTH_NOTE } from '../summary.js';
import type { Run } from '../store.js';
import { NumberCell, Table, slug } from './table.js';
import type { Column } from './table.js';

const COLUMNS: readonly Column[] = [
  { title: 'Very many' },
  { title: 'How many', number: true },
  { title: 'Instructions for one, among the first', number: true },
  { title: 'by how many there are' },
  { title: 'Instructions for one, among the last', number: true },
  { title: 'Growth, %', number: true },
  { title: 'Bytes for one', number: true },
  { title: 'Growth, %', number: true },
  { title: 'Bytes it leaves', number: true },
];

const [WIDTH, HEIGHT, EDGE] = [120, 30, 4];

/** A line from nothing to the most: the flatter, the less one more costs with their number. */
function Sparkline({ series }: { series: NonNullable<Figure['series']> }): VNode {
  const [last, most] = [series.at(-1)?.x ?? 1, Math.max(1, ...series.map(({ y }) => y))];
  const points = series.map(({ x, y }) => ({
    x: EDGE + ((WIDTH - 2 * EDGE) * x) / last,
    y: HEIGHT - EDGE - ((HEIGHT - 2 * EDGE) * y) / most,
  }));
  const end = points.at(-1);
  return (
    <svg class="spark" width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      <line x1={0} x2={WIDTH} y1={HEIGHT - EDGE} y2={HEIGHT - EDGE} class="axis" />
      <polyline points={points.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ')} />
      {end && <circle cx={end.x} cy={end.y} r={3.5} />}
    </svg>
  );
}

function GrowthRow({ growth, titles }: { growth: Growth; titles: Readonly<Record<string, string>> }): VNode {
  const { benchmark, kernel, many, first, cost } = growth;
  const of = { kernel, benchmark };
  const kept = (figure: Figure | undefined) =>
    figure ? <NumberCell figure={figure} {...of} /> : <td class="number quiet">none stay</td>;
  return (
    <tr>
      <th scope="row">
        <a href={`#${slug(benchmark)}`}>{(titles[benchmark] ?? benchmark).replace(/^Scale: /, '')}</a>
      </th>
      <td class="number strong">{shown(many)}</td>
      <td class="number">{shown(first)}</td>
      <td>
        <Sparkline series={cost.series ?? []} />
      </td>
      <NumberCell figure={cost} {...of} />
      <NumberCell figure={growth.growth} {...of} />
      {kept(growth.slab)}
      {kept(growth.slabGrowth)}
      <NumberCell figure={growth.left} {...of} />
    </tr>
  );
}

/** The table of growths; nothing if the run has none. */
export function Scale({ run, titles }: { run: Run; titles: Readonly<Record<string, string>> }): VNode | null {
  const growths = growthsOf(run).sort((a, b) => b.many - a.many);
  if (growths.length === 0) return null;
  return (
    <section id="very-many">
      <h2>What does one more agent cost, among very many?</h2>
      <Table columns={COLUMNS}>
        {growths.map((growth) => (
          <GrowthRow growth={growth} titles={titles} />
        ))}
      </Table>
      <p class="quiet">{GROWTH_NOTE}</p>
    </section>
  );
}
