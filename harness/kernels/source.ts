/** Upstream tarballs of Debian's source packages, from the archive. */
import { join } from 'node:path';
import { aptUpdate, downloadSource } from '../archive/debian.js';
import type { ArchiveSource } from '../archive/debian.js';
import { cached } from '../util/cache.js';
import { step } from '../util/progress.js';
import { sha256 } from './image.js';

async function fetchSource(source: ArchiveSource, dir: string): Promise<void> {
  await downloadSource(source, dir).catch(async () => {
    await aptUpdate();
    await downloadSource(source, dir);
  });
  if ((await sha256(join(dir, source.file))) !== source.sha256)
    throw new Error(`${source.file} is not the file that the lock file names`);
}

/**
 * The path of a source package's tarball, downloaded if it is not in the cache (160 MB).
 * @throws if the pool no longer has it.
 */
export async function provideSource(source: ArchiveSource): Promise<string> {
  const dir = await cached({
    kind: 'sources',
    label: source.name,
    key: [source.sha256],
    // Only what is prepared from it is needed again.
    keep: 2,
    build: (dir) => step(`Downloading ${source.file}`, () => fetchSource(source, dir)),
  });
  return join(dir, source.file);
}
