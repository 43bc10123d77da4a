/** The messages of expectations about commands. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from '@playwright/test';
import { execa } from 'execa';
import type { CommandOutcome } from '../../harness/guest/errors.js';
import { expect } from '../../harness/playwright/expect.js';
import { repository } from '../../harness.config.js';

test.describe.configure({ timeout: 180_000 });

function outcome(
  command: string,
  code: number | undefined,
  more: Partial<CommandOutcome> = {},
): CommandOutcome {
  return { command, code, stdout: '', stderr: '', timedOut: false, durationMs: 1250, ...more };
}

/** The message of an expectation that fails. */
function messageOf(expectation: () => void): string {
  try {
    expectation();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error('the expectation holds');
}

test('HARNESS-18: toExit says what the command printed, how it ended, and what the guest was told before', () => {
  const before = [
    outcome('true', 0),
    outcome('sleep 60', undefined, { timedOut: true, durationMs: 60_000 }),
    outcome('consume memory', 137, { signal: 'SIGKILL', stderr: 'one\ntwo\n' }),
  ];
  const failed = { ...outcome('make it', 3, { stdout: 'out\n', stderr: 'err\n' }), before };
  expect(failed).toExit(3);
  expect(failed).not.toExit(0);
  expect(
    messageOf(() => {
      expect(failed).toExit(0);
    }),
  ).toBe(
    [
      'expected exit status 0',
      'guest# make it',
      '  exit 3, 1.3 s',
      '    err',
      '    out',
      '--- before it ---',
      'guest# true',
      '  exit 0, 1.3 s',
      'guest# sleep 60',
      '  did not end, 60.0 s',
      'guest# consume memory',
      '  exit 137 (SIGKILL), 1.3 s',
      '    one',
      '    two',
    ].join('\n'),
  );
  expect(
    messageOf(() => {
      expect(outcome('true', 0)).not.toExit(0);
    }),
  ).toBe(['expected any exit status but 0', 'guest# true', '  exit 0, 1.3 s'].join('\n'));
});

test('HARNESS-19: a command of a guest that does not end as expected is told with what it printed, and the one before it', async () => {
  const words = [
    'node_modules/@playwright/test/cli.js',
    'test',
    '--config=specs/selftest/playwright.config.ts',
  ];
  const dir = await mkdtemp(join(tmpdir(), 'steps-'));
  const report = join(dir, 'report.json');
  const reporters = '--reporter=harness/playwright/verdicts.ts,json';
  const { all, exitCode } = await execa('node', [...words, 'selftest/commands.spec.ts', reporters], {
    cwd: repository,
    all: true,
    reject: false,
    env: { FORCE_COLOR: '0', PLAYWRIGHT_JSON_OUTPUT_FILE: report },
  });
  const steps = await readFile(report, 'utf8').catch(String);
  await rm(dir, { recursive: true });
  expect(exitCode, all).toBe(1);
  expect(all).toMatch(
    /Error: expected exit status 0\n +guest# echo out; echo err >&2; exit 3\n +exit 3, \d+\.\d s\n +err\n +out\n +--- before it ---\n/,
  );
  expect(all).toMatch(/\n +guest# 'echo' 'first it was well'\n +exit 0, \d+\.\d s\n +first it was well\n/);
  // Playwright's own reports list the steps of a spec.
  const titles = [...steps.matchAll(/"title": ("guest# .*"),$/gm)].map(([, title = '']): unknown =>
    JSON.parse(title),
  );
  expect(titles).toEqual(["guest# 'echo' 'first it was well'", 'guest# echo out; echo err >&2; exit 3']);
});
