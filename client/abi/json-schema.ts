/** The interface as JSON Schema, draft 2020-12, for readers and writers in any language. */
import * as z from 'zod';
import { answer } from './answer.js';
import { eventLine } from './event.js';
import { inspection } from './inspection.js';
import { attachRequest, createRequest, destroyRequest, spawnRequest, updateRequest } from './request.js';

/** The schemas in zod, by name. */
const DESCRIBED = {
  create: createRequest,
  spawn: spawnRequest,
  update: updateRequest,
  attach: attachRequest,
  destroy: destroyRequest,
  answer,
  event: eventLine,
  inspect: inspection,
} as const;

/** The names of the schemas. */
export const SCHEMAS = Object.keys(DESCRIBED) as (keyof typeof DESCRIBED)[];

/** The JSON Schema of one of {@link SCHEMAS}. */
export function jsonSchema(name: (typeof SCHEMAS)[number]): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(DESCRIBED[name], { io: 'input' });
}
