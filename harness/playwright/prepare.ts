/** The setup project of a kernel: downloads and builds before the first spec, so that no spec's time pays for it. */
import { test as base } from '@playwright/test';
import { toolRoot } from '../archive/tool-root.js';
import { buildKernelModules } from '../build/kernel-modules.js';
import { provideGuest } from '../guest/stage.js';
import { harness } from '../util/config.js';
import { BuildError, InfrastructureError } from '../util/errors.js';

/** The wait for all of it, in ms: a whole kernel may have to be built. */
const PREPARING = 7_200_000;

const test = base.extend<object, { kernelName: string }>({
  kernelName: ['', { option: true, scope: 'worker' }],
});

test('the kernel, its guests and the modules for it are there', async ({ kernelName }, info) => {
  info.setTimeout(PREPARING);
  try {
    await toolRoot();
    const { kernel, guest } = await provideGuest(kernelName || undefined);
    await buildKernelModules(kernel, harness().modules);
    console.error(`kernel ${kernel.release}, ${guest.acceleration}`);
  } catch (error) {
    // Compilers and structures are the module's own; a mirror, a disk and QEMU are not.
    if (error instanceof BuildError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new InfrastructureError(`kernel ${kernelName} is not run: ${why}`, '', { cause: error });
  }
});
