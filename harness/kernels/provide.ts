/** Kernels of the catalogue, ready to be built for and booted. */
import { existsSync } from 'node:fs';
import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { aptUpdate, download } from '../archive/debian.js';
import type { Bind } from '../archive/tool-root.js';
import type { Architecture } from '../util/architecture.js';
import { cached } from '../util/cache.js';
import { step } from '../util/progress.js';
import { buildOwn } from './build.js';
import { findEntry, readLock } from './catalogue.js';
import type { CatalogueEntry, Checks, LockedKernel } from './catalogue.js';
import { sha256 } from './image.js';
import { prepareHeaders } from './prepare.js';
import { provideSource } from './source.js';
import { headerBinds, kernelTrees, packTree, provideTree, treeRelease, treeSource } from './tree.js';

/** What a kernel is configured with that is built of a source of the user's. */
const OWN = ['own.config'];

/** A kernel that can be built for and booted. */
export interface Kernel {
  /** Its name in the catalogue. */
  readonly name: string;
  /** What uname -r says. */
  readonly release: string;
  readonly arch: Architecture;
  /** The image that QEMU boots. */
  readonly image: string;
  /** Its modules, as far as there are any: a directory such as lib/modules/<release>. */
  readonly modules: string;
  /** What a root must see, and where, to build modules for it. */
  readonly headers: Bind[];
  /** The directory to build against, inside such a root. */
  readonly kdir: string;
  /** What it looks for all the while. */
  readonly checks?: Checks | undefined;
  /** How many times longer than on others everything takes. */
  readonly slower?: number | undefined;
  /** Image and headers come of one build: their structures are the same, and the image does not tell of them. */
  readonly builtTogether?: boolean;
}

async function fetchAndUnpack(kernel: LockedKernel, dir: string): Promise<void> {
  const wanted = new Set(kernel.packages.map((each) => each.sha256));
  const arch = kernel.packages.some(({ name }) => name.endsWith(':arm64')) ? 'arm64' : 'amd64';
  try {
    await download(kernel.packages, dir, arch);
  } catch {
    await aptUpdate(arch);
    await download(kernel.packages, dir, arch).catch((error: unknown) => {
      throw goneFromArchive(kernel, error);
    });
  }
  for (const name of (await readdir(dir)).filter((each) => each.endsWith('.deb'))) {
    const path = join(dir, name);
    if (!wanted.delete(await sha256(path)))
      throw new Error(`${name} is not the package that the lock file names`);
    await execa('dpkg-deb', ['-x', path, dir]);
    await rm(path);
  }
  if (wanted.size > 0) throw new Error(`${kernel.release}: ${wanted.size} packages were not downloaded`);
}

function goneFromArchive({ release }: LockedKernel, cause: unknown): Error {
  return new Error(
    `the archive no longer has ${release} as vm-images/kernels/lock.json names it; ` +
      'run `npm run kernels:update` to move to the newest patch release',
    { cause },
  );
}

/** A kernel's packages, unpacked. */
export interface Unpacked {
  readonly dir: string;
  readonly image: string;
  readonly modules: string;
}

/** The packages of a kernel, downloaded if they are not in the cache (15 to 60 MB). */
export async function unpack(kernel: LockedKernel): Promise<Unpacked> {
  const { release, packages } = kernel;
  const dir = await cached({
    kind: 'kernels',
    label: release,
    key: packages.map((each) => each.sha256),
    build: (dir) => step(`Downloading kernel ${release}`, () => fetchAndUnpack(kernel, dir)),
  });
  const modules = join(dir, 'usr/lib/modules', release);
  for (const place of [modules, join(dir, 'boot')]) {
    const image = existsSync(place) && (await readdir(place)).find((file) => file.startsWith('vmlinuz'));
    if (image) return { dir, image: join(place, image), modules };
  }
  throw new Error(`${release}: there is no image in its packages`);
}

async function lockedKernel(name: string): Promise<LockedKernel> {
  const kernel = (await readLock())[name];
  if (!kernel) throw new Error(`kernel ${name} is not locked; run \`npm run kernels:update\``);
  return kernel;
}

/** What headers are configured with. */
export interface Configuration {
  /** The kernel whose image's configuration is taken. */
  kernel: LockedKernel;
  /** Options that are switched off in it. */
  without: readonly string[];
}

/** The configuration of an image, but for some options; the packages of some images hold none. */
async function configurationOf({ kernel, without }: Configuration): Promise<string> {
  const { dir, modules } = await unpack(kernel);
  const places = [join(modules, 'config'), join(dir, 'boot', `config-${kernel.release}`)];
  const found = places.find(existsSync);
  if (!found) throw new Error(`the packages of ${kernel.release} hold no configuration`);
  const text = await readFile(found, 'utf8');
  const switchedOff = (all: string, option: string) =>
    all.replace(new RegExp(`^CONFIG_${option}=.*$`, 'm'), `# CONFIG_${option} is not set`);
  return without.reduce(switchedOff, text);
}

/** What headers are prepared from. */
export interface HeaderSource {
  /** What the result depends on of it. */
  key: string;
  /** Provides its path: a tarball, or a tree. */
  path: () => Promise<string>;
}

/**
 * A kernel whose image is packaged and whose headers are not.
 * @throws where it is for another architecture than amd64, for which no headers are prepared here.
 */
export async function withPreparedHeaders(
  { name, arch }: CatalogueEntry,
  locked: LockedKernel,
  config: Configuration,
  source: HeaderSource,
): Promise<Kernel> {
  const { release } = locked;
  if (arch !== 'amd64') throw new Error(`headers for ${release} have to be packages: it is for ${arch}`);
  const { image, modules } = await unpack(locked);
  const prepared = await prepareHeaders({
    release,
    image,
    config: await configurationOf(config),
    sourceKey: source.key,
    source: source.path,
  });
  const inside = `usr/src/linux-headers-${release}`;
  return {
    name,
    release,
    arch,
    image,
    modules: existsSync(join(modules, 'kernel')) ? modules : prepared.modules,
    headers: [{ host: prepared.headers, inside }],
    kdir: `/${inside}`,
  };
}

/** What an entry's headers are configured with: what its own image is, where nothing is said. */
export async function configFor({ headers }: CatalogueEntry, own: LockedKernel): Promise<Configuration> {
  const { config, without = [] } = headers.from === 'source' || headers.from === 'tree' ? headers : {};
  return { kernel: config === undefined ? own : await lockedKernel(config), without };
}

async function fromTree(entry: CatalogueEntry, because: string): Promise<Kernel> {
  const path = (await kernelTrees()).get(entry.name);
  if (path === undefined) {
    throw new Error(
      `kernel ${entry.name} needs a tree of yours: ${because}.\n` +
        `  --kernel-tree ${entry.name}=PATH names a kernel's source, its build tree or its installed files`,
    );
  }
  const tree = await provideTree(entry, path);
  if (tree) return tree;
  // A source without an image of its own: the archive's image, or, if there is none, one that is built here.
  const locked = (await readLock())[entry.name];
  if (!locked) {
    const { name, arch } = entry;
    const built = await buildOwn({
      release: await treeRelease(path),
      sourceKey: [(await treeSource(path)).key],
      fragments: OWN,
      fetch: (dir) => packTree(path, dir),
    });
    return { name, arch, ...built };
  }
  return withPreparedHeaders(entry, locked, await configFor(entry, locked), await treeSource(path));
}

/**
 * A kernel of the catalogue, downloaded and its headers prepared if they are not in the cache.
 * @param name its name in the catalogue; the newest by default
 * @throws where the catalogue or the archive does not have it.
 */
export async function provideKernel(name?: string): Promise<Kernel> {
  const entry = await findEntry(name);
  const { headers } = entry;
  if (headers.from === 'tree') return fromTree(entry, headers.because);
  const tree = (await kernelTrees()).get(entry.name);
  const own = tree === undefined ? undefined : await provideTree(entry, tree);
  if (own) return own;

  const locked = await lockedKernel(entry.name);
  if (tree !== undefined)
    return withPreparedHeaders(entry, locked, await configFor(entry, locked), await treeSource(tree));
  if (headers.from === 'build') {
    const { release, packages } = locked;
    const fetch = async (dir: string) => {
      await fetchAndUnpack(locked, dir);
      return `usr/src/${packages[0]?.name ?? ''}.tar.xz`;
    };
    const sourceKey = packages.map(({ sha256 }) => sha256);
    const built = await buildOwn({ release, sourceKey, fragments: headers.fragments, fetch });
    return { name: entry.name, arch: entry.arch, checks: entry.checks, slower: entry.slower, ...built };
  }
  if (headers.from === 'source') {
    const { source } = locked;
    if (!source)
      throw new Error(`no source is locked for kernel ${entry.name}; run \`npm run kernels:update\``);
    const path = () =>
      provideSource(source).catch((error: unknown) => {
        throw goneFromArchive(locked, error);
      });
    const config = await configFor(entry, locked);
    return withPreparedHeaders(entry, locked, config, { key: source.sha256, path });
  }
  const { dir, image, modules } = await unpack(locked);
  const { release } = locked;
  return {
    name: entry.name,
    release,
    arch: entry.arch,
    image,
    modules,
    headers: await headerBinds(dir),
    kdir: `/usr/src/linux-headers-${release}`,
  };
}
