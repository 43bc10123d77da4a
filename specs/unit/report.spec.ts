/** Reports of several shards, machines and days as one. */
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { z } from 'zod';
import { renderPages } from '../../harness/report/page.js';
import { partOf } from '../../harness/report/results.js';
import { readRuns } from '../../harness/report/runs.js';
import { sourcesHash } from '../../harness/report/sources.js';
import { repository } from '../../harness/util/repository.js';

test.describe.configure({ timeout: 300_000 });

let dir = '';
test.beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'swarm-guard-report-'));
});
test.afterEach(async () => {
  await rm(dir, { recursive: true });
});

/** Runs a shard of specs that end in every way; its blob is named as every machine's is. */
function shard(number: number) {
  const config = '--config=specs/selftest/playwright.config.ts';
  const args = ['test', config, 'verdicts', '--fully-parallel', `--shard=${number}/2`, '--reporter=blob'];
  const env = { PLAYWRIGHT_BLOB_OUTPUT_FILE: join(dir, `machine-${number}/report.zip`), FORCE_COLOR: '0' };
  return execa('node', ['node_modules/@playwright/test/cli.js', ...args], {
    cwd: repository,
    reject: false,
    env,
  });
}

const results = z.array(
  z.object({
    id: z.string(),
    part: z.string().optional(),
    tests: z.array(z.object({ title: z.string(), verdict: z.string(), log: z.string() })),
  }),
);

test('two shards in files of one name become one report: counts, logs and attachments, JSON, JUnit and pages', async () => {
  await shard(1);
  await shard(2);
  const { all, exitCode } = await execa('npx', ['tsx', 'scripts/report-merge.ts', dir], {
    cwd: repository,
    all: true,
    reject: false,
    env: { SWARMGUARD_REPORT: join(dir, 'report'), FORCE_COLOR: '0' },
  });
  expect(all).toMatch(/1 skipped\n1 infrastructure: [^\n]*\n1 passed, 1 failed$/m);
  expect(exitCode).not.toBe(0);
  const read = (name: string) => readFile(join(dir, 'report', name), 'utf8');
  const [cell, ...others] = results.parse(JSON.parse(await read('results.json')));
  expect([cell?.id, others]).toEqual(['selftest', []]);
  expect(cell?.part, 'of the suite’s files').toMatch(/^1 of \d files$/);
  const verdicts = cell?.tests.map(({ title, verdict }) => `${title}: ${verdict}`).sort();
  expect(verdicts).toEqual([
    'fails: failed',
    'infrastructure › never gets a guest: infrastructure',
    'is skipped: skipped',
    'passes: passed',
  ]);
  expect(cell?.tests.find(({ title }) => title === 'fails')?.log).toMatch(
    /expect.*toBe.*--- kernel log ---\nwhat the guest <said>\n/s,
  );
  const xml = await read('junit.xml');
  expect(xml).toMatch(/<testsuite name="selftest" .*tests="4" failures="1" errors="1" skipped="1">/);
  expect(xml).toMatch(/name="fails" .*<failure [^]*what the guest &#60;said&#62;/);
  expect(await read('cells/selftest.html')).toContain('what the guest &#60;said&#62;');
  expect(await read('index.html')).toMatch(/data-verdict="failed".*<a href="cells\/selftest\.html"/);
});

test('a run of some files or titles is told from one of the whole suite', () => {
  const files = ['a.spec.ts', 'b.spec.ts', 'c.spec.ts'];
  const ran = (...names: string[]) => ({
    tests: names.map((name) => ({
      ...{ file: `specs/vm/${name}.spec.ts`, title: name, verdict: 'passed' as const, ms: 1, log: '' },
    })),
  });
  expect(partOf(ran('a', 'b', 'b', 'c'), files, /.*/)).toBeUndefined();
  expect(partOf(ran('a', 'b', 'b'), files, /.*/)).toBe('2 of 3 files');
  expect(partOf(ran('a', 'b', 'c'), files, /leak/)).toBe('what matches /leak/');
});

test('what was done is kept when a run does not come to its end', async () => {
  const config = '--config=specs/selftest/playwright.config.ts';
  const reporter = `--reporter=${join(repository, 'harness/report/results.ts')}`;
  const args = ['test', config, reporter, 'verdicts', 'endless'];
  const env = { SWARMGUARD_REPORT: join(dir, 'report'), FORCE_COLOR: '0' };
  const run = execa('node', ['node_modules/@playwright/test/cli.js', ...args], {
    cwd: repository,
    all: true,
    reject: false,
    env,
  });
  let printed = '';
  run.all.on('data', (text: Buffer) => (printed += text.toString()));
  await expect.poll(() => printed, { timeout: 240_000 }).toContain('the guest is up');
  run.kill('SIGKILL');
  await run;
  const cells = results.parse(JSON.parse(await readFile(join(dir, 'report/results.json'), 'utf8')));
  expect(cells.map(({ id, tests }) => [id, tests.length])).toEqual([['selftest', 4]]);
});

/**
 * This repository as it is, changes included, committed once more in a directory of its own.
 * @param more files to be added, their text by their path
 */
async function committedCopy(more: Record<string, string> = {}): Promise<string> {
  const copy = join(dir, 'copy');
  const git = (...words: string[]) =>
    execa('git', ['-c', 'user.name=x', '-c', 'user.email=x', ...words], { cwd: copy });
  const { stdout } = await execa('git', ['-c', 'safe.directory=*', 'ls-files', '-co', '--exclude-standard'], {
    cwd: repository,
  });
  for (const name of stdout.split('\n').filter((each) => existsSync(join(repository, each))))
    await cp(join(repository, name), join(copy, name));
  for (const [name, text] of Object.entries(more)) await writeFile(join(copy, name), text);
  await git('init', '--quiet');
  await git('add', '.');
  await git('commit', '--quiet', '--message', 'as it is');
  await symlink(join(repository, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

test('with --resume, what has passed whole with the same sources is not run again', async () => {
  const copy = await committedCopy();
  const sources = await sourcesHash('vm', copy);
  const cell = (kernel: string, changes: object = {}) => ({
    ...{ suite: 'vm', kernel, release: '', startedAt: '2026-01-01T00:00:00.000Z', sources },
    tests: [{ file: 'specs/vm/x.spec.ts', title: 'x', verdict: 'passed', ms: 1, log: '' }],
    ...changes,
  });
  const cells = [
    cell('7.3'),
    cell('7.2', { tests: [{ ...cell('7.2').tests[0], verdict: 'failed' }] }),
    cell('7.1', { part: '3 of 33 files' }),
    cell('6.19', { sources: 'of another day' }),
  ];
  await mkdir(join(dir, 'report/runs'), { recursive: true });
  await writeFile(join(dir, 'report/runs/1.json'), JSON.stringify({ cells }));
  const resume = (...args: string[]) =>
    execa('npx', ['tsx', 'scripts/vm-test.ts', '--resume', ...args], {
      cwd: copy,
      all: true,
      reject: false,
      env: { SWARMGUARD_REPORT: join(dir, 'report'), FORCE_COLOR: '0' },
    });
  const names = ['7.3', '7.2', '7.1', '6.19'].flatMap((name) => ['--kernel', name]);
  const { all } = await resume(...names, '--list', 'guest.spec.ts');
  expect(all).toMatch(/^not run again: vm-7\.3 passed at 2026-01-01/);
  const listed = [...all.matchAll(/^ +\[([^\]]+)\] › .*guest\.spec\.ts/gm)].map(([, name]) => name);
  expect([...new Set(listed)].sort()).toEqual(['vm-6.19', 'vm-7.1', 'vm-7.2']);
  expect(await resume('--kernel', '7.3')).toMatchObject({
    exitCode: 0,
    all: expect.not.stringMatching('specs'),
  });
  await writeFile(join(copy, 'module/Kbuild'), '# changed\n', { flag: 'a' });
  expect(await resume('--kernel', '7.3')).toMatchObject({
    exitCode: 2,
    all: expect.stringMatching(/^--resume: sources differ from what is committed; commit them first$/),
  });
});

test('the specs of another suite are none of what a result depends on, what suites share is', async () => {
  const copy = await committedCopy();
  const [vm, kernels] = [await sourcesHash('vm', copy), await sourcesHash('kernels', copy)];
  expect(kernels).not.toBe(vm);
  // The kernel that must be refused is refused by one of these.
  expect(await sourcesHash('refused', copy)).toBe(kernels);
  const change = (path: string) => writeFile(join(copy, path), '// changed\n', { flag: 'a' });
  await change('specs/kernels/new.spec.ts');
  expect(await sourcesHash('vm', copy)).toBe(vm);
  expect(await sourcesHash('kernels', copy)).toBe(undefined);
  expect(await sourcesHash('refused', copy)).toBe(undefined);
  await change('specs/support.ts');
  expect(await sourcesHash('vm', copy)).toBe(undefined);
});

/** Two suites of one spec: it runs what the variable of its project's name says. */
const TWO_SUITES = {
  'specs/selftest/two.config.ts': `export default {
    workers: 1,
    testMatch: 'two.spec.ts',
    reporter: '../../harness/report/results.ts',
    projects: [{ name: 'first' }, { name: 'second' }],
  };`,
  'specs/selftest/two.spec.ts': `import { execSync } from 'node:child_process';
    import { test } from '@playwright/test';
    test('runs', () => {
      execSync(process.env[test.info().project.name] ?? 'true');
    });`,
};

test('a result is of no sources when they were committed anew before it was done', async () => {
  const copy = await committedCopy(TWO_SUITES);
  const before = await sourcesHash('first', copy);
  const commit = 'git -c user.name=x -c user.email=x commit -qam x';
  await execa(
    'node',
    ['node_modules/@playwright/test/cli.js', 'test', '--config=specs/selftest/two.config.ts'],
    {
      cwd: copy,
      env: {
        SWARMGUARD_REPORT: join(dir, 'report'),
        second: `cd ${copy} && echo '# changed' >>module/Kbuild && ${commit}`,
      },
    },
  );
  const cells = await readRuns(join(dir, 'report'));
  expect(before).toMatch(/./);
  expect(cells.map(({ suite, sources }) => [suite, sources]).sort()).toEqual([
    ['first', before],
    ['second', undefined],
  ]);
});

test('of each kernel and suite the newest run is shown, trouble with the machinery as such', async () => {
  const cell = (kernel: string, day: number, verdict: string) => ({
    suite: 'vm',
    kernel,
    release: `${kernel}.9`,
    startedAt: `2026-01-0${day}T00:00:00.000Z`,
    tests: [
      { file: 'specs/vm/x.spec.ts', title: 'x', verdict, ms: 1000, log: verdict === 'passed' ? '' : 'why' },
    ],
  });
  await mkdir(join(dir, 'runs'));
  const runs = [[cell('7.3', 2, 'failed'), cell('6.18', 1, 'infrastructure')], [cell('7.3', 3, 'passed')]];
  for (const [index, cells] of runs.entries())
    await writeFile(join(dir, 'runs', `${9 - index}.json`), JSON.stringify({ cells }));
  const newest = await readRuns(dir);
  expect(newest.map(({ kernel, tests }) => [kernel, tests[0]?.verdict])).toEqual([
    ['7.3', 'passed'],
    ['6.18', 'infrastructure'],
  ]);
  await renderPages(dir, newest, []);
  const html = await readFile(join(dir, 'index.html'), 'utf8');
  expect(html).toMatch(
    /<tr data-kernel="7\.3">.*data-verdict="passed" data-at="2026-01-03.*\n.*<tr data-kernel="6\.18">.*data-verdict="infrastructure"/,
  );
  expect(html).not.toMatch(/https?:|<link[^>]+stylesheet|<script[^>]+src/);
});
