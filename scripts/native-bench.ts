import '../harness.config.js';
import { cpus } from 'node:os';
import { timeNative } from '../bench/native/bench.js';
import { buildNative } from '../specs/support/native.js';
import { countNative } from '../bench/native/instructions.js';
import { step } from '../harness/util/progress.js';
import { command } from './support/command.js';

const { json } = command(
  'native:bench',
  "Measures the time of the policy core's calls from Node on this machine.",
)
  .option('--json', 'print JSON')
  .parse()
  .opts();
const path = await buildNative();
const timed = await timeNative(path);
const counts = await step('Counting instructions with valgrind', () => countNative(path));
const rows = timed.map((each) => ({
  ...each,
  ...(typeof counts !== 'string' && { instructions: counts.get(each.name) }),
}));
if (json) console.log(JSON.stringify(rows, null, 2));
else {
  console.log(
    `nanoseconds a call, on ${cpus()[0]?.model ?? 'an unknown processor'}, Node ${process.version}; ` +
      'instructions in the core alone',
  );
  console.table(
    Object.fromEntries(rows.map(({ name, mad, ...others }) => [name, { ...others, '± MAD': mad }])),
  );
  if (typeof counts === 'string') console.log(counts);
}
