/**
 * Nothing changes for the rest of the system: the kernel's own tests and stress-ng in a pristine guest
 * without the module, twice; with it; and while agents run.
 */
import { summary } from '../../harness/report/ktap.js';
import type { Results } from '../../harness/report/ktap.js';
import type { BootedGuest } from '../../harness/vm/guest.js';
import { complaints } from '../../harness/vm/kernel-log.js';
import {
  SELFTEST_PACKAGES,
  installSelftests,
  listSelftests,
  runSelftests,
  runStressors,
} from '../../harness/vm/selftests.js';
import type { Stage } from '../../harness/vm/stage.js';
import { expect, test } from '../fixtures.js';
import { confirmedChanges, runAgents } from '../system.js';
import type { Run } from '../system.js';

test.use({ guestExtras: { packages: SELFTEST_PACKAGES } });
test.describe.configure({ timeout: 7_200_000 });

/** Seconds that each of the kernel's tests may take. */
const SECONDS = 120;

/** Tests that are not run, and why. */
const LEFT_OUT: [RegExp, string][] = [
  [/^membarrier:membarrier_rseq_stress$/, 'runs for as long as it may'],
  [/^prctl:disable-tsc-.*stress-test$/, 'runs for a fixed time, and tests the processor'],
  [/^seccomp:seccomp_benchmark$/, 'measures time'],
  [
    /^cgroup:test_(cpu|memcontrol|zswap|hugetlb_memcg|kmem)$/,
    'measures time and memory against fixed bounds',
  ],
  [/^cgroup:test_(cpuset.*|stress\.sh)$/, 'takes processors off line by the minute'],
  [/^proc:proc-maps-race$/, 'races against time'],
  [/^pidfd:pidfd_(test|poll_test)$/, 'starts more processes than an emulated machine does in its time'],
  [/^namespaces:stress_test$|^pid_namespace:pid_max$/, 'makes as many as it can'],
];

/** stress-ng's stressors, and how many operations of each. */
const STRESSORS = {
  ...{ clone: 20, fork: 50, vfork: 50, exec: 10, spawn: 5, daemon: 5, zombie: 20, session: 10 },
  ...{ mmap: 2, vm: 20, unshare: 5, set: 20, prctl: 5, pidfd: 20, cgroup: 2, kill: 100, dup: 10 },
  ...{ 'dev-shm': 2, null: 1000, zero: 1000, full: 100, urandom: 20, dev: 1, pty: 2, procfs: 1 },
};

let guests = 0;

/** Everything, or the tests given so many times, in a guest in which nothing has run before. */
async function everything(
  stage: Stage,
  get: (file: string) => Promise<BootedGuest>,
  tests?: readonly string[],
  times = 1,
): Promise<Results[]> {
  const guest = await get(`system-${(guests += 1)}`);
  await installSelftests(guest);
  const all = (await listSelftests(guest)).filter((name) => !LEFT_OUT.some(([left]) => left.test(name)));
  const wanted = tests ? all.filter((name) => tests.includes(name)) : all;
  const stressors = Object.entries(STRESSORS).filter(
    ([name]) => tests?.includes(`stress-ng:${name}`) ?? true,
  );
  const runs: Results[] = [];
  while (runs.length < times) {
    const results = await runSelftests(guest, wanted, SECONDS);
    for (const [name, outcome] of await runStressors(guest, Object.fromEntries(stressors)))
      results.set(name, outcome);
    // It takes minutes: say how far it is.
    console.log(`guest ${guests}: ${summary(results)}`);
    runs.push(results);
  }
  expect(complaints(await guest.kernelLog()), "the kernel's complaints").toEqual([]);
  await stage.discard();
  return runs;
}

const without =
  (stage: Stage): Run =>
  (...what) =>
    everything(stage, (file) => stage.booted(file), ...what);

let known: Results[] | undefined;

/** Two runs without the module, each in a guest of its own. */
async function baseline(stage: Stage): Promise<Results[]> {
  known ??= [...(await without(stage)()), ...(await without(stage)())];
  expect(known[0]?.size, 'results').toBeGreaterThan(500);
  return known;
}

test("the kernel's own tests and stress-ng have the same results with the module loaded", async ({
  stage,
}) => {
  for (const [pattern, why] of LEFT_OUT) console.log(`not run: ${pattern.source}: ${why}`);
  const loaded: Run = (...what) => everything(stage, (file) => stage.loaded(file), ...what);
  expect(await confirmedChanges('module loaded', await baseline(stage), without(stage), loaded)).toEqual([]);
});

test("the kernel's own tests and stress-ng have the same results while agents run", async ({ stage }) => {
  const agents: Run = (...what) =>
    everything(
      stage,
      async (file) => {
        const guest = await stage.loaded(file);
        await runAgents(guest);
        return guest;
      },
      ...what,
    );
  expect(await confirmedChanges('agents running', await baseline(stage), without(stage), agents)).toEqual([]);
});
