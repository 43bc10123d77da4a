import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kernelsPage } from '../specs/support/kernels-page.js';
import { readReviewed } from '../specs/support/reviewed.js';
import { repository } from '../harness.config.js';
import { command } from './support/command.js';

command('kernels:probe', 'Writes docs/kernels.md: the kernels under test, and how they differ.').parse();

await writeFile(join(repository, 'docs/kernels.md'), await kernelsPage(await readReviewed()));
