/** What all commands of scripts/ have in common: their arguments, --help, and how they say what is wrong. */
import { parseArgs } from 'node:util';
import type { ParseArgsConfig } from 'node:util';

/** Errors whose message says all there is to say; of others the place in the code is wanted as well. */
const UNEXPECTED = [TypeError, RangeError, ReferenceError, SyntaxError];

/** Says what is wrong with what was asked for, and ends the command with 2. */
export function refuse(message: string): never {
  console.error(message);
  process.exit(2);
}

function explain(error: unknown): never {
  const known = error instanceof Error && !UNEXPECTED.some((each) => error instanceof each);
  console.error(known ? error.message : error);
  process.exit(1);
}

/**
 * The arguments of the running command. With --help it prints its usage and ends; with arguments that it
 * does not take, it says which and ends with 2. An error that it does not catch later is told without a
 * stack, and ends it with 1.
 * @param usage what --help prints: the command with its arguments, and what it does
 * @param config what the command takes, as util.parseArgs does
 */
export function command<T extends ParseArgsConfig>(
  usage: string,
  config: T,
): ReturnType<typeof parseArgs<T>> {
  process.on('uncaughtException', explain);
  const words = process.argv.slice(2);
  const end = words.indexOf('--');
  if ((end < 0 ? words : words.slice(0, end)).includes('--help')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    return refuse(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  }
}
