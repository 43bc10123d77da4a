/** The policy core under libFuzzer: built with coverage and sanitizers, and compared with the model of fuzz/. */
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import * as z from 'zod';
import { runInRoot } from '../../harness/archive/tool-root.js';
import { clangRoot } from './roots.js';
import { cached } from '../../harness/util/cache.js';
import { step } from '../../harness/util/progress.js';
import { repository } from '../../harness.config.js';
import { CALLS } from '../../client/abi/calls.js';
import { DEFAULT_DEVICES, DEFAULT_SOCKETS } from '../../client/abi/defaults.js';
import { ID_MAX, OBJECT_MAX, PIDS_MAX } from '../../client/abi/limits.js';
import * as names from '../../client/abi/names.js';
import { attachRequest, createRequest, updateRequest } from '../../client/abi/request.js';
import { copyModule, moduleKey } from './module.js';

const fuzzDir = join(repository, 'fuzz');

/*
 * Inputs, a line each: bytes as the characters of a JSON string. Those of the first file were written by hand;
 * together with those of the second they reach all that was ever reached.
 */
const seedsFile = join(fuzzDir, 'seeds.txt');
export const corpusFile = join(fuzzDir, 'corpus.txt');

/** An input begins with the letter of what it is; the longest ends an object that is too long. */
const INPUT_MAX = OBJECT_MAX + 200;

/* What rustc is told beyond what module/tests/run.sh tells it: coverage as libFuzzer reads it, and AddressSanitizer. */
const COVERAGE = ['level=4', 'inline-8bit-counters', 'pc-table', 'trace-compares']
  .map((each) => `-Cllvm-args=-sanitizer-coverage-${each}`)
  .join(' ');
const BUILD = `set -e
cargo rustc --offline --quiet --release --lib --features standalone --crate-type staticlib -- \\
	-Cpasses=sancov-module ${COVERAGE} -Zsanitizer=address -Ccodegen-units=1 -Cdebuginfo=1
clang -std=gnu23 -g -O1 -Wall -Wextra -Werror -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \\
	-I/usr/include/json-c -o /build/fuzz-core ../fuzz/*.c /build/target/release/libswarm_policy.a -ljson-c`;

const BUILD_ENV = {
  CARGO_TARGET_DIR: '/build/target',
  CARGO_PROFILE_RELEASE_PANIC: 'abort',
  CARGO_PROFILE_RELEASE_LTO: 'true',
  CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS: 'true',
  CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS: 'true',
  // -Z options with a released compiler, as kernels are built.
  RUSTC_BOOTSTRAP: '1',
};

/** Changes a copy of the module's sources. */
export type Change = (moduleDir: string) => Promise<void>;

async function build(dir: string, change?: Change): Promise<void> {
  await copyModule(join(dir, 'module'));
  await cp(fuzzDir, join(dir, 'fuzz'), { recursive: true });
  await change?.(join(dir, 'module'));
  const { exitCode, output } = await runInRoot(await clangRoot(), ['sh', '-c', BUILD], {
    cwd: '/build/module',
    binds: [{ host: dir, inside: 'build' }],
    env: BUILD_ENV,
  });
  if (exitCode !== 0) throw new Error(`the fuzzer does not build:\n${output}`);
  for (const name of ['target', 'module', 'fuzz']) await rm(join(dir, name), { recursive: true });
}

/**
 * Builds the fuzzer if it is not in the cache.
 * @returns the directory with `fuzz-core`
 * @throws with the compiler's output if it does not build
 */
export async function buildFuzzer(): Promise<string> {
  const sources = (await readdir(fuzzDir)).filter((name) => /\.[ch]$/.test(name)).sort();
  const texts = await Promise.all(sources.map((name) => readFile(join(fuzzDir, name), 'utf8')));
  return cached({
    kind: 'fuzzers',
    label: 'core',
    key: [(await clangRoot()).id, BUILD, ...(await moduleKey()), ...texts],
    keep: 2,
    build: (dir) => step('Building the fuzzer of the policy core', () => build(dir)),
  });
}

/** Runs `use` with a fuzzer whose core was changed; nothing is left of it. */
export async function withChangedFuzzer<T>(change: Change, use: (fuzzer: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'swarm-guard-fuzz-'));
  try {
    await build(dir, change);
    return await use(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Numbers at the bounds of the interface, and one beyond each. */
const NUMBERS = [ID_MAX, PIDS_MAX, 2 ** 31, 65_536, 4096, 1_048_576, 65_535].flatMap((each) => [
  String(each),
  String(BigInt(each) + 1n),
  String(each - 1),
]);

/** The words of the interface, one a line, as libFuzzer reads a dictionary. */
function dictionary(): string {
  const keys = [createRequest, updateRequest, attachRequest].flatMap((each) => Object.keys(each.shape));
  const words = [
    ...[names.ACTIONS, names.CAPABILITIES, names.PROPAGATIONS, names.NETWORKS, names.SYSCALLS].flatMap(
      names.namesOf,
    ),
    ...[...CALLS, ...Object.values<string>(DEFAULT_DEVICES), ...DEFAULT_SOCKETS, 'all', 'a', 'b *:* m'],
  ];
  const texts = [
    ...new Set([...keys.map((key) => `"${key}":`), ...words.map((word) => `"${word}"`)]),
    ...['true', 'false', ...NUMBERS, '\\u0041', '\\ud83d\\ude00'],
  ];
  return texts.map((text) => `${JSON.stringify(text)}\n`).join('');
}

/** The result of a run of the fuzzer. */
export interface Fuzzed {
  /** The number of inputs tried. */
  readonly runs: number;
  /** The number of edges of core and model that were reached. */
  readonly edges: number;
  /** The number of features: edges, told apart by how often they were taken, and values that were compared. */
  readonly features: number;
  /** The fault that it found, if any. */
  readonly failure?: { readonly says: string; readonly input: Buffer };
}

/** Lines of libFuzzer that say how far it is: `#524620 DONE cov: 1902 ft: 5459 corp: …`. */
function parse(output: string): Omit<Fuzzed, 'failure'> {
  const last = [...output.matchAll(/^#(\d+)\s+[A-Za-z_]+\s+cov: (\d+) ft: (\d+)/gm)].at(-1);
  const [, runs = 0, edges = 0, features = 0] = (last ?? []).map(Number);
  return { runs, edges, features };
}

/** The lines that tell a failure, without libFuzzer's progress and its dictionary. */
const told = (output: string): string =>
  output
    .split('\n')
    .filter((line) => /does not hold|ERROR|runtime error|SUMMARY|^\s+#\d+ .* in (?!fuzzer::)/.test(line))
    .join('\n');

/**
 * Runs the fuzzer.
 * @param fuzzer directory that {@link buildFuzzer} has made
 * @param corpus directory of inputs to begin with; new ones that reach more are added
 * @param seconds how long it looks, unless it finds something before; 0: only the inputs that are there
 * @throws if it neither ends well nor leaves the input at which it failed
 */
export async function fuzz(fuzzer: string, corpus: string, seconds: number): Promise<Fuzzed> {
  const work = await mkdtemp(join(tmpdir(), 'swarm-guard-fuzz-'));
  try {
    await writeFile(join(work, 'core.dict'), dictionary());
    const limit = seconds > 0 ? [`-max_total_time=${seconds}`] : ['-runs=0'];
    const options = [
      `-max_len=${INPUT_MAX}`,
      '-dict=/fuzz-run/core.dict',
      '-artifact_prefix=/fuzz-run/',
      '-timeout=20',
    ];
    const { exitCode, output } = await runInRoot(
      await clangRoot(),
      ['/build/fuzz-core', ...limit, ...options, '-rss_limit_mb=4096', '/corpus'],
      {
        binds: [
          { host: fuzzer, inside: 'build' },
          { host: corpus, inside: 'corpus' },
          { host: work, inside: 'fuzz-run' },
        ],
        // A release of the sanitizers that does not know the kernel's stack finds leaks that are none.
        env: { ASAN_OPTIONS: 'detect_leaks=1' },
      },
    );
    const [artifact] = (await readdir(work)).filter((name) => name !== 'core.dict');
    if (exitCode !== 0 && !artifact)
      throw new Error(`the fuzzer ended with ${exitCode}:\n${output.slice(-4000)}`);
    if (!artifact) return parse(output);
    return { ...parse(output), failure: { says: told(output), input: await readFile(join(work, artifact)) } };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Writes the inputs of a file into a directory, a file each. */
async function unpack(file: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
  for (const [index, line] of lines.entries()) {
    const bytes = Buffer.from(z.string().parse(JSON.parse(line)), 'latin1');
    await writeFile(join(to, `${basename(file, '.txt')}-${index}`), bytes);
  }
}

/**
 * Writes the inputs that are kept into a directory, a file each, as libFuzzer reads them.
 * @param to a directory, made if it is not there
 */
export async function unpackCorpus(to: string): Promise<void> {
  for (const file of [seedsFile, corpusFile]) await unpack(file, to);
}

/** Keeps the inputs of a directory, but for the seeds, instead of those that were kept. */
export async function packCorpus(from: string): Promise<number> {
  const names = (await readdir(from)).filter((name) => !name.startsWith('seeds-'));
  const inputs = await Promise.all(names.map((name) => readFile(join(from, name), 'latin1')));
  const lines = inputs.sort().map((input) => JSON.stringify(input).replace(/[\x7f-\xff]/g, escaped));
  await writeFile(corpusFile, lines.map((line) => `${line}\n`).join(''));
  return lines.length;
}

/** A character as JSON escapes it, so that the file is ASCII. */
const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/**
 * Reduces a corpus to as few inputs as reach the same.
 * @param from the larger one
 * @param to an empty directory
 */
export async function reduceCorpus(fuzzer: string, from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  const { exitCode, output } = await runInRoot(
    await clangRoot(),
    [
      '/build/fuzz-core',
      '-set_cover_merge=1',
      '-use_counters=0',
      `-max_len=${INPUT_MAX}`,
      '/reduced',
      '/corpus',
    ],
    {
      binds: [
        { host: fuzzer, inside: 'build' },
        { host: from, inside: 'corpus' },
        { host: to, inside: 'reduced' },
      ],
    },
  );
  if (exitCode !== 0) throw new Error(`the corpus cannot be reduced:\n${output.slice(-4000)}`);
}
