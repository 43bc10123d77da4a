import { defineConfig } from '@playwright/test';
import { readCatalogue } from './harness/kernels/catalogue.js';

/** The kernels under test: $SWARMGUARD_KERNELS, names of the catalogue with commas or "all"; the newest by default. */
async function kernels(): Promise<string[]> {
  const { newest, entries } = await readCatalogue();
  const wanted = process.env['SWARMGUARD_KERNELS'] ?? newest;
  return wanted === 'all' ? entries.map(({ name }) => name) : wanted.split(',');
}

/** Suites: $SWARMGUARD_SUITES; those that are quick by default. */
const suites = (process.env['SWARMGUARD_SUITES'] ?? 'unit,vm').split(',');

export default defineConfig<object, { kernelName: string }>({
  forbidOnly: Boolean(process.env['CI']),
  globalSetup: './specs/setup.ts',
  outputDir: 'test-results',
  reporter: [['./harness/report/verdicts.ts']],
  timeout: 180_000,
  workers: Number(process.env['SWARMGUARD_WORKERS'] ?? 1),
  projects: [
    ...suites.filter((suite) => suite === 'unit').map((name) => ({ name, testDir: `specs/${name}` })),
    ...(await kernels()).flatMap((kernelName) =>
      suites
        .filter((suite) => suite !== 'unit')
        .map((suite) => ({ name: `${suite}-${kernelName}`, testDir: `specs/${suite}`, use: { kernelName } })),
    ),
  ],
});
