/** The commands explain and learn of swarmctl. */
import { Option } from '@commander-js/extra-typings';
import type { Registrar } from '../context.js';
import { JSON_OUTPUT } from '../options.js';
import { explain } from '../output.js';
import { count } from '../values.js';

/** Options of run that make no sense for learn, which waits for the program's end and has more to say. */
const NOT_LEARNT: ReadonlySet<string> = new Set(['--detach', '--persist', '--rm', '--quiet']);

/** Adds them. */
export const explaining: Registrar = (program, connected) => {
  program
    .command('explain')
    .description(
      'print what an agent was denied, the lines of policy that would allow it, and what they open',
    )
    .argument(
      '[agent]',
      'an id or a name, also of an agent that is gone; by default the one denied something last',
    )
    .addOption(new Option('--policy <file>', 'the policy that it was started with, if it is gone'))
    .addOption(new Option('-n, --last <number>', 'how many kinds of denials').argParser(count).default(20))
    .addOption(JSON_OUTPUT)
    .addOption(new Option('--format <template>', 'print fields: "{{.id}} {{json .policy}}"'))
    .action(async (agent, options) => {
      const { explainCommand } = await import('../actions/explain.js');
      await explainCommand(await connected(), agent, options);
    });

  const learning = program
    .command('learn')
    .description('run a program with enforcement off, and write the smallest policy that would have sufficed')
    .argument('<program>', 'a path, or a name that is searched in PATH')
    .argument('[argument...]', 'its arguments')
    .passThroughOptions()
    .helpOption('--help', 'print this')
    .addOption(new Option('-o, --output <file>', 'where the policy goes; standard output by default'))
    .addOption(
      new Option('--margin <percent>', 'how far limits are above the peaks that were seen')
        .argParser(count)
        .default(50),
    );
  // The options of run are taken from it, so that they are the same, also where more are added.
  const run = program.commands.find((command) => command.name() === 'run');
  for (const option of run?.options ?? []) if (!NOT_LEARNT.has(option.long ?? '')) learning.addOption(option);
  learning.action(async (path, rest, options) => {
    const { failureOf } = await import('../actions/run.js');
    const { learnCommand } = await import('../actions/learn.js');
    try {
      process.exitCode = await learnCommand(await connected(), [path, ...rest], options);
    } catch (error) {
      explain(error);
      process.exitCode = failureOf(error);
    }
  });
};
