import { writeFile } from 'node:fs/promises';
import { guestTest } from '../../harness/playwright/fixtures.js';

/** Its guests would be made on a disk that is full. */
const test = guestTest(async () => {
  await writeFile('/dev/full', 'packages of the file');
  throw new Error('the disk was not full');
});

test('gets no guest on a full disk', async ({ booted }) => {
  await booted.close();
});
