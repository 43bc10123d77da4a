import { availableParallelism, totalmem } from 'node:os';
import { defineConfig } from '@playwright/test';
import type { Project, ReporterDescription } from '@playwright/test';
import { readCatalogue } from './harness/kernels/catalogue.js';
import { fileNames, readKept } from './harness/report/kept.js';
import { cellId, cellOf } from './harness/report/runs.js';
import './harness.config.js';
import { cellProject, kernelProjects } from './harness/playwright/projects.js';
import type { KernelOptions } from './harness/playwright/projects.js';
import { run } from './harness/util/run.js';

const { newest, entries } = await readCatalogue();

/** The kernels and suites to run: the newest kernel and the quick suites, unless the run asks for others. */
const {
  kernels = [newest],
  suites = ['unit', 'harness', 'vm'],
  workers: wanted,
  record = false,
  blob,
} = run();

/** Suites that no kernel's guest is given to: they have one project, or get guests of their own. */
const WITHOUT_KERNEL = ['unit', 'harness', 'kernels'];

/**
 * Specs by their tags: a kernel that checks itself is no place for a hundred thousand events, nor KCSAN's to count
 * instructions.
 */
const NOT_CHECKED = { debug: /@many-events/, kcsan: /@many-events|@counts-instructions/ };

/** Specs that are not run for every commit. Who names suites or kernels runs them, as the nightly workflow does. */
const NIGHTLY = /@nightly/;
const quick = run().suites === undefined && run().kernels === undefined;

/** Specs about the kernel that must be refused. */
const REFUSED = /@refused-kernel/;

/** Suites that check what one kernel looks for, and run beside vm on it. */
const OF_ONE_KERNEL = ['debug', 'kcsan'];

/** The wait for what is expected, in ms: a busy host may take long over a grace period. */
const EXPECTED = 20_000;
/** The longest time that a spec may take, in ms. Recorded guests boot for every spec, and are slower. */
const TIMES = { timeout: record ? 900_000 : 180_000, expect: { timeout: EXPECTED } };
/** The same on another architecture, which is emulated even where KVM is. */
const TIMES_EMULATED = { ...TIMES, timeout: record ? 900_000 : 600_000 };

/** One project for each suite and kernel; a kernel that must be refused has one of its own. */
function projectsOf(kernelName: string): Project<object, KernelOptions>[] {
  const entry = entries.find(({ name }) => name === kernelName);
  if (entry?.refused)
    return [
      { ...cellProject({ suite: 'refused', kernel: kernelName }), testDir: 'specs/kernels', grep: REFUSED },
    ];
  const { slower, checks } = entry ?? {};
  const own = checks && suites.some((suite) => suite === 'vm' || suite === checks) ? [checks] : [];
  const projects = suites
    .filter((suite) => !WITHOUT_KERNEL.includes(suite) && !OF_ONE_KERNEL.includes(suite))
    .concat(own)
    .map((suite) => ({
      name: suite,
      testDir: `specs/${suite}`,
      ...(entry && entry.arch !== 'amd64' ? TIMES_EMULATED : TIMES),
      ...(slower && { expect: { timeout: EXPECTED * slower } }),
      grepInvert: [...(quick ? [NIGHTLY] : []), ...(checks ? [NOT_CHECKED[checks]] : [])],
    }));
  return kernelProjects(kernelName, projects);
}

/** Suites whose specs take the whole machine. */
const ALONE = ['long', 'scale'];
/** The memory of a guest and its QEMU, with room for the compiler, in bytes. */
const GUEST = 4 * 1024 ** 3;

/**
 * Spec files at a time: as many as there are processors and memory for, up to two.
 * Two guests on two processors finish the quick set in two thirds of the time: one alone often waits.
 */
function workers(): number {
  if (record || suites.some((suite) => ALONE.includes(suite))) return 1;
  return Math.max(1, Math.min(2, availableParallelism(), Math.floor(totalmem() / GUEST)));
}

const reporter: ReporterDescription[] = [
  ['./harness/playwright/verdicts.ts'],
  ['./harness/playwright/results.ts'],
  ...(blob ? [['blob', { outputFile: blob }] as const] : []),
];

const kept = await readKept();

/** A project without the files whose results are kept from earlier runs. */
function withoutKept(project: Project<object, KernelOptions>): Project<object, KernelOptions> {
  const cell = kept.get(cellId(cellOf(project)));
  const ignored = [project.testIgnore ?? []].flat();
  return cell ? { ...project, testIgnore: [...ignored, ...fileNames(cell)] } : project;
}

export default defineConfig<object, KernelOptions>({
  forbidOnly: Boolean(process.env['CI']),
  outputDir: 'test-results',
  reporter,
  ...TIMES,
  workers: wanted ?? workers(),
  projects: [
    ...suites
      .filter((suite) => WITHOUT_KERNEL.includes(suite))
      .map((suite) => ({
        ...cellProject({ suite, kernel: '' }),
        testDir: `specs/${suite}`,
        grepInvert: [REFUSED, ...(quick ? [NIGHTLY] : [])],
      })),
    ...kernels.flatMap(projectsOf),
  ].map(withoutKept),
});
