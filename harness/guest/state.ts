/** A machine's state: written to a file, and read from one. */
import { setTimeout as sleep } from 'node:timers/promises';
import pWaitFor from 'p-wait-for';
import { z } from 'zod';
import { InfrastructureError } from '../util/errors.js';
import type { Qmp } from './qmp.js';
import { whereabouts } from './whereabouts.js';

/** The longest time that QEMU may take over a state, which is written and read in seconds. */
const LIMIT_MS = 300_000;

const migration = z.object({ status: z.string().optional(), 'error-desc': z.string().optional() });
const runState = z.object({ status: z.string() });

/** Waits for work with QEMU, but not for ever. */
async function within(qmp: Qmp, limitMs: number, what: string, work: (ended: AbortSignal) => Promise<void>) {
  const end = new AbortController();
  const late = sleep(limitMs, true, { signal: end.signal }).catch(() => false);
  try {
    if (!(await Promise.race([work(end.signal).then(() => false), late]))) return;
    throw new InfrastructureError(`${what}: no end after ${limitMs / 1000} s (${await whereabouts(qmp)})`);
  } finally {
    end.abort();
  }
}

/**
 * Stops the guest's clock and writes its state to a file.
 * @throws {InfrastructureError} if QEMU cannot save it, or hangs.
 */
export async function saveState(qmp: Qmp, path: string, limitMs = LIMIT_MS): Promise<void> {
  await within(qmp, limitMs, 'the guest could not be saved', async (ended) => {
    await qmp.command('stop');
    await qmp.command('migrate-set-parameters', { 'max-bandwidth': 2 ** 40 });
    await qmp.command('migrate', { uri: `file:${path}` });
    await pWaitFor(async () => {
      const { status, 'error-desc': error } = migration.parse(await qmp.command('query-migrate'));
      if (status === 'failed')
        throw new InfrastructureError(`the guest could not be saved: ${error ?? 'QEMU does not say why'}`);
      return status === 'completed' || ended.aborted;
    });
  });
}

/**
 * Lets a guest run that is being read from a file, as soon as all of its state has been read.
 * @throws {InfrastructureError} if QEMU hangs.
 */
export async function resumeState(qmp: Qmp, limitMs = LIMIT_MS): Promise<void> {
  await within(qmp, limitMs, 'the guest could not be restored', async (ended) => {
    const read = async () =>
      runState.parse(await qmp.command('query-status')).status !== 'inmigrate' || ended.aborted;
    await pWaitFor(read, { interval: 5 });
    if (!ended.aborted) await qmp.command('cont');
  });
}
