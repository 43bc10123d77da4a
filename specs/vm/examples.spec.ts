/** The examples of the README: each does what it says, in a guest. */
import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { EXAMPLES, prepareExample } from '../support/examples.js';
import { expect, test } from '../support/fixtures.js';

test.use({ guestExtras: { packages: ['nodejs', 'python3-minimal'], memoryMb: 3072 } });

/** The last line of each example, about the agent's end; the shell's does not wait for that. */
const ENDED = {
  'agent.c': 'ended by Killed\n',
  'agent.go': 'ended by killed\n',
  'agent.py': 'ended by SIGKILL\n',
  'agent.sh': '',
  'agent.ts': 'ended by SIGKILL\n',
};

for (const [name, ended] of Object.entries(ENDED)) {
  test(`DEMO-05: docs/examples/${name} starts an agent with a limit, shows it and ends it`, async ({
    loaded,
    stage,
  }) => {
    const { path, interpreter } = await prepareExample(name, stage.kernel.arch);
    const copy = `/srv/${basename(path)}`;
    await loaded.upload(path, copy, '755');
    let printed = '';
    const events = await loaded.swarm.eventsDuring(async () => {
      printed = await loaded.sh(`cd /srv; ${interpreter} ${copy}`);
      await expect(loaded).toHaveActiveAgents(0);
    });
    const [created, spawned, destroyed] = events;
    expect(events.map(({ event }) => event)).toEqual(['created', 'spawned', 'destroyed']);
    if (created?.event !== 'created' || spawned?.event !== 'spawned' || destroyed?.event !== 'destroyed')
      throw new Error('not these events');
    const { agent } = created;
    // It was the program that lived until it was destroyed, and no other process before it.
    expect(destroyed).toMatchObject({ agent, reason: 'request', violations: 0 });
    expect(`${printed}\n`).toBe(
      `{"id":${agent}}\nID: ${agent}, PID: ${spawned.pid}, Memory: 64MB, CPU: max, Namespaces: 0x7F\n${ended}`,
    );
  });
}

test('DEMO-06: every example is run', async () => {
  expect((await readdir(EXAMPLES)).sort()).toEqual(Object.keys(ENDED).sort());
});
