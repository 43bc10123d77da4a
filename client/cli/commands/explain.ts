/** The commands explain and learn of swarmctl. */
import { Option } from '@commander-js/extra-typings';
import type { Registrar } from '../context.js';
import { JSON_OUTPUT } from '../options.js';
import { count } from '../values.js';

/** Adds them. */
export const explaining: Registrar = (program, connected) => {
  program
    .command('explain')
    .description('print what an agent was denied, the lines of policy that would allow it, and what they open')
    .argument('[agent]', 'an id or a name, also of an agent that is gone; by default the one denied something last')
    .addOption(new Option('--policy <file>', 'the policy that it was started with, if it is gone'))
    .addOption(new Option('-n, --last <number>', 'how many kinds of denials').argParser(count).default(20))
    .addOption(JSON_OUTPUT)
    .action(async (agent, options) => {
      const { explainCommand } = await import('../actions/explain.js');
      await explainCommand(await connected(), agent, options);
    });
};
