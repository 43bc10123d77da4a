/** Runs every spec file of vm in a shuffled order, a new one each day. */
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { readCatalogue } from '../../harness/kernels/catalogue.js';
import { PLAYWRIGHT } from '../../harness/util/playwright.js';
import { runEnvironment } from '../../harness/util/run.js';
import { repository } from '../../harness.config.js';
import { inAnotherOrder, orderAgain, titlesRun } from '../support/shuffled.js';

test.describe.configure({ timeout: 3_600_000 });

const folder = join(repository, 'specs/vm');
/** The date, so that every night tries a new order. A failure prints it with the command that repeats the order. */
const seed = new Date().toISOString().slice(0, 10);

for (const name of readdirSync(folder).filter((each) => each.endsWith('.spec.ts'))) {
  test(`HARNESS-22: the specs of vm/${name.replace('.spec.ts', '')} pass in another order`, async () => {
    const file = join(folder, name);
    const dir = await mkdtemp(join(tmpdir(), 'swarm-guard-order-'));
    const { newest } = await readCatalogue();
    const [program, ...words] = PLAYWRIGHT;
    try {
      await test.step(orderAgain(file, seed), async () => {
        const args = [...words, file, ...inAnotherOrder(seed), `--output=${join(dir, 'output')}`];
        const { all, exitCode } = await execa(program, args, {
          cwd: repository,
          all: true,
          reject: false,
          env: {
            FORCE_COLOR: '0',
            ...runEnvironment({ kernels: [newest], suites: ['vm'], report: join(dir, 'report') }),
          },
        });
        expect(exitCode, `${orderAgain(file, seed)}\n${all}`).toBe(0);
        expect(titlesRun(all, name), all).not.toEqual([]);
      });
    } finally {
      await rm(dir, { recursive: true });
    }
  });
}
