/** Looking into Debian packages. */
import { execa } from 'execa';
import type { DebianPackages } from './build.js';

function pathOf({ paths }: DebianPackages, name: string): string {
  const path = paths.get(name);
  if (path === undefined) throw new Error(`there is no package ${name}`);
  return path;
}

/** The files and links in a package, by their paths on the machine. */
export async function contentsOf(packages: DebianPackages, name: string): Promise<string[]> {
  const { stdout } = await execa('dpkg-deb', ['--contents', pathOf(packages, name)]);
  return stdout
    .split('\n')
    .flatMap((line) => /^[-l]\S* .* \.(\/.*?)(?: -> .*)?$/.exec(line)?.[1] ?? [])
    .sort();
}

/** A field of a package's control file. */
export async function fieldOf(packages: DebianPackages, name: string, field: string): Promise<string> {
  const { stdout } = await execa('dpkg-deb', ['--field', pathOf(packages, name), field]);
  return stdout;
}
