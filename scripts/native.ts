import '../harness.config.js';
import { buildNative } from '../specs/support/native.js';
import { command } from '../harness/util/command.js';

command('native', 'Builds the policy core as a Node addon, and prints where it is.').parse();

console.log(await buildNative());
