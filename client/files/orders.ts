/** Writing objects to a file of /proc/swarm that takes orders, and reading an answer for each. */
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { parseAnswer } from '../abi/answer.js';
import type { Answer } from '../abi/answer.js';
import { codeOf, fileError } from '../error.js';

/** The objects of one write: their answers must fit into the 64 KiB that the kernel keeps for a descriptor. */
const TOGETHER = 64;

const ANSWERS = 65_536;

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
 * Carries out objects, several with each write, and yields an answer for each, in order.
 * docs/abi/create.md, "Writing", says what a write does if one of its objects fails: some of them may be ignored
 * then, so the number of answers says where to go on.
 * @param path of create, update, attach or destroy
 * @param objects JSON; what arms a thread has no place here, since any thread may write
 * @param signal stops before the next write
 * @throws {SwarmError} if the file cannot be opened or written. A refusal is an answer, not an exception.
 */
export async function* order(
  path: string,
  objects: Iterable<string> | AsyncIterable<string>,
  signal?: AbortSignal,
): AsyncGenerator<Answer> {
  signal?.throwIfAborted();
  const file = await open(path, 'r+').catch((error: unknown) => {
    throw fileError(path, error);
  });
  try {
    const buffer = Buffer.alloc(ANSWERS);
    let waiting: string[] = [];
    const flush = async (): Promise<Answer[]> => {
      signal?.throwIfAborted();
      const failure = await file.write(waiting.join('\n')).then(
        () => undefined,
        (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
      );
      const got = await answers(file, buffer);
      if (got.length === 0) throw failure ?? new Error(`${path} has not answered`);
      if (codeOf(failure) === 'EINTR') signal?.throwIfAborted();
      waiting = waiting.slice(got.length);
      return got;
    };
    for await (const object of objects) {
      waiting.push(object);
      if (waiting.length >= TOGETHER) yield* await flush();
    }
    while (waiting.length > 0) yield* await flush();
  } catch (error) {
    throw fileError(path, error);
  } finally {
    await file.close();
  }
}
