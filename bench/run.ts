/** Running benchmarks, such that an interruption costs no more than the one that was being measured. */
import { readFile, readdir } from 'node:fs/promises';
import { cpus, release } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { execa } from 'execa';
import { provideKernel } from '../harness/kernels/provide.js';
import { hashOf } from '../harness/util/cache.js';
import { repository } from '../harness.config.js';
import type { Benchmark } from './figures.js';
import { RESULTS, beginRun, completeRun, keep, readRuns } from './store.js';
import type { Run, Stored } from './store.js';
import { buildModule } from '../specs/support/module.js';

/** Sources that figures depend on beside the module's own. */
const MEASURING = ['bench/measure', 'vm-images/guest', 'bench/peers', 'module/tests/peers'];

/** Changes with the kernel's image, the module, its compiler and what measures. */
async function contentOf(kernelName: string): Promise<string> {
  const module = await buildModule(await provideKernel(kernelName));
  const texts: string[] = [];
  for (const dir of MEASURING) {
    const entries = await readdir(join(repository, dir), { recursive: true, withFileTypes: true });
    const paths = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    for (const path of paths.sort()) texts.push(relative(repository, path), await readFile(path, 'utf8'));
  }
  // The module's directory in the cache is named for all that it was built from.
  return hashOf(basename(dirname(module.ko)), ...texts);
}

/** The machine that guests run on. */
function host(): Record<string, string> {
  const all = cpus();
  return {
    host: `${all.length} × ${all[0]?.model ?? 'unknown'}, Linux ${release()}, Node ${process.version}`,
  };
}

async function describeSources(): Promise<string> {
  const { stdout, exitCode } = await execa(
    'git',
    ['-c', 'safe.directory=*', 'describe', '--always', '--dirty', '--abbrev=12'],
    { cwd: repository, reject: false },
  );
  return exitCode === 0 ? stdout : 'unknown';
}

export interface RunOptions {
  kernels: readonly string[];
  /** The benchmarks that are measured on a kernel. */
  benchmarks: (kernelName: string) => readonly Benchmark[];
  /** Is told what is being done, for people. */
  say: (line: string) => void;
  /** Begin anew even where a run was interrupted. */
  fresh?: boolean;
  /** The directory of results. */
  dir?: string;
  /** {@link contentOf}, but for those who test this. */
  content?: (kernelName: string) => Promise<string>;
}

const isOf = (kernelName: string, name: string, content: string) => (each: Stored) =>
  each.kernelName === kernelName && each.benchmark === name && each.content === content;

async function measure(benchmark: Benchmark, kernelName: string, say: (line: string) => void) {
  const startedAt = new Date();
  const { raw, machine, ...measured } = await benchmark.measure(kernelName, (step) => {
    const seconds = ((Date.now() - startedAt.getTime()) / 1000).toFixed(0);
    say(`  ${seconds.padStart(4)} s  ${step}`);
  });
  const seconds = (Date.now() - startedAt.getTime()) / 1000;
  const times = { startedAt: startedAt.toISOString(), seconds: Number(seconds.toFixed(1)) };
  const result = { benchmark: benchmark.name, ...measured, ...times };
  return { result: { ...result, machine: { ...host(), ...machine } }, raw };
}

/**
 * Measures what has not been measured yet in the run that was interrupted, or everything in a new one.
 * @returns the run, complete.
 * @throws if a benchmark cannot be made; what was measured before is kept, and the next call goes on.
 */
export async function runBenchmarks(options: RunOptions): Promise<Run> {
  const { kernels, benchmarks, say, fresh = false, dir = RESULTS, content = contentOf } = options;
  const open = (await readRuns(dir)).filter(({ completedAt }) => completedAt === undefined).at(-1);
  const run = (fresh ? undefined : open) ?? (await beginRun(await describeSources(), dir));
  const total = kernels.reduce((sum, kernelName) => sum + benchmarks(kernelName).length, 0);
  let count = 0;
  for (const kernelName of kernels) {
    const now = await content(kernelName);
    for (const benchmark of benchmarks(kernelName)) {
      const title = `[${++count}/${total}] ${benchmark.name} on ${kernelName}`;
      const is = isOf(kernelName, benchmark.name, now);
      if (run.results.some(is)) {
        say(`${title}: measured already in run ${run.id}`);
        continue;
      }
      say(`${title}: ${benchmark.title}`);
      const { result, raw } = await measure(benchmark, kernelName, say);
      const stored = await keep(run, { ...result, kernelName, content: now }, raw, dir);
      const others = run.results.filter(
        (each) => each.kernelName !== kernelName || each.benchmark !== benchmark.name,
      );
      run.results = [...others, stored];
      say(`  ${result.seconds.toFixed(0).padStart(4)} s  done: ${result.figures.length} figures`);
    }
  }
  await completeRun(run, dir);
  return run;
}
