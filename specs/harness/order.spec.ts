/** Shuffled runs find specs that depend on others. */
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { repository } from '../../harness.config.js';
import { inAnotherOrder, orderAgain, titlesRun } from '../support/shuffled.js';

test.describe.configure({ timeout: 300_000 });

const MAKES = 'makes what another one needs';
const NEEDS = 'needs what another one has made';
const FREE = 'needs nothing';
/** The most seeds that are tried. Two specs keep their order for all of them with a probability of 1 in 512. */
const SEEDS = 10;

/** Runs specs/selftest/order.spec.ts shuffled; returns its titles in the order in which they ran, and whether all passed. */
async function ran(seed: number): Promise<{ titles: string[]; passed: boolean }> {
  const words = [
    'node_modules/@playwright/test/cli.js',
    'test',
    '--config=specs/selftest/playwright.config.ts',
  ];
  const args = [...words, 'selftest/order.spec.ts', ...inAnotherOrder(seed)];
  const { all, exitCode } = await execa('node', args, {
    cwd: repository,
    all: true,
    reject: false,
    env: { FORCE_COLOR: '0' },
  });
  return { titles: titlesRun(all, 'order.spec.ts'), passed: exitCode === 0 };
}

test('HARNESS-20: in another order every spec of a file runs, by its seed, and one that needs another one is found', async () => {
  const orders = new Set<string>();
  const outcomes = new Set<boolean>();
  for (let seed = 1; seed <= SEEDS && outcomes.size < 2; seed++) {
    const { titles, passed } = await ran(seed);
    expect([...titles].sort(), `seed ${seed}`).toEqual([MAKES, FREE, NEEDS].sort());
    expect(passed, `seed ${seed}: ${titles.join(', ')}`).toBe(titles.indexOf(MAKES) < titles.indexOf(NEEDS));
    if (seed === 1) expect((await ran(seed)).titles, 'the same seed once more').toEqual(titles);
    orders.add(titles.join());
    outcomes.add(passed);
  }
  expect(orders.size).toBeGreaterThan(1);
  expect(outcomes.size, 'it passed in one order, and failed in another').toBe(2);
});

test('HARNESS-21: the order is told as the command that runs it again', () => {
  expect(orderAgain(`${repository}/specs/vm/create.spec.ts`, '2026-01-31')).toBe(
    'npm test -- specs/vm/create.spec.ts --fully-parallel --workers=1 --shuffle=2026-01-31',
  );
});
