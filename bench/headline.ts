/** The five figures at the head of the report: the cost of SwarmGuard, each beside its peers and with its target. */
import type { Figure } from './figures.js';
import { groupsOf, kernelsOf } from './select.js';
import type { Bar } from './select.js';
import type { Run, Stored } from './store.js';

interface Question {
  /** As an evaluator asks. */
  readonly question: string;
  /** The figure that answers; those of its group are beside it. */
  readonly figure: string;
  /** The event that is counted, in one sentence. */
  readonly counted: (figure: Figure) => string;
  /** The figure that has the target, and what it is of, where the answer itself has none. */
  readonly held?: { readonly figure: string; readonly title: string };
  /** Figures to show beside it if it has no group: labels by figure, and the label of the answer. */
  readonly beside?: { readonly own: string; readonly others: readonly (readonly [string, string])[] };
}

const ADDED = 'instructions that this adds to the call';

/** In the order of the report. */
const QUESTIONS: readonly Question[] = [
  {
    question: 'What does everyone else pay?',
    figure: 'peers/device-outside/swarm-guard',
    counted: () => `A process outside all agents opens a device: ${ADDED}.`,
  },
  {
    question: 'What does an allowed call cost?',
    figure: 'peers/device-allowed/swarm-guard',
    counted: () => `An agent opens a device that its policy allows: ${ADDED}.`,
  },
  {
    question: 'What does a denial cost?',
    figure: 'peers/device-denied/swarm-guard',
    counted: () => 'An agent opens a device that its policy denies: instructions of the whole call.',
    held: { figure: 'hook/device/denied-return', title: 'the hook alone' },
  },
  {
    question: 'What does a start cost?',
    figure: 'starts/process/swarm-guard',
    counted: () =>
      'An isolated process with limits, from start to end: all instructions, the kernel’s own work included.',
    held: { figure: 'life/birth/added-into', title: 'birth over doing it by hand' },
  },
  {
    question: 'What memory does an agent take?',
    figure: 'scale/registered/slab',
    counted: ({ series }) =>
      `Kernel memory for one of ${(series?.at(-1)?.x ?? 1).toLocaleString('en-US')} registered agents, and what else one may add.`,
    beside: {
      own: 'registered agent',
      others: [
        ['scale/live/added', 'added once it runs'],
        ['scale/cgroups/added', 'added by a memory limit'],
        ['scale/live/process', 'its process itself'],
      ],
    },
  },
];

/** An answer to one of the questions. */
export interface Answer {
  readonly question: string;
  readonly counted: string;
  readonly result: Stored;
  readonly figure: Figure;
  /** The answer itself and its peers. */
  readonly bars: readonly Bar[];
  /** The target on the scale of the bars; none if it is of another quantity than these. */
  readonly target: number | undefined;
  /** The figure whose target is shown; the answer itself, or a part of it. */
  readonly held:
    { readonly figure: Figure; readonly title: string | undefined; readonly result: Stored } | undefined;
}

interface Found {
  readonly result: Stored;
  readonly figure: Figure;
}

/** A figure on the newest kernel that it was measured on. */
function find(run: Run, id: string): Found | undefined {
  for (const kernel of kernelsOf(run)) {
    for (const result of run.results.filter((each) => each.kernel === kernel)) {
      const figure = result.figures.find((each) => each.id === id);
      if (figure) return { result, figure };
    }
  }
  return undefined;
}

function barsOf(run: Run, { result, figure }: Found, { beside }: Question): readonly Bar[] {
  if (!beside)
    return (
      groupsOf(result.figures).find(({ bars }) => bars.some((bar) => bar.figure.id === figure.id))?.bars ?? []
    );
  const others = beside.others.flatMap(([id, label]) => {
    const other = find(run, id);
    return other ? [{ figure: other.figure, label, ours: !id.endsWith('/process') }] : [];
  });
  return [{ figure, label: beside.own, ours: true }, ...others];
}

/** The figure that has the target: the answer itself, or a part of it. */
function heldOf(run: Run, found: Found, held: Question['held']): Answer['held'] {
  const part = held && find(run, held.figure);
  if (part) return { ...part, title: held.title };
  return found.figure.target === undefined ? undefined : { ...found, title: undefined };
}

/** The answers that a run gives, in the order of the report; those that it has no figure for are left out. */
export function headlineOf(run: Run): Answer[] {
  return QUESTIONS.flatMap((asked) => {
    const found = find(run, asked.figure);
    if (!found) return [];
    const { question, counted, held } = asked;
    return [
      {
        ...{ question, counted: counted(found.figure), ...found },
        ...{ bars: barsOf(run, found, asked), held: heldOf(run, found, held) },
        target: asked.beside ? undefined : found.figure.target,
      },
    ];
  });
}
