/** The settings of one run. Its starter hands them to all of its processes, in one variable of the environment. */
import { z } from 'zod';

const runConfig = z.strictObject({
  /** Names of the catalogue's kernels; the newest by default. */
  kernels: z.array(z.string()).optional(),
  /** Names of the suites; those that are quick by default. */
  suites: z.array(z.string()).optional(),
  /** Spec files at a time; by default as many as there are processors and memory for, up to two. */
  workers: z.number().int().positive().optional(),
  /** Are guests to be recorded? */
  record: z.boolean().optional(),
  /** Kernels of the user's: paths by the names of the entries that they stand for. */
  trees: z.record(z.string(), z.string()).optional(),
  /** The file that is told of each step, and how long it took. */
  steps: z.string().optional(),
  /** The file with the results of earlier runs that this one goes on with. */
  kept: z.string().optional(),
  /** The archive that this run's results are packed into, to be merged with others. */
  blob: z.string().optional(),
  /** Are the results those of other runs, which are put together? */
  merged: z.boolean().optional(),
  /** The directory that results are written to. */
  report: z.string().optional(),
  /** The directory of recordings. */
  recordings: z.string().optional(),
  /** The directory of everything that is downloaded or built. */
  cache: z.string().optional(),
  /** The address of the Debian mirror. */
  mirror: z.string().optional(),
});
/** The settings of one run: kernels, suites, and the places of its files. */
export type RunConfig = z.infer<typeof runConfig>;

const VARIABLE = 'KMOD_HARNESS_RUN';

/**
 * The settings of this run. The user's KMOD_HARNESS_CACHE and KMOD_HARNESS_MIRROR count if the run says nothing else.
 * @throws {z.ZodError} if the variable holds anything else.
 */
export function run(): RunConfig {
  const { KMOD_HARNESS_CACHE: cache, KMOD_HARNESS_MIRROR: mirror } = process.env;
  const own = runConfig.parse(JSON.parse(process.env[VARIABLE] ?? '{}'));
  return { ...(cache && { cache }), ...(mirror && { mirror }), ...own };
}

/** The environment that makes a process part of this run, with some settings changed. */
export function runEnvironment(changes: RunConfig): Record<string, string> {
  return { [VARIABLE]: JSON.stringify({ ...run(), ...changes }) };
}

/** Changes this run, for this process and those that it starts from now on. */
export function changeRun(changes: RunConfig): void {
  Object.assign(process.env, runEnvironment(changes));
}
