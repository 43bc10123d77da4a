import { InfrastructureError } from '../../harness/util/errors.js';
import { expect, test } from '../support/fixtures.js';
import { Stage } from '../support/stage.js';

test('passes', () => {
  expect(1).toBe(1);
});

test('fails', async ({}, info) => {
  await info.attach('kernel log', { body: 'what the guest <said>', contentType: 'text/plain' });
  expect(1).toBe(2);
});

test('is skipped', () => {
  test.skip(true, 'because it is meant to be');
});

test.describe('infrastructure', () => {
  test.beforeEach(({}, info) => {
    // As if no guest came up.
    Stage.prototype.booted = () => Promise.reject(new InfrastructureError('no guest today'));
    info.setTimeout(60_000);
  });

  test('never gets a guest', async ({ booted }) => {
    await booted.sh('true');
  });
});
