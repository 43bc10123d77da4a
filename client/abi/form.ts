/** Ways of reading what the kernel prints. The interface only grows, so a client accepts what it does not know. */
import * as z from 'zod';

/** A string that editors still complete with the names in the other part of a union. */
type Other = string & Record<never, never>;

/** One way of reading. */
export interface Form {
  /** An object with these keys. */
  readonly object: <T extends z.core.$ZodLooseShape>(shape: T) => z.ZodObject<T>;
  /** One of these names. */
  readonly oneOf: <T extends string>(names: readonly T[]) => z.ZodType<T | Other>;
}

/** Makes a schema when it is first used: making the large ones takes milliseconds, which few programs need to spend. */
export function onceUsed<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

/** The way of a client: unknown keys are left out, unknown names are passed on. */
export const TOLERANT: Form = {
  object: (shape) => z.object(shape),
  oneOf: (names) => z.union([z.enum(names), z.string()]),
};

/** The way of a test: unknown keys and names are errors. */
export const STRICT: Form = {
  object: (shape) => z.strictObject(shape),
  oneOf: (names) => z.enum(names),
};
