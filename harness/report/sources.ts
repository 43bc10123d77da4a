/** What a result is a result of. */
import { execa } from 'execa';
import { hashOf } from '../util/cache.js';
import { repository } from '../util/repository.js';

/** What specs in guests depend on: everything but the pages that people read. */
const TRACKED = [
  ...['module', 'vm-images', 'harness', 'specs', 'scripts', 'bench/peers', 'docs/abi'],
  ...['package-lock.json', 'playwright.config.ts'],
];

/**
 * A short hash of the sources that specs in guests depend on, as they are committed.
 * @param dir the repository
 * @returns undefined where something there is not committed, or nothing is under Git: then no two runs
 * are known to be of the same.
 */
export async function sourcesHash(dir: string = repository): Promise<string | undefined> {
  const git = async (...words: string[]) =>
    execa('git', ['-c', 'safe.directory=*', ...words, '--', ...TRACKED], { cwd: dir, reject: false });
  const [files, changes] = [await git('ls-tree', '-r', 'HEAD'), await git('status', '--porcelain')];
  if (files.exitCode !== 0 || files.stdout === '' || changes.exitCode !== 0 || changes.stdout !== '')
    return undefined;
  return hashOf(files.stdout);
}
