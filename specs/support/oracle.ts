/** Asking the oracle of a guest (module/tests/oracle) during stress; at a spec's end the fixtures ask it. */
import { expect } from '@playwright/test';
import { ORACLE, oracleFindings } from './loaded-guest.js';
import type { LoadedGuest } from './loaded-guest.js';

/**
 * Asks the oracle again and again while `work` runs, and expects that it never finds anything.
 * @returns what `work` returned, and how often the oracle was asked.
 */
export async function watched<T>(
  guest: LoadedGuest,
  work: () => Promise<T>,
): Promise<{ result: T; samples: number }> {
  const stop = '/run/oracle-stop';
  const sampling = guest.exec(`until [ -e ${stop} ]; do cat ${ORACLE}; sleep 0.1; done; rm ${stop}`, {
    timeoutMs: 3_000_000,
  });
  const result = await work().finally(() => guest.sh(`touch ${stop}`));
  const { stdout } = await sampling;
  expect(oracleFindings(stdout), 'found while it ran').toEqual([]);
  return { result, samples: stdout.match(/^ok /gm)?.length ?? 0 };
}
