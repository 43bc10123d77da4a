import '../harness.config.js';
import { updateLock } from '../harness/build/update-lock.js';
import { command } from './support/command.js';
import { buildModule } from '../specs/support/module.js';

const [only] = command('kernels:update', 'Moves kernels to the newest patch release that the archive offers.')
  .argument('[kernel...]', 'names of the catalogue; all by default')
  .parse().processedArgs;
await updateLock(only, buildModule, console.log);
