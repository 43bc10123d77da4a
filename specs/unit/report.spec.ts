/** Reports of several shards, machines and days as one. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { z } from 'zod';
import { renderPages } from '../../harness/report/page.js';
import { partOf } from '../../harness/report/results.js';
import { readRuns } from '../../harness/report/runs.js';
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
