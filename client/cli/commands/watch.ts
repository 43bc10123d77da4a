/** The commands events and status of swarmctl. */
import { Option } from '@commander-js/extra-typings';
import type { Registrar } from '../context.js';
import { FORMAT, JSON_OUTPUT } from '../options.js';
import { count, filterOn } from '../values.js';

/** Adds them. */
export const watching: Registrar = (program, connected) => {
  program
    .command('events')
    .description('print what has happened to agents')
    .option('-f, --follow', 'and what happens from now on')
    .addOption(new Option('--since <seq>', 'from the event with this number on').argParser(count))
    .addOption(
      new Option('--filter <key=value>', 'those of a kind or an agent: event=violation, agent=7').argParser(
        filterOn('event', 'agent', 'kind', 'action', 'pid', 'comm', 'reason'),
      ),
    )
    .addOption(JSON_OUTPUT)
    .addOption(FORMAT)
    .action(async (options) => {
      const { eventsCommand } = await import('../actions/watch.js');
      await eventsCommand(await connected(), options);
    });

  program
    .command('status')
    .description('print how many agents there are and were')
    .addOption(JSON_OUTPUT)
    .addOption(FORMAT)
    .action(async (options) => {
      const { statusCommand } = await import('../actions/watch.js');
      await statusCommand(await connected(), options);
    });
};
