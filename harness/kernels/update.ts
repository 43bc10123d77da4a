/** Moving the lock file to what the archive offers now. */
import { describe, packageNames } from '../roots/debian.js';
import type { ArchivePackage } from '../roots/debian.js';
import type { CatalogueEntry, LockedKernel } from './catalogue.js';

const SUFFIX = { cloud: 'cloud-amd64', rt: 'rt-amd64', plain: 'amd64' } as const;

/** Orders releases of one series by their patch number. */
function patchOf(release: string): number {
  return Number(/^\d+\.\d+\.(\d+)/.exec(release)?.[1] ?? 0);
}

/** The newest release of a series for which the archive has headers, such as 7.3.4+deb13-cloud-amd64. */
export async function newestRelease({ series, flavour }: CatalogueEntry): Promise<string | undefined> {
  const names = await packageNames(`linux-headers-${series}.`);
  const shape = new RegExp(`^linux-headers-(\\d+\\.\\d+\\.\\d+\\+deb\\d+-${SUFFIX[flavour]})$`);
  const releases = names.flatMap((name) => shape.exec(name)?.[1] ?? []);
  return releases.sort((a, b) => patchOf(b) - patchOf(a))[0];
}

/** The packages of a release: the image, its modules and configuration, and what modules are built with. */
export async function lockRelease({ flavour }: CatalogueEntry, release: string): Promise<LockedKernel> {
  const abi = release.slice(0, -(SUFFIX[flavour].length + 1));
  const names = [
    `linux-binary-unsigned-${release}`,
    `linux-modules-${release}`,
    `linux-base-${release}`,
    `linux-headers-${release}`,
    `linux-headers-${abi}-common`,
    `linux-kbuild-${abi}`,
  ];
  const packages: ArchivePackage[] = [];
  for (const name of names) {
    const found = await describe(name);
    if (!found) throw new Error(`the archive lists ${release} but has no package ${name}`);
    packages.push(found);
  }
  return { release, packages };
}
