/** Arguments, --help and error messages, for all commands of scripts/. */
import { Command, InvalidArgumentError } from '@commander-js/extra-typings';
import { UsageError } from '../../harness/util/errors.js';

/** Errors whose message says all there is to say; of others the place in the code is wanted as well. */
const UNEXPECTED = [TypeError, RangeError, ReferenceError, SyntaxError];

/** The exit status of a command that was asked for what it does not do. */
const USAGE = 2;

/** The most that --help is wide, in columns. */
const WIDTH = 100;

/** Prints an error: its message, and for an unexpected one the place in the code too. */
export function explain(error: unknown): void {
  const known = error instanceof Error && !UNEXPECTED.some((each) => error instanceof each);
  // zx puts places in the code into its messages.
  console.error(known ? error.message.replace(/^ +at .*\n/gm, '') : error);
}

/**
 * A command of scripts/. Its options and arguments are added to it; then `parse()` reads those of this process.
 * With --help it prints what it accepts, and ends. What it does not accept is named, and ends it with 2, as a
 * {@link UsageError} does. An error that is not caught later is told without a stack, and ends it with 1.
 * @param name by which `npm run` knows it
 * @param description paragraphs, whose lines --help breaks anew
 * @param failureStatus the exit status if anything fails later, instead of these
 */
export function command(
  name: string,
  description: string,
  { failureStatus }: { failureStatus?: number } = {},
) {
  process.on('uncaughtException', (error) => {
    explain(error);
    process.exit(failureStatus ?? (error instanceof UsageError ? USAGE : 1));
  });
  const width = ({ columns }: { columns?: number }) => Math.min(columns ?? WIDTH, WIDTH);
  const program = new Command(`npm run ${name} --`);
  return program
    .description(description.replace(/(?<!\n)\n(?!\n)/g, ' '))
    .helpOption('--help', 'print this')
    .configureOutput({
      getOutHelpWidth: () => width(process.stdout),
      getErrHelpWidth: () => width(process.stderr),
      outputError: (text, write) => {
        const extra = program.args.slice(program.registeredArguments.length).join(' ');
        write(text.replace(/too many arguments\. .*/, `there is no place for the argument '${extra}'`));
      },
    })
    .showHelpAfterError(`\`npm run ${name} -- --help\` lists what it accepts.`)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE));
}

/** For an option that may be given more than once: all of its values. */
export function several(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}

/** For an option that may be given more than once, each time with one of these names: all of its values. */
export function someOf(names: readonly string[]) {
  return (value: string, before: string[] | undefined): string[] => {
    if (!names.includes(value)) throw new InvalidArgumentError(`There are ${names.join(', ')}.`);
    return several(value, before);
  };
}

/**
 * For an option that is a number.
 * @param what it has to be, for the error's message
 * @param fits says whether it is
 */
export function number(what: string, fits: (value: number) => boolean) {
  return (value: string): number => {
    if (value.trim() === '' || !fits(Number(value))) throw new InvalidArgumentError(`It has to be ${what}.`);
    return Number(value);
  };
}
