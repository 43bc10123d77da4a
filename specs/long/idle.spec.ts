/** The kernel memory of an agent that does nothing has a budget. */
import { MEMORY_GUEST, WHOLE, memoryOf, slabOf } from '../../bench/measure/memory.js';
import { expect, test } from '../support/fixtures.js';

test.use({ guestExtras: { ...MEMORY_GUEST, mode: 'counted', findMemoryErrors: false } });

const AGENTS = 200;

/**
 * Bytes of slab objects for each agent in all seven kinds of namespaces, its process included: 4 % more than
 * docs/memory.md has, on one CPU and beside 12 mounts.
 */
const BUDGETS = { none: 61_000, own: 285_000 } as const;

for (const network of ['none', 'own'] as const) {
  test(`SCALE-05: an idle agent with network ${network} keeps to its budget of slab`, async ({
    loaded,
  }, info) => {
    test.setTimeout(600_000);
    expect(Number(await loaded.sh('wc -l </proc/self/mountinfo')), 'mounts, which agents copy').toBeLessThan(
      15,
    );
    // The first births make what the kernel keeps.
    await memoryOf(loaded, 5, WHOLE[network]);
    const memory = await memoryOf(loaded, AGENTS, WHOLE[network]);
    const caches = [...memory.caches].toSorted(([, one], [, other]) => other - one);
    await info.attach('caches', { body: JSON.stringify(caches), contentType: 'application/json' });
    console.log(`network ${network}: ${slabOf(memory).toFixed(0)} bytes of slab`);
    // An agent is at least its process and its namespaces: less was not measured.
    expect(slabOf(memory)).toBeGreaterThan(BUDGETS[network] * 0.8);
    expect(slabOf(memory)).toBeLessThanOrEqual(BUDGETS[network]);
    await expect(loaded).toHaveActiveAgents(0);
  });
}
