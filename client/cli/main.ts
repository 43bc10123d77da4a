#!/usr/bin/env node
/** swarmctl: agents from a shell. */
import { readFileSync } from 'node:fs';
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
import { SwarmError, codeOf, systemError } from '../error.js';
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
  .exitOverride(({ exitCode }) => {
    // Help is printed, and the stream has not said so yet if nobody takes it.
    if (process.stdout.errored) unwritten(process.stdout.errored);
    return process.exit(exitCode === 0 ? 0 : USAGE);
  });

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

/** Ends swarmctl because what it prints cannot be written. */
function unwritten(error: Error): never {
  // Whoever reads has seen enough: `swarmctl ls | head`.
  if (codeOf(error) === 'EPIPE') process.exit(128 + SIGPIPE);
  explain(systemError('standard output', error));
  return process.exit(FAILED);
}

/** Tells if the bytes of the command line are UTF-8; no if they cannot be read. */
function isUtf8(): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(readFileSync('/proc/self/cmdline'));
    return true;
  } catch {
    return false;
  }
}

/**
 * Refuses arguments that are not UTF-8. Node puts U+FFFD in the place of such bytes, and the word may then be the name
 * of another file.
 */
function refuseUnreadable(words: readonly string[]): void {
  const word = words.find((each) => each.includes('\uFFFD'));
  if (word === undefined || isUtf8()) return;
  explain(new SwarmError('EINVAL', `${word}: an argument is not UTF-8`));
  process.exit(USAGE);
}

for (const register of COMMANDS) register(program, connected);

process.stdout.on('error', unwritten);
// Nobody reads what is said: that changes nothing of what is done.
process.stderr.on('error', () => undefined);

try {
  refuseUnreadable(process.argv.slice(2));
  await program.parseAsync();
} catch (error) {
  explain(error);
  process.exitCode = FAILED;
} finally {
  await (await opening?.catch(() => undefined))?.close();
}
