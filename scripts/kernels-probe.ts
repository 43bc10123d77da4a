/** npm run kernels:probe — write docs/kernels.md: the kernels under test, and how they differ. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kernelsPage } from '../harness/kernels/page.js';
import { repository } from '../harness/util/repository.js';

await writeFile(join(repository, 'docs/kernels.md'), await kernelsPage());
