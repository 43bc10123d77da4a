import '../harness.config.js';
import { buildNative } from '../specs/support/native.js';
import { command } from '../harness/util/command.js';

const USAGE = `npm run native

Builds the policy core as a Node addon, and prints where it is.`;

command(USAGE, {});

console.log(await buildNative());
