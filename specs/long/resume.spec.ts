/** Runs that go on with earlier ones, of the whole repository. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { parseListing } from '../../harness/report/kept.js';
import { cellId } from '../../harness/report/runs.js';
import { cleanCommit } from '../../harness/report/sources.js';
import { runEnvironment } from '../../harness/util/run.js';
import { committedCopy } from '../support/copy.js';
import { passedCell } from '../support/passed-cell.js';

test.describe.configure({ timeout: 600_000 });

let dir = '';
test.beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'swarm-guard-resume-'));
});
test.afterEach(async () => {
  await rm(dir, { recursive: true });
});

test('RESULT-14: with --resume, files that have passed are not run again, unless something they depend on has changed', async () => {
  const copy = await committedCopy(join(dir, 'copy'));
  const commit = await cleanCommit(copy);
  const vmTest = (...args: string[]) =>
    execa(
      'npx',
      ['tsx', 'scripts/vm-test.ts', ...['7.3', '7.2', '6.19'].flatMap((name) => ['--kernel', name]), ...args],
      {
        cwd: copy,
        all: true,
        reject: false,
        env: { ...runEnvironment({ report: join(dir, 'report') }), FORCE_COLOR: '0' },
      },
    );
  const listed = (text: string) => {
    const lines = [...text.matchAll(/^ +\[([^\]]+)\] › (?:specs\/vm\/)?([^: ]+\.spec\.ts)/gm)];
    return [...new Set(lines.map(([, name = '', file = '']) => `${name} ${file}`))].sort();
  };
  const everything = listed((await vmTest('--list')).all);
  expect(everything.length % 3).toBe(0);
  const files = everything.length / 3;

  const env = runEnvironment({ kernels: ['7.3', '7.2', '6.19'], suites: ['vm'] });
  const playwright = ['node_modules/@playwright/test/cli.js', 'test', '--list', '--reporter=json'];
  const listing = parseListing((await execa('node', playwright, { cwd: copy, env })).stdout);
  const cells = listing.map((project) =>
    passedCell(project, project.files, project.kernel === '6.19' ? undefined : commit),
  );
  const failed = cells
    .find((cell) => cellId(cell) === 'vm-7.2')
    ?.tests.find(({ file }) => file.endsWith('guest.spec.ts'));
  if (failed) failed.verdict = 'failed';
  await mkdir(join(dir, 'report/runs'), { recursive: true });
  await writeFile(join(dir, 'report/runs/1.json'), JSON.stringify({ cells }));

  const first = (await vmTest('--resume', '--list')).all;
  expect(first).toMatch(/^not run again: vm-7\.3, passed since 2026-01-01/m);
  expect(first).toMatch(
    new RegExp(`^not run again: ${files - 1} of ${files} files of vm-7\\.2, passed since`, 'm'),
  );
  const of = (kernel: string) => everything.filter((line) => line.startsWith(`vm-${kernel} `));
  expect(listed(first)).toEqual([...of('6.19'), 'vm-7.2 guest.spec.ts']);

  const change = async (path: string) => writeFile(join(copy, path), '// changed\n', { flag: 'a' });
  await change('specs/vm/guest.spec.ts');
  expect(await vmTest('--resume', '--list')).toMatchObject({
    exitCode: 2,
    all: '--resume: sources differ from what is committed; commit them first',
  });
  const git = (...words: string[]) =>
    execa('git', ['-c', 'user.name=x', '-c', 'user.email=x', ...words], { cwd: copy });
  await git('commit', '--quiet', '--all', '--message', 'mended');
  expect(listed((await vmTest('--resume', '--list')).all)).toEqual([
    ...of('6.19'),
    'vm-7.2 guest.spec.ts',
    'vm-7.3 guest.spec.ts',
  ]);
});
