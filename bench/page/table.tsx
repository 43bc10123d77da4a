/** Tables of figures, in which every number leads to what it was made from. */
import type { ComponentChildren, VNode } from 'preact';
import type { Figure } from '../figures.js';
import { shown, shownSpread } from '../numbers.js';
import type { Stored } from '../store.js';

/** Text as a part of an address within the page. */
export const slug = (text: string) => text.replace(/[^A-Za-z0-9-]+/g, '-');

/** The name of a result's raw data, made of kernel and benchmark. */
export const rawKey = ({ kernel, benchmark }: Pick<Stored, 'kernel' | 'benchmark'>) =>
  `${kernel} ${benchmark}`;

/** The id of the element of the page that holds a result's raw data. */
export const rawId = (of: Pick<Stored, 'kernel' | 'benchmark'>) => `raw-${slug(rawKey(of))}`;

interface Measured {
  readonly figure: Figure | undefined;
  readonly kernel: string;
  readonly benchmark: string;
}

/** A figure in a table, and the least and the most of repetitions below it. */
export function NumberCell({ figure, kernel, benchmark }: Measured): VNode {
  if (!figure) return <td class="number quiet">not measured</td>;
  return (
    <td class="number" data-figure={figure.id} data-kernel={kernel} data-value={figure.value}>
      <a href={`#${rawId({ kernel, benchmark })}`}>{shown(figure.value)}</a>
      {figure.spread && <div class="quiet">{shownSpread(figure)}</div>}
    </td>
  );
}

/** A column's title; numbers are written below each other. */
export interface Column {
  readonly title: string;
  readonly number?: boolean;
}

/** A table; only on narrow screens it may be scrolled sideways. */
export const Table = ({
  columns,
  children,
}: {
  columns: readonly Column[];
  children: ComponentChildren;
}): VNode => (
  <div class="wide" tabindex={0}>
    <table>
      <thead>
        <tr>
          {columns.map(({ title, number = false }) => (
            <th scope="col" class={number ? 'number' : undefined}>
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  </div>
);
