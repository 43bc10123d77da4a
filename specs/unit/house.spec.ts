/** The arrows between folders, what nobody uses, and what only some files may have. */
import { existsSync } from 'node:fs';
import { appendFile, cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { repository } from '../../harness.config.js';

/** The files that the checks read. */
const READ =
  /^((bench|client|harness|mutation|scripts|specs)\/.*\.(tsx?|json)|vm-images\/kernels\/.*\.json|[^/]*\.(ts|js|json))$/;

let copy: string;

/** Every file of the repository, from its top. */
async function files(): Promise<string[]> {
  const line = ['-c', 'safe.directory=*', 'ls-files', '-co', '--exclude-standard'];
  return (await execa('git', line, { cwd: repository })).stdout.split('\n');
}

test.beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), 'house-'));
  for (const file of (await files()).filter((each) => READ.test(each))) {
    await mkdir(dirname(join(copy, file)), { recursive: true });
    await cp(join(repository, file), join(copy, file));
  }
  await symlink(join(repository, 'node_modules'), join(copy, 'node_modules'));
});

test.afterAll(async () => {
  await rm(copy, { recursive: true, force: true });
});

/** The output of the checks, which must fail, with these lines at the ends of files of the copy. */
async function complaint(planted: Record<string, string>): Promise<string> {
  for (const [file, line] of Object.entries(planted)) await appendFile(join(copy, file), `${line}\n`);
  const { exitCode, all } = await execa('npm', ['run', 'lint:imports'], {
    cwd: copy,
    reject: false,
    all: true,
  });
  expect(exitCode, all).not.toBe(0);
  for (const file of Object.keys(planted)) {
    await rm(join(copy, file));
    if (existsSync(join(repository, file))) await cp(join(repository, file), join(copy, file));
  }
  return stripVTControlCharacters(all);
}

/** For each rule of `.dependency-cruiser.js` a file, and an import that the rule forbids there. */
const FORBIDDEN: Readonly<Record<string, readonly [from: string, to: string]>> = {
  'no-cycle': ['harness/util/run.ts', 'harness/util/progress.ts'],
  'harness-alone': ['harness/report/junit.ts', 'harness.config.ts'],
  'client-alone': ['client/events.ts', 'harness.config.ts'],
  'report-on-util': ['harness/report/matrix.ts', 'harness/kernels/elf.ts'],
  'harness-guest-below': ['harness/guest/keys.ts', 'harness/playwright/budget.ts'],
  'harness-build-below': ['harness/build/sources.ts', 'harness/guest/ssh.ts'],
  'harness-kernels-below': ['harness/kernels/elf.ts', 'harness/build/sources.ts'],
  'harness-archive-below': ['harness/archive/debian.ts', 'harness/kernels/elf.ts'],
  'harness-util-below': ['harness/util/xml.ts', 'harness/guest/keys.ts'],
  'nobody-uses-specs': ['bench/guest.ts', 'specs/unit/top.spec.ts'],
  'unit-without-guest': ['specs/unit/top.spec.ts', 'specs/support/fixtures.ts'],
  'support-without-bench': ['specs/support/races.ts', 'bench/numbers.ts'],
  'nobody-uses-scripts': ['bench/numbers.ts', 'scripts/native.ts'],
  'scripts-support-for-scripts': ['bench/figures.ts', 'scripts/support/command.ts'],
  // A file that is not there, and that nobody imports.
  'harness-reachable': ['harness/util/planted.ts', 'harness/util/xml.ts'],
  resolvable: ['bench/statistics.ts', 'bench/nowhere.ts'],
};

test('REPO-01: for every rule, an import against it is found', async () => {
  const { default: config } = (await import(join(repository, '.dependency-cruiser.js'))) as {
    default: { forbidden: { name: string }[] };
  };
  expect(Object.keys(FORBIDDEN).sort()).toEqual(config.forbidden.map(({ name }) => name).sort());
  const imported = (from: string, to: string) =>
    `import '${relative(dirname(from), to)
      .replace(/^(?!\.)/, './')
      .replace(/ts$/, 'js')}';`;
  const all = await complaint(
    Object.fromEntries(Object.values(FORBIDDEN).map(([from, to]) => [from, imported(from, to)])),
  );
  for (const [rule, [from, to]] of Object.entries(FORBIDDEN)) {
    const [, line = ''] = new RegExp(`error (${rule}: [^]*?)\\n(?!   )`).exec(all) ?? [];
    expect.soft(line).toContain(from);
    if (rule !== 'harness-reachable')
      expect.soft(line).toContain(rule === 'resolvable' ? './nowhere.js' : to);
  }
});

test('REPO-02: an export that nobody uses is found', async () => {
  const all = await complaint({ 'harness/util/xml.ts': 'export const planted = 1;' });
  expect(all).toMatch(/Unused exports \(1\)\n.*planted .*harness\/util\/xml\.ts/);
});

/** Words that only some of the files of a kind may have, so that one place changes with what they name. */
const PLACES = [
  {
    words: /\bftrace_regs\b/,
    of: /^module\/[^/]+\.[ch]$/,
    only: /^module\/(hook_\w+\.c|hooks\.[ch])$/,
    planted: ['module/agent.c', 'ftrace_regs'],
  },
  {
    words: /\bSWARM_HAVE_\w+/,
    of: /^module\/(?!tests\/).*\.[ch]$/,
    only: /^module\/compat\//,
    planted: ['module/hook_exec.c', 'SWARM_HAVE_ANYTHING'],
  },
  {
    words: /\b(LINUX_VERSION_CODE|KERNEL_VERSION)\b/,
    of: /^module\/.*\.[ch]$/,
    only: /^$/,
    planted: ['module/compat/vfs.c', 'LINUX_VERSION_CODE'],
  },
  {
    words: /\bqemu-system-|\bQmp\b|from 'ssh2'/,
    of: /^(harness|bench|scripts|specs|mutation)\/.*\.tsx?$/,
    only: /^(harness\/guest\/|harness\/archive\/tool-root\.ts$|specs\/(harness\/|support\/ssh-server\.ts$|unit\/house\.spec))/,
    planted: ['bench/guest.ts', 'qemu-system-'],
  },
] as const;

/** The files that have words of PLACES though they may not. */
function misplaced(texts: ReadonlyMap<string, string>): string[] {
  return [...texts].flatMap(([file, text]) =>
    PLACES.filter(({ words, of, only }) => of.test(file) && !only.test(file) && words.test(text)).map(
      ({ words }) => `${file}: ${words.exec(text)?.[0] ?? ''}`,
    ),
  );
}

test('REPO-13: code about ftrace, kernel versions, QEMU and SSH is where it belongs', async () => {
  const texts = new Map<string, string>();
  for (const file of (await files()).filter((each) => /\.([ch]|tsx?)$/.test(each)))
    texts.set(file, await readFile(join(repository, file), 'utf8').catch(() => ''));
  expect(misplaced(texts)).toEqual([]);
  for (const { planted } of PLACES) {
    const [file, word] = planted;
    const text = texts.get(file) ?? '';
    expect(text).not.toBe('');
    expect(misplaced(new Map([[file, `${text}\n${word} `]]))).toEqual([`${file}: ${word}`]);
  }
});

/** Words that no doc comment begins with: the thing that it is about comes first. */
const NO_BEGINNING =
  /\/\*\*\s+(?:\* )?((?:What|Where|Which|Whatever|Whoever|Whether|When|Who|Whose|Why|How|Of) .*)/g;

/** The beginnings of a text's doc comments that put something before the thing that they are about. */
function questions(text: string): string[] {
  return [...text.matchAll(NO_BEGINNING)].map(([, beginning = '']) => beginning);
}

test('REPO-15: doc comments begin with the thing that they are about', async () => {
  const found: string[] = [];
  const sources = /^((bench|client|harness|mutation|scripts|specs)\/.*|[^/]*)\.(tsx?|js)$/;
  for (const file of (await files()).filter((each) => sources.test(each)))
    found.push(
      ...questions(await readFile(join(repository, file), 'utf8').catch(() => '')).map(
        (each) => `${file}: ${each}`,
      ),
    );
  expect(found).toEqual([]);
  const begin = '/' + '**';
  expect(
    questions(
      `${begin} What it costs. */\n${begin}\n * Where it is.\n * How it is.\n */\n${begin} Whatever. */\n${begin} Of it. */`,
    ),
  ).toEqual(['What it costs. */', 'Where it is.', 'Of it. */']);
});

/** The same of Rust: the first line of each block of doc comments. */
function rustQuestions(text: string): string[] {
  const blocks = text.matchAll(/(?<!\/\/[/!].*\n)^[ \t]*\/\/[/!] (.*)/gm);
  return [...blocks].flatMap(([, line = '']) => questions(`/` + `** ${line}`));
}

test('REPO-32: doc comments of C, C++ and Rust begin with the thing that they are about', async () => {
  const found: string[] = [];
  for (const file of (await files()).filter((each) => /\.(c|cc|h)$/.test(each)))
    found.push(
      ...questions(await readFile(join(repository, file), 'utf8').catch(() => '')).map(
        (each) => `${file}: ${each}`,
      ),
    );
  for (const file of (await files()).filter((each) => each.endsWith('.rs')))
    found.push(
      ...rustQuestions(await readFile(join(repository, file), 'utf8').catch(() => '')).map(
        (each) => `${file}: ${each}`,
      ),
    );
  expect(found).toEqual([]);
  expect(
    rustQuestions('//! Why.\n//! Why it is.\n\n/// What it is.\nx\n    /// A thing.\n    /// Of it.\n'),
  ).toEqual(['What it is.']);
});

/** The static functions of a C file whose whole name is a verb without its object, or a pronoun. */
function namelessFunctions(text: string): string[] {
  return [...text.matchAll(/^static [^;=(]*\b(decide|answer|take|find|nothing)\(/gm)].map(
    ([, name = '']) => name,
  );
}

test('REPO-17: a static function of the module says what it is about', async () => {
  const found: string[] = [];
  for (const file of (await files()).filter((each) => /^module\/.*\.[ch]$/.test(each)))
    found.push(
      ...namelessFunctions(await readFile(join(repository, file), 'utf8')).map((each) => `${file}: ${each}`),
    );
  expect(found).toEqual([]);
  expect(
    namelessFunctions(
      'static int take(void)\n{\n\ttake(1);\n}\nstatic void __init\nfind(int a)\nstatic int take_one(int a)\n',
    ),
  ).toEqual(['take', 'find']);
});

/**
 * Figures that a program of the guest prints otherwise than as a line of JSON, each with the reason: nobody reads them
 * as figures.
 */
const TOKENS: Readonly<Record<string, string>> = {
  '%d:': 'the beginning of a file handle, which `outside handle` prints and `escape handle` takes',
  '%02x': 'a byte of a file handle, or of the name of a socket, which another program takes as it is',
};

/** The calls in C by which a text is printed to standard output; the text is the first argument if it is a literal. */
const PRINTS =
  /(?<![\w>.])(?:v?printf|puts|fputs|fprintf|vfprintf|dprintf|putchar)\(\s*(stdout,\s*|1,\s*)?((?:"(?:[^"\\]|\\.)*"\s*)*)([^;]*);/g;

/** The numbers in a text of printf. */
const FIGURE = /%[-+ #0-9.*]*(?:hh|h|ll|l|z|j|t)?[diouxXeEfFgGaAp]/g;

/** Is this text of printf a line of JSON, or a piece of one that begins with a name? */
function isJson(format: string): boolean {
  if (/^,"[\w%]+":/.test(format) || (format.startsWith('{"') && !format.endsWith('\n'))) return true;
  try {
    return typeof JSON.parse(format.replaceAll(FIGURE, '0').replaceAll('%s', '0')) === 'object';
  } catch {
    return false;
  }
}

/** The texts with figures that a program prints to standard output as prose, and the calls whose text is not a literal. */
function prose(source: string): string[] {
  return [...source.matchAll(PRINTS)].flatMap(([call, stdout, literals = '', rest = '']) => {
    const name = call.slice(0, call.indexOf('('));
    const elsewhere = name.startsWith('f') || name.startsWith('vf') || name === 'dprintf';
    if (elsewhere && !stdout && !/,\s*stdout\)$/.test(rest)) return [];
    if (literals === '') return name.endsWith('printf') ? [call] : [];
    const format = [...literals.matchAll(/"((?:[^"\\]|\\.)*)"/g)]
      .map(([, text = '']) => text)
      .join('')
      .replaceAll('\\n', '\n')
      .replaceAll('\\"', '"');
    return !format.match(FIGURE) || isJson(format) || format in TOKENS ? [] : [format];
  });
}

test('REPO-30: a program of the guest that prints figures as prose is found', async () => {
  const found: string[] = [];
  const programs = (await files()).filter((each) => /^vm-images\/guest\/(?!lib\/).*\.c$/.test(each));
  expect(programs.length).toBeGreaterThan(30);
  for (const file of programs)
    for (const each of prose(await readFile(join(repository, file), 'utf8')))
      found.push(`${file}: ${JSON.stringify(each)}`);
  expect(found, 'figures are lines of JSON: see specs/README.md').toEqual([]);
  expect(
    prose(
      [
        ...['printf("met %d\\n", met);', 'printf("{\\"met\\":%d\\n", met);', 'fprintf(stdout, "%lu\\n", n);'],
        ...['printf(\n"%ld "\n"more\\n", n);', 'printf(text, n);', 'printf("%#x\\n", flags);'],
        ...['printf("{\\"met\\":%d,\\"end\\":\\"%s\\"}\\n", met, end);', 'printf(",\\"met\\":%ld", met);'],
        ...['fprintf(stderr, "pid %d\\n", pid);', 'snprintf(text, 9, "%d", n);', 'puts("ready");'],
      ].join('\n'),
    ),
  ).toEqual([...['met %d\n', '{"met":%d\n', '%lu\n', '%ld more\n', 'printf(text, n);', '%#x\n']]);
});

/** An assertion that a guest's whole log is empty. */
const EMPTY_LOG = /(?:kernelLog\(\)|\bdmesg\b)[^;]{0,80}\)\s*\.(?:toBe|toEqual)\(\s*(?:''|"")/;

/** A loop, with its body as far as the next closing brace of its indentation, or one statement. */
const LOOP = /^( *)(?:\} )?(?:while \(.*\)|for \(;;\)) (?:\{\n[^]*?\n\1\}|[^{\n]*;|\n.*;)/gm;
/** A wait inside a loop, or a loop that asks again at once; and the words by which a loop ends in time. */
const WAIT = /\b(?:setTimeout|sleep|pause)\(|^ *while \(.*\)\s+[\w.]+ = await /;
const BOUND = /\bdeadline|\btimeout|aborted|now\(\)|\b(?:tries|attempts)\b/;

/** The loops of a text that wait, and may do so for ever. */
const endless = (text: string) =>
  [...text.matchAll(LOOP)].map(([loop]) => loop).filter((loop) => WAIT.test(loop) && !BOUND.test(loop));

/** The files of specs and bench whose text has a fault, and the fault. */
async function faulty(faultsOf: (text: string) => readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const file of (await files()).filter((each) => /^(specs|bench)\/.*\.tsx?$/.test(each))) {
    if (file === 'specs/unit/house.spec.ts') continue;
    const faults = faultsOf(await readFile(join(repository, file), 'utf8').catch(() => ''));
    found.push(...faults.map((each) => `${file}: ${each}`));
  }
  return found;
}

test('REPO-18: no spec expects that a whole kernel log is empty', async () => {
  const empty = (text: string) => EMPTY_LOG.exec(text) ?? [];
  expect(await faulty(empty)).toEqual([]);
  expect(empty("expect(await guest.kernelLog()).toBe('');")).toHaveLength(1);
  expect(empty("expect(complaints(await guest.kernelLog())).toEqual([]); expect(x).toBe('');")).toEqual([]);
});

test('REPO-19: no loop of specs and benchmarks waits for ever', async () => {
  expect(await faulty(endless)).toEqual([]);
  for (const loop of [
    'while (!done()) await new Promise((resolve) => setTimeout(resolve, 50));',
    'while (!some(agents)) agents = await swarm.agents();',
    'for (;;) {\n  if (done()) break;\n  await sleep(50);\n}',
  ])
    expect(endless(loop), loop).toEqual([loop]);
  expect(endless('while (now() < deadline) await sleep(50);')).toEqual([]);
});

/** Calls that sleep or may, by which no hook looks at anything, and the module's own that read figures from files. */
const SLEEPS =
  /\b(mutex_lock\w*|down_(read|write)\w*|GFP_KERNEL\w*|msleep\w*|might_sleep|wait_event\w*|wait_for_completion\w*|synchronize_\w+|flush_\w+|filp_open|kernel_read|copy_(from|to)_user|swarm_read|swarm_usage_\w+)\b/;

/** The wait of unloading for what callbacks have left to do. */
const UNLOADING = 'flush_delayed_work(&leaving_work);';

test('REPO-31: no file of hooks names what sleeps, or reads the figures of an end', async () => {
  const hooks = (await files()).filter((file) => /^module\/(hook_\w+\.c|track\.c|hooks\.h)$/.test(file));
  expect(hooks.length).toBeGreaterThan(10);
  // What hooks.c has besides is loading, and the stubs, which run in the place of a function and may sleep.
  for (const file of hooks) {
    const lines = (await readFile(join(repository, file), 'utf8')).split('\n');
    const found = lines.filter((line) => SLEEPS.test(line) && !line.includes(UNLOADING));
    expect.soft(found, file).toEqual([]);
  }
  for (const planted of [
    '\tmutex_lock(&lock);',
    '\tswarm_usage_at_end(agent, &usage);',
    'kzalloc(8, GFP_KERNEL)',
  ])
    expect(planted).toMatch(SLEEPS);
});
