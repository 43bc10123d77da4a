/** Arguments, --help and error messages, for all commands of scripts/. */
import { parseArgs } from 'node:util';
import type { ParseArgsConfig } from 'node:util';

/** Errors whose message says all there is to say; of others the place in the code is wanted as well. */
const UNEXPECTED = [TypeError, RangeError, ReferenceError, SyntaxError];

/** Says what is wrong with what was asked for, and ends the command with 2. */
export function refuse(message: string): never {
  console.error(message);
  process.exit(2);
}

/** Prints an error: its message, and for an unexpected one the place in the code too. */
export function explain(error: unknown): void {
  const known = error instanceof Error && !UNEXPECTED.some((each) => error instanceof each);
  console.error(known ? error.message : error);
}

/** The words of a command line that ends in a command of its own, which has options of its own. */
function ownWords(
  words: string[],
  options: ParseArgsConfig['options'] = {},
): [own: string[], rest: string[]] {
  const { tokens } = parseArgs({ args: words, options, strict: false, allowPositionals: true, tokens: true });
  const end = tokens.find(({ kind }) => kind !== 'option');
  if (!end) return [words, []];
  return [words.slice(0, end.index), words.slice(end.kind === 'positional' ? end.index : end.index + 1)];
}

interface CommandOptions {
  /** The exit status if something fails. */
  trouble?: number;
  /** A command with options of its own follows the options. */
  wraps?: boolean;
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
  { trouble = 1, wraps = false }: CommandOptions = {},
): ReturnType<typeof parseArgs<T>> {
  process.on('uncaughtException', (error) => {
    explain(error);
    process.exit(trouble);
  });
  const words = process.argv.slice(2);
  const end = words.indexOf('--');
  const [own, rest] = wraps ? ownWords(words, config.options) : [words, []];
  if ((wraps ? own : end < 0 ? words : words.slice(0, end)).includes('--help')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs(wraps ? { ...config, args: [...own, '--', ...rest] } : config);
  } catch (error) {
    return refuse(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  }
}
