/** Recordings of guests, where nothing comes of them. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { Guest } from '../../harness/guest/guest.js';
import { provideKernel } from '../../harness/kernels/provide.js';
import { InfrastructureError } from '../../harness/util/errors.js';
import { changeRun } from '../../harness/util/run.js';

test.describe.configure({ timeout: 300_000 });

let dir = '';
test.beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'recording-'));
  changeRun({ recordings: join(dir, 'recordings') });
});
test.afterEach(async () => {
  changeRun({ recordings: undefined });
  await rm(dir, { recursive: true });
});

test('REPLAY-07: a recording goes if QEMU does not start', async () => {
  const image = join(dir, 'vmlinuz');
  await writeFile(image, 'no kernel');
  const kernel = { ...(await provideKernel()), image };
  const guest = await Guest.create({ kernel, initrd: image, mode: 'recorded' });
  const error: unknown = await guest.boot().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(InfrastructureError);
  expect(await readdir(join(dir, 'recordings'))).toEqual([]);
});
