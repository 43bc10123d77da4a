import { expect, test } from '../support/fixtures.js';

test('expects a command to succeed that fails', async ({ booted }) => {
  await booted.exec(['echo', 'first it was well']);
  expect(await booted.exec('echo out; echo err >&2; exit 3')).toExit(0);
});
