/** Kernels that could not be made ready, told by the setup of a run to its workers. */
import { z } from 'zod';

const STOPPED = 'SWARMGUARD_STOPPED';

function stopped(): Record<string, string> {
  return z.record(z.string(), z.string()).parse(JSON.parse(process.env[STOPPED] ?? '{}'));
}

/** No guest of this kernel is tried any more. */
export function stopEntry(name: string, why: string): void {
  process.env[STOPPED] = JSON.stringify({ ...stopped(), [name]: why });
}

/** Why a kernel is not run, or undefined. */
export function whyStopped(name: string): string | undefined {
  return stopped()[name];
}
