/** Errors that say what is at fault: the machinery, or what is tested. */

/** Adds the tail of a guest's console to a message. */
export const withConsole = (message: string, console: string) =>
  console ? `${message}\n--- end of the guest's console ---\n${console}` : message;

/** The parts of a command's output that a message quotes, in characters. */
const QUOTED = { beginning: 2000, end: 6000 } as const;

/** A command's output as a message quotes it: where it is long, without its middle. */
export function quoted(output: string): string {
  const left = output.length - QUOTED.beginning - QUOTED.end;
  if (left <= 0) return output;
  const cut = `\n… ${left} characters are left out here …\n`;
  return output.slice(0, QUOTED.beginning) + cut + output.slice(-QUOTED.end);
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
