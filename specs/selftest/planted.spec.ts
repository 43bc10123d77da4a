import { join } from 'node:path';
import { expect, test } from '../support/fixtures.js';
import { buildTestModules } from '../support/module.js';

/** Enough rounds that one of them is unlucky. */
const ROUNDS = 200;

const RACE = 'echo 2000 >/proc/swarm_planted & echo 2000 >/proc/swarm_planted; wait';

test('meets a planted race', async ({ booted, stage }) => {
  const dir = await buildTestModules(stage.kernel, 'planted');
  await booted.upload(join(dir, 'swarm_planted.ko'), '/root/swarm_planted.ko');
  await booted.sh('insmod /root/swarm_planted.ko');
  await booted.sh(`for n in $(seq ${ROUNDS}); do ${RACE}; done`, { timeoutMs: 600_000 });
});

test('expects what the guest does not say', async ({ booted }) => {
  expect(await booted.sh('echo one')).toBe('two');
});

test('passes in a guest', async ({ booted }) => {
  expect(await booted.sh('echo one')).toBe('one');
});
