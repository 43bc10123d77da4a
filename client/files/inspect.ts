/** Asking /proc/swarm/inspect about agents. */
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { SwarmError, codeOf, fileError } from '../error.js';
import { parseInspection } from '../inspect.js';
import type { Inspection } from '../inspect.js';
import { untilAborted } from '../signals.js';

const PIECE = 65_536;

async function ask(file: FileHandle, id: number, buffer: Buffer): Promise<string> {
  await file.write(`${id}\n`);
  let text = '';
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) return text;
    text += buffer.toString('utf8', 0, bytesRead);
  }
}

/**
 * Looks at agents, one after the other, through one descriptor.
 * @param path of the file
 * @param ids of the agents
 * @param signal stops before the next one, also while that is waited for
 * @returns for each id the agent, or undefined if there is none with it.
 * @throws {SwarmError} if the file cannot be used.
 */
export async function* inspectAll(
  path: string,
  ids: Iterable<number> | AsyncIterable<number>,
  signal?: AbortSignal,
): AsyncGenerator<Inspection | undefined> {
  signal?.throwIfAborted();
  const file = await open(path, 'r+').catch((error: unknown) => {
    throw fileError(path, error);
  });
  try {
    const buffer = Buffer.alloc(PIECE);
    for await (const id of untilAborted(ids, signal)) {
      const text = await ask(file, id, buffer).catch((error: unknown) => {
        if (codeOf(error) === 'ESRCH') return undefined;
        throw error;
      });
      yield text === undefined ? undefined : parseInspection(text);
    }
  } catch (error) {
    throw fileError(path, error);
  } finally {
    await file.close();
  }
}

/**
 * Looks at one agent.
 * @throws {SwarmError} ESRCH if there is none with this id.
 */
export async function inspect(path: string, id: number, signal?: AbortSignal): Promise<Inspection> {
  for await (const found of inspectAll(path, [id], signal)) if (found) return found;
  throw new SwarmError('ESRCH', `there is no agent ${id}`, { field: 'id' });
}
