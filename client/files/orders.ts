/** Writing objects to a file of /proc/swarm that takes orders, and reading an answer for each. */
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { parseAnswer } from '../abi/answer.js';
import type { Answer } from '../abi/answer.js';
import { fileError } from '../error.js';
import { untilAborted } from '../signals.js';

/** Answers that are read together: they must fit into the 64 KiB that the kernel keeps for a descriptor. */
const TOGETHER = 64;

const ANSWERS = 65_536;

/** JSON, or the answer to an object that was refused before it could be written. */
export type Order = string | Answer;

/** The answers that wait on a descriptor. */
async function answers(file: FileHandle, buffer: Buffer): Promise<Answer[]> {
  let text = '';
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) return text.split('\n').filter(Boolean).map(parseAnswer);
    text += buffer.toString('latin1', 0, bytesRead);
  }
}

/**
 * Carries out objects and yields an answer for each, in order.
 *
 * Each is written by a call of its own. libuv goes on with what a write has not taken, and the kernel takes less
 * than it was given if the last of several objects is refused (docs/abi/create.md, "Writing"): so that object
 * would be carried out twice.
 * @param path of create, update, attach or destroy
 * @param objects what arms a thread has no place here, since any thread may write
 * @param signal stops before the next one, also while that is waited for; what the kernel is at is carried out
 * @throws {SwarmError} if the file cannot be opened or written. A refusal is an answer, not an exception.
 */
export async function* order(
  path: string,
  objects: Iterable<Order> | AsyncIterable<Order>,
  signal?: AbortSignal,
): AsyncGenerator<Answer> {
  signal?.throwIfAborted();
  const file = await open(path, 'r+').catch((error: unknown) => {
    throw fileError(path, error);
  });
  const buffer = Buffer.alloc(ANSWERS);
  let written = 0;
  try {
    for await (const object of untilAborted(objects, signal)) {
      if (typeof object !== 'string') {
        // Its place is behind the answers to what was written before it.
        if (written > 0) yield* await answers(file, buffer);
        written = 0;
        yield object;
        continue;
      }
      const failure = await file.write(object).then(
        () => undefined,
        (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
      );
      written += 1;
      if (!failure && written < TOGETHER) continue;
      const got = await answers(file, buffer);
      const unanswered = failure && got.length < written;
      written = 0;
      yield* got;
      // What is refused has an answer too. What has none was not even looked at.
      if (unanswered) throw failure;
    }
    if (written > 0) yield* await answers(file, buffer);
  } catch (error) {
    // What has been carried out is told before the failure is.
    if (written > 0) yield* await answers(file, buffer).catch(() => []);
    throw fileError(path, error);
  } finally {
    await file.close();
  }
}
