import { defineConfig } from '@playwright/test';
import { kernelProjects, readCatalogue, run } from 'kmod-harness';
import type { KernelOptions } from 'kmod-harness';
import './harness.config.js';

const { newest } = await readCatalogue();
/** The kernels that the specs are run on: KMOD_HARNESS_RUN='{"kernels":["7.3","6.18"]}' names others. */
const { kernels = [newest] } = run();

export default defineConfig<object, KernelOptions>({
  timeout: 120_000,
  workers: 1,
  reporter: [['kmod-harness/verdicts'], ['kmod-harness/results']],
  projects: kernels.flatMap((name) => kernelProjects(name, [{ name: 'hello', testDir: 'specs' }])),
});
