/** The sources of a module, as git knows them. */
import { cp, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';

/** The files below a directory that git tracks, and those it would track if they were added. */
async function sourcesIn(dir: string): Promise<string[]> {
  const { stdout } = await execa(
    'git',
    ['-c', 'safe.directory=*', 'ls-files', '-co', '--exclude-standard', '.'],
    { cwd: dir },
  );
  return stdout.split('\n').filter(Boolean).sort();
}

/** Copies the sources below a directory, without anything that was built among them. */
export async function copySources(from: string, to: string): Promise<void> {
  for (const file of await sourcesIn(from)) {
    await mkdir(dirname(join(to, file)), { recursive: true });
    await cp(join(from, file), join(to, file));
  }
}

/**
 * Names and texts of the sources below a directory: the key of what is built from them.
 * @param unused the files that the build does not read
 */
export async function sourcesKey(dir: string, unused?: RegExp): Promise<string[]> {
  const files = (await sourcesIn(dir)).filter((file) => !unused?.test(file));
  return [...files, ...(await Promise.all(files.map((file) => readFile(join(dir, file), 'utf8'))))];
}
