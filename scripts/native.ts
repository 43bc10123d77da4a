/** npm run native — the policy core as a Node addon; prints where it is. */
import { buildNative } from '../harness/native/build.js';

console.log(await buildNative());
