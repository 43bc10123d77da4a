/** The background of figures: earlier runs, machine and method, raw data. */
import type { VNode } from 'preact';
import { shown } from '../numbers.js';
import { historyOf } from '../select.js';
import type { Past } from '../select.js';
import type { Run } from '../store.js';
import { past } from './charts.js';
import { Table, rawId, rawKey } from './table.js';

/** The raw data of figures, as far as it is kept: by {@link rawKey}, then by name. */
export type Raw = Readonly<Record<string, Readonly<Record<string, string>>>>;

function PastRun({ run: { id, startedAt, sources, results } }: { run: Run }): VNode {
  const kernels = [...new Set(results.map(({ kernel }) => kernel))];
  return (
    <tr>
      <th scope="row">{startedAt.slice(0, 16).replace('T', ' ')}</th>
      <td>{sources}</td>
      <td>{kernels.join(', ')}</td>
      <td class="number" data-run={id}>
        {shown(results.reduce((sum, { figures }) => sum + figures.length, 0))}
      </td>
    </tr>
  );
}

const PastCharts = ({ lines }: { lines: readonly Past[] }): VNode => (
  <div class="many">
    {lines.map((each) => (
      <figure>
        <figcaption>
          {each.figure.title} <span class="quiet">{each.kernel}</span>
        </figcaption>
        {past(each)}
      </figure>
    ))}
  </div>
);

/** A fold with all runs, and what they measured more than once. */
export function History({ runs, latest }: { runs: readonly Run[]; latest: Run }): VNode {
  const lines = historyOf(runs, latest);
  const changed = lines.filter(({ points }) => points.some(({ value }) => value !== points[0]?.value));
  return (
    <details class="fold" id="history">
      <summary>
        <h2>History</h2>
        <span class="quiet">
          {runs.length} runs, {lines.length} figures that were measured more than once
        </span>
      </summary>
      <Table
        columns={[
          { title: 'Run (UTC)' },
          { title: 'Sources' },
          { title: 'Kernels' },
          { title: 'Figures', number: true },
        ]}
      >
        {[...runs].reverse().map((run) => (
          <PastRun run={run} />
        ))}
      </Table>
      {changed.length > 0 && (
        <>
          <h3>Figures that have changed</h3>
          <PastCharts lines={changed} />
        </>
      )}
      {lines.length > changed.length && (
        <details>
          <summary>{lines.length - changed.length} figures that have not changed</summary>
          <PastCharts lines={lines.filter((each) => !changed.includes(each))} />
        </details>
      )}
    </details>
  );
}

/** A fold with each result's machine, method and everything that its figures were made from. */
export function RawData({ latest, raw }: { latest: Run; raw: Raw }): VNode {
  return (
    <details class="fold" id="raw">
      <summary>
        <h2>Machine, method and raw data</h2>
        <span class="quiet">{latest.results.length} results</span>
      </summary>
      {latest.results.map((result) => {
        const facts = { compiler: result.compiler, seconds: shown(result.seconds), ...result.machine };
        return (
          <details id={rawId(result)} data-raw={rawKey(result)}>
            <summary>
              {result.benchmark} on {result.kernel}
            </summary>
            <dl>
              {Object.entries(facts).map(([key, value]) => (
                <>
                  <dt>{key}</dt>
                  <dd>{value}</dd>
                </>
              ))}
            </dl>
            {Object.entries(raw[rawKey(result)] ?? {}).map(([name, text]) => (
              <>
                <h4>{name}</h4>
                <pre tabindex={0}>{text}</pre>
              </>
            ))}
            <h4>result</h4>
            <pre tabindex={0} class="result">
              {JSON.stringify(result, null, 1)}
            </pre>
          </details>
        );
      })}
    </details>
  );
}
