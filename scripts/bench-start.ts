import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import '../harness.config.js';
import { command, number } from '../harness/util/command.js';
import { bundleSwarmctl } from '../specs/support/swarmctl-bundle.js';

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

const directory = await mkdtemp(join(tmpdir(), 'bench-start-'));
try {
  await bundleSwarmctl(directory);
  await writeFile(join(directory, 'package.json'), '{"type":"module"}');
  const swarmctl = join(directory, 'swarmctl.js');
  const runs = [
    { line: 'node -e 0', args: ['-e', '0'] },
    { line: 'swarmctl --version', args: [swarmctl, '--version'] },
    { line: 'swarmctl ls --help', args: [swarmctl, 'ls', '--help'] },
  ].map((run) => ({ ...run, times: [] as number[] }));
  for (let round = 0; round < rounds; round++)
    for (const { args, times } of runs) {
      const { durationMs } = await execa(process.execPath, args, { stdio: 'ignore' });
      times.push(durationMs);
    }
  const medians = runs.map(({ times }) => times.sort((a, b) => a - b)[rounds >> 1] ?? NaN);
  console.log(`${''.padEnd(20)}${'median'.padStart(8)}   ratio to node -e 0, ${rounds} starts each`);
  runs.forEach(({ line }, index) => {
    const ratio = (medians[index] ?? NaN) / (medians[0] ?? NaN);
    console.log(`${line.padEnd(20)}${`${medians[index]?.toFixed(0)} ms`.padStart(8)}   ${ratio.toFixed(2)}`);
  });
} finally {
  await rm(directory, { recursive: true });
}
