/** The columns of top and stats. */
import { bytes, duration } from '../output.js';
import type { Column } from '../output.js';
import type { Row, Sort } from './rows.js';

/** A column, and how soon it is left out where there is no room. */
export interface TopColumn extends Column<Row> {
  /** The largest is left out first; 0 never. */
  readonly spare: number;
  /** The least width, so that columns do not jump as values change. */
  readonly width: number;
  /** The key that it shows: the column by which the rows are sorted is not left out. */
  readonly sort?: Sort;
}

function percent(value: number): string {
  return value >= 999.95 ? value.toFixed(0) : value.toFixed(1);
}

const ofLimit = (value: string, limit: string | undefined) =>
  limit === undefined ? value : `${value}/${limit}`;

export const NAME: TopColumn = { title: 'NAME', value: ({ name }) => name ?? '-', spare: 0, width: 4 };

export const TOP_COLUMNS: readonly TopColumn[] = [
  { title: 'ID', value: ({ id }) => String(id), right: true, spare: 0, width: 5 },
  NAME,
  { title: 'STATE', value: ({ state }) => state, spare: 5, width: 8 },
  { title: 'CPU%', sort: 'cpu', value: ({ cpu }) => percent(cpu), right: true, spare: 0, width: 6 },
  {
    title: 'LIMIT',
    value: ({ cpu_quota }) => (cpu_quota === undefined ? '-' : String(cpu_quota)),
    right: true,
    spare: 6,
    width: 5,
  },
  {
    title: 'MEMORY',
    sort: 'memory',
    value: ({ memory, memory_limit }) =>
      memory === undefined
        ? '-'
        : ofLimit(bytes(memory), memory_limit === undefined ? undefined : bytes(memory_limit)),
    right: true,
    spare: 1,
    width: 11,
  },
  {
    title: 'PIDS',
    sort: 'pids',
    value: ({ pids, pids_limit }) =>
      ofLimit(String(pids), pids_limit === undefined ? undefined : String(pids_limit)),
    right: true,
    spare: 2,
    width: 6,
  },
  {
    title: 'THROTTLED',
    sort: 'throttled',
    value: ({ throttled_usec }) => (throttled_usec === 0 ? '-' : duration(throttled_usec)),
    right: true,
    spare: 4,
    width: 9,
  },
  {
    title: 'DENIED',
    sort: 'denied',
    value: ({ violations }) => String(violations),
    right: true,
    spare: 3,
    width: 6,
  },
];
