/** The module's costs, in instructions: in a guest of this kind they are the same in every run. */
import { budgetsFor, imageId, judge, lineOf, measureCosts, readBudgets } from '../../bench/budgets.js';
import { parseCounts } from '../../bench/measure/counted.js';
import { QUICK_COSTS } from '../../bench/measure/costs.js';
import { readCatalogue } from '../../harness/kernels/catalogue.js';
import { expect, test } from '../support/fixtures.js';

test.use({ guestExtras: { mode: 'counted' } });
test.describe.configure({ timeout: 1_200_000 });

test(
  'COST-01, COST-02, COST-03, COST-04, COST-05, COST-06, COST-08: hooks, calls by name, lookups, the life of an agent and reading keep within their budgets of instructions',
  { tag: '@counts-instructions' },
  async ({ kernelName }) => {
    const kernel = kernelName || (await readCatalogue()).newest;
    const entries = await readBudgets();
    test.skip(
      !budgetsFor(entries, await imageId(kernel)),
      `there are no budgets for the image of ${kernel} in bench/budgets.json; npm run bench:check -- --kernel ${kernel} --record`,
    );
    const costs = await measureCosts(kernel, QUICK_COSTS, () => undefined);
    const entry = budgetsFor(entries, costs.image, costs.compiler);
    console.log(costs.figures.map((figure) => lineOf(figure, entry?.budgets[figure.id])).join('\n'));
    test.skip(!entry, `there are no budgets for ${costs.compiler} in bench/budgets.json`);
    if (!entry) return;
    const grown = judge(costs.figures, entry)
      .filter(({ excess }) => excess)
      .map(({ figure, budget }) => lineOf(figure, budget).replaceAll(/ +/g, ' '));
    expect(grown, `above their budgets: ${grown.join('; ')}`).toEqual([]);
    // What is promised is kept, but for what is known not to be.
    const missed = costs.figures
      .filter(({ id, value, target }) => target !== undefined && value > target && !(id in entry.unreached))
      .map((figure) => lineOf(figure).replaceAll(/ +/g, ' '));
    expect(missed, `above what is promised: ${missed.join('; ')}`).toEqual([]);
  },
);

test(
  'COST-07: reading metrics and status costs the same whatever the number of agents',
  { tag: '@counts-instructions' },
  async ({ loaded }) => {
    const agents = 5000;
    const read = async (file: string) =>
      parseCounts(await loaded.sh(`cost read 50 /proc/swarm/${file}`)).get('read')?.least ?? NaN;
    // As many digits in every number before and after.
    await loaded.swarm.write('{}\n'.repeat(1000));
    const before = {
      metrics: await read('metrics'),
      status: await read('status'),
      agents: await read('agents'),
    };
    await loaded.swarm.write('{}\n'.repeat(agents - 1000));
    const after = {
      metrics: await read('metrics'),
      status: await read('status'),
      agents: await read('agents'),
    };
    expect(Math.abs(after.metrics / before.metrics - 1)).toBeLessThan(0.02);
    expect(Math.abs(after.status / before.status - 1)).toBeLessThan(0.02);
    // What does grow is seen to.
    expect(after.agents / before.agents).toBeGreaterThan(4);
    await loaded.sh(`seq ${agents} >/proc/swarm/destroy 2>/dev/null; true`);
    await loaded.swarm.destroy(...(await loaded.swarm.agents()).map(({ id }) => id));
  },
);
