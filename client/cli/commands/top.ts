/** The commands top and stats of swarmctl. */
import { Option } from '@commander-js/extra-typings';
import type { Registrar } from '../context.js';
import { withIds } from '../context.js';
import { JSON_OUTPUT } from '../options.js';
import { SORTS } from '../top/rows.js';
import { time } from '../values.js';

/** Adds them. */
export const topping: Registrar = (program, connected) => {
  program
    .command('top')
    .description('show what agents use, live; `q` quits')
    .addOption(
      new Option('-s, --sort <key>', 'which come first: those with the most')
        .choices(SORTS)
        .default('cpu' as const),
    )
    .addOption(new Option('-d, --interval <time>', 'how often to look').argParser(time).default(1000, '1s'))
    .addOption(JSON_OUTPUT)
    .action(async (options) => {
      const { topCommand } = await import('../actions/top.js');
      process.exitCode = await topCommand(await connected(), options);
    });

  program
    .command('stats')
    .description('print what agents use')
    .argument('[agent...]', 'ids or names; all by default')
    .addOption(new Option('-s, --sort <key>', 'which come first; the lowest ids by default').choices(SORTS))
    .addOption(new Option('--watch <time>', 'print it again and again: every 5s').argParser(time))
    .addOption(JSON_OUTPUT)
    .addOption(new Option('--format <template>', 'print fields: "{{.name}} {{.memory}}"'))
    .action(async (agents, options) => {
      const { statsCommand } = await import('../actions/top.js');
      const swarm = await connected();
      await withIds(swarm, agents, (ids) => statsCommand(swarm, ids, options));
    });
};
