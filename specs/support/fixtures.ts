/** The fixtures of specs: a guest in the state that its type says. */
import type { TestInfo } from '@playwright/test';
import { BOOTING, guestOf, guestTest, withGuest } from '../../harness/playwright/fixtures.js';
import type { LoadedGuest } from './loaded-guest.js';
import type { BuiltModule } from './module.js';
import { Stage } from './stage.js';

export { expect } from './expect.js';

interface Fixtures {
  /** A guest with the module loaded. */
  loaded: LoadedGuest;
  /** The module, built for the guest's kernel. */
  module: BuiltModule;
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

export const test = guestTest((name, extras) => Stage.prepare(name, extras)).extend<Fixtures>({
  loaded: [
    async ({ stage, guestExtras }, use, info) => {
      const get = () => stage.loaded(guestOf(info, guestExtras));
      await withGuest({ stage, info, get, use, judge: consult });
    },
    { timeout: BOOTING },
  ],
  module: async ({ stage }, use) => {
    await use(stage.module);
  },
});
