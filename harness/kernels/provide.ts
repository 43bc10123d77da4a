/** Kernels from Debian's archive, unpacked into the cache. */
import { createHash } from 'node:crypto';
import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { aptUpdate, download } from '../roots/debian.js';
import type { Bind } from '../roots/tool-root.js';
import { cached } from '../util/cache.js';
import { step } from '../util/progress.js';
import { findEntry, readLock } from './catalogue.js';
import type { LockedKernel } from './catalogue.js';

/** A kernel that can be built for and booted. */
export interface Kernel {
  /** Its name in the catalogue. */
  readonly name: string;
  /** What uname -r says. */
  readonly release: string;
  /** The image that QEMU boots. */
  readonly image: string;
  /** Its modules: the directory lib/modules/<release>. */
  readonly modules: string;
  /** What a root must see, and where, to build modules for it. */
  readonly headers: Bind[];
  /** The directory to build against, inside such a root. */
  readonly kdir: string;
}

/** The hash of a file as the archive's index writes it. */
async function sha256(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

async function fetchAndUnpack(kernel: LockedKernel, dir: string): Promise<void> {
  const wanted = new Set(kernel.packages.map((each) => each.sha256));
  try {
    await download(kernel.packages, dir);
  } catch {
    await aptUpdate();
    await download(kernel.packages, dir).catch((error: unknown) => {
      throw new Error(
        `the archive no longer has ${kernel.release} as vm-images/kernels/lock.json names it; ` +
          'run `npm run kernels:update` to move to the newest patch release',
        { cause: error },
      );
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

/**
 * A kernel of the catalogue, downloaded if it is not in the cache (60 MB).
 * @param name its name in the catalogue; the newest by default
 * @throws where the catalogue or the archive does not have it.
 */
export async function provideKernel(name?: string): Promise<Kernel> {
  const entry = await findEntry(name);
  const kernel = (await readLock())[entry.name];
  if (!kernel) throw new Error(`kernel ${entry.name} is not locked; run \`npm run kernels:update\``);
  const { release, packages } = kernel;
  const dir = await cached({
    kind: 'kernels',
    label: release,
    key: packages.map((each) => each.sha256),
    build: (dir) => step(`Downloading kernel ${release}`, () => fetchAndUnpack(kernel, dir)),
  });
  const modules = join(dir, 'usr/lib/modules', release);
  const image = (await readdir(modules)).find((file) => file.startsWith('vmlinuz'));
  if (!image) throw new Error(`${release}: there is no image in ${modules}`);
  const kbuild = (await readdir(join(dir, 'usr/lib'))).filter((each) => each.startsWith('linux-kbuild'));
  const headers = ['usr/src', ...kbuild.map((each) => `usr/lib/${each}`)].map((inside) => ({
    host: join(dir, inside),
    inside,
  }));
  return {
    name: entry.name,
    release,
    image: join(modules, image),
    modules,
    headers,
    kdir: `/usr/src/linux-headers-${release}`,
  };
}
