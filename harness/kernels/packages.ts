/** The packages of a kernel: its image and modules, and its headers if they are packaged. */
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { aptUpdate, download } from '../archive/debian.js';
import { cached } from '../util/cache.js';
import { step } from '../util/progress.js';
import type { LockedKernel } from './catalogue.js';
import { sha256 } from './image.js';
import { harness } from '../util/config.js';

/** Downloads and unpacks the packages of a kernel into a directory, checked against the lock. */
export async function fetchPackages(kernel: LockedKernel, dir: string): Promise<void> {
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

/** The error of a package or source that the lock names and the archive has dropped. */
export function goneFromArchive({ release }: LockedKernel, cause: unknown): Error {
  return new Error(
    `the archive no longer has ${release} as lock.json names it; ` +
      `run \`${harness().commands.update}\` to move to the newest patch release`,
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
    build: (dir) => step(`Downloading kernel ${release}`, () => fetchPackages(kernel, dir)),
  });
  const modules = join(dir, 'usr/lib/modules', release);
  for (const place of [modules, join(dir, 'boot')]) {
    const image = existsSync(place) && (await readdir(place)).find((file) => file.startsWith('vmlinuz'));
    if (image) return { dir, image: join(place, image), modules };
  }
  throw new Error(`${release}: there is no image in its packages`);
}
