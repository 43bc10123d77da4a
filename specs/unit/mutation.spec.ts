/** The patches that remove one safeguard each, and how a trial of one is judged. */
import { readFile } from 'node:fs/promises';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import type { TestOutcome } from '../../harness/report/runs.js';
import { repository } from '../../harness.config.js';
import { filesOfSpecs, parsePatch, readPatches } from '../../mutation/patch.js';
import { judge } from '../../mutation/trial.js';

test('MUTATE-01: every patch applies to the sources, and names specs that there are', async () => {
  const patches = await readPatches();
  const files = await filesOfSpecs();
  expect(patches.length).toBeGreaterThan(1);
  for (const { name, path, specs } of patches) {
    expect
      .soft(
        specs.filter((id) => !files.has(id)),
        name,
      )
      .toEqual([]);
    const { exitCode, stderr } = await execa('git', ['apply', '--check', path], {
      cwd: repository,
      reject: false,
    });
    expect.soft({ exitCode, stderr }, name).toEqual({ exitCode: 0, stderr: '' });
  }
});

test('MUTATE-02: a patch that does not say what it removes, and which spec sees it, is refused', async () => {
  const [first] = await readPatches();
  const text = await readFile(first?.path ?? '', 'utf8');
  expect(parsePatch('a/b.patch', text).name).toBe('b');
  const refusal = (changed: string) => () => parsePatch('a/b.patch', changed);
  expect(refusal(text.replace(/^Fails:.*$/m, ''))).toThrow(/^a\/b\.patch: [^]*Fails/);
  expect(refusal(text.replace(/^Fails:.*$/m, 'Fails: the specs'))).toThrow(/such as BIRTH-04/);
  expect(refusal(text.replace(/^Safeguard: ./m, 'Safeguard: a'))).toThrow(/has to be a sentence/);
  expect(refusal(text.replace(/^Fails:/m, 'Reason: none\nFails:'))).toThrow(/Reason/);
  expect(refusal(text.slice(0, text.indexOf('diff ')))).toThrow('a/b.patch holds no diff');
});

const outcome = (title: string, verdict: TestOutcome['verdict'], log = ''): TestOutcome => ({
  ...{ file: 'specs/vm/a.spec.ts', ms: 1, title, verdict, log },
});

test('MUTATE-03: a safeguard counts as caught only if each spec that is named for it ran and failed', () => {
  const prepared = outcome('prepare kernel 7.3', 'passed');
  const one = outcome('ONE-01: a', 'failed', 'expected 1');
  const two = (verdict: TestOutcome['verdict']) =>
    outcome('TWO-01, TWO-02: b', verdict, '\nthe guest is gone');
  expect(judge(['ONE-01'], [prepared, one])).toEqual({ finding: 'caught', why: 'ONE-01' });
  expect(judge(['ONE-01', 'TWO-02'], [prepared, one, two('failed')]).finding).toBe('caught');
  expect(judge(['ONE-01', 'TWO-02'], [prepared, one, two('passed')])).toEqual({
    finding: 'missed',
    why: 'TWO-02 passes without it',
  });
  // Neither trouble with the machinery, nor sources that do not build, nor a spec that did not run says anything.
  expect(judge(['TWO-01'], [prepared, two('infrastructure')])).toEqual({
    finding: 'unknown',
    why: 'TWO-01 did not run to its end (TWO-01, TWO-02: b: the guest is gone)',
  });
  const unbuilt = outcome('prepare kernel 7.3', 'failed', 'gave warnings:\n\na.c:1: warning: unused');
  expect(judge(['ONE-01'], [unbuilt, outcome('ONE-01: a', 'skipped')])).toEqual({
    finding: 'unknown',
    why: 'ONE-01 did not run to its end (prepare kernel 7.3: gave warnings:\na.c:1: warning: unused)',
  });
  expect(judge(['ONE-01'], [prepared]).why).toBe('ONE-01 did not run to its end (no test has this id)');
});
