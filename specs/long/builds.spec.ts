/** Builds of the module that take long: installed, and with what its checks must find. */
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { provideKernel } from '../../harness/kernels/provide.js';
import { inModule } from '../support/module.js';

test.describe.configure({ timeout: 1_200_000 });

test('BUILD-04: sparse finds what is planted: a user address that is followed', async () => {
  const { output } = await inModule({
    command: ['make', 'check'],
    kernel: await provideKernel(),
    prepare: async (dir) => {
      const planted =
        '\nint swarm_planted(const int __user *at);\nint swarm_planted(const int __user *at)\n{\n\treturn *at;\n}\n';
      await appendFile(join(dir, 'json.c'), `#include <linux/compiler.h>${planted}`);
    },
  });
  expect(output).toMatch(/json\.c:\d+:\d+: warning: dereference of noderef expression/);
});

test('BUILD-18: make install puts the module where modprobe finds it, and no other', async () => {
  const kernel = await provideKernel();
  const look =
    'make oracle install INSTALL_MOD_PATH=/build/root && cd /build/root/lib/modules/* && find . -name "*.ko*" && cat modules.dep';
  const { exitCode, output } = await inModule({
    command: ['sh', '-c', look],
    kernel,
    env: { KDIR: kernel.kdir },
  });
  expect(output.match(/^\.\/.*\.ko.*$/gm)).toEqual([
    expect.stringMatching(/^\.\/updates\/swarm_guard\.ko(\.xz)?$/),
  ]);
  expect(output).toMatch(/^updates\/swarm_guard\.ko(\.xz)?:$/m);
  expect(exitCode).toBe(0);
});

test('BUILD-20: a panic that the optimiser cannot remove fails the build of the core', async () => {
  const { exitCode, output } = await inModule({
    command: ['make'],
    kernel: await provideKernel(),
    prepare: async (dir) => {
      const planted = '\n#[no_mangle]\npub extern "C" fn planted(at: usize) -> u8 {\n    b"abc"[at]\n}\n';
      await writeFile(join(dir, 'src/ffi.rs'), planted, { flag: 'a' });
    },
  });
  expect(exitCode).not.toBe(0);
  expect(output).toMatch(/policy_core\.o.*panic/s);
});
