import { join } from 'node:path';
import { repository } from '../harness.config.js';
import { command, number } from './support/command.js';
import { buildDebianPackages, copyPackages } from '../specs/support/debian/build.js';

const { output, revision } = command(
  'deb',
  'Builds the Debian packages in a Debian root, checks them with lintian, and prints where they are.',
)
  .option('--output <directory>', 'where they go', join(repository, 'dist'))
  .option(
    '--revision <number>',
    'their Debian revision',
    number('a whole number from 1 on', (n) => n >= 1 && Number.isInteger(n)),
    1,
  )
  .parse()
  .opts();

for (const path of await copyPackages(await buildDebianPackages({ revision }), output)) console.log(path);
