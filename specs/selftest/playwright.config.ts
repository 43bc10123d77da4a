/** Runs specs that are meant to end badly; specs/harness/verdicts.spec.ts looks at how that is told. */
import { defineConfig } from '@playwright/test';
import '../../harness.config.js';
import { run } from '../../harness/util/run.js';

interface Options {
  kernelName: string;
}

export default defineConfig<object, Options>({
  outputDir: '../../test-results/selftest',
  reporter: [['../../harness/playwright/verdicts.ts']],
  timeout: 60_000,
  workers: 1,
  projects: [
    {
      name: 'selftest',
      testDir: '.',
      testIgnore: 'endless.spec.ts',
      use: { kernelName: run().kernels?.[0] ?? '' },
    },
    { name: 'endless', testDir: '.', testMatch: 'endless.spec.ts' },
  ],
});
