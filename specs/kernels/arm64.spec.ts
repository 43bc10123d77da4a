/** Building for another architecture; what is built runs in `npm run vm:test -- --kernel arm64`. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { provideKernel } from '../../harness/kernels/provide.js';
import { buildModule, inModule } from '../support/module.js';

test.describe.configure({ timeout: 900_000 });

/** The machine that an ELF file is for, as its header numbers them. */
const machineOf = async (path: string) => (await readFile(path)).readUInt16LE(18);
const AARCH64 = 183;

test('KERNEL-12: for arm64 all modules are cross-compiled without a warning, with the structures of the image', async () => {
  const { ko, oracle, integrationTest, log } = await buildModule(await provideKernel('arm64'));
  const modules = [ko, oracle, integrationTest];
  for (const path of modules) expect(await machineOf(path), path).toBe(AARCH64);
  const audits = log.match(/^audit: [1-9]\d\d+ types compared with the kernel's, 0 differ$/gm);
  expect(audits).toHaveLength(modules.length);
});

test('KERNEL-13: a policy core that uses the vector registers of arm64 fails the build', async () => {
  // The target of user space, which copies with them.
  const prepare = async (dir: string) => {
    const path = join(dir, 'Kbuild');
    const text = await readFile(path, 'utf8');
    const changed = text.replace('aarch64-unknown-none-softfloat', 'aarch64-unknown-linux-gnu');
    expect(changed).not.toBe(text);
    await writeFile(path, changed);
  };
  const command = ['make', 'PYTHON3=true', 'all'];
  const { exitCode, output } = await inModule({ command, kernel: await provideKernel('arm64'), prepare });
  expect(output).toContain('check-core: policy_core.o: uses floating-point or vector registers');
  expect(exitCode).not.toBe(0);
});
