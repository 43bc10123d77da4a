/** The kernel's own checker of style, which packaged headers come without. */
import { join } from 'node:path';
import { cached } from '../util/cache.js';
import { step } from '../util/progress.js';
import { sourcePackage, unpackSource } from './kernel-source.js';

const PARTS = ['checkpatch.pl', 'spelling.txt', 'const_structs.checkpatch'].map((name) => `scripts/${name}`);

/**
 * The newest kernel's scripts/checkpatch.pl, with its lists beside it; downloaded with the source if it
 * is not in the cache.
 * @returns the directory that they are in.
 */
export async function checkpatchDir(): Promise<string> {
  const source = await sourcePackage();
  const dir = await cached({
    kind: 'checkpatch',
    label: source.name,
    key: [source.sha256, ...PARTS],
    keep: 2,
    build: (dir) => step(`Fetching checkpatch.pl of ${source.name}`, () => unpackSource(source, PARTS, dir)),
  });
  return join(dir, 'linux/scripts');
}
