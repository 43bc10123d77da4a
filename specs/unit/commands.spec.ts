/** The commands of scripts/: their --help, and their answer to arguments that they do not accept. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { z } from 'zod';
import { repository } from '../../harness.config.js';

const packageFile = z.object({ scripts: z.record(z.string(), z.string()) });

async function run(script: string, ...args: string[]) {
  const { exitCode, stdout, stderr } = await execa(
    process.execPath,
    ['--import', 'tsx', join('scripts', script), ...args],
    { cwd: repository, reject: false },
  );
  return { exitCode, stdout, stderr };
}

test('REPO-08: every command says with --help what it takes, under the name that npm knows it by', async () => {
  test.setTimeout(300_000);
  const { scripts } = packageFile.parse(JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')));
  const files = (await readdir(join(repository, 'scripts'))).filter((name) => name.endsWith('.ts'));
  expect(files.length).toBeGreaterThan(10);
  for (const file of files) {
    const { exitCode, stdout, stderr } = await run(file, '--help');
    expect([exitCode, stderr], file).toEqual([0, '']);
    const name = /^Usage: npm run (\S+) -- /.exec(stdout)?.[1] ?? '';
    expect(scripts[name], stdout).toBe(`tsx scripts/${file}`);
    expect(stdout, `${file} says what it does`).toMatch(/^Usage: .*\n\n[A-Z][^:]/);
    expect(stdout.split('\n').filter((line) => line.length > 100)).toEqual([]);
  }
});

test('REPO-09: what a command does not take is named, with what it takes, and no stack', async () => {
  test.setTimeout(120_000);
  for (const [script, args, code, message] of [
    [
      'build.ts',
      ['--kernl', 'rt'],
      2,
      /^error: unknown option '--kernl'\n\(Did you mean --kernel\?\)\n`npm run build -- --help` lists what it accepts\.$/,
    ],
    [
      'native.ts',
      ['all'],
      2,
      /^error: there is no place for the argument 'all'\n`npm run native -- --help` /,
    ],
    ['build.ts', ['--kernel', 'none'], 2, /^there is no kernel none; there are 7\.3, [^\n]*$/],
    ['kernels-update.ts', ['none'], 2, /^there is no kernel none; there are 7\.3, [^\n]*$/],
    [
      'bench-check.ts',
      ['--only', 'none'],
      2,
      /^error: option '--only <benchmark>' argument 'none' is invalid\. There are hooks, /,
    ],
    ['vm-run.ts', [], 2, /^error: missing required argument 'command'\n`npm run vm:run -- --help` /],
    ['vm-run.ts', ['--kernl', 'rt', 'ls', '-l'], 2, /^error: unknown option '--kernl'\n/],
    [
      'vm-run.ts',
      ['--timeout', 'long', 'ls'],
      2,
      /^error: option '--timeout <seconds>' argument 'long' is invalid\. It has to be 0 or more\.\n/,
    ],
    ['vm-run.ts', ['--kernel', 'none', 'false'], 125, /^there is no kernel none; there are 7\.3, [^\n]*$/],
    ['nightly-issues.ts', [], 2, /^error: missing required argument 'page'\n/],
    ['report-merge.ts', [], 2, /^error: missing required argument 'path'\n/],
    ['report-merge.ts', ['/nowhere'], 2, /^there is no \/nowhere$/],
    [
      'vm-test.ts',
      ['--suite', 'none'],
      2,
      /^error: option '--suite <name>' argument 'none' is invalid\. There are unit, /,
    ],
    ['vm-test.ts', ['--workers', '0'], 2, /^error: [^\n]* It has to be 1 or more\.\n/],
    [
      'vm-test.ts',
      ['--kernel-tree', 'x'],
      2,
      /^a kernel's tree is given as NAME=PATH, such as [^\n]*, not x$/,
    ],
    ['vm-test.ts', ['--kernel', '6.14'], 2, /^kernel 6\.14 needs --kernel-tree 6\.14=PATH: /],
  ] as const) {
    const { exitCode, stdout, stderr } = await run(script, ...args);
    expect([exitCode, stdout], `${script} ${args.join(' ')}`).toEqual([code, '']);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^ +at /m);
  }
});
