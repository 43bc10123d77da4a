/** The fixtures of specs: a guest in the state that its type says. */
import type { TestInfo } from '@playwright/test';
import { BOOTING, guestOf, guestTest, withGuest } from '../../harness/playwright/fixtures.js';
import { expect } from './expect.js';
import { destroyAll } from './guest.js';
import type { LoadedGuest } from './loaded-guest.js';
import type { BuiltModule } from './module.js';
import { Stage } from './stage.js';

export { expect };

interface Fixtures {
  /**
   * Destroys the agents that a spec leaves, instead of failing it: `test.use({ clearAgents: true })`, for files that
   * create agents by the thousand.
   */
  clearAgents: boolean;
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

/** The oracle's finding once the spec is over: whether every descendant of an agent is a member and confined. */
function judged(findings: readonly string[], info: TestInfo): Error | undefined {
  if (findings.length === 0 || info.annotations.some(({ type }) => type === NO_ORACLE)) return undefined;
  return new Error(`the oracle finds:\n${findings.join('\n')}`);
}

/**
 * Waits until no agents of a spec are left when it is over.
 * @param clear destroys them first
 * @returns an error that lists them; undefined if there are none
 */
async function leftAgents(guest: LoadedGuest, clear: boolean): Promise<Error | undefined> {
  if (clear) await destroyAll(guest);
  try {
    await expect(guest).toHaveActiveAgents(0);
    return undefined;
  } catch (error) {
    if (error instanceof Error) error.message = `the spec leaves agents: ${error.message}`;
    return error as Error;
  }
}

export const test = guestTest((name, extras) => Stage.prepare(name, extras)).extend<Fixtures>({
  clearAgents: [false, { option: true }],
  loaded: [
    async ({ stage, guestExtras, clearAgents }, use, info) => {
      const get = () => stage.loaded(guestOf(info, guestExtras));
      const judge = async (guest: LoadedGuest) => {
        const { findings, active } = await guest.look();
        const error = judged(findings, info);
        // A spec that failed has the next one given a pristine guest.
        if (error || info.errors.length > 0 || active === undefined) return error;
        return active > 0 || clearAgents ? leftAgents(guest, clearAgents) : undefined;
      };
      await withGuest({ stage, info, get, use, judge });
    },
    { timeout: BOOTING },
  ],
  module: async ({ stage }, use) => {
    await use(stage.module);
  },
});
