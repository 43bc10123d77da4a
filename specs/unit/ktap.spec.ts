/** Reading and comparing the results of tests. */
import { expect, test } from '@playwright/test';
import { compare, parseKtap, summary } from '../../harness/report/ktap.js';
import type { Outcome } from '../../harness/report/ktap.js';

const PRINTED = `TAP version 13
1..3
# timeout set to 45
# selftests: pidfd: pidfd_test
# TAP version 13
# 1..4
# # Parent: pid: 1234
# ok 1 pidfd_send_signal send SIGUSR1
# not ok 2 pidfd_poll exited after 1234 ms
# ok 3 # SKIP pidfd_fdinfo needs CONFIG_PID_NS
# ok 4 twice
# ok 5 twice
# # Totals: pass:2 fail:1 xfail:0 xpass:0 skip:1 error:0
not ok 1 selftests: pidfd: pidfd_test # exit=1
# selftests: core: unshare_test
# #  RUN           global.unshare_EMFILE ...
# #            OK  global.unshare_EMFILE
# ok 1 global.unshare_EMFILE
ok 2 selftests: core: unshare_test
# selftests: exec: binfmt_script.py
ok 3 selftests: exec: binfmt_script.py # SKIP
`;

const results = (lines: Record<string, Outcome>) => new Map(Object.entries(lines));

test('results are read by name, with subtests, and without what differs from run to run', () => {
  const read = parseKtap(PRINTED);
  expect(Object.fromEntries(read)).toEqual({
    'pidfd:pidfd_test › pidfd_send_signal send SIGUSR1': 'ok',
    'pidfd:pidfd_test › pidfd_poll exited after … ms': 'not ok',
    'pidfd:pidfd_test › 3': 'skip',
    'pidfd:pidfd_test › twice': 'ok',
    'pidfd:pidfd_test › twice (2)': 'ok',
    'pidfd:pidfd_test': 'not ok',
    'core:unshare_test › global.unshare_EMFILE': 'ok',
    'core:unshare_test': 'ok',
    'exec:binfmt_script.py': 'skip',
  });
  expect(summary(read)).toBe('5 ok, 2 not ok, 2 skip');
});

test('a comparison of results finds what changed, what is missing and what is new', () => {
  const without = results({ a: 'ok', b: 'not ok', c: 'ok', d: 'skip' });
  expect(compare([without, without], [without])).toEqual({ changed: [], flaky: [] });
  const withIt = results({ a: 'not ok', b: 'not ok', d: 'ok', e: 'ok' });
  const { changed, flaky } = compare([without, without], [withIt]);
  expect(flaky).toEqual([]);
  expect(changed.map(({ name, without, withIt }) => `${name}: ${without.join()} → ${withIt.join()}`)).toEqual(
    ['a: ok,ok → not ok', 'c: ok,ok → missing', 'd: skip,skip → ok', 'e: missing,missing → ok'],
  );
});

test('a test that varies by itself is flaky, one that varies only with the module is changed', () => {
  const ok = results({ a: 'ok' });
  const bad = results({ a: 'not ok' });
  const verdict = (without: Outcome[], withIt: Outcome[]) => {
    const runs = (all: Outcome[]) => all.map((each) => (each === 'ok' ? ok : bad));
    const { changed, flaky } = compare(runs(without), runs(withIt));
    return changed.length > 0 ? 'changed' : flaky.length > 0 ? 'flaky' : 'equal';
  };
  expect(verdict(['ok', 'not ok'], ['ok'])).toBe('flaky');
  expect(verdict(['ok', 'not ok'], ['not ok', 'not ok'])).toBe('flaky');
  expect(verdict(['ok', 'ok'], ['not ok'])).toBe('changed');
  expect(verdict(['ok', 'ok', 'ok'], ['not ok', 'ok', 'ok'])).toBe('flaky');
  expect(verdict(['ok', 'ok', 'ok'], ['not ok', 'ok', 'ok', 'ok', 'not ok'])).toBe('changed');
  expect(verdict(['ok', 'ok', 'ok'], ['not ok', 'ok', 'not ok'])).toBe('changed');
  expect(verdict(['not ok', 'not ok'], ['ok', 'ok'])).toBe('changed');
});
