/** The commands ls and inspect of swarmctl. */
import { Option } from '@commander-js/extra-typings';
import type { Registrar } from '../context.js';
import { withIds } from '../context.js';
import { FORMAT, JSON_OUTPUT } from '../options.js';
import { filterOn } from '../values.js';

/** Adds them. */
export const listing: Registrar = (program, connected) => {
  program
    .command('ls')
    .alias('ps')
    .description('list the agents')
    .option('-q, --quiet', 'print ids alone')
    .addOption(
      new Option('-f, --filter <key=value>', 'those whose id, name or state fits: name=web*').argParser(
        filterOn('id', 'name', 'state'),
      ),
    )
    .addOption(JSON_OUTPUT)
    .addOption(FORMAT)
    .action(async (options) => {
      const { listCommand } = await import('../actions/agents.js');
      await listCommand(await connected(), options);
    });

  program
    .command('inspect')
    .description('print everything about agents')
    .argument('<agent...>', 'ids or names')
    .addOption(JSON_OUTPUT)
    .addOption(FORMAT)
    .action(async (agents, options) => {
      const { inspectCommand } = await import('../actions/agents.js');
      const swarm = await connected();
      await withIds(swarm, agents, (ids, named) => inspectCommand(swarm, ids, options, named));
    });
};
