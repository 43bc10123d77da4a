/** Kernels that could not be made ready, told by the setup of a run to its workers. */
import { z } from 'zod';
import { BuildError, InfrastructureError } from '../util/errors.js';

const STOPPED = 'SWARMGUARD_STOPPED';

/** Why a kernel is not run, and whether that is a finding about the module or trouble with the machinery. */
const reason = z.strictObject({ why: z.string(), finding: z.boolean() });

function stopped(): Record<string, z.infer<typeof reason>> {
  return z.record(z.string(), reason).parse(JSON.parse(process.env[STOPPED] ?? '{}'));
}

/**
 * Stops every guest of a kernel before it is tried.
 * @param error only a {@link BuildError} counts against the module: compilers and structures are its
 * own; a mirror, a disk and QEMU are not
 */
export function stopEntry(name: string, error: unknown): void {
  const why = error instanceof Error ? error.message : String(error);
  process.env[STOPPED] = JSON.stringify({
    ...stopped(),
    [name]: { why, finding: error instanceof BuildError },
  });
}

/** The error with which each spec of a kernel fails that could not be made ready, or undefined. */
export function stoppedError(name: string): Error | undefined {
  const entry = stopped()[name];
  if (!entry) return undefined;
  const message = `kernel ${name} is not run: ${entry.why}`;
  return entry.finding ? new BuildError(message) : new InfrastructureError(message);
}
