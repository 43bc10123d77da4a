/** docs/tutorial.md, as somebody follows it who has just installed SwarmGuard. */
import { expect, test } from '../support/fixtures.js';
import { PACKAGE, installPackage } from '../support/swarmctl-package.js';
import { pattern, programOf, stepsOf, tutorial } from '../support/tutorial.js';
import { NODE_GUEST } from '../support/node-guest.js';

// A start of Node takes seconds in a guest that is emulated.
test.describe.configure({ timeout: 900_000 });
test.use({ guestExtras: NODE_GUEST });

/** The directory in which the tutorial is followed. */
const HERE = '/srv/tutorial';

test('TUT-01: every command of docs/tutorial.md prints what is written there', async ({ loaded }) => {
  const page = await tutorial();
  const steps = stepsOf(page);
  expect(steps.length).toBeGreaterThan(15);
  await installPackage(loaded);
  await loaded.sh(`mkdir -p ${HERE}/node_modules; ln -s ${PACKAGE} ${HERE}/node_modules/swarm-guard`);
  await loaded.writeFile(`${HERE}/agent.mjs`, programOf(page));
  for (const { command, printed } of steps) {
    const { stdout } = await loaded.exec(`cd ${HERE}\n{ ${command}\n} 2>&1`, { timeoutMs: 120_000 });
    expect.soft(stdout.trimEnd(), command).toMatch(pattern(printed));
  }
  await expect(loaded).toHaveActiveAgents(0);
});
