/** Runs specs as their user asks for them: which, on which kernels, and what is left of earlier runs. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { askedKernels } from '../kernels/asked.js';
import type { AskedKernels } from '../kernels/asked.js';
import { cellId, readRuns, reportDir } from '../report/runs.js';
import { readSteps, timesTable } from '../report/times.js';
import { harness } from '../util/config.js';
import { PLAYWRIGHT } from '../util/playwright.js';
import { changeRun, runEnvironment } from '../util/run.js';
import type { RunConfig } from '../util/run.js';
import { resume } from './resume.js';
import type { Resumed } from './resume.js';

/** A request to run specs: kernels, suites, and arguments of Playwright. */
export interface SpecsRequest
  extends AskedKernels, Pick<RunConfig, 'suites' | 'workers' | 'record' | 'blob' | 'trees'> {
  /** A spec file that passed is not run again until something that it depends on is committed anew. */
  resume?: boolean | undefined;
  /** Arguments of Playwright, and files. */
  args: readonly string[];
}

/** Runs Playwright's runner on these projects; on all of this run if it goes on with nothing. */
async function runner(args: readonly string[], { kept, left }: Partial<Resumed>): Promise<number> {
  const [program, ...words] = PLAYWRIGHT;
  const file = kept && join(reportDir(), 'kept.json');
  if (file) await writeFile(file, JSON.stringify(kept));
  const only = (left ?? []).map(({ name }) => `--project=${name}`);
  const { exitCode } = await execa(program, [...words, ...only, ...args], {
    cwd: harness().root,
    env: runEnvironment({ kept: file }),
    stdio: 'inherit',
    reject: false,
  });
  return exitCode ?? 1;
}

/**
 * Runs specs. Of several kernels it says at the end how long each took.
 * @param say is told of what is not run, and of these times
 * @returns the exit status of Playwright; 0 if nothing was left to run.
 * @throws {UsageError} if there is no such kernel, or the run cannot go on with earlier ones.
 */
export async function runSpecs(request: SpecsRequest, say: (line: string) => void): Promise<number> {
  const { suites, workers, record, blob, trees, args } = request;
  changeRun({ trees });
  const kernels = await askedKernels(request, say);
  const steps = join(reportDir(), 'steps');
  changeRun({ kernels, suites, workers, steps, record, blob });
  const startedAt = new Date().toISOString();
  const resumed = request.resume ? await resume(say) : undefined;
  if (!resumed) await rm(steps, { force: true });
  await mkdir(reportDir(), { recursive: true });
  const exitCode = resumed?.left.length === 0 ? 0 : await runner(args, resumed ?? {});
  if (kernels.length > 1) {
    const cells = (await readRuns(reportDir())).filter((cell) => (cell.endedAt ?? '') >= startedAt);
    const left = new Set(resumed?.left.map(cellId));
    const whole = (resumed?.kept ?? []).filter((cell) => !left.has(cellId(cell)));
    say(timesTable(await readSteps(steps), [...whole, ...cells]));
  }
  return exitCode;
}
