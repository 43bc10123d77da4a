/** The tables of the documents, from the names and schemas of client/abi. */
import { z } from 'zod';
import { answers } from '../../../client/abi/answer.js';
import { DENIED_CALLS } from '../../../client/abi/calls.js';
import { ATTACH_ERRORS, ERRORS, SPAWN_ERRORS, UPDATE_ERRORS } from '../../../client/abi/errors.js';
import { events } from '../../../client/abi/event.js';
import { FILES } from '../../../client/abi/files.js';
import { STRICT } from '../../../client/abi/form.js';
import { inspection, usages } from '../../../client/abi/inspection.js';
import { METRICS, TRACEPOINTS } from '../../../client/abi/metrics.js';
import { EVENTS, namesOf } from '../../../client/abi/names.js';
import { PARAMETERS } from '../../../client/abi/parameters.js';
import {
  DEFAULTS_IN_WORDS,
  attachRequest,
  createRequest,
  spawnRequest,
  updateRequest,
} from '../../../client/abi/request.js';
import { table } from '../../../harness/util/markdown.js';

const code = (text: string) => `\`${text}\``;

/** Names with what they mean. */
const meanings = (column: string, list: Readonly<Record<string, string>>, what = 'description') =>
  table(
    [column, what],
    Object.entries(list).map(([name, meaning]) => [code(name), meaning]),
  );

type Shape = Readonly<Record<string, z.ZodType>>;

/** The keys of an object with their descriptions. */
const described = (column: string, shape: Shape) =>
  table(
    [column, 'description'],
    Object.entries(shape).map(([name, field]) => [code(name), field.description ?? '']),
  );

const withDefault = z.object({ default: z.union([z.string(), z.number(), z.boolean()]) });

/** The default of a key of create, as the tables show it. */
function fallback(name: string, field: z.ZodType): string {
  const words = new Map<string, string>(Object.entries(DEFAULTS_IN_WORDS)).get(name);
  if (words !== undefined) return words;
  const meta = withDefault.safeParse(field.meta());
  return meta.success ? String(meta.data.default) : 'none';
}

/**
 * The keys of create.
 * @param inBrief by their titles, rather than by all that is to be known
 */
const keys = (inBrief: boolean) =>
  table(
    ['key of `create`', 'value', 'default'],
    Object.entries<z.ZodType>(createRequest.shape).map(([name, field]) => {
      const { title, description = '' } = field.meta() ?? {};
      return [code(name), inBrief ? (title ?? description) : description, fallback(name, field)];
    }),
  );

const octal = (mode: number) => mode.toString(8).padStart(4, '0');

const files = (link: string) =>
  table(
    ['file', 'mode', 'what'],
    Object.entries(FILES).map(([name, { mode, description }]) => [
      `[${code(name)}](${link}${name}.md)`,
      octal(mode),
      description,
    ]),
  );

const parameters = () =>
  table(
    ['parameter', 'default', 'description'],
    Object.entries(PARAMETERS).map(([name, { default: value, description }]) => [
      code(name),
      value,
      description,
    ]),
  );

/** A field of events: in which of them it is, and what it means there. */
interface Field {
  readonly events: string[];
  readonly descriptions: Set<string>;
}

/** The events that have a field: all, all but one, or a list. */
function having(names: readonly string[]): string {
  const all = namesOf(EVENTS);
  const others = all.filter((name) => !names.includes(name));
  if (others.length === 0) return 'all';
  return others.length === 1 ? `all but ${others.join()}` : names.join(', ');
}

/** Descriptions in a row, without those that another one begins with. */
function joined(descriptions: ReadonlySet<string>): string {
  const all = [...descriptions];
  return all.filter((one) => !all.some((other) => other !== one && other.startsWith(one))).join('; ');
}

function fields(): string {
  const found = new Map<string, Field>();
  for (const [event, { shape }] of Object.entries(events(STRICT))) {
    for (const [name, field] of Object.entries<z.ZodType>(shape)) {
      const known = found.get(name) ?? { events: [], descriptions: new Set() };
      known.events.push(event);
      known.descriptions.add(field.description ?? '');
      found.set(name, known);
    }
  }
  return table(
    ['field', 'of', 'description'],
    [...found].map(([name, field]) => [code(name), having(field.events), joined(field.descriptions)]),
  );
}

const metrics = () =>
  table(
    ['metric', 'type', 'description'],
    Object.entries(METRICS).map(([name, { type, description }]) => [code(name), type, description]),
  );

const tracepoints = () =>
  table(
    ['tracepoint', 'fields'],
    Object.entries(TRACEPOINTS).map(([name, own]) => [code(name), own.join(', ')]),
  );

/** Every table, by the name in its mark. */
export const TABLES: Readonly<Record<string, () => string>> = {
  files: () => files(''),
  'denied-calls': () =>
    table(
      ['denied by default', 'why', 'what stops working'],
      DENIED_CALLS.map(({ calls, why, stops }) => [calls.map(code).join(', '), why, stops]),
    ),
  'files-here': () => files('docs/abi/'),
  keys: () => keys(false),
  'keys-in-brief': () => keys(true),
  answers: () => {
    const { created, refused } = answers(STRICT);
    return described('field', { ...created.shape, ...refused.shape });
  },
  'spawn-keys': () => described('key', spawnRequest.shape),
  'update-keys': () => described('key', updateRequest.shape),
  'attach-keys': () => described('key', attachRequest.shape),
  errors: () => meanings('errno', ERRORS, 'when'),
  'spawn-errors': () => meanings('errno', SPAWN_ERRORS, 'when'),
  'update-errors': () => meanings('errno', UPDATE_ERRORS, 'when'),
  'attach-errors': () => meanings('errno', ATTACH_ERRORS, 'when'),
  parameters,
  events: () => meanings('event', EVENTS, 'what has happened'),
  fields,
  tracepoints,
  inspection: () => described('field', inspection.shape),
  usage: () => described('figure', usages(STRICT).shape),
  metrics,
};
