import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { styleText } from 'node:util';
import { filesOfSpecs, readPatches } from '../mutation/patch.js';
import { attempt } from '../mutation/trial.js';
import type { Finding } from '../mutation/trial.js';
import { command } from './support/command.js';
import { UsageError } from '../harness/util/errors.js';
import { committedCopy } from '../specs/support/copy.js';

const program = command(
  'mutate',
  `Removes one safeguard after the other, in a copy of the repository, and runs the specs that are named for
it, each of which must fail. With no argument all of mutation/patches; each takes two minutes or more.`,
)
  .argument('[name...]', 'patches of mutation/patches, without .patch')
  .option('--shard <part/parts>', 'only this part of them')
  .option('--verbose', 'print what the specs print')
  .option('--list', 'list them, and run none')
  .parse();
const [names] = program.processedArgs;
const { shard, verbose, list } = program.opts();

const all = await readPatches();
const strangers = names.filter((name) => !all.some((each) => each.name === name));
if (strangers.length > 0) throw new UsageError(`mutation/patches has no ${strangers.join(', ')}`);
const [, part = '1', parts = '1'] = /^([1-9]\d*)\/([1-9]\d*)$/.exec(shard ?? '1/1') ?? [];
if (shard !== undefined && (!/^\d+\/\d+$/.test(shard) || Number(part) > Number(parts)))
  throw new UsageError(`--shard is a part and the number of parts, such as 1/4, and not ${shard}`);
const chosen = all
  .filter(({ name }) => names.length === 0 || names.includes(name))
  .filter((_, index) => index % Number(parts) === Number(part) - 1);

const MARKS: Record<Finding, string> = {
  caught: styleText('green', '✔'),
  missed: styleText('red', '✘'),
  unknown: styleText('yellow', '?'),
};

/** Tries the patches that were chosen, and says what came of each. */
async function tryAll(): Promise<Finding[]> {
  const files = await filesOfSpecs();
  const dir = await mkdtemp(join(tmpdir(), 'swarm-guard-mutation-'));
  try {
    const copy = await committedCopy(join(dir, 'copy'));
    const found: Finding[] = [];
    for (const [index, mutation] of chosen.entries()) {
      console.log(`… ${index + 1} of ${chosen.length}: ${mutation.name}: ${mutation.safeguard}`);
      const start = performance.now();
      const { finding, why } = await attempt(copy, mutation, files, (line) => {
        if (verbose) console.log(`  ${line}`);
      });
      found.push(finding);
      const seconds = ((performance.now() - start) / 1000).toFixed(0);
      console.log(`${MARKS[finding]} ${finding} in ${seconds} s: ${why}`);
    }
    return found;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

if (list)
  for (const { name, safeguard, specs } of chosen) console.log(`${name}: ${safeguard} ${specs.join(', ')}`);
else {
  const found = await tryAll();
  const count = (finding: Finding) => found.filter((each) => each === finding).length;
  console.log(`${count('caught')} caught, ${count('missed')} missed, ${count('unknown')} unknown`);
  if (found.length === 0 || count('caught') < found.length) process.exitCode = 1;
}
