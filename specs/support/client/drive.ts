/** Letting the client's package do something in a guest that has Node. */
import { join } from 'node:path';
import { repository } from '../../../harness.config.js';
import { uploadProgram } from '../bundle.js';
import { expect } from '../expect.js';
import type { LoadedGuest } from '../loaded-guest.js';

const DRIVER = join(repository, 'specs/support/client/driver.ts');

const uploaded = new WeakSet<LoadedGuest>();

/** Puts the driver into the guest, as /srv/client.mjs. */
export async function uploadDriver(guest: LoadedGuest): Promise<void> {
  if (!uploaded.has(guest)) await uploadProgram(guest, DRIVER, 'client');
  uploaded.add(guest);
}

/**
 * Lets the driver do something; see driver.ts. It must end by itself, and leave no rejection unhandled.
 * @param seconds how long it may take
 * @throws if it fails or takes longer
 */
export async function drive(
  guest: LoadedGuest,
  name: string,
  argument = '',
  seconds = 200,
): Promise<unknown> {
  await uploadDriver(guest);
  const { code, stdout, stderr } = await guest.exec(
    `timeout ${seconds} node /srv/client.mjs ${name} ${argument}`,
    { timeoutMs: (seconds + 40) * 1000 },
  );
  if (code !== 0) throw new Error(`the driver ended with ${code}: ${stderr}`);
  const { result, unhandled } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as {
    result: unknown;
    unhandled: number;
  };
  expect(unhandled, 'rejections that nobody handled').toBe(0);
  return result;
}
