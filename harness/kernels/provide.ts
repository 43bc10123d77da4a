/** Kernels of the catalogue, ready to be built for and booted: each from where its entry says. */
import { buildOwn } from './build.js';
import { findEntry, lockedKernel, readLock } from './catalogue.js';
import type { CatalogueEntry, LockedKernel } from './catalogue.js';
import type { Kernel } from './kernel.js';
import { fetchPackages, goneFromArchive, unpack } from './packages.js';
import { configFor, withPreparedHeaders } from './prepared.js';
import { provideSource } from './source.js';
import { headerBinds, kernelTrees, packTree, provideTree, treeRelease, treeSource } from './tree.js';
import { harness } from '../util/config.js';

/** The configuration of a kernel that is built from a source of the user's. */
const OWN = ['own.config'];

/** From packages: image, modules and headers. */
async function fromPackages({ name, arch }: CatalogueEntry, locked: LockedKernel): Promise<Kernel> {
  const { dir, image, modules } = await unpack(locked);
  const { release } = locked;
  const kdir = `/usr/src/linux-headers-${release}`;
  return { name, release, arch, image, modules, headers: await headerBinds(dir), kdir };
}

/** From packages, except the headers, which are prepared from the source that is locked. */
async function fromSource(entry: CatalogueEntry, locked: LockedKernel): Promise<Kernel> {
  const { source } = locked;
  if (!source)
    throw new Error(`no source is locked for kernel ${entry.name}; run \`${harness().commands.update}\``);
  const path = () =>
    provideSource(source).catch((error: unknown) => {
      throw goneFromArchive(locked, error);
    });
  const config = await configFor(entry, locked);
  return withPreparedHeaders(entry, locked, config, { key: source.sha256, path });
}

/** Built here, from the source package that is locked. */
async function fromBuild(
  { name, arch, checks, slower }: CatalogueEntry,
  locked: LockedKernel,
  fragments: readonly string[],
): Promise<Kernel> {
  const { release, packages } = locked;
  const fetch = async (dir: string) => {
    await fetchPackages(locked, dir);
    return `usr/src/${packages[0]?.name ?? ''}.tar.xz`;
  };
  const sourceKey = packages.map(({ sha256 }) => sha256);
  return { name, arch, checks, slower, ...(await buildOwn({ release, sourceKey, fragments, fetch })) };
}

/**
 * From a tree of the user's: a kernel that is built or installed there, or else its source. A source gets the
 * archive's image, or, if there is none, is built here.
 */
async function fromTree(entry: CatalogueEntry, path: string): Promise<Kernel> {
  const tree = await provideTree(entry, path);
  if (tree) return tree;
  const locked = (await readLock())[entry.name];
  if (locked)
    return withPreparedHeaders(entry, locked, await configFor(entry, locked), await treeSource(path));
  const { name, arch } = entry;
  const built = await buildOwn({
    release: await treeRelease(path),
    sourceKey: [(await treeSource(path)).key],
    fragments: OWN,
    fetch: (dir) => packTree(path, dir),
  });
  return { name, arch, ...built };
}

/**
 * A kernel of the catalogue, downloaded and its headers prepared if they are not in the cache.
 * @param name its name in the catalogue; the newest by default
 * @throws if the catalogue or the archive does not have it.
 */
export async function provideKernel(name?: string): Promise<Kernel> {
  const entry = await findEntry(name);
  const { headers } = entry;
  const path = kernelTrees().get(entry.name);
  if (path !== undefined) return fromTree(entry, path);
  switch (headers.from) {
    case 'packages':
      return fromPackages(entry, await lockedKernel(entry.name));
    case 'source':
      return fromSource(entry, await lockedKernel(entry.name));
    case 'build':
      return fromBuild(entry, await lockedKernel(entry.name), headers.fragments);
    case 'tree':
      throw new Error(
        `kernel ${entry.name} needs a tree of yours: ${headers.because}.\n` +
          `  ${harness().commands.tree(entry.name)} names a kernel's source, its build tree or its installed files`,
      );
  }
}
