/** Moving the lock file to what the archive offers now. */
import { describe, packageNames, sourceVersions } from '../archive/debian.js';
import type { ArchivePackage, ArchiveSource } from '../archive/debian.js';
import { StructureError } from './kernel-modules.js';
import type { Architecture } from '../util/architecture.js';
import type { CatalogueEntry, LockedKernel } from '../kernels/catalogue.js';
import { configFor, withPreparedHeaders } from '../kernels/prepared.js';
import type { Kernel } from '../kernels/kernel.js';
import { provideSource } from '../kernels/source.js';

const PREFIX = { cloud: 'cloud-', rt: 'rt-', plain: '' } as const;

const suffix = ({ flavour, arch }: CatalogueEntry) =>
  flavour === 'debug' || flavour === 'kcsan' ? flavour : `${PREFIX[flavour]}${arch}`;

/** The name by which apt finds a package of an architecture. */
const qualified = (name: string, arch: Architecture) => (arch === 'amd64' ? name : `${name}:${arch}`);

/** Orders releases, versions and files of one series by their patch number. */
function patchOf(release: string): number {
  return Number(/^\d+\.\d+\.(\d+)/.exec(release)?.[1] ?? 0);
}

const newestFirst = (a: string, b: string) => patchOf(b) - patchOf(a);

/** The packages that hold an image, in the three ways that Debian has packaged them. */
function imagePackages(release: string, arch: Architecture): string[][] {
  return [
    [`linux-binary-unsigned-${release}`, `linux-modules-${release}`, `linux-base-${release}`],
    [`linux-binary-${release}`],
    [`linux-image-${release}`],
  ].map((names) => names.map((name) => qualified(name, arch)));
}

/** linux-kbuild is what runs while a module is built: that of amd64 builds for each architecture. */
function headerPackages(entry: CatalogueEntry, release: string): string[] {
  const abi = release.slice(0, -(suffix(entry).length + 1));
  const own = qualified(`linux-headers-${release}`, entry.arch);
  return [own, `linux-headers-${abi}-common`, `linux-kbuild-${abi}`];
}

/** The releases of a series that packages of a kind are there for, newest first. */
async function releases(entry: CatalogueEntry, kind: string): Promise<string[]> {
  const prefix = `linux-${kind}-`;
  const shape = new RegExp(`^${prefix}(\\d+\\.\\d+\\.\\d+\\+deb\\d+-${suffix(entry)})$`);
  const names = await packageNames(`${prefix}${entry.series}.`, entry.arch);
  return names.flatMap((name) => shape.exec(name)?.[1] ?? []).sort(newestFirst);
}

/** The releases of a series that the archive has an image of, newest first. */
async function imageReleases(entry: CatalogueEntry): Promise<string[]> {
  const found = [...(await releases(entry, 'binary')), ...(await releases(entry, 'image'))];
  return [...new Set(found)].sort(newestFirst);
}

async function describeAll(names: string[], arch: Architecture): Promise<ArchivePackage[] | undefined> {
  const found = await Promise.all(names.map((name) => describe(name, arch)));
  return found.every((each) => each !== undefined) ? found : undefined;
}

async function lockImage(release: string, arch: Architecture): Promise<ArchivePackage[]> {
  for (const names of imagePackages(release, arch)) {
    const found = await describeAll(names, arch);
    if (found) return found;
  }
  throw new Error(`the archive lists ${release} but has no package with its image`);
}

/** The result for an entry: its lock, or why there is none, and the releases that were passed over. */
export interface Update {
  locked?: LockedKernel;
  notes: string[];
}

async function fromPackages(entry: CatalogueEntry): Promise<Update> {
  for (const release of await releases(entry, 'headers')) {
    const headers = await describeAll(headerPackages(entry, release), entry.arch);
    if (!headers) continue;
    const image = await lockImage(release, entry.arch);
    return { locked: { release, packages: [...image, ...headers] }, notes: [] };
  }
  return { notes: ['the archive has no headers for it'] };
}

/** Locks a kernel that is built here: it is as new as the source package that it is built from. */
async function toBuild(entry: CatalogueEntry): Promise<Update> {
  const { series } = entry;
  const source = await describe(`linux-source-${series}`);
  if (!source) return { notes: ['the archive has no source package of it'] };
  const release = `${/^\d+\.\d+\.\d+/.exec(source.version)?.[0] ?? series}-${suffix(entry)}`;
  return { locked: { release, packages: [source] }, notes: [] };
}

async function imageOnly(entry: CatalogueEntry): Promise<Update> {
  const [release] = await imageReleases(entry);
  if (release === undefined) return { notes: ['the archive has no image of it'] };
  return { locked: { release, packages: await lockImage(release, entry.arch) }, notes: [] };
}

/** The sources of a series that the pool still has, newest first; the index lists many that it has not. */
async function* sourcesInPool(series: string): AsyncGenerator<ArchiveSource> {
  const all = (await sourceVersions('linux')).filter(({ version }) => version.startsWith(`${series}.`));
  for (const source of all.sort((a, b) => newestFirst(a.version, b.version))) {
    const there = await provideSource(source).then(
      () => true,
      () => false,
    );
    if (there) yield source;
  }
}

/** Builds a module for a kernel; {@link StructureError} if its structures are not those of the kernel's image. */
export type Build = (kernel: Kernel) => Promise<unknown>;

/**
 * The reason why a module built with headers from this source does not have the structures of this image; empty if it
 * has.
 */
async function misfit(
  entry: CatalogueEntry,
  locked: LockedKernel,
  source: ArchiveSource,
  build: Build,
): Promise<string> {
  try {
    const config = await configFor(entry, locked);
    const path = () => provideSource(source);
    const kernel = await withPreparedHeaders(entry, locked, config, { key: source.sha256, path });
    await build(kernel);
    return '';
  } catch (error) {
    if (!(error instanceof StructureError)) throw error;
    return error.message.split('\n')[0] ?? '';
  }
}

async function fromSource(
  entry: CatalogueEntry,
  before: LockedKernel | undefined,
  build: Build,
): Promise<Update> {
  const notes: string[] = [];
  const images = await imageReleases(entry);
  for await (const source of sourcesInPool(entry.series)) {
    // An image older than the source is newer in no respect.
    for (const release of images.filter((each) => patchOf(each) >= patchOf(source.version))) {
      const locked: LockedKernel = { release, packages: await lockImage(release, entry.arch), source };
      if (JSON.stringify(locked) === JSON.stringify(before)) return { locked, notes };
      const why = await misfit(entry, locked, source, build);
      if (!why) return { locked, notes };
      notes.push(`${release} with the source of ${source.version}: ${why}`);
    }
  }
  return { notes: [...notes, 'the archive has no image and source that fit each other'] };
}

/**
 * The newest patch release of an entry that the archive has and that a module can be built for. Where
 * headers are prepared from a source, that is tried: what is locked has the structures of its image.
 */
export function update(
  entry: CatalogueEntry,
  before: LockedKernel | undefined,
  build: Build,
): Promise<Update> {
  switch (entry.headers.from) {
    case 'packages':
      return fromPackages(entry);
    case 'source':
      return fromSource(entry, before, build);
    case 'build':
      return toBuild(entry);
    case 'tree':
      return imageOnly(entry);
  }
}
