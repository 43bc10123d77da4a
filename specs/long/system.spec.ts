/**
 * Nothing changes for the rest of the system: the kernel's own tests and stress-ng in a pristine guest
 * without the module; with it; and while agents run.
 */
import { summary } from '../../harness/util/ktap.js';
import type { Results } from '../../harness/util/ktap.js';
import type { BootedGuest } from '../../harness/guest/guest.js';
import { complaints } from '../../harness/guest/kernel-log.js';
import {
  SELFTEST_PACKAGES,
  installSelftests,
  listSelftests,
  runSelftests,
  runStressors,
} from '../../harness/guest/selftests.js';
import { expect, test } from '../support/fixtures.js';
import { destroyAll } from '../support/guest.js';
import { COLLECTIONS, confirmedChanges, runAgents } from '../support/system.js';
import { load } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';
import type { Stage } from '../support/stage.js';

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

/**
 * The number of times that a differing case is run again, with and without: enough to see what differs in every
 * second run.
 */
const AGAIN = 16;

/** Runs everything, or the tests given, in a guest. */
async function run(guest: BootedGuest, tests?: readonly string[]): Promise<Results> {
  const all = (await listSelftests(guest)).filter((name) => !LEFT_OUT.some(([left]) => left.test(name)));
  const stressors = Object.entries(STRESSORS).filter(
    ([name]) => tests?.includes(`stress-ng:${name}`) ?? true,
  );
  const results = await runSelftests(
    guest,
    all.filter((name) => tests?.includes(name) ?? true),
    SECONDS,
  );
  for (const [name, outcome] of await runStressors(guest, Object.fromEntries(stressors)))
    results.set(name, outcome);
  // It takes minutes: say how far it is.
  console.log(`  ${summary(results)}`);
  return results;
}

let guests = 0;

/** Works in a guest in which nothing has run before. */
async function pristine<T>(stage: Stage, work: (guest: BootedGuest) => Promise<T>): Promise<T> {
  const guest = await stage.booted(`system-${(guests += 1)}`);
  await installSelftests(guest, stage.kernel, COLLECTIONS);
  const result = await work(guest);
  expect(complaints(await guest.kernelLog()), "the kernel's complaints").toEqual([]);
  await stage.discard();
  return result;
}

let known: Results | undefined;

/** A run without the module; what differs from it is run again both ways. */
async function baseline(stage: Stage): Promise<Results> {
  known ??= await pristine(stage, (guest) => run(guest));
  expect(known.size, 'results').toBeGreaterThan(500);
  return known;
}

/** The tests that go otherwise in a guest once it has been changed by `enter`, which `leave` undoes. */
async function changes(
  what: string,
  stage: Stage,
  enter: (guest: BootedGuest) => Promise<LoadedGuest>,
  leave: (guest: LoadedGuest) => Promise<void>,
): Promise<string[]> {
  const without = [await baseline(stage)];
  const withIt = [
    await pristine(stage, async (guest) => {
      await enter(guest);
      return run(guest);
    }),
  ];
  return confirmedChanges(what, { without, withIt }, (tests) =>
    pristine(stage, async (guest) => {
      const again = { without: [] as Results[], withIt: [] as Results[] };
      while (again.withIt.length < AGAIN) {
        again.without.push(await run(guest, tests));
        const entered = await enter(guest);
        again.withIt.push(await run(guest, tests));
        await leave(entered);
      }
      return again;
    }),
  );
}

const loadFrom = (stage: Stage) => (guest: BootedGuest) => load(guest, stage.module.ko);

test("SYSTEM-01: the kernel's own tests and stress-ng have the same results with the module loaded", async ({
  stage,
}) => {
  for (const [pattern, why] of LEFT_OUT) console.log(`not run: ${pattern.source}: ${why}`);
  expect(await changes('module loaded', stage, loadFrom(stage), (guest) => guest.unload())).toEqual([]);
});

test("SYSTEM-02: the kernel's own tests and stress-ng have the same results while agents run", async ({
  stage,
}) => {
  const enter = async (guest: BootedGuest) => {
    const loaded = await loadFrom(stage)(guest);
    await runAgents(loaded);
    return loaded;
  };
  const leave = async (guest: LoadedGuest) => {
    await destroyAll(guest);
    // One that is held to a tenth of a CPU takes its time, even to exit.
    await expect(guest).toHaveActiveAgents(0, { timeout: 120_000 });
    await guest.unload();
  };
  expect(await changes('agents running', stage, enter, leave)).toEqual([]);
});
