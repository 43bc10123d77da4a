/** The loaded module under a fuzzer in the guest, vm-images/guest/stress/fuzz.c, which is led by what it executes. */
import { PassThrough } from 'node:stream';
import { createInterface } from 'node:readline';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { GuestPanicError } from '../../harness/guest/errors.js';
import type { BootedGuest } from '../../harness/guest/guest.js';
import { complaints } from '../../harness/guest/kernel-log.js';
import { repository } from '../../harness.config.js';
import { load, loadOracle } from './loaded-guest.js';
import type { BuiltModule } from './module.js';
import { buildTestModules } from './module.js';
import type { Stage } from './stage.js';

/** Programs to begin with, a line each. */
export const programsFile = join(repository, 'fuzz/programs.txt');

/** The option of make that the module is built with for fuzzing. */
export const COVER = 'SWARM_COVER=y';

/** Functions between a look at something and what depends on it; the kernel has most of them as functions of their own. */
const WINDOWS = [
  ...['copy_process', 'copy_creds', 'copy_namespaces', 'attach_pid', 'cgroup_can_fork', 'cgroup_post_fork'],
  ...['sched_post_fork', 'wake_up_new_task', 'begin_new_exec', 'de_thread', 'security_bprm_committed_creds'],
  ...[
    'exit_signals',
    'exit_mm_release',
    'exit_notify',
    'release_task',
    'cgroup_attach_task',
    'cgroup_migrate',
  ],
  ...['kernfs_fop_write_iter', 'task_work_run', 'create_user_ns', 'find_get_pid'],
];

/** The output of the fuzzer. */
const line = z.union([
  z.object({ run: z.number(), program: z.string() }),
  z.object({ more: z.number(), program: z.string() }),
  z.object({ finding: z.string(), program: z.string() }),
]);

/** The result of fuzzing. */
export interface KernelFuzzed {
  /** The number of programs that ran. */
  readonly runs: number;
  /** The number of basic blocks of the module that were executed. */
  readonly blocks: number;
  /** Programs that reached more, in the order in which they were found. */
  readonly more: readonly string[];
  /** The fault that was found, and the last program before it. */
  readonly finding?: { readonly says: string; readonly program: string };
}

/** Loads a module that was built with {@link COVER}, the oracle, and delays in the kernel. */
export async function loadForFuzzing(guest: BootedGuest, stage: Stage, built: BuiltModule): Promise<void> {
  await loadOracle(guest, built.oracle);
  await load(guest, built.ko);
  const dir = await buildTestModules(stage.kernel, 'rivals');
  await guest.upload(join(dir, 'swarm_windows.ko'), '/root/swarm_windows.ko');
  await guest.sh(`insmod /root/swarm_windows.ko functions=${WINDOWS.join(',')} one_in=12 us=3000`);
}

/** Reads the fuzzer's lines as they come. */
function listen(stdout: PassThrough, told: (blocks: number, runs: number) => void) {
  const state = { runs: 0, blocks: 0, more: [] as string[], last: '', finding: '' };
  const lines = createInterface({ input: stdout });
  lines.on('line', (text) => {
    const read = line.parse(JSON.parse(text));
    state.last = read.program;
    if ('run' in read) state.runs++;
    else if ('more' in read) {
      state.blocks = read.more;
      state.more.push(read.program);
      told(state.blocks, state.runs);
    } else state.finding = read.finding;
  });
  return { state, closed: new Promise((resolve) => lines.once('close', resolve)) };
}

/**
 * Runs the fuzzer in a guest for which {@link loadForFuzzing} was called.
 * @param words its arguments, as `['run', '60', '1', '/root/programs.txt']`
 * @param told is called when a program reaches more
 */
async function runFuzzer(
  guest: BootedGuest,
  words: readonly string[],
  stdin: string,
  told: (blocks: number, runs: number) => void,
): Promise<KernelFuzzed> {
  const stdout = new PassThrough();
  const { state, closed } = listen(stdout, told);
  const input = new PassThrough();
  input.end(stdin);
  let says = '';
  try {
    const { code, stderr } = await guest.exec(['fuzz', ...words], {
      ...{ stdin: input, output: { stdout, stderr: new PassThrough() } },
      timeoutMs: Infinity,
    });
    stdout.end();
    await closed;
    says = state.finding;
    if (code !== 0 && says === '') says = `the fuzzer ended with ${code}: ${stderr}`;
    const [complaint] = complaints(await guest.kernelLog());
    if (complaint !== undefined) says = complaint;
  } catch (error) {
    if (!(error instanceof GuestPanicError)) throw error;
    says = error.message;
  }
  const { runs, blocks, more, last } = state;
  return { runs, blocks, more, ...(says !== '' && { finding: { says, program: last } }) };
}

/**
 * Fuzzes for a while.
 * @param seconds how long, unless something is found before
 * @param seed of what is made up
 */
export async function fuzzKernel(
  guest: BootedGuest,
  seconds: number,
  seed: number,
  told: (blocks: number, runs: number) => void = () => undefined,
): Promise<KernelFuzzed> {
  await guest.writeFile('/root/programs.txt', await readFile(programsFile, 'utf8'));
  return runFuzzer(guest, ['run', String(seconds), String(seed), '/root/programs.txt'], '', told);
}

/** Runs one program again and again. */
export function fuzzAgain(guest: BootedGuest, program: string, times: number): Promise<KernelFuzzed> {
  return runFuzzer(guest, ['again', String(times)], `${program}\n`, () => undefined);
}

/** The number of times that a program is run to see if it shows a fault again. */
const TIMES = 300;

/**
 * Makes a program that has shown a fault smaller, each time in a fresh guest.
 * @param built the module, built with {@link COVER}
 * @param told is handed each smaller program
 * @returns the smallest that shows a fault, or undefined if not even the whole one does so again
 */
export async function minimized(
  stage: Stage,
  built: BuiltModule,
  program: string,
  told: (program: string) => void,
): Promise<string | undefined> {
  const shows = async (words: readonly string[]) => {
    await stage.discard();
    const guest = await stage.booted('fuzz again');
    await loadForFuzzing(guest, stage, built);
    return (await fuzzAgain(guest, words.join(' '), TIMES)).finding !== undefined;
  };
  let words = program.split(' ');
  if (!(await shows(words))) return undefined;
  for (let at = words.length - 1; at >= 0 && words.length > 1; at--) {
    const fewer = words.toSpliced(at, 1);
    if (!(await shows(fewer))) continue;
    words = fewer;
    told(words.join(' '));
  }
  return words.join(' ');
}
