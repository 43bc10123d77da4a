/** Headers that are prepared here, from a source and an image's configuration, for an image that is packaged without. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lockedKernel } from './catalogue.js';
import type { CatalogueEntry, LockedKernel } from './catalogue.js';
import type { Kernel } from './kernel.js';
import { unpack } from './packages.js';
import { prepareHeaders } from './prepare.js';

/** A configuration for headers. */
export interface Configuration {
  /** The kernel whose image's configuration is taken. */
  kernel: LockedKernel;
  /** Options that are switched off in it. */
  without: readonly string[];
}

/**
 * The configuration of an image, without some options.
 * @throws if the image's packages hold none.
 */
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

/** A source that headers are prepared from. */
export interface HeaderSource {
  /** Identifies the part of it that the result depends on. */
  key: string;
  /** Provides its path: a tarball, or a tree. */
  path: () => Promise<string>;
}

/**
 * A kernel whose image is packaged and whose headers are not.
 * @throws if it is for another architecture than amd64: headers are prepared for amd64 only.
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

/** The configuration for an entry's headers: its own image's, unless the entry says otherwise. */
export async function configFor({ headers }: CatalogueEntry, own: LockedKernel): Promise<Configuration> {
  const { config, without = [] } = headers.from === 'source' || headers.from === 'tree' ? headers : {};
  return { kernel: config === undefined ? own : await lockedKernel(config), without };
}
