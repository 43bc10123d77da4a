import '../harness.config.js';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { styleText } from 'node:util';
import { command } from './support/command.js';
import { UsageError } from '../harness/util/errors.js';
import {
  buildFuzzer,
  corpusFile,
  fuzz,
  packCorpus,
  reduceCorpus,
  unpackCorpus,
} from '../specs/support/fuzz.js';
import type { Fuzzed } from '../specs/support/fuzz.js';

const program = command(
  'fuzz',
  `Fuzzes the policy core with libFuzzer, under sanitizers and against a model, beginning with the inputs of
fuzz/corpus.txt. Ends with 1 at the first finding, and leaves the input that shows it.`,
)
  .option('--seconds <number>', 'how long', '60')
  .option(
    '--keep',
    'afterwards, replace fuzz/corpus.txt by the fewest inputs that reach all that was reached',
  )
  .parse();
const { seconds, keep } = program.opts();
if (!/^[1-9]\d{0,5}$/.test(seconds))
  throw new UsageError(`--seconds is a number from 1 to 999999, and not ${seconds}`);

/** A line is printed so often. */
const SLICE_S = 30;

/** Fuzzes for a while, and says after each slice how far it is. */
async function run(fuzzer: string, corpus: string): Promise<Fuzzed> {
  let runs = 0;
  for (let left = Number(seconds); ; left -= SLICE_S) {
    const found = await fuzz(fuzzer, corpus, Math.min(left, SLICE_S));
    runs += found.runs;
    const inputs = (await readdir(corpus)).length;
    const done = Number(seconds) - Math.max(0, left - SLICE_S);
    console.log(
      `${done} s: ${runs} inputs tried, ${found.edges} edges reached, ${inputs} inputs in the corpus`,
    );
    if (found.failure !== undefined || left <= SLICE_S) return { ...found, runs };
  }
}

const dir = await mkdtemp(join(tmpdir(), 'swarm-guard-fuzz-'));
try {
  const fuzzer = await buildFuzzer();
  const corpus = join(dir, 'corpus');
  await unpackCorpus(corpus);
  const { failure } = await run(fuzzer, corpus);
  if (failure) {
    await writeFile('fuzz-finding', failure.input);
    console.log(failure.says);
    console.log(
      `${styleText('red', '✘')} found; the input is in fuzz-finding: ${JSON.stringify(failure.input.toString())}`,
    );
    process.exitCode = 1;
  } else {
    console.log(`${styleText('green', '✔')} nothing found`);
    if (keep) {
      const reduced = join(dir, 'reduced');
      await reduceCorpus(fuzzer, corpus, reduced);
      console.log(`${await packCorpus(reduced)} inputs are kept in ${relative('', corpusFile)}`);
    }
  }
} finally {
  await rm(dir, { recursive: true, force: true });
}
