import '../harness.config.js';
import { buildLauncher, buildNative } from '../specs/support/native.js';
import { command } from './support/command.js';

command(
  'native',
  'Builds the Node addons, the policy core’s and the launcher, and prints where they are.',
).parse();

console.log(await buildNative());
console.log(await buildLauncher());
