/** A benchmark in full: its charts, all of its figures, and what is not there. */
import type { VNode } from 'preact';
import { unitName } from '../numbers.js';
import { groupsOf, rowsOf } from '../select.js';
import type { Row } from '../select.js';
import type { Stored } from '../store.js';
import { Bars } from './bars.js';
import { line } from './charts.js';
import { NumberCell, Table, slug } from './table.js';

interface BenchmarkOptions {
  readonly name: string;
  readonly title: string;
  /** Its results, one for each kernel that it was run on. */
  readonly results: readonly Stored[];
  /** The run's kernels, the newest first. */
  readonly names: readonly string[];
}

function Charts({ newest, several }: { newest: Stored; several: boolean }): VNode | null {
  const groups = groupsOf(newest.figures);
  const lines = newest.figures.filter(({ series }) => (series?.length ?? 0) > 1);
  if (groups.length + lines.length === 0) return null;
  return (
    <div class="charts">
      {several && <p class="quiet">Charts show {newest.kernel}.</p>}
      {groups.map(({ title, unit, bars }) => (
        <figure>
          <figcaption>
            {title} <span class="quiet">{unitName(unit)}</span>
          </figcaption>
          <Bars title={title} unit={unit} bars={bars} />
        </figure>
      ))}
      {lines.map((figure) => (
        <figure>
          <figcaption>{figure.title}</figcaption>
          {line(figure)}
        </figure>
      ))}
    </div>
  );
}

const FigureRow = ({
  row: { figure, on },
  names,
  name,
}: {
  row: Row;
  names: readonly string[];
  name: string;
}): VNode => (
  <tr id={`figure-${slug(figure.id)}`}>
    <th scope="row">{figure.title}</th>
    {names.map((kernel) => (
      <NumberCell figure={on.get(kernel)} kernel={kernel} benchmark={name} />
    ))}
    <td>{unitName(figure.unit)}</td>
  </tr>
);

const Notes = ({ rows }: { rows: readonly Row[] }): VNode | null => {
  const all = [...new Set(rows.flatMap(({ figure }) => figure.note ?? []))];
  if (all.length === 0) return null;
  return (
    <ul class="quiet">
      {all.map((note) => (
        <li>{note}</li>
      ))}
    </ul>
  );
};

const Missing = ({ missing }: { missing: ReadonlyMap<string, string> }): VNode | null =>
  missing.size === 0 ? null : (
    <>
      <h3>What is not there, and what is not the same</h3>
      <ul>
        {[...missing].map(([title, reason]) => (
          <li>
            <strong>{title}</strong>: {reason}
          </li>
        ))}
      </ul>
    </>
  );

/** A fold with a benchmark in it. */
export function Benchmark({ name, title, results, names }: BenchmarkOptions): VNode {
  const own = names.filter((kernel) => results.some((result) => result.kernel === kernel));
  const newest = results.find(({ kernel }) => kernel === own[0]);
  const rows = rowsOf(results, names);
  const missing = new Map(
    results.flatMap((each) => each.missing.map((one) => [one.title, one.reason] as const)),
  );
  return (
    <details class="fold" id={slug(name)}>
      <summary>
        <h2>{title}</h2>
        <span class="quiet">{rows.length === 0 ? 'not measured' : `${rows.length} figures`}</span>
      </summary>
      {newest && <Charts newest={newest} several={own.length > 1} />}
      {rows.length > 0 && (
        <>
          <h3>All figures</h3>
          <Table
            columns={[
              { title: 'What' },
              ...own.map((kernel) => ({ title: kernel, number: true })),
              { title: 'Unit' },
            ]}
          >
            {rows.map((row) => (
              <FigureRow row={row} names={own} name={name} />
            ))}
          </Table>
        </>
      )}
      <Notes rows={rows} />
      <Missing missing={missing} />
    </details>
  );
}
