import '../harness.config.js';
import { appendFile } from 'node:fs/promises';
import { styleText } from 'node:util';
import { command, number } from './support/command.js';
import { COVER, fuzzKernel, loadForFuzzing, minimized, programsFile } from '../specs/support/fuzz-kernel.js';
import { buildModule } from '../specs/support/module.js';
import { Stage } from '../specs/support/stage.js';

const positive = number('1 or more', (value) => value >= 1);

const program = command(
  'fuzz:kernel',
  `Fuzzes the loaded module in a guest: several processes at a time create, fork, adopt, attach, update, kill and
destroy, with delays in the kernel, led by which parts of the module that reaches. The oracle judges after each
program, beside the kernel's own checks. Ends with 1 at the first finding.`,
)
  .option('--kernel <name>', 'a kernel of the catalogue, such as debug; the newest by default')
  .option('--seconds <number>', 'how long', positive, 60)
  .option('--seed <number>', 'of what is made up; the time of day by default', positive)
  .option('--keep', 'add the programs that reached more to fuzz/programs.txt')
  .parse();
const { kernel, seconds, seed = Math.floor(Date.now() / 1000), keep } = program.opts();

const stage = await Stage.prepare(kernel);
try {
  const built = await buildModule(stage.kernel, [COVER]);
  const guest = await stage.booted('fuzz');
  await loadForFuzzing(guest, stage, built);
  console.log(`Fuzzing ${stage.kernel.release} for ${seconds} s with the seed ${seed}`);
  const { runs, blocks, more, finding } = await fuzzKernel(guest, seconds, seed, (now, done) => {
    console.log(`${done} programs, ${now} blocks of the module executed`);
  });
  if (finding) {
    console.log(
      `${styleText('red', '✘')} ${finding.says}\nafter ${runs} programs, the last of which is\n${finding.program}`,
    );
    process.exitCode = 1;
    console.log('Running it again, and making it smaller');
    const smallest = await minimized(stage, built, finding.program, (smaller) => {
      console.log(`  ${smaller}`);
    });
    console.log(
      smallest === undefined
        ? 'It does not show again: a matter of luck.'
        : `The smallest that shows it: ${smallest}`,
    );
  } else
    console.log(`${styleText('green', '✔')} nothing found in ${runs} programs; ${blocks} blocks executed`);
  if (keep && !finding) await appendFile(programsFile, more.map((each) => `${each}\n`).join(''));
} finally {
  await stage.discard();
}
