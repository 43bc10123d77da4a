import { defineConfig } from '@playwright/test';
import { readCatalogue } from './harness/kernels/catalogue.js';

/** The kernels under test: $SWARMGUARD_KERNELS, names of the catalogue with commas or "all"; the newest by default. */
async function kernels(): Promise<string[]> {
  const { newest, entries } = await readCatalogue();
  const wanted = process.env['SWARMGUARD_KERNELS'] ?? newest;
  return wanted === 'all' ? entries.map(({ name }) => name) : wanted.split(',');
}

export default defineConfig<object, { kernelName: string }>({
  forbidOnly: Boolean(process.env['CI']),
  globalSetup: './specs/setup.ts',
  outputDir: 'test-results',
  reporter: [['./harness/report/verdicts.ts']],
  timeout: 180_000,
  workers: Number(process.env['SWARMGUARD_WORKERS'] ?? 1),
  projects: [
    { name: 'unit', testDir: 'specs/unit' },
    ...(await kernels()).map((kernelName) => ({
      name: `vm-${kernelName}`,
      testDir: 'specs/vm',
      use: { kernelName },
    })),
  ],
});
