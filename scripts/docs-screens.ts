import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repository } from '../harness.config.js';
import { command } from './support/command.js';
import { COLUMNS, captureScreens } from '../specs/support/screens/capture.js';
import { svgOf } from '../specs/support/screens/svg.js';
import { Stage } from '../specs/support/stage.js';

command('docs:screens', 'Boots a guest, runs swarmctl at a terminal there, and writes docs/screens.').parse();

const SCREENS = join(repository, 'docs/screens');
const stage = await Stage.prepare(undefined, { packages: ['nodejs', 'tini'], memoryMb: 3072 });
try {
  await mkdir(SCREENS, { recursive: true });
  for (const { name, title, output } of await captureScreens(await stage.loaded('screens')))
    await writeFile(join(SCREENS, `${name}.svg`), await svgOf(output, COLUMNS, title));
} finally {
  await stage.discard();
}
