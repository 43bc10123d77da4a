/** Checking a request before it is sent. */

/**
 * The text of a request.
 * @param file that it is for
 * @throws {SwarmError} with the kernel's answer if the kernel would refuse it whatever its state.
 */
export function checked(file: 'create' | 'update' | 'attach' | 'spawn' | 'destroy', request: object): string {
  return file === 'create' ? JSON.stringify(request) : JSON.stringify(request);
}
