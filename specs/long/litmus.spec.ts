/** The code that takes no lock, in the kernel's memory model. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { observe, removable, variant } from '../support/litmus.js';
import { modelDir } from '../support/spin.js';

/** Making the root with herd7 and fetching the memory model takes minutes, once. */
test.describe.configure({ timeout: 900_000 });

const dir = join(modelDir, 'litmus');
const tests = readdirSync(dir)
  .filter((name) => name.endsWith('.litmus'))
  .map((name) => ({ name: name.replace('.litmus', ''), text: readFileSync(join(dir, name), 'utf8') }));

for (const { name, text } of tests) {
  test(`SPIN-08: ${name} never has the forbidden outcome`, async () => {
    expect(await observe(variant(text))).toBe('Never');
  });

  for (const without of removable(text))
    test(`SPIN-09: ${name} ${without} has the forbidden outcome`, async () => {
      expect(await observe(variant(text, without))).toBe('Sometimes');
    });
}
