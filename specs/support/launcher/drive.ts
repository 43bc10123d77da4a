/** The driver of launches, started in a guest. */
import { join } from 'node:path';
import { quoted } from '../../../client/client.js';
import { repository } from '../../../harness.config.js';
import { uploadProgram } from '../bundle.js';
import type { LoadedGuest } from '../loaded-guest.js';

const DRIVER = join(repository, 'specs/support/launcher/driver.ts');

const uploaded = new WeakSet<LoadedGuest>();

/** Lets the driver carry out an order; see driver.ts. */
export async function drive<T>(guest: LoadedGuest, ...order: unknown[]): Promise<T> {
  const program = uploaded.has(guest) ? '/srv/driver.mjs' : await uploadProgram(guest, DRIVER, 'driver');
  uploaded.add(guest);
  const { code, stdout, stderr } = await guest.exec(`node ${program} ${quoted(JSON.stringify(order))}`, {
    timeoutMs: 240_000,
  });
  if (code !== 0) throw new Error(`the driver ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as T;
}
