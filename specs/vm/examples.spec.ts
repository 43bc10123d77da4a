/** The examples of the README, but for the one in Go (go.spec.ts): each does what it says, in a guest. */
import { readdir } from 'node:fs/promises';
import { EXAMPLES } from '../support/examples.js';
import { expectExample } from '../support/example-run.js';
import { expect, test } from '../support/fixtures.js';
import { NODE_GUEST } from '../support/node-guest.js';

test.use({ guestExtras: NODE_GUEST });

/** The last line of each example, about the agent's end; the shell's does not wait for that. */
const ENDED = {
  'agent.c': 'ended by Killed\n',
  'agent.py': 'ended by SIGKILL\n',
  'agent.sh': '',
  'agent.ts': 'ended by SIGKILL\n',
};

for (const [name, ended] of Object.entries(ENDED))
  test(`DEMO-05: docs/examples/${name} starts an agent with a limit, shows it and ends it`, async ({
    loaded,
    stage,
  }) => {
    await expectExample(loaded, stage, name, ended);
  });

test('DEMO-06: every example is run', async () => {
  expect((await readdir(EXAMPLES)).sort()).toEqual([...Object.keys(ENDED), 'agent.go'].sort());
});
