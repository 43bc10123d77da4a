import '../harness.config.js';
import { command } from './support/command.js';
import { inModule } from '../specs/support/module.js';

command(
  'module:test',
  "Runs the module's tests that need no kernel, with the compilers of the tool root.",
).parse();

const { exitCode, output } = await inModule({ command: ['make', 'test'] });
console.log(output);
process.exitCode = exitCode;
