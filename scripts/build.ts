/** npm run build [-- --kernel NAME] — build the module and everything a guest needs, and say where it is. */
import { parseArgs } from 'node:util';
import { buildModule } from '../harness/build/module.js';
import { provideKernel } from '../harness/kernels/provide.js';
import { guestInitrd } from '../harness/roots/guest-root.js';

const { values } = parseArgs({ options: { kernel: { type: 'string' } } });
const kernel = await provideKernel(values.kernel);
const { ko } = await buildModule(kernel);
console.log(`module  ${ko}`);
console.log(`guest   ${await guestInitrd(kernel)}`);
console.log(`kernel  ${kernel.image}`);
