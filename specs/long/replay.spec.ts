/** Recorded guests: what fails in one can be seen again as it was. */
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { execa } from 'execa';
import { cacheDir } from '../../harness/util/cache.js';
import { repository } from '../../harness.config.js';
import { runEnvironment } from '../../harness/util/run.js';
import type { RunConfig } from '../../harness/util/run.js';
import { expect, test } from '../support/fixtures.js';

test.describe.configure({ mode: 'serial', timeout: 1_800_000 });

let dir = '';
/** The runner's output about specs that fail in recorded guests. */
let printed = '';
/** The recordings that it names: of a race, and of a spec that expects something else. */
let [race, expectation] = ['', ''];

const run = (command: string, args: string[], changes: RunConfig = {}) =>
  execa(command, args, {
    cwd: repository,
    all: true,
    reject: false,
    stripFinalNewline: false,
    env: { ...runEnvironment({ recordings: dir, ...changes }), FORCE_COLOR: '0' },
  });

const replay = (...args: string[]) => run('npx', ['tsx', 'scripts/vm-replay.ts', ...args]);

test.beforeAll(async () => {
  // Beside what is linked into it.
  dir = await mkdtemp(join(cacheDir(), 'recordings-'));
});
test.afterAll(async () => {
  await rm(dir, { recursive: true });
});

/** A copy of a recording in which a file is another; `honest` recordings say so themselves. */
async function altered(
  id: string,
  file: string,
  change: (data: Buffer) => Buffer,
  honest: boolean,
): Promise<string> {
  const copy = `20000101T000000-${id.slice(-4)}`;
  await rm(join(dir, copy), { recursive: true, force: true });
  await cp(join(dir, id), join(dir, copy), { recursive: true });
  const data = change(await readFile(join(dir, id, file)));
  await writeFile(join(dir, copy, file), data);
  if (honest) {
    const meta = await readFile(join(dir, id, 'meta.json'), 'utf8');
    const hash = createHash('sha256').update(data).digest('hex');
    const line = new RegExp(`"${file}": "[0-9a-f]{64}"`);
    await writeFile(join(dir, copy, 'meta.json'), meta.replace(line, `"${file}": "${hash}"`));
  }
  return copy;
}

test('REPLAY-01: a test that fails in a recorded guest names its recording, and one that passes leaves none', async ({
  kernelName,
}) => {
  const config = '--config=specs/selftest/playwright.config.ts';
  const cli = 'node_modules/@playwright/test/cli.js';
  const { all } = await run('node', [cli, 'test', config, '--timeout=900000', 'planted'], {
    record: true,
    kernels: [kernelName],
  });
  printed = all;
  expect(printed).toMatch(/✘ 1\/3 .*\n +GuestPanicError: the guest's kernel panicked: /);
  expect(printed).toMatch(/✘ 2\/3 /);
  expect(printed).toMatch(/✔ 3\/3 /);
  const named = [...printed.matchAll(/recorded: npm run vm:replay -- (\S+)/g)].map(([, id]) => id ?? '');
  [race = '', expectation = ''] = named;
  expect(named).toHaveLength(2);
  expect((await readdir(dir)).sort()).toEqual(named);
});

test('REPLAY-02: a race that was met once is met again: the same panic, with the same times and addresses', async () => {
  const { exitCode, stdout, stderr } = await replay(race);
  expect(stderr).toMatch(/^reproduced: \[ *\d+\.\d+\] WARNING: .*planted_write\+0x/m);
  expect(exitCode).toBe(0);
  // As the runner printed them when it happened.
  const lines = [...printed.matchAll(/^ {4}(\[ *\d+\.\d{6}\] .*)$/gm)].map(([, line]) => line ?? '');
  const panic = lines.filter((line) => /Kernel panic|planted_write|RSP: 0018|R1\d: /.test(line));
  expect(panic.length).toBeGreaterThan(5);
  expect(stdout.split('\n')).toEqual(expect.arrayContaining(lines));
});

test('REPLAY-03: gdb stops a replay where it is told to, by the name of a function', async () => {
  const { failed } = await execa('gdb', ['--version'], { reject: false });
  test.skip(failed, 'gdb is not installed');
  const orders = ['break vpanic', 'continue', 'info registers rip'].flatMap((order) => ['-ex', order]);
  const { exitCode, stdout, stderr } = await replay(race, '--gdb', '--', '-batch', ...orders);
  expect(stderr).toMatch(/^\[ *\d+\.\d+\] WARNING: .*planted_write\+0x/m);
  expect(stdout).toMatch(/^Breakpoint 1, 0x[0-9a-f]+ in vpanic \(\)$/m);
  expect(stdout).toMatch(/^rip .*<vpanic>$/m);
  expect(exitCode).toBe(0);
});

test('REPLAY-04: a test that failed in a guest that went on is seen again to where it failed', async () => {
  const { exitCode, stdout, stderr } = await replay(expectation);
  expect(stdout).toMatch(/^\[ *\d+\.\d+\] here the spec has failed\n$/m);
  expect(stderr).toMatch(/^reproduced: .* here the spec has failed$/m);
  expect(exitCode).toBe(0);
});

test('REPLAY-05: a recording that was changed is refused', async () => {
  const flip = (data: Buffer) => {
    data[1000] = (data[1000] ?? 0) ^ 1;
    return data;
  };
  for (const file of ['log', 'initrd', 'console']) {
    const { exitCode, all } = await replay(await altered(expectation, file, flip, false));
    expect([exitCode, all]).toEqual([2, expect.stringContaining(`${file} of the recording`)]);
  }
  const { exitCode, all } = await replay('20000101T000000-none');
  expect([exitCode, all]).toEqual([2, expect.stringContaining('there is no recording')]);
});

test('REPLAY-06: a recording whose log ends too soon, or says what did not happen, is not reproduced', async () => {
  const half = (data: Buffer) => data.subarray(0, data.length / 2);
  const cut = await replay(await altered(expectation, 'log', half, true));
  expect([cut.exitCode, cut.stderr]).toEqual([1, expect.stringContaining('not reproduced: ')]);
  const later = (data: Buffer) => Buffer.from(data.toString().replace(/\d(?=\] here the spec)/, 'x'));
  const other = await replay(await altered(expectation, 'console', later, true));
  expect([other.exitCode, other.stderr]).toEqual([1, expect.stringMatching(/not reproduced: line \d+ was/)]);
});
