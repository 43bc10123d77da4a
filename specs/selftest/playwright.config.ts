/** Runs specs that are meant to end badly; specs/unit/verdicts.spec.ts looks at how that is told. */
import { defineConfig } from '@playwright/test';

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
      use: { kernelName: process.env['SWARMGUARD_SELFTEST_KERNEL'] ?? '' },
    },
    { name: 'endless', testDir: '.', testMatch: 'endless.spec.ts' },
  ],
});
