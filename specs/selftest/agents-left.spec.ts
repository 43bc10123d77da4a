import { expect, test } from '../support/fixtures.js';

test('leaves an agent', async ({ loaded }) => {
  await loaded.swarm.create({ name: 'left-behind' });
});

test('finds none', async ({ loaded }) => {
  expect(await loaded.swarm.agents()).toEqual([]);
});

test.describe('where agents are cleared', () => {
  test.use({ clearAgents: true });

  test('leaves a hundred', async ({ loaded }) => {
    await loaded.sh(`yes '{}' | head -n 100 >/proc/swarm/create`);
  });

  test('finds none of them', async ({ loaded }) => {
    expect(await loaded.swarm.agents()).toEqual([]);
  });
});
