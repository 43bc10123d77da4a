/** The first screen: what it costs in five figures. */
import type { VNode } from 'preact';
import { headlineOf } from '../headline.js';
import type { Answer } from '../headline.js';
import { derivedTime, ofTarget, shown, unitName, withUnit } from '../numbers.js';
import type { Run } from '../store.js';
import { Bars } from './bars.js';
import { rawId } from './table.js';

/** A bar whose full length is the target, or what is beyond it. */
function Target({ held: { figure, title } }: { held: NonNullable<Answer['held']> }): VNode {
  const { value, target = 0, unit } = figure;
  const used = ofTarget(figure) ?? 0;
  const good = value <= target;
  const whole = Math.max(100, used);
  const width = (percent: number) => `${((100 * Math.max(0, percent)) / whole).toFixed(2)}%`;
  return (
    <div class={`kept ${good ? 'good' : 'bad'}`}>
      <span>
        <b>{good ? '✔' : '✘'}</b> {title && `${title}: ${withUnit(value, unit)}; `}
        target at most {withUnit(target, unit)}
      </span>
      <span class="meter">
        <span class="track">
          <i class="bar" style={`left: 0; width: ${width(used)}`} />
          <i class="target" style={`left: ${width(100)}`} />
        </span>
        <span class="value">{withUnit(Math.round(used), 'percent')}</span>
      </span>
    </div>
  );
}

function Card({ answer }: { answer: Answer }): VNode {
  const { question, counted, figure, bars, target, held, result } = answer;
  const time = derivedTime(figure);
  return (
    <section class="card" data-figure={figure.id}>
      <h2>{question}</h2>
      <p class="answer">
        <a href={`#${rawId(result)}`}>{shown(figure.value)}</a> {unitName(figure.unit)}
        {time && <span class="quiet"> ≈ {time}</span>}
      </p>
      <p class="quiet">{counted}</p>
      <Bars
        title={question}
        unit={figure.unit}
        bars={bars.length > 0 ? bars : [{ figure, label: 'SwarmGuard', ours: true }]}
        target={target}
        short
      />
      {held && <Target held={held} />}
    </section>
  );
}

const Key = (): VNode => (
  <section class="card key">
    <h2>How to read this</h2>
    <ul>
      <li>
        <i class="swatch ours" /> SwarmGuard
      </li>
      <li>
        <i class="swatch peer" /> what you would use instead, doing the same work in the same guest
      </li>
      <li>
        <i class="swatch line" /> a target that SwarmGuard promises to stay below
      </li>
      <li>
        <i class="swatch spread" /> the least and the most of repetitions
      </li>
    </ul>
    <p class="quiet">
      Figures are instructions, counted by an emulated processor: the same on every machine, and not
      durations. ≈ is derived, not measured: one instruction a cycle at 2 GHz. Every number leads to the raw
      data that it was made from.
    </p>
  </section>
);

/** The five figures, as far as the run has them. */
export function First({ run }: { run: Run }): VNode | null {
  const answers = headlineOf(run);
  if (answers.length === 0) return null;
  return (
    <div class="cards" id="headline">
      {answers.map((answer) => (
        <Card answer={answer} />
      ))}
      <Key />
    </div>
  );
}
