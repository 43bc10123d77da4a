/** The commands that change agents of swarmctl. */
import { Option } from '@commander-js/extra-typings';
import type { Registrar } from '../context.js';
import { withIds } from '../context.js';
import { LIMITS } from '../policy.js';
import { signal, time } from '../values.js';

/** Adds them. */
export const changing: Registrar = (program, connected) => {
  program
    .command('update')
    .description('give agents other limits or rules')
    .argument('<agent...>', 'ids or names')
    .addOption(LIMITS.memory)
    .addOption(LIMITS.cpus)
    .addOption(LIMITS.pidsLimit)
    .addOption(LIMITS.device)
    .addOption(LIMITS.sockets)
    .addOption(LIMITS.syscall)
    .addOption(LIMITS.execPath)
    .addOption(LIMITS.unlisted)
    .action(async (agents, options) => {
      const { updateCommand } = await import('../actions/change.js');
      const swarm = await connected();
      await withIds(swarm, agents, (ids, named) => updateCommand(swarm, ids, options, named));
    });

  for (const [name, frozen, description] of [
    ['pause', true, 'stop all processes of agents'],
    ['resume', false, 'let the processes of agents go on'],
  ] as const)
    program
      .command(name)
      .description(description)
      .argument('<agent...>', 'ids or names')
      .action(async (agents) => {
        const { freezeCommand } = await import('../actions/change.js');
        const swarm = await connected();
        await withIds(swarm, agents, (ids, named) => freezeCommand(swarm, ids, frozen, named));
      });

  program
    .command('stop')
    .description('end agents: SIGTERM, then destruction')
    .argument('<agent...>', 'ids or names')
    .addOption(
      new Option('-t, --time <time>', 'how long to wait in between').argParser(time).default(10_000, '10s'),
    )
    .action(async (agents, options) => {
      const { stopCommand } = await import('../actions/change.js');
      const swarm = await connected();
      await withIds(swarm, agents, (ids, named) => stopCommand(swarm, ids, options.time, named));
    });

  program
    .command('kill')
    .description('send a signal to the first process of agents')
    .argument('<agent...>', 'ids or names')
    .addOption(
      new Option('-s, --signal <signal>', 'TERM, KILL, 15')
        .argParser(signal)
        .default('SIGKILL' as const, 'KILL'),
    )
    .action(async (agents, options) => {
      const { killCommand } = await import('../actions/change.js');
      const swarm = await connected();
      await withIds(swarm, agents, (ids, named) => killCommand(swarm, ids, options.signal, named));
    });

  program
    .command('destroy')
    .alias('rm')
    .description('kill all processes of agents, and end them')
    .argument('<agent...>', 'ids or names')
    .action(async (agents) => {
      const { destroyCommand } = await import('../actions/change.js');
      const swarm = await connected();
      await withIds(swarm, agents, (ids, named) => destroyCommand(swarm, ids, named));
    });

  program
    .command('wait')
    .description(
      'wait for the ends of agents, and print a line for each: its exit status, or - if it is not known',
    )
    .argument('<agent...>', 'ids or names')
    .action(async (agents) => {
      const { waitCommand } = await import('../actions/change.js');
      const swarm = await connected();
      await withIds(swarm, agents, (ids, named) => waitCommand(swarm, ids, named), true);
    });
};
