/** The launcher under many workers that end while they launch. */
import { join } from 'node:path';
import { repository } from '../../harness.config.js';
import { quoted } from '../../client/client.js';
import { uploadProgram } from '../support/bundle.js';
import { expect, test } from '../support/fixtures.js';
import { NODE_GUEST } from '../support/node-guest.js';

test.use({ guestExtras: NODE_GUEST });

const DRIVER = join(repository, 'specs/support/launcher/driver.ts');

/** Pairs of workers of a process, and processes one after the other. */
const PAIRS = 20;
const PROCESSES = 5;

test('CLIENT-51: two hundred workers end while they launch', async ({ loaded }) => {
  test.setTimeout(3_600_000);
  const program = await uploadProgram(loaded, DRIVER, 'driver');
  const orders = [{ line: 'exit 0' }, { line: 'sleep 2' }, { spec: { user: { uid: 1, gid: 1 } } }];
  const order = quoted(JSON.stringify(['storm', PAIRS, { count: 6, orders }]));
  for (let i = 0; i < PROCESSES; i++) {
    const text = await loaded.sh(`node ${program} ${order}`, { timeoutMs: 900_000 });
    expect(JSON.parse(text)).toMatchObject({ active: 0, after: { children: 0 } });
  }
});
