/** A copy of the repository to remove safeguards in. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { $ } from 'zx';
import { repository } from '../harness.config.js';

/**
 * Copies the repository as it is now, what git tracks and is not committed included, with the packages that are
 * installed in it. What is disposed of is the copy.
 * @throws if the repository is no git checkout, or has no packages installed
 */
export async function copyRepository(): Promise<{ readonly dir: string } & AsyncDisposable> {
  if (!existsSync(join(repository, 'node_modules'))) throw new Error('install the packages first: npm ci');
  const here = $({ cwd: repository, quiet: true });
  const changed = (await here`git stash create`).stdout.trim();
  const commit = changed || (await here`git rev-parse HEAD`).stdout.trim();
  const dir = await mkdtemp(join(tmpdir(), 'swarm-guard-mutation-'));
  const remove = () => rm(dir, { recursive: true, force: true });
  try {
    const inCopy = $({ cwd: dir, quiet: true });
    await inCopy`git init --quiet`;
    await inCopy`git fetch --quiet --depth 1 ${repository} ${commit}:refs/heads/mutation`;
    await inCopy`git checkout --quiet mutation`;
    // Links where that is possible; those between workspaces are relative, and lead into the copy.
    await inCopy`cp -al ${join(repository, 'node_modules')} . || cp -a ${join(repository, 'node_modules')} .`;
  } catch (error) {
    await remove();
    throw error;
  }
  return { dir, [Symbol.asyncDispose]: remove };
}
