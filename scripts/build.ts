import '../harness.config.js';
import { provideKernel } from '../harness/kernels/provide.js';
import { guestInitrd } from '../harness/guest/root.js';
import { command } from '../harness/util/command.js';
import { buildModule } from '../specs/support/module.js';

const USAGE = `npm run build -- [--kernel NAME]

Builds the module and everything that a guest needs, and prints where it is.`;

const { values } = command(USAGE, { options: { kernel: { type: 'string' } } });
const kernel = await provideKernel(values.kernel);
const { ko } = await buildModule(kernel);
console.log(`module  ${ko}`);
console.log(`guest   ${await guestInitrd(kernel)}`);
console.log(`kernel  ${kernel.image}`);
