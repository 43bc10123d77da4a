/** The answers of create, spawn, attach and destroy: one for each object. */
import * as z from 'zod';
import { agentId } from './agent.js';
import { TOLERANT } from './form.js';
import type { Form } from './form.js';
import { KEPT, namesOf } from './names.js';
import { explained } from './text.js';

/** The two answers: the agent's id, or why there is none. */
export function answers(form: Form) {
  const created = form.object({
    id: agentId.meta({ description: "the agent's id" }),
    kept: z
      .array(form.oneOf(namesOf(KEPT)))
      .optional()
      .meta({
        description: `what a process that was adopted keeps: ${explained(KEPT)}`,
      }),
  });
  const refused = form.object({
    error: z
      .string()
      .regex(/^E[A-Z0-9]+$/)
      .meta({ description: "the errno's name" }),
    field: z.string().meta({ description: 'the key at fault, empty if there is none' }),
    offset: z
      .int()
      .min(0)
      .meta({ description: 'the position of the byte at fault: the first byte of the object is 0' }),
    message: z.string().min(1).meta({ description: 'what is wrong and what to do' }),
  });
  return { created, refused };
}

const { created, refused } = answers(TOLERANT);

/** One line of the read-back. */
export const answer = z.union([created, refused]).meta({
  title: 'A line read back from a file of /proc/swarm that takes orders',
  description: 'One for each object, in order.',
});

/** The error line of an answer, for an object that is refused. */
export type Refusal = z.infer<typeof refused>;

/** The answer to one object: kind `created`, with the agent that it was about, or `refused`. */
export type Answer = ({ kind: 'created' } & z.infer<typeof created>) | ({ kind: 'refused' } & Refusal);

/**
 * Parses a line of the read-back.
 * @throws {z.ZodError} if it is no answer, SyntaxError if it is no JSON.
 */
export function parseAnswer(line: string): Answer {
  const value = answer.parse(JSON.parse(line));
  return 'id' in value ? { kind: 'created', ...value } : { kind: 'refused', ...value };
}
