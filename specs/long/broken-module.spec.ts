/** The runner's report of a module that does not compile. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { brokenKernels } from '../support/broken-kernels.js';
import { readRuns } from '../../harness/report/runs.js';
import { PLAYWRIGHT } from '../../harness/util/playwright.js';
import { runEnvironment } from '../../harness/util/run.js';
import { committedCopy } from '../support/copy.js';

test.describe.configure({ timeout: 600_000 });

test('HARNESS-15: a module that does not compile is told once, counts against the kernel, and its specs are not run', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'broken-module-'));
  try {
    const copy = await committedCopy(join(dir, 'copy'), {
      'module/view.c': 'this is no C\n',
    });
    const [file, ...words] = PLAYWRIGHT;
    const { all, exitCode } = await execa(file, [...words, 'guest.spec.ts'], {
      cwd: copy,
      all: true,
      reject: false,
      env: { FORCE_COLOR: '0', ...runEnvironment({ suites: ['vm'], report: join(dir, 'report') }) },
    });
    expect(exitCode, all).not.toBe(0);
    expect(all.match(/^✘ \d+\//gm), all).toHaveLength(1);
    expect(all).toMatch(/^failed: prepare-\S+ .*: BuildError: building the module for \S+ failed:$/m);
    expect(all).toMatch(/\n\d+ did not run\n0 passed, 1 failed$/);
    const [issue, ...others] = brokenKernels(await readRuns(join(dir, 'report')), 'here');
    expect(others).toEqual([]);
    expect(issue?.body).toMatch(/failed:\n.*view\.c:1:1: error: /);
  } finally {
    await rm(dir, { recursive: true });
  }
});
