/** The costs of the policy core's calls, as valgrind counts them. */
import { expect, test } from '@playwright/test';
import { CASES } from '../../bench/native/cases.js';
import { countNative } from '../../bench/native/instructions.js';
import { buildNative } from '../support/native.js';

test("BENCH-17: the instructions of the policy core's calls are counted where valgrind is, the same each time", async () => {
  test.setTimeout(600_000);
  const path = await buildNative();
  const some = CASES.filter((_, index) => index !== 2 && index !== 3);
  const counts = await countNative(path, some);
  if (typeof counts === 'string') {
    test.skip(true, counts);
    return;
  }
  const [smallest = NaN, full = NaN, last = NaN, none = NaN] = counts.values();
  for (const each of counts.values()) expect(Number.isInteger(each)).toBe(true);
  expect(none).toBeGreaterThan(5);
  expect(last, 'sixteen rules').toBeGreaterThan(none + 16);
  expect(full, 'sixteen rules to parse').toBeGreaterThan(16 * smallest);
  expect(await countNative(path, some.slice(0, 1))).toEqual(new Map([...counts].slice(0, 1)));
});
