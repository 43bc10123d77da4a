/** Bars that stand beside each other on one scale, as HTML: their text keeps its size on narrow screens. */
import type { VNode } from 'preact';
import type { Figure } from '../figures.js';
import { shown, unitName } from '../numbers.js';
import type { Bar } from '../select.js';

interface BarsOptions {
  /** The quantity that is compared, for screen readers. */
  readonly title: string;
  readonly unit: Figure['unit'];
  readonly bars: readonly Bar[];
  /** A dashed line through all of them, where their figures are to stay below it. */
  readonly target?: number | undefined;
  /** Labels without what stands in brackets or after a comma. */
  readonly short?: boolean;
}

const shortened = (label: string) => label.split(/, | \(/)[0] ?? label;

/** Numbers as places on a scale, in percent of its width. */
function scaleOf(values: readonly number[]): (value: number) => number {
  const [least, most] = [Math.min(0, ...values), Math.max(0, ...values)];
  const width = most - least || 1;
  return (value) => Number(((100 * (value - least)) / width).toFixed(2));
}

/** Bars, the least first; a whisker is the spread of repetitions, a dashed line the target. */
export function Bars({ title, unit, bars, target, short = false }: BarsOptions): VNode {
  const sorted = [...bars].sort((a, b) => a.figure.value - b.figure.value);
  const values = sorted.flatMap(({ figure: { value, spread = [] } }) => [value, ...spread]);
  const at = scaleOf(target === undefined ? values : [...values, target]);
  return (
    <ul class="bars" aria-label={`${title}, ${unitName(unit)}`}>
      {sorted.map(({ figure: { value, spread }, label, ours }) => (
        <li class={ours ? 'ours' : 'peer'}>
          <span class="who">{short ? shortened(label) : label}</span>
          <span class="track">
            <i
              class="bar"
              style={`left: ${Math.min(at(0), at(value))}%; width: ${Math.abs(at(value) - at(0))}%`}
            />
            {spread && spread[0] < spread[1] && (
              <i
                class="whisker"
                style={`left: ${at(spread[0])}%; width: ${at(spread[1]) - at(spread[0])}%`}
              />
            )}
            {at(0) > 0 && <i class="zero" style={`left: ${at(0)}%`} />}
            {target === undefined ? null : <i class="target" style={`left: ${at(target)}%`} />}
          </span>
          <span class="value">{shown(value)}</span>
        </li>
      ))}
    </ul>
  );
}
