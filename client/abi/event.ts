/** A line of events. */
import * as z from 'zod';
import { agentId } from './agent.js';
import { TOLERANT, onceUsed } from './form.js';
import type { Form } from './form.js';
import { EVENTS, KINDS, ORIGINS, OUTCOMES, REASONS, REFUSALS, UPDATE_KEYS, namesOf } from './names.js';
import type { EventName } from './names.js';
import { alternatives, explained, listed } from './text.js';

const { report, ...done } = OUTCOMES;
const { fork, thread, execve, unshare, setns, autoload, ...others } = KINDS;
const kinds = `a rule of \`syscalls\` (${listed({ fork, thread, execve, unshare, setns, autoload })}), or ${explained(others)}`;
const actions = `what was done: ${alternatives(done)}, as the rule says; ${explained({ report })}`;
const rules = `what the policy says: ${alternatives(REFUSALS)}`;

const seq = z.int().min(1).meta({
  description: "the event's number, rising by one, from 1 at loading; of `lost`, that of the last one lost",
});
const time = z.int().min(1).meta({ description: 'CLOCK_MONOTONIC, nanoseconds' });
const agent = agentId.meta({ description: "the agent's id" });
const adopter = z.int().min(0).meta({
  description:
    "the agent's id; 0 in a violation of kind `adopt` for which `create` refused the agent, so that it has no id",
});
const pid = z.int().min(0).meta({
  description:
    "the process, as the reader's pid namespace has it; for `adopt` the writer; for `fork_failed` the process whose fork failed, or the one that was to join and was killed. A member that reads gets 0 for a process that is in another pid namespace than its own, even in one below its own, where ps(1) shows it",
});
const comm = z.string().meta({ description: 'the name of the process that did it or was killed' });
const violations = z.int().min(0).meta({ description: 'how many there were' });

const named = <T extends EventName>(event: T) => z.literal(event).meta({ description: 'what has happened' });
const text = (description: string) => z.string().optional().meta({ description });

const syscall = text('of `syscall`: the name of the call');

/** A figure of an agent that has run; without a process, and after a birth that failed, there is none. */
const figure = (description: string, least = 0) => z.int().min(least).optional().meta({ description });

/** The events, each with its fields. */
export function events(form: Form) {
  const head = <T extends EventName>(event: T) => ({ seq, time, event: named(event) });
  return {
    created: form.object({
      ...head('created'),
      agent,
      name: text("the agent's name, if it has one"),
    }),
    spawned: form.object({
      ...head('spawned'),
      agent,
      pid,
      by: form.oneOf(namesOf(ORIGINS)).meta({ description: alternatives(ORIGINS) }),
    }),
    fork_failed: form.object({
      ...head('fork_failed'),
      agent,
      pid,
      error: z.string().meta({
        description:
          'the name of the errno of the failed fork, or of the step at which a joining process was killed',
      }),
    }),
    violation: form.object({
      ...head('violation'),
      agent: adopter,
      kind: form.oneOf(namesOf(KINDS)).meta({ description: kinds }),
      action: form.oneOf(namesOf(OUTCOMES)).meta({ description: actions }),
      rule: form.oneOf(namesOf(REFUSALS)).meta({ description: rules }),
      pid,
      comm,
      file: text(
        'of `execve`: the path of the file that was to be executed, as it was given, at most 63 bytes; of an interpreter, as the script names it; of an ELF loader, only the last part of its name',
      ),
      device: z
        .string()
        .regex(/^[bc] [0-9]+:[0-9]+ r?w?m?$/)
        .optional()
        .meta({ description: 'of `device`: type, numbers and access as in a rule, `c 1:11 r`' }),
      syscall,
      socket: text(
        'of `socket`: the entry of `sockets` that would allow it, `inet/sctp`. It has a protocol only in the families whose protocols can have entries of their own: inet, inet6 and netlink',
      ),
      type: text(
        'of `socket`: `stream`, `dgram`, `raw`, `rdm`, `seqpacket`, `dccp` or `packet`, or a number',
      ),
      module: text('of `autoload`: the name or alias of the module, at most 63 bytes'),
    }),
    suppressed: form.object({
      ...head('suppressed'),
      agent: adopter,
      count: z
        .int()
        .min(1)
        .meta({ description: 'how many events of this agent were not reported one by one' }),
      kinds: z
        .array(form.oneOf(namesOf(KINDS)))
        .min(1)
        .optional()
        .meta({
          description: 'the kinds of the violations that it counts, each once; left out if `kind` is `oom`',
        }),
      kind: form.oneOf([...namesOf(KINDS), 'oom'] as const).meta({
        description:
          'of `suppressed`: the kind of the last of them, or `oom` for processes killed because memory ran out, which has neither `kinds` nor `action` nor `rule`',
      }),
      action: form.oneOf(namesOf(OUTCOMES)).optional().meta({ description: actions }),
      rule: form.oneOf(namesOf(REFUSALS)).optional().meta({ description: rules }),
      syscall,
      pid,
    }),
    oom: form.object({ ...head('oom'), agent, pid, comm }),
    updated: form.object({
      ...head('updated'),
      agent,
      keys: z
        .array(form.oneOf(UPDATE_KEYS))
        .min(1)
        .meta({ description: 'the keys that the object named, beside `id`' }),
    }),
    destroyed: form.object({
      ...head('destroyed'),
      agent,
      reason: form.oneOf(namesOf(REASONS)).meta({ description: explained(REASONS) }),
      exit: figure('the exit status of its first process, if that exited'),
      signal: figure('the number of the signal that killed its first process, if one did', 1),
      violations,
      audited: z
        .int()
        .min(0)
        .meta({ description: 'how many calls were audited, or only reported because of `enforce=0`' }),
      oom_kills: figure('how many of its processes the kernel killed because memory ran out'),
      cpu_usec: figure('microseconds of CPU time that its processes used'),
      memory_peak: figure('the most bytes of memory that it had at one time, if it has a `memory_limit`'),
      runtime_usec: figure('microseconds from the birth of its first process to the end of its last'),
      step: text('if `reason` is `birth`: the step that failed'),
      error: text('if `reason` is `birth`: the name of the errno of the step that failed'),
    }),
    lost: form.object({
      ...head('lost'),
      count: z.int().min(1).meta({ description: 'how many were lost' }),
    }),
  } satisfies Record<EventName, z.ZodType>;
}

/** Any event that this version knows. */
export function knownEvent(form: Form) {
  const { created, spawned, fork_failed, violation, suppressed, oom, updated, destroyed, lost } =
    events(form);
  return z.discriminatedUnion('event', [
    created,
    spawned,
    fork_failed,
    violation,
    suppressed,
    oom,
    updated,
    destroyed,
    lost,
  ]);
}

/** One that it does not. */
const otherEvent = z.looseObject({
  seq,
  time,
  event: z
    .string()
    .refine((name) => !(name in EVENTS))
    .meta({ not: { enum: namesOf(EVENTS) }, description: 'the name of an event that was added later' }),
});

const known = onceUsed(() => knownEvent(TOLERANT));

function line() {
  return z
    .union([known(), otherEvent])
    .meta({ title: 'A line of /proc/swarm/events', description: 'What has happened to an agent.' });
}

/** A line of events. */
export const eventLine = /* @__PURE__ */ line();

/** An event of a kind that was added after this version. */
export interface OtherEvent {
  /** Its number, rising by one. */
  readonly seq: number;
  /** CLOCK_MONOTONIC, in nanoseconds. */
  readonly time: number;
  /** Tells it from the events that this version knows. */
  readonly event: 'other';
  /** The kernel's name for what has happened. */
  readonly name: string;
  /** All its other fields. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** An event; `seq` rises by one, `time` is CLOCK_MONOTONIC in nanoseconds. */
export type SwarmEvent = z.infer<ReturnType<typeof known>> | OtherEvent;

/**
 * Parses one line of events.
 * @throws {z.ZodError} if it is no event, SyntaxError if it is no JSON.
 */
export function parseEvent(line: string): SwarmEvent {
  const value: unknown = JSON.parse(line);
  const other = otherEvent.safeParse(value);
  if (!other.success) return known().parse(value);
  const { seq, time, event: name, ...fields } = other.data;
  return { seq, time, event: 'other', name, fields };
}
