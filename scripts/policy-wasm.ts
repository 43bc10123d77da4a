import { copyFile } from 'node:fs/promises';
import '../harness.config.js';
import { command } from './support/command.js';
import { buildPolicyWasm } from '../specs/support/policy-wasm.js';

const { output } = command(
  'policy:wasm',
  'Builds the policy core as WebAssembly, and prints where it is; packing the client runs this.',
)
  .option('--output <file>', 'copy it to this file')
  .parse()
  .opts();

const path = await buildPolicyWasm();
if (output === undefined) console.log(path);
else await copyFile(path, output);
