/** Reports of several shards, machines and days as one. */
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { parseHTML } from 'linkedom';
import { z } from 'zod';
import { renderPages } from '../../harness/report/page.js';
import { grepOf, partOf, takesFile } from '../../harness/playwright/results.js';
import { keptCells, parseListing } from '../../harness/report/kept.js';
import { matrixOf } from '../../harness/report/matrix.js';
import { reason } from '../../harness/report/reason.js';
import { newestRuns, readCells, readRuns } from '../../harness/report/runs.js';
import type { Cell } from '../../harness/report/runs.js';
import { cleanCommit, unchangedSince } from '../../harness/report/sources.js';
import { repository } from '../../harness.config.js';
import { committedCopy } from '../support/copy.js';
import { passedCell } from '../support/passed-cell.js';
import { runEnvironment } from '../../harness/util/run.js';

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

test('RESULT-10: two shards in files of one name become one report: counts, logs and attachments, JSON, JUnit and pages', async () => {
  await shard(1);
  await shard(2);
  const { all, exitCode } = await execa('npx', ['tsx', 'scripts/report-merge.ts', dir], {
    cwd: repository,
    all: true,
    reject: false,
    env: { ...runEnvironment({ report: join(dir, 'report') }), FORCE_COLOR: '0' },
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
    /expect.*toBe.*--- kernel log ---\nwhat the guest <said>$/s,
  );
  expect(cell?.tests.map(({ log }) => log).join('\n'), 'what Playwright adds').not.toContain('error-context');
  const xml = await read('junit.xml');
  expect(xml).toMatch(/<testsuite name="selftest" .*tests="4" failures="1" errors="1" skipped="1">/);
  expect(xml).toMatch(/name="fails" .*<failure [^]*what the guest &#60;said&#62;/);
  const { document } = parseHTML(await read('cells/selftest.html'));
  const logs = [...document.querySelectorAll('pre')].map((log) => log.textContent);
  expect(logs.join('\n')).toContain('what the guest <said>');
  const matrix = parseHTML(await read('index.html')).document;
  expect(matrix.querySelector('h1')?.textContent).toBe('SwarmGuard: kernel matrix');
  expect(matrix.querySelector('td[data-verdict="failed"] a')?.getAttribute('href')).toBe(
    'cells/selftest.html',
  );
});

test('RESULT-12: a run of some files or titles is told from one of the whole suite', () => {
  const files = ['a.spec.ts', 'b.spec.ts', 'c.spec.ts'];
  const ran = (...names: string[]) => ({
    tests: names.map((name) => ({
      ...{ file: `specs/vm/${name}.spec.ts`, title: name, verdict: 'passed' as const, ms: 1, log: '' },
    })),
  });
  expect(partOf(ran('a', 'b', 'b', 'c'), files, /.*/)).toBeUndefined();
  expect(partOf(ran('a', 'b', 'b'), files, /.*/)).toBe('2 of 3 files');
  expect(partOf(ran('a', 'b', 'c'), files, /leak/)).toBe('what matches /leak/');
  const words = ['node', 'cli.js', 'test', 'specs/vm', '--workers=1'];
  const asked = (...more: string[]) => grepOf({ grep: /.*/, argv: [...words, ...more] });
  expect([asked(), asked('--grep=leak'), asked('-g', '@slow', '--list')].map(String)).toEqual([
    '/.*/',
    '/leak/',
    '/@slow/',
  ]);
});

test('RESULT-21: a project takes the files whose tags it asks for, and none whose tags it excludes', () => {
  const tagged = `test('a', { tag: '@slow' }, () => {});`;
  const several = `test('a', { tag: ['@big', '@odd-one'] }, () => {});`;
  const none = `test('@slow', () => {});`;
  const taken = (grep: RegExp | RegExp[], grepInvert: RegExp | RegExp[] | null) =>
    [tagged, several, none].map((text) => takesFile({ grep, grepInvert }, text));
  expect(taken(/.*/, null)).toEqual([true, true, true]);
  expect(taken(/.*/, /@slow/)).toEqual([false, true, true]);
  expect(taken(/.*/, [/@slow/, /@odd-one/])).toEqual([false, false, true]);
  expect(taken(/@odd-one/, null)).toEqual([false, true, false]);
});

/** A project whose name says nothing of its suite and kernel. */
const ODD_NAME = {
  'odd.config.ts': `export default {
    reporter: 'blob',
    projects: [{ name: 'an odd-name', metadata: { suite: 'slow-specs', kernel: '6.18-own' } }],
  };`,
  'odd.spec.ts': `import { test } from '@playwright/test';
    test('runs', () => {});`,
  'package.json': '{ "type": "module" }',
};

test('RESULT-20: the suite and the kernel of a result are those of its project’s metadata, whatever its name, listed and merged', async () => {
  for (const [name, text] of Object.entries(ODD_NAME)) await writeFile(join(dir, name), text);
  await symlink(join(repository, 'node_modules'), join(dir, 'node_modules'));
  const words = ['node_modules/@playwright/test/cli.js', 'test', '--config=odd.config.ts'];
  const { stdout } = await execa('node', [...words, '--list', '--reporter=json'], { cwd: dir });
  expect(parseListing(stdout)).toEqual([
    {
      name: 'an odd-name',
      ...{ suite: 'slow-specs', kernel: '6.18-own' },
      files: new Map([['odd.spec.ts', ['runs']]]),
    },
  ]);
  const blob = join(dir, 'blob.zip');
  await execa('node', words, { cwd: dir, env: { PLAYWRIGHT_BLOB_OUTPUT_FILE: blob } });
  await execa('npx', ['tsx', 'scripts/report-merge.ts', blob], {
    cwd: repository,
    env: runEnvironment({ report: join(dir, 'report') }),
  });
  const cells = await readRuns(join(dir, 'report'));
  expect(cells.map(({ suite, kernel, tests }) => [suite, kernel, tests.length])).toEqual([
    ['slow-specs', '6.18-own', 1],
  ]);
});

test('RESULT-13: what was done is kept when a run does not come to its end', async () => {
  const config = '--config=specs/selftest/playwright.config.ts';
  const reporter = `--reporter=${join(repository, 'harness/playwright/results.ts')}`;
  const args = ['test', config, reporter, 'verdicts', 'endless'];
  const env = { ...runEnvironment({ report: join(dir, 'report') }), FORCE_COLOR: '0' };
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

test('RESULT-15: a result stands until what it depends on is committed anew', async () => {
  const copy = await committedCopy(join(dir, 'copy'));
  const commit = (await cleanCommit(copy)) ?? '';
  const git = (...words: string[]) =>
    execa('git', ['-c', 'user.name=x', '-c', 'user.email=x', ...words], { cwd: copy });
  const after = async (path: string) => {
    await writeFile(join(copy, path), '// changed\n', { flag: 'a' });
    await git('add', '.');
    await git('commit', '--quiet', '--message', path);
    const stands = await unchangedSince(commit, copy);
    await git('reset', '--quiet', '--hard', commit);
    return ['specs/vm/guest.spec.ts', 'specs/kernels/page.spec.ts'].map(stands);
  };
  expect(await after('README.md')).toEqual([true, true]);
  expect(await after('specs/README.md')).toEqual([true, true]);
  expect(await after('harness/report/page.ts')).toEqual([true, true]);
  expect(await after('specs/vm/guest.spec.ts')).toEqual([false, true]);
  expect(await after('specs/kernels/new.spec.ts')).toEqual([true, true]);
  for (const path of [
    'module/Kbuild',
    'docs/abi/create.md',
    'specs/support/guest.ts',
    'harness/playwright/verdicts.ts',
    'playwright.config.ts',
  ])
    expect(await after(path), path).toEqual([false, false]);
  expect(
    (await unchangedSince('0123456789', copy))('specs/vm/guest.spec.ts'),
    'a commit that is unknown',
  ).toBe(false);
});

test('RESULT-17: of each test the newest outcome counts, and what is kept takes its share of the time', () => {
  const files = new Map([
    ['a', ['1', '2']],
    ['b', ['1']],
    ['c', ['1']],
  ]);
  const key = { suite: 'vm', kernel: '7.3' };
  const listing = [{ name: 'vm on 7.3', ...key, files }];
  const whole = { ...passedCell(key, files, 'x'), endedAt: '2026-01-01T00:01:00.000Z' };
  const later = (verdict: 'passed' | 'failed', commit: string) => ({
    ...passedCell(key, new Map([['b', ['1']]]), commit),
    startedAt: '2026-01-02T00:00:00.000Z',
    endedAt: '2026-01-02T00:00:10.000Z',
    tests: [{ file: 'b', title: '1', verdict, ms: 1, log: '', commit }],
  });
  const standing = new Map([
    ['x', (file: string) => file !== 'c'],
    ['y', () => false],
  ]);
  const keptOf = (...cells: Cell[]) => {
    const [cell] = keptCells(listing, cells, standing);
    return [
      cell?.tests.map(({ file, title }) => file + title).join(' '),
      cell?.startedAt.slice(0, 10),
      cell?.ms,
    ];
  };
  expect(keptOf(whole)).toEqual(['a1 a2 b1', '2026-01-01', 45_000]);
  expect(keptOf(later('passed', 'x'), whole)).toEqual(['a1 a2 b1', '2026-01-01', 40_000]);
  expect(keptOf(later('failed', 'x'), whole)).toEqual(['a1 a2', '2026-01-01', 30_000]);
  expect(keptOf(later('passed', 'y'), whole)).toEqual(['a1 a2', '2026-01-01', 30_000]);
  expect(keptCells(listing, [later('failed', 'x')], standing)).toEqual([]);
});

/** Two suites of one spec: it runs what the variable of its project's name says. */
const TWO_SUITES = {
  'specs/selftest/two.config.ts': `import '../../harness.config.js';
  export default {
    workers: 1,
    testMatch: 'two.spec.ts',
    reporter: '../../harness/playwright/results.ts',
    projects: [{ name: 'first' }, { name: 'second' }],
  };`,
  'specs/selftest/two.spec.ts': `import { execSync } from 'node:child_process';
    import { test } from '@playwright/test';
    test('runs', () => {
      execSync(process.env[test.info().project.name] ?? 'true');
    });`,
};

test('RESULT-16: a result is of no commit when another was made before it was done', async () => {
  const copy = await committedCopy(join(dir, 'copy'), TWO_SUITES);
  const before = await cleanCommit(copy);
  const commit = 'git -c user.name=x -c user.email=x commit -qam x';
  const config = '--config=specs/selftest/two.config.ts';
  await execa('node', ['node_modules/@playwright/test/cli.js', 'test', config], {
    cwd: copy,
    env: {
      ...runEnvironment({ report: join(dir, 'report') }),
      second: `cd ${copy} && echo '# changed' >>module/Kbuild && ${commit}`,
    },
  });
  const cells = await readRuns(join(dir, 'report'));
  expect(before).toMatch(/./);
  expect(cells.map(({ suite, tests }) => [suite, tests[0]?.commit]).sort()).toEqual([
    ['first', before],
    ['second', undefined],
  ]);
});

test('RESULT-18: a run that goes on with others is the whole, with what they have left', async () => {
  const copy = await committedCopy(join(dir, 'copy'), TWO_SUITES);
  const kept = [
    {
      ...passedCell(
        { suite: 'second', kernel: '' },
        new Map([['specs/selftest/kept.spec.ts', ['ran']]]),
        'x',
      ),
      ms: 5000,
    },
  ];
  await writeFile(join(dir, 'kept.json'), JSON.stringify(kept));
  await writeFile(join(copy, 'specs/selftest/kept.spec.ts'), '');
  const config = '--config=specs/selftest/two.config.ts';
  await execa('node', ['node_modules/@playwright/test/cli.js', 'test', config], {
    cwd: copy,
    env: runEnvironment({ report: join(dir, 'report'), kept: join(dir, 'kept.json') }),
  });
  const second = (await readRuns(join(dir, 'report'))).find(({ suite }) => suite === 'second');
  expect(second?.tests.map(({ file, title }) => [file.replace(/.*\//, ''), title])).toEqual([
    ['kept.spec.ts', 'ran'],
    ['two.spec.ts', 'runs'],
  ]);
  expect(second?.startedAt, 'as old as the oldest of it').toBe('2026-01-01T00:00:00.000Z');
  expect(second?.ms).toBeGreaterThanOrEqual(5000);
  expect(second?.ms).toBeLessThan(60_000);
});

test('RESULT-11: of each kernel and suite the newest run is shown, trouble with the machinery as such', async () => {
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
  const cells = await readCells(dir);
  expect(newestRuns(cells).map(({ kernel, tests }) => [kernel, tests[0]?.verdict])).toEqual([
    ['7.3', 'passed'],
    ['6.18', 'infrastructure'],
  ]);
  await renderPages(dir, { title: 'A title', cells, kernels: [] });
  const html = await readFile(join(dir, 'index.html'), 'utf8');
  const { document } = parseHTML(html);
  const shown = [...document.querySelectorAll('tbody tr')].map((row) => {
    const shownCell = row.querySelector('td');
    return ['data-verdict', 'data-at'].map((name) => shownCell?.getAttribute(name)?.slice(0, 14));
  });
  expect(shown, 'what went wrong first').toEqual([
    ['infrastructure', '2026-01-01T00:'],
    ['passed', '2026-01-03T00:'],
  ]);
  expect(document.querySelector('h1')?.textContent).toBe('A title');
  expect(html).not.toMatch(/https?:|<link[^>]+stylesheet|<script[^>]+src/);
});

test('RESULT-04: what failed on several kernels, or for one reason, is told once, and an assertion with what it compared', () => {
  const log = 'Error: expect(received).toBe(expected)\n\nExpected: 3\nReceived: 4\n    at x.spec.ts';
  const of = (kernel: string, failed: Record<string, string> = {}): Cell => ({
    ...{ suite: 'vm', kernel, release: '', startedAt: '2026-01-01T00:00:00.000Z' },
    tests: ['a', 'b', 'c', 'd'].map((title) => ({
      ...{ file: 'specs/vm/x.spec.ts', title, ms: 1, log: failed[title] ?? '' },
      verdict: title in failed ? ('failed' as const) : ('passed' as const),
    })),
  });
  const { problems, rows } = matrixOf(
    [
      of('7.3', { a: log, b: log, c: 'Error: no guest\nat c', d: 'Error: no guest\nat d' }),
      of('7.2', { b: log, c: 'Error: no guest' }),
      of('7.1'),
      of('7.2', { c: log }),
    ],
    [{ name: '7.1', why: '' }],
  );
  const told = problems.map((problem) =>
    problem.map((broken) => [broken[0].test.title, ...broken.map(({ cell }) => cell.kernel)].join(' ')),
  );
  expect(told, 'what most kernels and tests share first').toEqual([
    ['c 7.3 7.2', 'd 7.3'],
    ['b 7.3 7.2'],
    ['a 7.3'],
  ]);
  expect(rows.map(({ kernel }) => kernel)).toEqual(['7.3', '7.2', '7.1']);
  const one = { ...of('7.3'), suite: 'prepare', tests: of('7.3').tests.slice(0, 1) };
  const { suites } = matrixOf([one, of('7.3'), { ...of('7.2'), suite: 'long' }, of('7.2')], []);
  expect(suites, 'the most kernels and tests first').toEqual(['vm', 'long', 'prepare']);
  expect(reason(log)).toBe('Error: expect(received).toBe(expected) · Expected: 3 · Received: 4');
  expect(reason('\n  Error: no answer\nExpected: it')).toBe('Error: no answer');
});
