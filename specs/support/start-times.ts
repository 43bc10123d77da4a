/** The start times of swarmctl, beside those of Node alone. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { bundleSwarmctl } from './swarmctl-bundle.js';

/** A command line, the median of its times in ms, and that as a share of the first one's. */
export interface StartTime {
  readonly line: string;
  readonly ms: number;
  readonly ratio: number;
}

/**
 * Starts Node alone, and swarmctl, in turn.
 * @param rounds how often each is started
 * @returns `node -e 0` first.
 */
export async function startTimes(rounds: number): Promise<StartTime[]> {
  const directory = await mkdtemp(join(tmpdir(), 'start-'));
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
    return runs.map(({ line }, index) => {
      const ms = medians[index] ?? NaN;
      return { line, ms, ratio: ms / (medians[0] ?? NaN) };
    });
  } finally {
    await rm(directory, { recursive: true });
  }
}
