/** The commit that a result is valid for, as far as specs depend on it. */
import { execa } from 'execa';
import { harness } from '../util/config.js';

/** Written by runs: a project that does not ignore them is as clean with them as without. */
const WRITTEN = ['report', 'test-results', 'node_modules'].map((name) => `:(exclude)${name}`);

const SPEC = /^specs\/([^/]+\/)?[^/]+\.spec\.ts$/;

/** The lines that a Git command prints about the files that specs depend on; undefined if it fails. */
async function lines(dir: string, ...words: string[]): Promise<string[] | undefined> {
  const args = ['-c', 'safe.directory=*', ...words, '--', ...harness().sources, ...WRITTEN];
  const { exitCode, stdout } = await execa('git', args, { cwd: dir, reject: false });
  return exitCode === 0 ? stdout.split('\n').filter(Boolean) : undefined;
}

/**
 * The commit that is checked out.
 * @param dir the repository
 * @returns undefined if anything that specs depend on differs from it, or nothing is under Git
 */
export async function cleanCommit(dir: string = harness().root): Promise<string | undefined> {
  if ((await lines(dir, 'status', '--porcelain'))?.length !== 0) return undefined;
  return (await lines(dir, 'rev-list', '--max-count=1', 'HEAD'))?.[0];
}

/**
 * Finds the results of an earlier commit that are valid for the commit that is checked out.
 * @param commit the earlier one
 * @param dir the repository
 * @returns says of a spec file, by its path in the repository, whether it and everything it depends on
 * have stayed the same; of the specs in other files it does not depend
 */
export async function unchangedSince(
  commit: string,
  dir: string = harness().root,
): Promise<(file: string) => boolean> {
  const changed = await lines(dir, 'diff', '--name-only', '--relative', '--no-renames', commit, 'HEAD');
  const counting = changed?.filter((path) => !harness().reporting?.test(path));
  if (!counting?.every((path) => SPEC.test(path))) return () => false;
  return (file) => !counting.includes(file);
}
