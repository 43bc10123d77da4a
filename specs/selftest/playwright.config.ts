/** Runs specs that are meant to end badly; specs/unit/verdicts.spec.ts looks at how that is told. */
import { defineConfig } from '@playwright/test';

export default defineConfig({
  outputDir: '../../test-results/selftest',
  reporter: [['../../harness/report/verdicts.ts']],
  timeout: 60_000,
  workers: 1,
  projects: [{ name: 'selftest', testDir: '.' }],
});
