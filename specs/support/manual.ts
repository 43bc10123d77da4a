/** The manual page of swarmctl. */
import { join } from 'node:path';
import { repository } from '../../harness.config.js';
import { swarmctl } from './swarmctl.js';

/** The page in the package. */
export const MANUAL = join(repository, 'client/man/swarmctl.1');

/** The page as it should be. */
export async function manualPage(): Promise<string> {
  return `${await swarmctl('man')}\n`;
}
