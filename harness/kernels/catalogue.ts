/** The kernels that the module is tested on: why each is there, and exactly which packages it is. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { archivePackage } from '../roots/debian.js';
import { repository } from '../util/repository.js';

const entry = z.object({
  name: z.string(),
  series: z.string().regex(/^\d+\.\d+$/),
  flavour: z.enum(['cloud', 'rt', 'plain']),
  why: z.string(),
});
export type CatalogueEntry = z.infer<typeof entry>;

const catalogue = z.object({ newest: z.string(), entries: z.array(entry).nonempty() });

const locked = z.object({ release: z.string(), packages: z.array(archivePackage).nonempty() });
export type LockedKernel = z.infer<typeof locked>;

const lock = z.record(z.string(), locked);

const dir = join(repository, 'vm-images/kernels');
const LOCK = join(dir, 'lock.json');

/** The catalogue, vm-images/kernels/catalogue.json. */
export async function readCatalogue(): Promise<z.infer<typeof catalogue>> {
  return catalogue.parse(JSON.parse(await readFile(join(dir, 'catalogue.json'), 'utf8')));
}

/** The lock file: which packages each entry is, with sizes and hashes. */
export async function readLock(): Promise<Record<string, LockedKernel>> {
  return lock.parse(JSON.parse(await readFile(LOCK, 'utf8')));
}

/** Replaces the lock file. */
export async function writeLock(kernels: Record<string, LockedKernel>): Promise<void> {
  await writeFile(LOCK, `${JSON.stringify(lock.parse(kernels), null, 2)}\n`);
}

/**
 * The entry of a name; without one, the newest.
 * @throws where there is none, naming those there are.
 */
export async function findEntry(name?: string): Promise<CatalogueEntry> {
  const { newest, entries } = await readCatalogue();
  const wanted = name ?? newest;
  const found = entries.find((candidate) => candidate.name === wanted);
  if (found) return found;
  throw new Error(`there is no kernel ${wanted}; there are ${entries.map((each) => each.name).join(', ')}`);
}
