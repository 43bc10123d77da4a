import '../harness.config.js';
import { command } from '../harness/util/command.js';
import { inModule } from '../specs/support/module.js';

const USAGE = `npm run module:test

Runs the module's tests that need no kernel, with the compilers of the tool root.`;

command(USAGE, {});

const { exitCode, output } = await inModule({ command: ['make', 'test'] });
console.log(output);
process.exitCode = exitCode;
