import { availableParallelism, totalmem } from 'node:os';
import { defineConfig } from '@playwright/test';
import type { Project, ReporterDescription } from '@playwright/test';
import { readCatalogue, runnable } from './harness/kernels/catalogue.js';
import { fileNames, readKept } from './harness/report/kept.js';
import { kernelTrees } from './harness/kernels/tree.js';
import { recordingWanted } from './harness/util/recording-wanted.js';

interface Options {
  kernelName: string;
}

const { newest, entries } = await readCatalogue();

/** The kernels under test: $SWARMGUARD_KERNELS, names of the catalogue with commas or "all"; the newest by default. */
async function kernels(): Promise<string[]> {
  const wanted = process.env['SWARMGUARD_KERNELS'] ?? newest;
  return wanted === 'all' ? runnable(await kernelTrees()) : wanted.split(',');
}

/** Suites: $SWARMGUARD_SUITES; those that are quick by default. */
const suites = (process.env['SWARMGUARD_SUITES'] ?? 'unit,vm').split(',');

/** Suites that no kernel's guest is given to: they have one project, or get guests of their own. */
const WITHOUT_KERNEL = ['unit', 'kernels'];

/** A kernel that checks itself is no place for a hundred thousand events, nor KCSAN's to count instructions. */
const NOT_CHECKED = { debug: ['burst.spec.ts'], kcsan: ['burst.spec.ts', 'cost.spec.ts'] };

/** Suites that check what one kernel looks for, and run beside vm on it. */
const OF_ONE_KERNEL = ['debug', 'kcsan'];

/** The wait for what is expected, in ms: a busy host may take long over a grace period. */
const EXPECTED = 20_000;
/** How long a spec may take, in ms. Recorded guests boot for every spec, and are slower. */
const TIMES = { timeout: recordingWanted() ? 900_000 : 180_000, expect: { timeout: EXPECTED } };
/** The same on another architecture, which is emulated even where KVM is. */
const TIMES_EMULATED = { ...TIMES, timeout: recordingWanted() ? 900_000 : 600_000 };

/** One project for each suite and kernel; a kernel that must be refused has one of its own. */
function projectsOf(kernelName: string): Project<object, Options>[] {
  const entry = entries.find(({ name }) => name === kernelName);
  if (entry?.refused)
    return [{ name: `refused-${kernelName}`, testDir: 'specs/kernels', testMatch: 'refused.spec.ts' }];
  const { slower, checks } = entry ?? {};
  const own = checks && suites.some((suite) => suite === 'vm' || suite === checks) ? [checks] : [];
  return suites
    .filter((suite) => !WITHOUT_KERNEL.includes(suite) && !OF_ONE_KERNEL.includes(suite))
    .concat(own)
    .map((suite) => ({
      name: `${suite}-${kernelName}`,
      testDir: `specs/${suite}`,
      use: { kernelName },
      ...(entry && entry.arch !== 'amd64' ? TIMES_EMULATED : TIMES),
      ...(slower && { expect: { timeout: EXPECTED * slower } }),
      ...(checks && { testIgnore: NOT_CHECKED[checks] }),
    }));
}

/** Suites whose specs take the whole machine. */
const ALONE = ['long', 'scale'];
/** What a guest and its QEMU take, with room for the compiler, in bytes. */
const GUEST = 4 * 1024 ** 3;

/**
 * Spec files at a time: $SWARMGUARD_WORKERS; else as many as there are processors and memory for, up to two.
 * Two guests on two processors finish the quick set in two thirds of the time: one alone often waits.
 */
function workers(): number {
  const wanted = process.env['SWARMGUARD_WORKERS'];
  if (wanted) return Number(wanted);
  if (recordingWanted() || suites.some((suite) => ALONE.includes(suite))) return 1;
  return Math.max(1, Math.min(2, availableParallelism(), Math.floor(totalmem() / GUEST)));
}

/** Where $SWARMGUARD_BLOB says, what npm run report:merge puts together. */
const blob = process.env['SWARMGUARD_BLOB'];
const reporter: ReporterDescription[] = [
  ['./harness/playwright/verdicts.ts'],
  ['./harness/playwright/results.ts'],
  ...(blob ? [['blob', { outputFile: blob }] as const] : []),
];

const kept = await readKept();

/** A project without the files whose results are kept from earlier runs. */
function withoutKept(project: Project<object, Options>): Project<object, Options> {
  const cell = kept.get(project.name ?? '');
  const ignored = [project.testIgnore ?? []].flat();
  return cell ? { ...project, testIgnore: [...ignored, ...fileNames(cell)] } : project;
}

export default defineConfig<object, Options>({
  forbidOnly: Boolean(process.env['CI']),
  globalSetup: './specs/support/setup.ts',
  outputDir: 'test-results',
  reporter,
  ...TIMES,
  workers: workers(),
  projects: [
    ...suites
      .filter((suite) => WITHOUT_KERNEL.includes(suite))
      .map((name) => ({ name, testDir: `specs/${name}`, testIgnore: 'refused.spec.ts' })),
    ...(await kernels()).flatMap(projectsOf),
  ].map(withoutKept),
});
