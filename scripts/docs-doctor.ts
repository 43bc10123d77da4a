import { writeFile } from 'node:fs/promises';
import { TROUBLESHOOTING, troubleshooting } from '../specs/support/doctor-page.js';
import { command } from './support/command.js';

command(
  'docs:doctor',
  `Writes the tables of docs/troubleshooting.md that stand between marks,
from the checks of \`swarmctl doctor\` (client/doctor).`,
).parse();

await writeFile(TROUBLESHOOTING, await troubleshooting());
