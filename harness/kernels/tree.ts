/** Kernels of one's own: a source, a build tree, or what a kernel installs, named on the command line. */
import { existsSync } from 'node:fs';
import { readFile, readdir, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import type { Bind } from '../archive/tool-root.js';
import { hashOf } from '../util/cache.js';
import { UsageError } from '../util/errors.js';
import { run } from '../util/run.js';
import type { CatalogueEntry } from './catalogue.js';
import type { HeaderSource } from './prepared.js';
import type { Kernel } from './kernel.js';

/**
 * Trees as they are given on a command line, NAME=PATH for each.
 * @returns absolute paths, by the names of the entries that they stand for
 * @throws {UsageError} if one has another form, or names nothing.
 */
export function parseTrees(options: readonly string[]): Record<string, string> {
  const trees = options.map((option) => {
    const [name, path] = [option.split('=', 1)[0] ?? '', option.slice(option.indexOf('=') + 1)];
    if (!option.includes('=') || !name || !path)
      throw new UsageError(
        `a kernel's tree is given as NAME=PATH, such as 6.14=/usr/src/linux-6.14, not ${option}`,
      );
    if (!existsSync(path)) throw new UsageError(`${option}: there is no ${path}`);
    return [name, resolve(path)];
  });
  return Object.fromEntries(trees) as Record<string, string>;
}

/** The trees that were named, by the name of the entry they stand for. */
export function kernelTrees(): ReadonlyMap<string, string> {
  return new Map(Object.entries(run().trees ?? {}));
}

async function releaseOf(kdir: string): Promise<string> {
  return (await readFile(join(kdir, 'include/config/kernel.release'), 'utf8')).trim();
}

/** A tree that a kernel was built in; it may have its source elsewhere (make O=). */
async function buildTree({ name, arch }: CatalogueEntry, tree: string): Promise<Kernel | undefined> {
  const image = join(tree, { amd64: 'arch/x86/boot/bzImage', arm64: 'arch/arm64/boot/Image' }[arch]);
  if (!existsSync(image) || !existsSync(join(tree, 'include/config/kernel.release'))) return undefined;
  if (!existsSync(join(tree, 'Module.symvers')))
    throw new Error(`${tree} has an image but no Module.symvers; build its modules as well (make modules)`);
  const source = await realpath(join(tree, 'source')).catch(() => tree);
  const places = [...new Set([tree, source])];
  // Where make O= was used the tree names its source by its path, so everything stays where it is.
  const headers: Bind[] = places.map((host) => ({ host, inside: host.slice(1) }));
  return { name, release: await releaseOf(tree), arch, image, modules: tree, headers, kdir: tree };
}

/** The binds of header packages, at the places where Debian installs them, beside what a root has there. */
export async function headerBinds(root: string): Promise<Bind[]> {
  const within = async (dir: string, prefix: string) =>
    (await readdir(join(root, dir)))
      .filter((name) => name.startsWith(prefix))
      .map((name) => `${dir}/${name}`);
  const places = [
    ...(await within('usr/src', 'linux-headers')),
    ...(await within('usr/lib', 'linux-kbuild')),
  ];
  return places.map((inside) => ({ host: join(root, inside), inside }));
}

/** A root, or a directory with unpacked packages, that a kernel and its headers are installed in. */
async function installed({ name, arch }: CatalogueEntry, root: string): Promise<Kernel | undefined> {
  for (const lib of ['usr/lib/modules', 'lib/modules']) {
    const dir = join(root, lib);
    for (const release of existsSync(dir) ? await readdir(dir) : []) {
      const modules = join(dir, release);
      const images = [join(root, 'boot', `vmlinuz-${release}`)];
      images.push(
        ...(await readdir(modules))
          .filter((file) => file.startsWith('vmlinuz'))
          .map((file) => join(modules, file)),
      );
      const image = images.find(existsSync);
      const source = join(root, 'usr/src');
      const kdir = join(source, `linux-headers-${release}`);
      if (!image || !existsSync(kdir)) continue;
      return {
        name,
        release,
        arch,
        image,
        modules,
        headers: await headerBinds(root),
        kdir: `/usr/src/linux-headers-${release}`,
      };
    }
  }
  return undefined;
}

/**
 * The kernel that a directory holds; undefined if it is a source that has not been built.
 * @param entry the entry of the catalogue that it stands for
 * @throws if it is neither.
 */
export async function provideTree(entry: CatalogueEntry, path: string): Promise<Kernel | undefined> {
  if (!(await stat(path)).isDirectory()) throw new Error(`${path} is not a directory`);
  const kernel = (await buildTree(entry, path)) ?? (await installed(entry, path));
  if (kernel) return kernel;
  if (existsSync(join(path, 'Kbuild')) && existsSync(join(path, 'kernel/fork.c'))) return undefined;
  throw new Error(
    `${path} is none of these: a kernel's source; a tree that one was built in (arch/x86/boot/bzImage, Module.symvers); ` +
      'a directory in which one is installed (boot or lib/modules/RELEASE with vmlinuz, usr/src/linux-headers-RELEASE)',
  );
}

/** A source as something to prepare headers from, or to build: known by the sizes and times of its files. */
export async function treeSource(path: string): Promise<HeaderSource> {
  const files = ['-name', '.git', '-prune', '-o', '-type', 'f', '-printf', '%P %s %T@\\n'];
  const { stdout } = await execa('find', ['.', ...files], { cwd: path });
  return { key: hashOf(...stdout.split('\n').sort()), path: () => Promise.resolve(path) };
}

/**
 * The release of a source whose configuration adds nothing to it: as its scripts/setlocalversion puts it
 * together, outside a repository.
 * @throws if its Makefile does not tell.
 */
export async function treeRelease(path: string): Promise<string> {
  const { stdout } = await execa('make', ['-s', '--no-print-directory', '-C', path, 'kernelversion']);
  const suffixes = (await readdir(path)).filter((name) => /^localversion[^~]*$/.test(name)).sort();
  const texts = await Promise.all(suffixes.map((name) => readFile(join(path, name), 'utf8')));
  return [stdout, ...texts].join('').replace(/\s/g, '');
}

/** Packs a source into a directory, without what may have been built in it, and says under which name. */
export async function packTree(path: string, dir: string): Promise<string> {
  const name = 'source.tar';
  const built = ['.git', '*.o', '*.a', '*.ko'].map((each) => `--exclude=${each}`);
  await execa('tar', ['-cf', join(dir, name), ...built, '-C', path, '.']);
  return name;
}
