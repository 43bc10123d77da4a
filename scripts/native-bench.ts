/** npm run native:bench [-- --json] — what the policy core's calls from Node take on this machine. */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { timeNative } from '../harness/native/bench.js';
import { buildNative } from '../harness/native/build.js';

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const timed = await timeNative(await buildNative());
if (values.json) console.log(JSON.stringify(timed, null, 2));
else {
  console.log(
    `nanoseconds a call, on ${cpus()[0]?.model ?? 'an unknown processor'}, Node ${process.version}`,
  );
  console.table(
    Object.fromEntries(
      timed.map(({ name, median, mad, least, samples }) => [name, { median, '± MAD': mad, least, samples }]),
    ),
  );
}
