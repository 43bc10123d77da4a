/** Many random sequences of orders against the model of specs/support/model. */
import { test } from '../support/fixtures.js';
import { runModel } from '../support/model/run.js';

test('ORACLE-10: dozens of long sequences of orders end as the model says', async ({ loaded }) => {
  test.setTimeout(7_200_000);
  await runModel(loaded, { runs: 60, orders: 80, limitMs: 7_000_000 });
});
