/** Checking a request before it is sent. */
import { SwarmError } from './error.js';
import { checkRequest } from './policy/check.js';
import type { OrderFile } from './policy/check.js';

/**
 * The text of a request.
 * @param file that it is for
 * @throws {SwarmError} with the kernel's answer if the kernel would refuse it whatever its state.
 */
export function checked(file: OrderFile, request: object): string {
  const text = JSON.stringify(request);
  const refusal = checkRequest(file, text);
  if (refusal) throw SwarmError.of(refusal);
  return text;
}
