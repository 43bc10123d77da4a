/** What specs are given: a guest in the state that its type says. */
import { test as base } from '@playwright/test';
import type { TestInfo } from '@playwright/test';
import { InfrastructureError } from '../../harness/util/errors.js';
import type { BootedGuest } from '../../harness/guest/guest.js';
import { complaints } from '../../harness/guest/kernel-log.js';
import { run } from '../../harness/util/run.js';
import { checksOff, leaks } from '../../harness/guest/self-checks.js';
import type { GuestExtras } from '../../harness/guest/stage.js';
import { stoppedError } from '../../harness/guest/stopped.js';
import type { LoadedGuest } from './loaded-guest.js';
import type { BuiltModule } from './module.js';
import { Stage } from './stage.js';

export { expect } from '@playwright/test';

/** Lets the reporter tell trouble with the machinery from findings. */
const INFRASTRUCTURE = 'infrastructure';

interface Fixtures {
  /** A guest without the module. */
  booted: BootedGuest;
  /** A guest with the module loaded. */
  loaded: LoadedGuest;
  /** The module, built for the guest's kernel. */
  module: BuiltModule;
  /** On a slow kernel every time limit is longer. */
  patience: undefined;
}

interface WorkerFixtures {
  /** The kernel's name in the catalogue. */
  kernelName: string;
  /** What the file's guests have beyond the usual: `test.use({ guestExtras: { … } })`. */
  guestExtras: GuestExtras;
  stage: Stage;
}

/** The annotation of a spec that the oracle is not asked about, with the reason. */
const NO_ORACLE = 'oracle';

/**
 * Says that this spec does on purpose what the oracle rightly finds, so that no finding fails it.
 * @param reason what it does
 */
export function expectFindings(reason: string): void {
  test.info().annotations.push({ type: NO_ORACLE, description: reason });
}

/** Asks the oracle, once the spec is over, whether every descendant of an agent is a member and confined. */
async function consult(guest: LoadedGuest, info: TestInfo): Promise<Error | undefined> {
  const findings = await guest.findings();
  if (findings.length === 0 || info.annotations.some(({ type }) => type === NO_ORACLE)) return undefined;
  return new Error(`the oracle finds:\n${findings.join('\n')}`);
}

async function marked<T>(info: TestInfo, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof InfrastructureError) info.annotations.push({ type: INFRASTRUCTURE });
    throw error;
  }
}

/** What a kernel's log says from a line on. */
function excerpt(log: string, from: string): string {
  const start = log.indexOf(from);
  return start < 0 ? from : log.slice(start).split('\n').slice(0, 60).join('\n');
}

/**
 * Keeps the recording of the guest that a spec has failed in.
 * @returns how to see it again, or nothing where guests are not recorded.
 */
async function kept(stage: Stage, info: TestInfo): Promise<string> {
  const id = await stage.keepRecording(info.titlePath.join(' › '));
  return id ? `\nrecorded: npm run vm:replay -- ${id}` : '';
}

/** The same error, with a remark at its end. */
function remarked(error: Error, remark: string): Error {
  error.message += remark;
  if (error.stack) error.stack += remark;
  return error;
}

/** A spec file has one guest, unless it is recorded: then what is replayed is that spec and nothing else. */
const guestOf = (info: TestInfo, extras: GuestExtras) =>
  (extras.record ?? run().record) ? info.testId : info.file;

/** Runs a spec with a guest, then looks at what the spec has left in it. */
async function withGuest<G extends BootedGuest>(
  stage: Stage,
  info: TestInfo,
  get: () => Promise<G>,
  use: (guest: G) => Promise<void>,
  judge?: (guest: G, info: TestInfo) => Promise<Error | undefined>,
): Promise<void> {
  const guest = await marked(info, get);
  await use(guest);
  const { death } = guest.machine;
  const verdict = death.aborted ? undefined : await judge?.(guest, info);
  if (death.aborted) {
    const reason = death.reason as Error;
    if (reason instanceof InfrastructureError) info.annotations.push({ type: INFRASTRUCTURE });
    await info.attach('console', { body: guest.console(), contentType: 'text/plain' });
    const again = await kept(stage, info);
    await stage.discard();
    if (info.errors.length === 0) throw remarked(reason, again);
    if (again) throw new Error(again.trim());
    return;
  }
  const log = await guest.sh('dmesg -c');
  const { checks } = stage.kernel;
  const off = checks ? await checksOff(guest, checks) : [];
  const found = [...complaints(log), ...off];
  let again = '';
  if (found.length > 0 || verdict || info.status !== info.expectedStatus) {
    await info.attach('kernel log', { body: log, contentType: 'text/plain' });
    await info.attach('console', { body: guest.console(), contentType: 'text/plain' });
    again = await kept(stage, info);
    await stage.discard();
  }
  if (found.length > 0) throw new Error(`the kernel complains:\n${excerpt(log, found[0] ?? '')}${again}`);
  if (verdict) throw remarked(verdict, again);
  if (again) throw new Error(again.trim());
}

/** The wait for everything that guests need, in ms; the first time it is downloaded and built. */
const PREPARING = 1_200_000;
/** The wait for a guest, which is none of the time that a spec has: a boot may take as long as it does on a busy host. */
const BOOTING = 600_000;

export const test = base.extend<Fixtures, WorkerFixtures>({
  kernelName: ['', { option: true, scope: 'worker' }],
  guestExtras: [{}, { option: true, scope: 'worker' }],
  stage: [
    async ({ kernelName, guestExtras }, use) => {
      const stopped = stoppedError(kernelName);
      if (stopped) throw stopped;
      const stage = await Stage.prepare(kernelName || undefined, guestExtras);
      if (stage.kernel.checks === 'debug') stage.farewell = leaks;
      await use(stage);
      await stage.leave();
    },
    { scope: 'worker', timeout: PREPARING },
  ],
  patience: [
    async ({ stage }, use, info) => {
      info.setTimeout(info.timeout * (stage.kernel.slower ?? 1));
      await use(undefined);
    },
    { auto: true },
  ],
  booted: [
    async ({ stage, guestExtras }, use, info) => {
      await withGuest(stage, info, () => stage.booted(guestOf(info, guestExtras)), use);
    },
    { timeout: BOOTING },
  ],
  loaded: [
    async ({ stage, guestExtras }, use, info) => {
      await withGuest(stage, info, () => stage.loaded(guestOf(info, guestExtras)), use, consult);
    },
    { timeout: BOOTING },
  ],
  module: async ({ stage }, use) => {
    await use(stage.module);
  },
});
