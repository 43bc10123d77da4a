/** Random sequences of orders against a model; many more of them in specs/long/model.spec.ts. */
import { test } from '../support/fixtures.js';
import { runModel } from '../support/model/run.js';

test('ORACLE-09: whatever sequence of orders is given, counters, agents, processes and the oracle are as the model says', async ({
  loaded,
  stage,
}) => {
  await runModel(loaded, { runs: 5, orders: 50, limitMs: 100_000 * (stage.kernel.slower ?? 1) });
});
