/** Parses what programs print as JSON, an object on each line. */
import type { z } from 'zod';

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/**
 * Reads the lines that are JSON and as a schema has it; a program prints others beside them, and so do those
 * that it runs.
 */
export function jsonLines<T>(text: string, schema: z.ZodType<T>): T[] {
  return text.split('\n').flatMap((line) => {
    const { success, data } = schema.safeParse(parsed(line));
    return success ? [data] : [];
  });
}
