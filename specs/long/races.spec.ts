/** The races of specs/vm/races.spec.ts, for minutes. */
import { test } from '../support/fixtures.js';
import {
  changeRules,
  churn,
  churnWithHotplug,
  execByThreads,
  forkBomb,
  killLaunchers,
  signals,
  unloadAgainstAll,
} from '../support/races.js';

test.beforeEach(() => {
  test.setTimeout(3_600_000);
});

test('RACE-02: create, spawn, adopt, attach, join, destroy, exit and read race for minutes and leave nothing', async ({
  loaded,
}) => {
  await churn(loaded, 16, 100);
});

test('RACE-04: orders race while CPUs go offline and online for minutes and leave nothing', async ({
  loaded,
}) => {
  await churnWithHotplug(loaded, 8, 150);
});

test('RACE-06: hundreds of launchers that are killed leave nothing', async ({ loaded }) => {
  await killLaunchers(loaded, 300);
});

test('RACE-08: the module is unloaded or refuses, dozens of times', async ({ loaded }) => {
  await unloadAgainstAll(loaded, 40);
});

test('RACE-10: signals make thousands of reads and writes short, never wrong', async ({ loaded }) => {
  await signals(loaded, 20_000);
});

test('RACE-12: a member stays one through a hundred execves of threads', async ({ loaded }) => {
  await execByThreads(loaded, 100);
});

test('RACE-16: fork bombs of thousands end with their agents', async ({ loaded }) => {
  for (const request of [{}, { namespace_flags: 126 }, { pids_limit: 3000 }, { memory_limit: 1 << 28 }])
    await forkBomb(loaded, request, 1000);
});

test('RACE-20: calls beside changes of the rules on them get the answer of one policy or the other, for minutes', async ({
  loaded,
}) => {
  await changeRules(loaded, 16, 5000);
});
