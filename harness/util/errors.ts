/** Errors that say what is at fault: the machinery, or what is tested. */

/** Adds the tail of a guest's console to a message. */
export const withConsole = (message: string, console: string) =>
  console ? `${message}\n--- end of the guest's console ---\n${console}` : message;

/** The parts of a text that a message quotes, in characters. */
interface Quoted {
  readonly beginning: number;
  readonly end: number;
}

const QUOTED: Quoted = { beginning: 2000, end: 6000 };

/** A command's output as a message quotes it: where it is long, without its middle. */
export function quoted(output: string, { beginning, end }: Quoted = QUOTED): string {
  const left = output.length - beginning - end;
  if (left <= 0) return output;
  const cut = `\n… ${left} characters are left out here …\n`;
  return output.slice(0, beginning) + cut + output.slice(-end);
}

/** Trouble with the machinery: a mirror that is down, a full disk, a QEMU that dies. No finding about the module. */
export class InfrastructureError extends Error {
  /** The name of the class. */
  override readonly name = 'InfrastructureError';

  /**
   * @param message what went wrong and what to do
   * @param console the tail of what the guest printed on its console
   */
  constructor(message: string, console = '', options?: ErrorOptions) {
    super(withConsole(message, console), options);
  }
}

/** A finding about the module that is being built: its compiler complains. */
export class BuildError extends Error {
  /** The name of the class. */
  override readonly name = 'BuildError';
}

/** A request for something that does not exist, or cannot be had in this way; the message says what can. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * The error of guests that cannot be provided: what only a machine can be at fault for, such as a disk that is full while
 * files are copied, is trouble with the machinery, even if whoever met it did not know.
 * @param what there is none of, as the beginning of a sentence
 */
export function unprovided(what: string, error: unknown): Error {
  if (error instanceof BuildError || error instanceof InfrastructureError || error instanceof UsageError)
    return error;
  const why = error instanceof Error ? error.message : String(error);
  return new InfrastructureError(`${what}: ${why}`, '', { cause: error });
}
