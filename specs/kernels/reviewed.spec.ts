/** No kernel has a system call that nobody has read. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { readCatalogue, runnable } from '../../harness/kernels/catalogue.js';
import { provideKernel } from '../../harness/kernels/provide.js';
import { kernelTrees } from '../../harness/kernels/tree.js';
import { kernelsPage } from '../support/kernels-page.js';
import { checkReviewed, readReviewed, systemCalls, treeOf } from '../support/reviewed.js';

// Headers of an older series are prepared from its source.
test.describe.configure({ timeout: 1_800_000 });

const { entries } = await readCatalogue();
const can = await runnable(kernelTrees());

for (const { name, refused } of entries)
  if (can.includes(name) && refused !== true)
    test(`KERNEL-22: every system call of kernel ${name} has been read`, async () => {
      const tree = treeOf(await provideKernel(name));
      const calls = await systemCalls(tree);
      // arm64 has fewest.
      expect(calls.size).toBeGreaterThan(380);
      for (const call of ['clone3', 'execveat', 'openat2', 'socket', 'setns', 'open_tree_attr'])
        expect(calls).toContain(call);
      await checkReviewed(name, tree, await readReviewed());
    });

test('KERNEL-23: a system call that nobody has read is refused by its name', async () => {
  const reviews = await readReviewed();
  const tree = treeOf(await provideKernel('7.3'));
  const header = 'arch/x86/include/generated/uapi/asm/unistd_64.h';
  const planted = await mkdtemp(join(tmpdir(), 'swarm-guard-reviewed-'));
  try {
    await mkdir(join(planted, header, '..'), { recursive: true });
    const text = await readFile(join(tree, header), 'utf8');
    await writeFile(join(planted, header), `${text}#define __NR_spawn_anywhere 999\n`);
    await expect(checkReviewed('7.3', planted, reviews)).rejects.toThrow(
      'kernel 7.3 has system calls that nobody has read: spawn_anywhere\n',
    );
    await expect(checkReviewed('7.3', tmpdir(), reviews)).rejects.toThrow(/has no headers that name/);
    const lacking = reviews.filter((review) => review.name !== 'clone3');
    await expect(checkReviewed('7.3', tree, lacking)).rejects.toThrow(/nobody has read: clone3\n/);
    // What the command prints and exits with.
    await expect(kernelsPage(lacking)).rejects.toThrow(/^kernel 7\.3 has .* nobody has read: clone3\n/);
  } finally {
    await rm(planted, { recursive: true });
  }
});
