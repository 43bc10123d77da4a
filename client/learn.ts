/** The smallest policy that would have sufficed for a program that ran with enforce=0. */
import { shownName } from './bytes.js';
import { MEMORY_MIN, PIDS_MAX } from './abi/limits.js';
import type { AgentRequest } from './abi/request.js';
import type { Denials } from './explain/denials.js';
import { HERE } from './explain/places.js';
import type { Place } from './explain/places.js';
import { hopeless, merged, needsOf, proposalOf, remedyOf } from './explain.js';
import type { AgentEnd } from './process.js';

/** Observations of a program that ran once. */
export interface Observed {
  /** The policy that it was given. */
  readonly given: Partial<AgentRequest>;
  readonly denials: Denials;
  readonly end: Pick<AgentEnd, 'violations' | 'audited' | 'memoryPeak' | 'oom'>;
  /** The most processes and threads that were seen; undefined if it ended before anybody looked. */
  readonly pidsPeak: number | undefined;
  /** The number of events that the kernel has overwritten meanwhile, of any agent. */
  readonly lost: number;
  /** The root in which its files are looked up; that of the machine by default. */
  readonly place?: Place;
}

/** The policy learnt from observations. */
export interface Learned {
  readonly policy: Partial<AgentRequest>;
  /** Remarks on what each line opens, and on the origin of limits. */
  readonly remarks: readonly string[];
  /** Doubts that the policy suffices; empty if it does for all that the program did. */
  readonly doubts: readonly string[];
}

const MIB = 1024 * 1024;

function limits(
  { given, end, pidsPeak }: Observed,
  margin: number,
): { policy: Partial<AgentRequest>; remarks: string[] } {
  const { memoryPeak } = end;
  const factor = 1 + margin / 100;
  const more = `with ${margin} % more`;
  const memory =
    memoryPeak === undefined ? undefined : Math.max(MEMORY_MIN, Math.ceil((memoryPeak * factor) / MIB) * MIB);
  const pids =
    pidsPeak === undefined ? undefined : Math.min(PIDS_MAX, Math.max(1, Math.ceil(pidsPeak * factor)));
  return {
    policy: {
      ...(memory === undefined ? {} : { memory_limit: memory }),
      ...(pids === undefined ? {} : { pids_limit: pids }),
    },
    remarks: [
      memory === undefined
        ? 'memory_limit: none is proposed, because the kernel has not told the peak'
        : `memory_limit ${memory}: at most ${memoryPeak ?? 0} bytes were in use at a time; that ${more}, in whole MiB. Another run may need more.`,
      pids === undefined
        ? `pids_limit: ${given.pids_limit === undefined ? 'none is proposed' : 'it stays'}, because the program ended before anybody looked`
        : `pids_limit ${pids}: at most ${pidsPeak ?? 0} processes and threads were seen; that ${more}. Another run may need more.`,
    ],
  };
}

/**
 * Makes a policy of what was given and what would have been denied. Audits went ahead, and go ahead with it too.
 * @param margin percent that the limits are above the peaks
 */
export function learn(observed: Observed, margin: number): Learned {
  const { given, denials, end, lost, place = HERE } = observed;
  const groups = denials.groups.filter(({ rule }) => rule !== 'audit');
  const needs = groups.flatMap(({ last }) => needsOf(last, given, place));
  const proposal = proposalOf(needs, given);
  const lines = groups.flatMap(({ count, last }) =>
    needsOf(last, given, place).map((need) => {
      const { policy, option, opens } = remedyOf(need, given);
      return `${option === '' ? JSON.stringify(policy) : option}: needed ${count === 1 ? 'once' : `${count} times`}, by ${shownName(last.comm)}. ${opens}`;
    }),
  );
  const audits = denials.groups.filter(({ rule }) => rule === 'audit');
  const limited = limits(observed, margin);
  const { violations = 0, audited = 0 } = end;
  const untold = violations + audited - denials.told - denials.suppressed.count;
  return {
    policy: { ...merged(given, proposal.policy), ...limited.policy },
    remarks: [
      ...new Set(lines),
      ...audits.map(
        ({ kind, what, count }) =>
          `${kind}${what === '' ? '' : ` ${what}`}: audited ${count}×, as it will be`,
      ),
      ...proposal.notes.filter((note) => !note.startsWith('--')),
      ...limited.remarks,
    ],
    doubts: [
      ...(denials.suppressed.count > 0
        ? [
            `${denials.suppressed.count} violations were summed up and not told one by one, of ${denials.suppressed.kinds.join(', ')}: load the module with event_rate=0 to be told all`,
          ]
        : []),
      ...(lost > 0
        ? [
            `${lost} events were overwritten before they were read: load the module with a larger event_buffer`,
          ]
        : []),
      ...(lost === 0 && untold > 0 ? [`${untold} violations were counted and not told`] : []),
      ...(end.violations === undefined
        ? [
            'the event that tells how the program ended was lost, and with it how much it would have been denied',
          ]
        : []),
      ...(end.oom === true
        ? ['the program ran out of memory, and may have had more to do: give it a larger --memory']
        : []),
      ...groups
        .filter(({ last }) => needsOf(last, given, place).length === 0)
        .map(({ kind, what, last }) => `${kind}${what === '' ? '' : ` ${what}`}: ${hopeless(last, place)}`),
    ],
  };
}
