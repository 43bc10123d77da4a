import { test } from '../support/fixtures.js';

test('never ends', async ({ booted }) => {
  test.setTimeout(0);
  console.log('the guest is up');
  await booted.exec('sleep 3600', { timeoutMs: 3_600_000 });
});
