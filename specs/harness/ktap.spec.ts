/** Reading and comparing the results of tests. */
import { expect, test } from '@playwright/test';
import { chance, compare, parseKtap, summary } from '../../harness/util/ktap.js';
import type { Outcome } from '../../harness/util/ktap.js';

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

test('SYSTEM-06: results are read by name, with subtests, and without what differs from run to run', () => {
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

test('SYSTEM-07: a comparison of results finds what changed, what is missing and what is new', () => {
  const without = results({ a: 'ok', b: 'not ok', c: 'ok', d: 'skip' });
  expect(compare([without, without], [without])).toEqual({ changed: [], flaky: [] });
  const withIt = results({ a: 'not ok', b: 'not ok', d: 'ok', e: 'ok' });
  const { changed, flaky } = compare([without, without], [withIt]);
  expect(flaky).toEqual([]);
  expect(changed.map(({ name, without, withIt }) => `${name}: ${without.join()} → ${withIt.join()}`)).toEqual(
    ['a: ok,ok → not ok', 'c: ok,ok → missing', 'd: skip,skip → ok', 'e: missing,missing → ok'],
  );
});

test('SYSTEM-08: a test that varies by itself is flaky, one that varies more with the module is changed', () => {
  const runs = (often: number, seldom: number): Outcome[] => [
    ...Array<Outcome>(often).fill('ok'),
    ...Array<Outcome>(seldom).fill('not ok'),
  ];
  const verdict = (without: Outcome[], withIt: Outcome[]) => {
    const named = (all: Outcome[]) => all.map((each) => results({ a: each }));
    const { changed, flaky } = compare(named(without), named(withIt));
    return changed.length > 0 ? 'changed' : flaky.length > 0 ? 'flaky' : 'equal';
  };
  // After one run with it: whatever differs is looked at again.
  expect(verdict(runs(2, 0), runs(0, 1))).toBe('changed');
  expect(verdict(runs(1, 1), runs(1, 0))).toBe('flaky');
  expect(verdict(runs(2, 0), runs(1, 0))).toBe('equal');
  // After many: what always differs, and what differs more often than by chance.
  expect(verdict(runs(18, 0), runs(0, 17))).toBe('changed');
  expect(verdict(runs(0, 18), runs(17, 0))).toBe('changed');
  expect(verdict(runs(18, 0), runs(11, 6))).toBe('changed');
  expect(verdict(runs(18, 0), runs(15, 2))).toBe('flaky');
  expect(verdict(runs(14, 4), runs(12, 5))).toBe('flaky');
  expect(verdict(runs(14, 4), runs(4, 13))).toBe('changed');
});

test('SYSTEM-09: the probability that a difference is chance is that of the exact test', () => {
  const outcomes = (odd: number, of: number): Outcome[] =>
    Array.from({ length: of }, (_, run) => (run < odd ? 'skip' : 'ok'));
  const of = (a: number, n: number, b: number, m: number) =>
    chance({ name: 'a', without: outcomes(a, n), withIt: outcomes(b, m) });
  // All six of 35 among the 17: C(17,6) / C(35,6).
  expect(of(0, 18, 6, 17)).toBeCloseTo(12_376 / 1_623_160, 12);
  // Four or five of five among 15 of 30: (C(15,4) C(15,1) + C(15,5)) / C(30,5).
  expect(of(1, 15, 4, 15)).toBeCloseTo((1365 * 15 + 3003) / 142_506, 12);
  expect(of(0, 5, 0, 5)).toBe(1);
});
