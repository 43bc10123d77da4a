/** Parts of the newest kernel's source, from the distribution's package. */
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { readCatalogue } from '../kernels/catalogue.js';
import { aptUpdate, describe, download } from '../archive/debian.js';
import type { ArchivePackage } from '../archive/debian.js';

/**
 * The source package of the newest kernel in the catalogue.
 * @throws if the archive has none.
 */
export async function sourcePackage(): Promise<ArchivePackage> {
  const name = `linux-source-${(await readCatalogue()).newest}`;
  const found = await describe(name);
  if (found) return found;
  await aptUpdate();
  const again = await describe(name);
  if (!again) throw new Error(`the archive has no package ${name}, the source of the newest kernel`);
  return again;
}

/** Downloads a source package (170 MB) and unpacks parts of it, paths in its tree, into `linux` in a directory. */
export async function unpackSource(
  source: ArchivePackage,
  parts: readonly string[],
  dir: string,
): Promise<void> {
  await download([source], dir);
  const deb = (await readdir(dir)).find((name) => name.endsWith('.deb')) ?? '';
  await execa('dpkg-deb', ['-x', join(dir, deb), dir]);
  const tree = `${source.name}/`;
  const archive = join(dir, 'usr/src', `${source.name}.tar.xz`);
  await execa('tar', ['-C', dir, '-xf', archive, ...parts.map((each) => tree + each)]);
  await rename(join(dir, source.name), join(dir, 'linux'));
  await rm(join(dir, deb));
  await rm(join(dir, 'usr'), { recursive: true });
}
