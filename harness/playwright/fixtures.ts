/** Fixtures: a guest in the state that its type says, whose kernel has not complained. */
import { test as base } from '@playwright/test';
import type { TestInfo } from '@playwright/test';
import type { BootedGuest } from '../guest/guest.js';
import { complaints, firstComplaint } from '../guest/kernel-log.js';
import { checksOff, leaks } from '../guest/self-checks.js';
import type { GuestExtras, GuestStage } from '../guest/stage.js';
import { InfrastructureError, unprovided } from '../util/errors.js';
import { run } from '../util/run.js';
import type { KernelOptions } from './projects.js';
import { harness } from '../util/config.js';

/** Lets the reporter tell trouble with the machinery from findings. */
const INFRASTRUCTURE = 'infrastructure';

export interface GuestFixtures {
  /** A guest without any module. */
  booted: BootedGuest;
  /** On a slow kernel every time limit is longer. */
  patience: undefined;
}

export interface GuestWorkerFixtures<S extends GuestStage> extends KernelOptions {
  /** Extras of the file's guests: `test.use({ guestExtras: { … } })`. */
  guestExtras: GuestExtras;
  stage: S;
}

async function marked<T>(info: TestInfo, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof InfrastructureError) info.annotations.push({ type: INFRASTRUCTURE });
    throw error;
  }
}

/**
 * Keeps the recording of the guest that a spec has failed in.
 * @returns how to see it again, or nothing if guests are not recorded.
 */
async function kept(stage: GuestStage, info: TestInfo): Promise<string> {
  const id = await stage.keepRecording(info.titlePath.join(' › '));
  return id ? `\nrecorded: ${harness().commands.replay(id)}` : '';
}

/** The same error, with a remark at its end. */
function remarked(error: Error, remark: string): Error {
  error.message += remark;
  if (error.stack) error.stack += remark;
  return error;
}

/** A spec file has one guest, unless it is recorded: then what is replayed is that spec and nothing else. */
export const guestOf = (info: TestInfo, extras: GuestExtras): string =>
  (extras.mode ?? (run().record && 'recorded')) === 'recorded' ? info.testId : info.file;

/** A command as a title: its first line, shortened. */
const firstWords = (command: string) => command.split('\n', 1)[0]?.slice(0, 120) ?? '';

/** The ways to make, use and judge a spec's guest. */
interface Given<G extends BootedGuest> {
  readonly stage: GuestStage;
  readonly info: TestInfo;
  /** Makes the guest. */
  readonly get: () => Promise<G>;
  readonly use: (guest: G) => Promise<void>;
  /** Looks at the guest after the spec; says what is wrong with it. */
  readonly judge?: (guest: G, info: TestInfo) => Promise<Error | undefined>;
}

/**
 * Runs a spec with a guest, then looks at what the spec has left in it.
 * @throws if the kernel complains, the guest has died, or `judge` finds something.
 */
export async function withGuest<G extends BootedGuest>(how: Given<G>): Promise<void> {
  const { stage, info, get, use, judge } = how;
  const given = await marked(info, get);
  // What the guest is told is seen in the spec's steps.
  given.observer = (command, work) => base.step(`guest# ${firstWords(command)}`, work, { box: true });
  await use(given);
  given.observer = undefined;
  // The spec may have booted another in its place, or ended it.
  const guest = stage.current;
  if (!guest) return;
  const { ended } = guest.machine;
  const same = guest.machine === given.machine;
  const verdict = ended.aborted || !same ? undefined : await judge?.(given, info);
  if (ended.aborted) {
    const reason = ended.reason as Error;
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
  if (found.length > 0)
    throw new Error(`the kernel complains:\n${firstComplaint(log) ?? off.join('\n')}${again}`);
  if (verdict) throw remarked(verdict, again);
  if (again) throw new Error(again.trim());
}

/** The wait for everything that guests need, in ms; the first time it is downloaded and built. */
const PREPARING = 1_200_000;
/** The wait for a guest, which is none of the time that a spec has: a boot may take as long as it does on a busy host. */
export const BOOTING = 600_000;

/**
 * Playwright's `test` with guests.
 * @param prepare provides a stage of the kernel of that name, the newest where it is undefined
 */
export function guestTest<S extends GuestStage>(
  prepare: (kernelName: string | undefined, extras: GuestExtras) => Promise<S>,
) {
  return base.extend<GuestFixtures, GuestWorkerFixtures<S>>({
    kernelName: ['', { option: true, scope: 'worker' }],
    guestExtras: [{}, { option: true, scope: 'worker' }],
    stage: [
      async ({ kernelName, guestExtras }, use) => {
        const stage = await prepare(kernelName || undefined, guestExtras).catch((error: unknown) => {
          throw unprovided("the file's guests cannot be provided", error);
        });
        if (stage.kernel.checks === 'debug') stage.lastLook = leaks;
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
        await withGuest({ stage, info, get: () => stage.booted(guestOf(info, guestExtras)), use });
      },
      { timeout: BOOTING },
    ],
  });
}
