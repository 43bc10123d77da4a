/** The kernels that the module is tested on: why each is there, and exactly which packages it is. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { archivePackage, archiveSource } from '../archive/debian.js';
import { harness } from '../util/config.js';
import { UsageError } from '../util/errors.js';

/** The origin of the files that a module is built with. */
const prepared = {
  /** The entry whose image's configuration is used, if its own packages hold none. */
  config: z.string().optional(),
  /** Options of that configuration which the image was built without. */
  without: z.array(z.string().regex(/^[A-Z0-9_]+$/)).optional(),
};

const headers = z.discriminatedUnion('from', [
  /** The archive's own packages of headers. */
  z.strictObject({ from: z.literal('packages') }),
  /** The source package, with the configuration that the image was built with. */
  z.strictObject({ from: z.literal('source'), ...prepared }),
  /** Image, modules and headers are built here, from the source package. */
  z.strictObject({
    from: z.literal('build'),
    /** The files beside the catalogue that are merged into tinyconfig. */
    fragments: z.array(z.string().regex(/^[\w-]+\.config$/)).nonempty(),
  }),
  /** A tree that the user names, because the archive has nothing to build with. */
  z.strictObject({ from: z.literal('tree'), because: z.string(), ...prepared }),
]);

const entry = z.strictObject({
  name: z.string().regex(/^[\w.-]+$/),
  series: z.string().regex(/^\d+\.\d+$/),
  flavour: z.enum(['cloud', 'rt', 'plain', 'debug', 'kcsan']),
  arch: z.enum(['amd64', 'arm64']).default('amd64'),
  why: z.string().min(10),
  headers,
  /** The errors that a kernel which is built here looks for while it runs; the suite of this name checks that it finds them. */
  checks: z.enum(['debug', 'kcsan']).optional(),
  /** The factor by which everything takes longer on it than elsewhere; every time limit is multiplied by it. */
  slower: z.number().int().min(2).optional(),
  /** The module must not be built for it, nor load into it. */
  refused: z.literal(true).optional(),
});
/** The errors that a kernel looks for: of memory, locks and the like, or data races. */
export type Checks = NonNullable<CatalogueEntry['checks']>;
/** A kernel of the catalogue: its series, flavour and architecture, why it is tested, and the origin of its headers. */
export type CatalogueEntry = z.infer<typeof entry>;

const catalogue = z
  .strictObject({ newest: z.string(), entries: z.array(entry).nonempty() })
  .superRefine(({ newest, entries }, context) => {
    const names = entries.map(({ name }) => name);
    const configs = entries.flatMap((each) => ('config' in each.headers ? [each.headers.config] : []));
    for (const name of [newest, ...configs]) {
      if (name !== undefined && !names.includes(name))
        context.addIssue({ code: 'custom', message: `there is no entry ${name}` });
    }
    if (new Set(names).size < names.length)
      context.addIssue({ code: 'custom', message: 'two entries have the same name' });
  });
/** The kernels under test, and the name of the newest. */
export type Catalogue = z.infer<typeof catalogue>;

const locked = z.strictObject({
  release: z.string(),
  /** The image, its modules, and headers if they are packaged; or the source that all are built from. */
  packages: z.array(archivePackage).nonempty(),
  /** The source that headers are prepared from. */
  source: archiveSource.optional(),
});
/** The packages of a kernel, each with its address, size and hash. */
export type LockedKernel = z.infer<typeof locked>;

const lock = z.record(z.string(), locked);

const lockFile = () => join(harness().kernels, 'lock.json');

/** Checks what a catalogue's file holds. */
export function parseCatalogue(text: string): Catalogue {
  return catalogue.parse(JSON.parse(text));
}

/** The catalogue, catalogue.json of the directory of kernels. */
export async function readCatalogue(): Promise<Catalogue> {
  return parseCatalogue(await readFile(join(harness().kernels, 'catalogue.json'), 'utf8'));
}

/** The lock file: which packages each entry is, with sizes and hashes. */
export async function readLock(): Promise<Record<string, LockedKernel>> {
  return lock.parse(JSON.parse(await readFile(lockFile(), 'utf8')));
}

/**
 * The packages of an entry.
 * @throws if it is not locked.
 */
export async function lockedKernel(name: string): Promise<LockedKernel> {
  const kernel = (await readLock())[name];
  if (!kernel) throw new Error(`kernel ${name} is not locked; run \`${harness().commands.update}\``);
  return kernel;
}

/** Replaces the lock file. */
export async function writeLock(kernels: Record<string, LockedKernel>): Promise<void> {
  await writeFile(lockFile(), `${JSON.stringify(lock.parse(kernels), null, 2)}\n`);
}

/**
 * The entry of a name; without one, the newest.
 * @throws {UsageError} if there is none, naming those there are.
 */
export async function findEntry(name?: string): Promise<CatalogueEntry> {
  const { newest, entries } = await readCatalogue();
  const wanted = name ?? newest;
  const found = entries.find((candidate) => candidate.name === wanted);
  if (found) return found;
  throw new UsageError(
    `there is no kernel ${wanted}; there are ${entries.map((each) => each.name).join(', ')}`,
  );
}

/**
 * The names of the entries that can be run here: all but those whose headers have to be named by the
 * user and are not.
 * @param trees the entries that a tree was given for
 */
export async function runnable(trees: ReadonlyMap<string, string>): Promise<string[]> {
  const { entries } = await readCatalogue();
  return entries
    .filter(({ name, headers }) => headers.from !== 'tree' || trees.has(name))
    .map(({ name }) => name);
}
