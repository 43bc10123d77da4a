import '../harness.config.js';
import { provideKernel } from '../harness/kernels/provide.js';
import { guestInitrd } from '../harness/guest/root.js';
import { command } from './support/command.js';
import { buildModule } from '../specs/support/module.js';

const { kernel: name } = command(
  'build',
  'Builds the module and everything that a guest needs, and prints where it is.',
)
  .option('--kernel <name>', 'a kernel of the catalogue; the newest by default')
  .parse()
  .opts();
const kernel = await provideKernel(name);
const { ko } = await buildModule(kernel);
console.log(`module  ${ko}`);
console.log(`guest   ${await guestInitrd(kernel)}`);
console.log(`kernel  ${kernel.image}`);
