#!/usr/bin/env node
/** swarmctl: agents from a shell. */
import { Command, Option } from '@commander-js/extra-typings';
import { listing } from './commands/agents.js';
import { checking } from './commands/check.js';
import { changing } from './commands/change.js';
import { completing } from './commands/completion.js';
import { examining } from './commands/doctor.js';
import { exporting } from './commands/export.js';
import { explaining } from './commands/explain.js';
import { running } from './commands/run.js';
import { serving } from './commands/serve.js';
import { topping } from './commands/top.js';
import { watching } from './commands/watch.js';
import { machine } from './context.js';
import type { Registrar } from './context.js';
import type { Swarm } from '../swarm.js';
import { explain } from './output.js';

const VERSION = '0.1.0';

/** The exit status of a command line that is not understood, as docker has it. */
const USAGE = 125;

/** The exit status of any other failure. */
const FAILED = 1;

const SIGPIPE = 13;

/** In the order of --help. */
const COMMANDS: readonly Registrar[] = [
  ...[running, listing, changing, watching],
  ...[explaining, topping, checking, examining],
  ...[exporting, completing, serving],
];

const program = new Command('swarmctl')
  .description('Runs programs as agents, whose limits and rules the kernel enforces.')
  .version(VERSION)
  .addOption(
    new Option(
      '--host <address>',
      'another machine, on which swarm-guard is installed: ssh://root@node7',
    ).env('SWARM_HOST'),
  )
  .addOption(new Option('--directory <path>', 'the directory of the files').default('/proc/swarm').hideHelp())
  .enablePositionalOptions()
  .helpOption('--help', 'print this')
  .showHelpAfterError('`swarmctl --help` lists the commands, `swarmctl COMMAND --help` what each takes.')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE));

let opening: Promise<Swarm> | undefined;

/** The machine, connected to once; after a failure, or when the connection has ended, again. */
async function connected(): Promise<Swarm> {
  const before = opening;
  const swarm = await before?.catch(() => undefined);
  if (swarm?.closed === true && opening === before) opening = undefined;
  opening ??= machine(program.opts()).catch((error: unknown) => {
    opening = undefined;
    throw error;
  });
  return opening;
}

for (const register of COMMANDS) register(program, connected);

// Whoever reads has seen enough: `swarmctl ls | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(128 + SIGPIPE);
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  explain(error);
  process.exitCode = FAILED;
} finally {
  await (await opening?.catch(() => undefined))?.close();
}
