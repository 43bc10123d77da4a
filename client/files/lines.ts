/** Reading a file piece by piece, and what comes piece by piece line by line. */
import { open } from 'node:fs/promises';
import { fileError } from '../error.js';

/** Bytes that one read asks for. A line of /proc/swarm has less than 4 KiB. */
const PIECE = 65_536;

/**
 * Yields the text of a file as it is read.
 * @param path of a file that ends, such as /proc/swarm/agents
 * @param signal ends the reading with its reason
 * @throws {SwarmError} if it cannot be opened or read.
 */
export async function* pieces(path: string, signal?: AbortSignal): AsyncGenerator<string> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw fileError(path, error);
  });
  try {
    const buffer = Buffer.alloc(PIECE);
    for (;;) {
      signal?.throwIfAborted();
      // Position null: the files of /proc/swarm are read from where the last read ended.
      const { bytesRead } = await file.read(buffer, 0, PIECE, null);
      if (bytesRead === 0) return;
      // What /proc/swarm prints is ASCII, so no character is cut.
      yield buffer.toString('latin1', 0, bytesRead);
    }
  } catch (error) {
    throw fileError(path, error);
  } finally {
    await file.close();
  }
}

/** Splits pieces of text into lines, without their newlines. What follows the last newline is a line too. */
export async function* lines(text: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const piece of text) {
    const parts = (rest + piece).split('\n');
    rest = parts.pop() ?? '';
    yield* parts;
  }
  if (rest !== '') yield rest;
}

/** All of a file. */
export async function whole(path: string, signal?: AbortSignal): Promise<string> {
  let text = '';
  for await (const piece of pieces(path, signal)) text += piece;
  return text;
}
