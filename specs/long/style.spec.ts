/** The kernel's own checker of style over every C source of the module. */
import { appendFile, cp } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { kernelScripts } from '../support/kernel-scripts.js';
import { inModule } from '../support/module.js';

test.describe.configure({ timeout: 600_000 });

async function style(plant = ''): Promise<{ exitCode: number; output: string }> {
  const { checkpatch } = await kernelScripts();
  return inModule({
    command: ['make', 'style', 'CHECKPATCH=/build/scripts/checkpatch.pl'],
    prepare: async (dir) => {
      await cp(checkpatch, join(dir, '../scripts'), { recursive: true });
      if (plant) await appendFile(join(dir, 'json.c'), plant);
    },
  });
}

test('BUILD-05: checkpatch finds nothing', async () => {
  const { exitCode, output } = await style();
  expect(output).toMatch(/^style: \d{2,} files, clean$/m);
  expect(exitCode).toBe(0);
});

test('BUILD-06: checkpatch finds what is planted', async () => {
  const { exitCode, output } = await style('\nint swarm_planted( void );\n');
  expect(output).toMatch(/module\/json\.c:\d+: ERROR:SPACING/);
  expect(exitCode).not.toBe(0);
});
