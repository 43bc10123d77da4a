/** swarmctl as it stands in client/, run on the host. */
import { join } from 'node:path';
import { execa } from 'execa';
import { repository } from '../../harness.config.js';

/**
 * Runs it.
 * @returns what it has printed to standard output.
 * @throws {ExecaError} if it fails.
 */
export async function swarmctl(...args: string[]): Promise<string> {
  const main = join(repository, 'client/cli/main.ts');
  const { stdout } = await execa(process.execPath, ['--import', 'tsx', main, ...args], { cwd: repository });
  return stdout;
}
