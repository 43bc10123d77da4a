/** Values that a JSON Schema describes, drawn from it, and values that differ from them in one place. */
import fc from 'fast-check';
import { z } from 'zod';

/** The part of JSON Schema that requests are described with. */
interface Node {
  type?: string | undefined;
  const?: unknown;
  default?: unknown;
  enum?: unknown[] | undefined;
  anyOf?: Node[] | undefined;
  minimum?: number | undefined;
  maximum?: number | undefined;
  pattern?: string | undefined;
  items?: Node | undefined;
  maxItems?: number | undefined;
  properties?: Record<string, Node> | undefined;
  required?: string[] | undefined;
}

const node: z.ZodType<Node> = z.lazy(() =>
  z.object({
    type: z.string().optional(),
    const: z.unknown().optional(),
    default: z.unknown().optional(),
    enum: z.array(z.unknown()).optional(),
    anyOf: z.array(node).optional(),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
    pattern: z.string().optional(),
    items: node.optional(),
    maxItems: z.number().optional(),
    properties: z.record(z.string(), node).optional(),
    required: z.array(z.string()).optional(),
  }),
);

/** The properties of an object's JSON Schema, each with its own schema. */
export function properties(schema: unknown): Record<string, Node> {
  return node.parse(schema).properties ?? {};
}

function integer({ minimum, maximum }: Node): fc.Arbitrary<number> {
  const [min = 0, max = Number.MAX_SAFE_INTEGER] = [minimum, maximum];
  return fc.oneof(
    fc.constantFrom(min, max),
    fc.integer({ min, max: Math.min(max, min + 1000) }),
    fc.integer({ min, max }),
  );
}

function of(schema: Node): fc.Arbitrary<unknown> {
  const { const: only, enum: values, anyOf, type } = schema;
  if (anyOf) return fc.oneof(...anyOf.map(of));
  if (only !== undefined) return fc.constant(only);
  if (values) return fc.constantFrom(...values);
  switch (type ?? '') {
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return integer(schema);
    case 'string':
      return fc.stringMatching(new RegExp(schema.pattern ?? ''));
    case 'array':
      return fc.array(of(schema.items ?? {}), { maxLength: schema.maxItems ?? 10 });
    case 'object':
      return fc.record(
        Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, value]) => [name, of(value)])),
        { requiredKeys: schema.required ?? [], noNullPrototype: true },
      );
    default:
      throw new Error(`nothing is drawn from ${JSON.stringify(schema)}`);
  }
}

/**
 * Values that a JSON Schema describes.
 * @throws Error if it uses what requests are not described with.
 */
export function drawn(schema: unknown): fc.Arbitrary<unknown> {
  return of(node.parse(schema));
}

/** A place in a value: keys and indices from the outside in. */
export type Path = readonly (string | number)[];

/** Every place in a value but the value itself. */
function places(value: unknown, at: Path = []): Path[] {
  const inside: [string | number, unknown][] = Array.isArray(value)
    ? [...value.entries()]
    : typeof value === 'object' && value !== null
      ? Object.entries(value)
      : [];
  return inside.flatMap(([key, each]) => [[...at, key], ...places(each, [...at, key])]);
}

function get(value: unknown, [first, ...rest]: Path): unknown {
  if (first === undefined) return value;
  return get((value as Record<string | number, unknown>)[first], rest);
}

function set(value: unknown, [first, ...rest]: Path, to: unknown): unknown {
  if (first === undefined) return to;
  if (Array.isArray(value))
    return value.map((each: unknown, index) => (index === first ? set(each, rest, to) : each));
  const object = value as Record<string | number, unknown>;
  return { ...object, [first]: set(object[first], rest, to) };
}

const repeated = (values: readonly unknown[], count: number) =>
  Array.from({ length: count }, (_, index) => values[index % values.length]);

const anything = fc.jsonValue();
const oneMore = fc.tuple(fc.stringMatching(/^[a-z][a-z_]{0,19}$/), anything);

/** Values like one, most of which are as good or just wrong. */
function near(value: unknown): fc.Arbitrary<unknown> {
  if (typeof value === 'number')
    return fc.constantFrom(value + 1, value - 1, -value, value + 0.5, value * 2, String(value));
  if (typeof value === 'boolean') return fc.constantFrom(!value, Number(value), String(value));
  if (typeof value === 'string')
    return fc.constantFrom(
      ...[
        '',
        ` ${value}`,
        `${value} `,
        value.toUpperCase(),
        value.slice(1),
        `${value}${value}`,
        `${value}\0`,
      ],
      ...[value.replaceAll(/\d+/g, (digits) => String(Number(digits) + 1)), `${value}é`, [value]],
    );
  if (Array.isArray(value) && value.length > 0)
    return fc.constantFrom(...[7, 8, 9, 15, 16, 17].map((count) => repeated(value, count)), value[0]);
  if (typeof value === 'object' && value !== null)
    return fc.constantFrom({ ...value, other: 'deny' }, Object.entries(value), {});
  return anything;
}

/**
 * A value that differs from another in one place: what stands there is something like it, or anything.
 * @param value an object, which may get one more key
 */
export function changed(value: unknown): fc.Arbitrary<unknown> {
  const all = places(value);
  const added = oneMore.map(([key, to]) => set(value, [key], to));
  if (all.length === 0) return added;
  const replaced = fc
    .constantFrom(...all)
    .chain((path) =>
      fc
        .oneof({ weight: 3, arbitrary: near(get(value, path)) }, { weight: 1, arbitrary: anything })
        .map((to) => set(value, path, to)),
    );
  return fc.oneof({ weight: 9, arbitrary: replaced }, { weight: 1, arbitrary: added });
}
