/** Copies of the repository, for specs that change it. */
import { existsSync } from 'node:fs';
import { cp, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { repository } from '../../harness.config.js';

/**
 * Copies the repository as it is and commits everything there, as a repository of its own.
 * @param copy where; it must not exist yet
 * @param more texts of files that it has instead, or beside, by their paths
 * @returns `copy`
 */
export async function committedCopy(copy: string, more: Record<string, string> = {}): Promise<string> {
  const git = (...words: string[]) =>
    execa('git', ['-c', 'user.name=x', '-c', 'user.email=x', ...words], { cwd: copy });
  const { stdout } = await execa('git', ['-c', 'safe.directory=*', 'ls-files', '-co', '--exclude-standard'], {
    cwd: repository,
  });
  for (const name of stdout.split('\n').filter((each) => existsSync(join(repository, each))))
    await cp(join(repository, name), join(copy, name));
  for (const [name, text] of Object.entries(more)) await writeFile(join(copy, name), text);
  await git('init', '--quiet');
  await git('add', '.');
  await git('commit', '--quiet', '--message', 'as it is');
  await symlink(join(repository, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}
