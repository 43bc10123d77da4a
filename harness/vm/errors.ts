/** Trouble with the machinery around a guest, as opposed to a finding about the module. */
export class InfrastructureError extends Error {
  override readonly name = 'InfrastructureError';

  /**
   * @param message what went wrong and what to do
   * @param console the tail of what the guest printed on its console
   */
  constructor(message: string, console = '', options?: ErrorOptions) {
    super(console ? `${message}\n--- end of the guest's console ---\n${console}` : message, options);
  }
}

/** A command in a guest did not end as it had to. */
export class GuestCommandError extends Error {
  override readonly name = 'GuestCommandError';
}
