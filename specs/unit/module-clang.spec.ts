/** The module's build with clang, whose packages are large. */
import { expect, test } from '@playwright/test';
import { provideKernel } from '../../harness/kernels/provide.js';
import { buildWithClang } from '../support/clang-tree.js';

test.describe.configure({ timeout: 300_000 });

test(
  'BUILD-07: the module builds with clang and its linker for a kernel that they have built',
  { tag: '@nightly' },
  async () => {
    const log = await buildWithClang(await provideKernel());
    expect(log).toMatch(/^ {2}LD \[M\] +swarm_guard\.ko$/m);
    expect(log).not.toMatch(/warning:|error:/i);
    expect(log).toMatch(/\] +Debian clang version \d+.*\n(.*\n)*savedcmd_swarm_guard\.ko := ld\.lld /);
    expect(log).not.toMatch(/\] +GCC: /);
  },
);
