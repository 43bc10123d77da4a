/** npm run module:test — the module's tests that need no kernel, with the compilers of the tool root. */
import { inModule } from '../harness/build/make.js';

const { exitCode, output } = await inModule({ command: ['make', 'test'] });
console.log(output);
process.exitCode = exitCode;
