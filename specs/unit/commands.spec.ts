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
  test.setTimeout(120_000);
  const { scripts } = packageFile.parse(JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')));
  const files = (await readdir(join(repository, 'scripts'))).filter((name) => name.endsWith('.ts'));
  expect(files.length).toBeGreaterThan(10);
  for (const file of files) {
    const { exitCode, stdout, stderr } = await run(file, '--help');
    expect([exitCode, stderr], file).toEqual([0, '']);
    const name = /^npm run (\S+)/.exec(stdout)?.[1] ?? '';
    expect(scripts[name], stdout).toBe(`tsx scripts/${file}`);
    expect(stdout.split('\n').length, `${file} says what it does`).toBeGreaterThan(2);
  }
});

test('REPO-09: what a command does not take is named, with what it takes, and no stack', async () => {
  test.setTimeout(60_000);
  for (const [script, args, code, message] of [
    [
      'build.ts',
      ['--kernl', 'rt'],
      2,
      /^Unknown option '--kernl'[^]*\n\nnpm run build -- \[--kernel NAME\]\n/,
    ],
    ['native.ts', ['all'], 2, /^Unexpected argument 'all'[^]*\n\nnpm run native\n/],
    ['build.ts', ['--kernel', 'none'], 1, /^there is no kernel none; there are 7\.3, [^\n]*$/],
    ['kernels-update.ts', ['none'], 2, /^there is no kernel none; there are 7\.3, [^\n]*$/],
    ['bench-check.ts', ['--only', 'none'], 2, /^there is no benchmark none; there are /],
    ['vm-run.ts', [], 2, /^say what to run\n\nnpm run vm:run -- /],
    ['vm-run.ts', ['--kernl', 'rt', 'ls', '-l'], 2, /^Unknown option '--kernl'[^]*\n\nnpm run vm:run -- /],
    ['vm-run.ts', ['--timeout', 'long', 'ls'], 2, /^--timeout takes seconds, not long\n/],
    ['vm-run.ts', ['--kernel', 'none', 'false'], 125, /^there is no kernel none; there are 7\.3, [^\n]*$/],
    ['nightly-issues.ts', [], 2, /^say where the run can be looked at\n\nnpm run nightly:issues -- PAGE\n/],
    ['report-merge.ts', [], 2, /^no blob of a shard is there\n\nnpm run report:merge -- /],
  ] as const) {
    const { exitCode, stdout, stderr } = await run(script, ...args);
    expect([exitCode, stdout], `${script} ${args.join(' ')}`).toEqual([code, '']);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^ +at /m);
  }
});
