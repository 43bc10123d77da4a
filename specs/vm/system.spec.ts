/** Nothing changes for the rest of the system: a few of the kernel's own tests; all are in specs/long. */
import type { Results } from '../../harness/util/ktap.js';
import { compare, parseKtap } from '../../harness/util/ktap.js';
import {
  SELFTEST_PACKAGES,
  installSelftests,
  runSelftests,
  selftestsLine,
} from '../../harness/guest/selftests.js';
import { expect, test } from '../support/fixtures.js';
import { destroyAll } from '../support/guest.js';
import { COLLECTIONS, confirmedChanges, runAgents } from '../support/system.js';

test.use({ guestExtras: { packages: SELFTEST_PACKAGES } });
test.describe.configure({ mode: 'serial' });

const SECONDS = 60;

const TESTS = [
  ...['clone3:clone3', 'clone3:clone3_clear_sighand', 'clone3:clone3_set_tid', 'core:unshare_test'],
  ...['exec:null-argv', 'kcmp:kcmp_test', 'rlimits:rlimits-per-userns', 'cgroup:test_pids'],
  ...['pidfd:pidfd_open_test', 'pidfd:pidfd_setns_test', 'timens:timens', 'timens:vfork_exec'],
];

let baseline: Results = new Map();

test(
  "SYSTEM-03: some of the kernel's own tests run without the module",
  { tag: '@nightly' },
  async ({ booted, stage }) => {
    await installSelftests(booted, stage.kernel, COLLECTIONS);
    baseline = await runSelftests(booted, TESTS, SECONDS);
    for (const name of TESTS) expect(baseline.get(name), name).toBe('ok');
    expect(baseline.size, 'with their subtests').toBeGreaterThan(3 * TESTS.length);
  },
);

test(
  "SYSTEM-04: some of the kernel's own tests have the same results while agents run",
  { tag: '@nightly' },
  async ({ loaded }) => {
    await runAgents(loaded);
    const withIt = [await runSelftests(loaded, TESTS, SECONDS)];
    const changes = await confirmedChanges(
      'agents running',
      { without: [baseline], withIt },
      async (tests) => {
        const again: Results[] = [];
        while (again.length < 4) again.push(await runSelftests(loaded, tests, SECONDS));
        // Without agents, each passes.
        return { without: [], withIt: again };
      },
    );
    expect(changes).toEqual([]);
    await destroyAll(loaded);
    await expect(loaded).toHaveActiveAgents(0);
  },
);

test(
  "SYSTEM-05: inside an agent that may do less, the same comparison tells which of the kernel's tests fail",
  { tag: '@nightly' },
  async ({ loaded }) => {
    const { stdout } = await loaded.swarm.run(
      { namespace_flags: 0, privileged: true, syscalls: { unshare: 'deny', setns: 'deny' } },
      selftestsLine(['clone3:clone3_clear_sighand', 'kcmp:kcmp_test', 'timens:timens'], SECONDS),
    );
    const { changed } = compare(
      [
        new Map(
          [...baseline].filter(([name]) => /^(clone3:clone3_clear_sighand|kcmp|timens:timens)/.test(name)),
        ),
      ],
      [parseKtap(stdout)],
    );
    const names = changed.map(({ name }) => name);
    expect(names).toContain('timens:timens');
    expect(names.filter((name) => !name.startsWith('timens:timens'))).toEqual([]);
  },
);
