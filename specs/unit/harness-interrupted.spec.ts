/** The harness's verdict on a test that Ctrl-C has ended. */
import { expect, test } from '@playwright/test';
import { verdictOf } from '../../harness/playwright/verdicts.js';

test('HARNESS-33: a test that was interrupted has not failed', () => {
  const of = (status: 'interrupted' | 'timedOut') =>
    verdictOf({ expectedStatus: 'passed' }, { status, annotations: [], errors: [] });
  expect(of('interrupted')).toBe('skipped');
  expect(of('timedOut')).toBe('failed');
});
