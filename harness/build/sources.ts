/** The sources of a module, as git knows them. */
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, readdir } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { execa } from 'execa';

/** Files that kbuild leaves beside its sources. */
const BUILT = /(^|\/)\.|\.(ko|o|a|mod|mod\.c|order|symvers)$/;

/**
 * The files below a directory that git tracks, and those it would track if they were added; where there is
 * no repository, all but what a build leaves there. Git also lists what has been removed since: that is left out.
 */
async function sourcesIn(dir: string): Promise<string[]> {
  const words = ['-c', 'safe.directory=*', 'ls-files', '-z', '-co', '--exclude-standard', '.'];
  const { exitCode, stdout } = await execa('git', words, { cwd: dir, reject: false });
  if (exitCode === 0) {
    const listed = new Set(stdout.split('\0').filter(Boolean));
    return [...listed].filter((path) => existsSync(join(dir, path))).sort();
  }
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() || entry.isSymbolicLink());
  const paths = files.map((entry) => relative(dir, join(entry.parentPath, entry.name)));
  return paths.filter((path) => !BUILT.test(path) && existsSync(join(dir, path))).sort();
}

/** Copies the sources below a directory, without anything that was built among them; of a link, what it leads to. */
export async function copySources(from: string, to: string): Promise<void> {
  for (const file of await sourcesIn(from)) {
    await mkdir(dirname(join(to, file)), { recursive: true });
    await cp(join(from, file), join(to, file), { dereference: true });
  }
}

/** Copies modules, by their paths in the directory that they were built in, beside each other into another one. */
export async function copyModules(from: string, modules: readonly string[], to: string): Promise<void> {
  for (const path of modules) await cp(join(from, path), join(to, basename(path)));
}

/**
 * Names and texts of the sources below a directory: the key of what is built from them.
 * @param unused the files that the build does not read
 */
export async function sourcesKey(dir: string, unused?: RegExp): Promise<string[]> {
  const files = (await sourcesIn(dir)).filter((file) => !unused?.test(file));
  return [...files, ...(await Promise.all(files.map((file) => readFile(join(dir, file), 'utf8'))))];
}
