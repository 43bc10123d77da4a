import { join, resolve } from 'node:path';
import { repository } from '../harness.config.js';
import { command } from './support/command.js';
import { bundleSwarmctl } from '../specs/support/swarmctl-bundle.js';

const { output } = command(
  'swarmctl',
  'Bundles swarmctl as the package has it; packing the client runs this.',
)
  .option('--output <directory>', 'where it goes', join(repository, 'client/dist'))
  .parse()
  .opts();

await bundleSwarmctl(resolve(output));
