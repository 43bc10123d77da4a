import '../harness.config.js';
import { command, number } from './support/command.js';
import { startTimes } from '../specs/support/start-times.js';

const { rounds } = command(
  'bench:start',
  'Times the start of swarmctl beside that of Node alone, in turn; run it on a machine that does nothing else.',
)
  .option(
    '--rounds <number>',
    'how often each is started',
    number('1 or more', (value) => Number.isInteger(value) && value > 0),
    41,
  )
  .parse()
  .opts();

console.log(`${''.padEnd(20)}${'median'.padStart(8)}   ratio to node -e 0, ${rounds} starts each`);
for (const { line, ms, ratio } of await startTimes(rounds))
  console.log(`${line.padEnd(20)}${`${ms.toFixed(0)} ms`.padStart(8)}   ${ratio.toFixed(2)}`);
