/** The published JSON Schemas, compiled by a validator that is not ours. */
import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import { z } from 'zod';
import { SCHEMAS } from '../../../client/abi/json-schema.js';
import { schemaPath } from './documents.js';

/** A validator for each schema, by its name. */
export type Published = Record<(typeof SCHEMAS)[number], ValidateFunction>;

/**
 * Reads and compiles the schemas of docs/abi.
 * @throws Error if one is no JSON Schema, or uses a keyword that does nothing.
 */
export async function readPublished(): Promise<Published> {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
  const compiled = SCHEMAS.map(async (name) => {
    const schema = z
      .record(z.string(), z.unknown())
      .parse(JSON.parse(await readFile(schemaPath(name), 'utf8')));
    return [name, ajv.compile(schema)] as const;
  });
  return Object.fromEntries(await Promise.all(compiled)) as Published;
}
