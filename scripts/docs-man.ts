import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MANUAL, manualPage } from '../specs/support/manual.js';
import { command } from './support/command.js';

command('docs:man', 'Writes client/man/swarmctl.1, from the commands of swarmctl (client/cli).').parse();

await mkdir(dirname(MANUAL), { recursive: true });
await writeFile(MANUAL, await manualPage());
