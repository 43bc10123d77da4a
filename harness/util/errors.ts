/** Errors that say what is at fault: the machinery, or what is tested. */

/** Adds the tail of a guest's console to a message. */
export const withConsole = (message: string, console: string) =>
  console ? `${message}\n--- end of the guest's console ---\n${console}` : message;

/** Trouble with the machinery: a mirror that is down, a full disk, a QEMU that dies. No finding about the module. */
export class InfrastructureError extends Error {
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
  override readonly name = 'BuildError';
}

/** A request for something that does not exist, or cannot be had in this way; the message says what can. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
