/** Checking a request before it is sent. */
import { SwarmError } from './error.js';
import type { Answer } from './abi/answer.js';
import { checkRequest } from './policy/check.js';
import type { OrderFile } from './policy/check.js';
import type { CreateRequest } from './swarm.js';

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

/**
 * The text of a request of create; or, if the kernel would refuse it whatever its state, the kernel's answer.
 * @throws {SwarmError} if it arms a thread.
 */
export function checkedOrRefused(request: CreateRequest): string | Answer {
  const text = JSON.stringify(unarmed(request));
  const refusal = checkRequest('create', text);
  return refusal ? { kind: 'refused', ...refusal } : text;
}

/**
 * A request of create that arms no thread.
 * @throws {SwarmError} if it would: any thread of this process may write it.
 */
export function unarmed(request: CreateRequest & { readonly spawn?: unknown }): CreateRequest {
  if (request.spawn === undefined || request.spawn === false) return request;
  throw new SwarmError('EINVAL', 'spawn arms the thread that writes, and here any thread may write', {
    field: 'spawn',
    hint: 'use spawn() of this package, which writes and forks in one thread',
  });
}
