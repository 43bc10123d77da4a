/** Every target, and what was measured. */
import type { VNode } from 'preact';
import { DERIVED, derivedTime, ofTarget, shown, unitName } from '../numbers.js';
import { rowsOf } from '../select.js';
import type { Row } from '../select.js';
import type { Run } from '../store.js';
import { kernels as kernelChart } from './charts.js';
import { NumberCell, Table } from './table.js';

/** The quantities of a run that have a target. */
export const targetsOf = ({ results }: Run, names: readonly string[]): Row[] =>
  rowsOf(results, names).filter(({ figure }) => figure.target !== undefined);

/** Does a quantity keep to its target on every kernel? */
export const isKept = ({ on }: Row) =>
  [...on.values()].every(({ value, target }) => target === undefined || value <= target);

const benchmarkOf = ({ results }: Run, id: string) =>
  results.find(({ figures }) => figures.some((each) => each.id === id))?.benchmark ?? '';

function TargetRow({ row, run, names }: { row: Row; run: Run; names: readonly string[] }): VNode {
  const { figure, on } = row;
  const used = Math.max(...[...on.values()].map((each) => ofTarget(each) ?? 0));
  const kept = isKept(row);
  return (
    <tr>
      <th scope="row">{figure.title}</th>
      <td class="number" data-target={figure.id}>
        at most {shown(figure.target ?? 0)} {unitName(figure.unit)}
      </td>
      {names.map((kernel) => (
        <NumberCell figure={on.get(kernel)} kernel={kernel} benchmark={benchmarkOf(run, figure.id)} />
      ))}
      <td class="number">
        <span class={kept ? 'good' : 'bad'}>
          {kept ? '✔' : '✘'} {shown(Math.round(used))} %
        </span>
      </td>
      <td class="number quiet">{derivedTime(figure)}</td>
    </tr>
  );
}

const Legend = ({ names }: { names: readonly string[] }): VNode => (
  <p class="legend quiet">
    {names.map((name, index) => (
      <span>
        <i style={`background: var(--kernel-${index % 4})`} />
        {name}
      </span>
    ))}
  </p>
);

/** A fold with the table of all targets, what is beyond its target first; open if anything is. */
export function Targets({ run, names }: { run: Run; names: readonly string[] }): VNode | null {
  const rows = targetsOf(run, names);
  if (rows.length === 0) return null;
  const missed = rows.filter((row) => !isKept(row));
  return (
    <details class="fold" id="targets" open={missed.length > 0}>
      <summary>
        <h2>All targets</h2>
        <span class="quiet">
          {rows.length - missed.length} of {rows.length} are kept
        </span>
      </summary>
      <Table
        columns={[
          { title: 'What' },
          { title: 'Target', number: true },
          ...names.map((title) => ({ title, number: true })),
          { title: 'Of the target', number: true },
          { title: 'As a time', number: true },
        ]}
      >
        {[...missed, ...rows.filter(isKept)].map((row) => (
          <TargetRow row={row} run={run} names={names} />
        ))}
      </Table>
      <p class="quiet">As a time: {DERIVED}; of the newest kernel here.</p>
      <figure>
        <figcaption>How much of its target each figure uses, on each kernel</figcaption>
        <Legend names={names} />
        {kernelChart(rows, names)}
      </figure>
    </details>
  );
}
