/** Results as KTAP, read by the kernel's own parser. */
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { kernelScripts } from '../support/kernel-scripts.js';
import { ktap } from '../../harness/report/ktap-writer.js';
import type { Cell, TestOutcome } from '../../harness/report/runs.js';

test.describe.configure({ timeout: 600_000 });

const outcome = (title: string, verdict: TestOutcome['verdict'], more: Partial<TestOutcome> = {}) => ({
  ...{ file: 'specs/vm/x.spec.ts', title, verdict, ms: 1, log: '' },
  ...more,
});

const CELLS: Cell[] = [
  {
    suite: 'vm',
    kernel: '7.3',
    release: '7.3.4',
    startedAt: '2026-01-01T00:00:00.000Z',
    tests: [
      outcome('passes, # 1 of all', 'passed'),
      outcome('is skipped', 'skipped', { reason: 'not on # this kernel' }),
    ],
  },
  {
    suite: 'vm',
    kernel: 'rt',
    release: '7.3.4-rt',
    startedAt: '2026-01-01T00:00:00.000Z',
    tests: [
      outcome('passes', 'passed'),
      outcome('fails', 'failed', { log: 'Error: no\nok 7 said the guest\nKTAP version 1' }),
      outcome('has no guest', 'infrastructure', { log: 'QEMU died' }),
    ],
  },
];

test("RESULT-19: results as KTAP are read by the kernel's own parser, with every test and its end", async () => {
  const { kunit } = await kernelScripts();
  const lines = [
    'import sys; from kunit_parser import parse_run_tests; from kunit_printer import Printer',
    'sys.stdin.reconfigure(encoding="utf-8")',
    'def show(test, depth):',
    '  print("tree: " + "  " * depth + test.name + ": " + test.status.name)',
    '  for sub in test.subtests: show(sub, depth + 1)',
    'show(parse_run_tests(sys.stdin, Printer(sys.stderr)), 0)',
  ];
  const { stdout } = await execa('python3', ['-c', lines.join('\n')], {
    env: { PYTHONPATH: kunit, PYTHONDONTWRITEBYTECODE: '1' },
    input: ktap(CELLS),
  });
  expect(stdout).not.toContain('[ERROR]');
  expect(stdout).toContain('# ok 7 said the guest');
  expect([...stdout.matchAll(/^tree: (.*)$/gm)].map(([, line]) => line)).toEqual([
    'main: FAILURE',
    '  vm-7.3: SUCCESS',
    '    specs/vm/x.spec.ts: passes, 1 of all: SUCCESS',
    '    specs/vm/x.spec.ts: is skipped: SKIPPED',
    '  vm-rt: FAILURE',
    '    specs/vm/x.spec.ts: passes: SUCCESS',
    '    specs/vm/x.spec.ts: fails: FAILURE',
    '    specs/vm/x.spec.ts: has no guest: FAILURE',
  ]);
});
