/** What a result is a result of. */
import { execa } from 'execa';
import { hashOf } from '../util/cache.js';
import { repository } from '../util/repository.js';

/** What specs in guests depend on: everything but the pages that people read. */
const TRACKED = [
  ...['module', 'vm-images', 'harness', 'specs', 'scripts', 'bench/peers', 'docs/abi'],
  ...['package-lock.json', 'playwright.config.ts'],
];

/** The directories whose specs are a suite of their own. */
function suitesIn(files: readonly string[]): Set<string> {
  return new Set(files.flatMap((file) => /specs\/([^/]+)\/[^/]+\.spec\.ts$/.exec(file)?.[1] ?? []));
}

/**
 * A short hash of the sources that a suite of guest specs depends on, as they are committed.
 * @param suite whose own specs count, those of other suites not
 * @param dir the repository
 * @returns undefined where something there is not committed, or nothing is under Git: then no two runs
 * are known to be of the same.
 */
export async function sourcesHash(suite: string, dir: string = repository): Promise<string | undefined> {
  const git = async (...words: string[]) => {
    const args = ['-c', 'safe.directory=*', ...words, '--', ...TRACKED];
    const { exitCode, stdout } = await execa('git', args, { cwd: dir, reject: false });
    return exitCode === 0 ? stdout.split('\n').filter(Boolean) : undefined;
  };
  const files = await git('ls-tree', '-r', 'HEAD');
  const changes = await git('status', '--porcelain', '--no-renames', '--untracked-files=all');
  if (!files?.length || !changes) return undefined;
  const others = suitesIn([...files, ...changes]);
  // The kernel that must be refused is one of the specs of kernels.
  others.delete(suite === 'refused' ? 'kernels' : suite);
  const counts = (line: string) => !others.has(/\bspecs\/([^/]+)\//.exec(line)?.[1] ?? '');
  return changes.some(counts) ? undefined : hashOf(files.filter(counts).join('\n'));
}
