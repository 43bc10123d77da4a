/** Things that happen at the same time, for a moment; for longer in specs/long/races.spec.ts. */
import { join } from 'node:path';
import { expect, test } from '../support/fixtures.js';
import {
  changeRules,
  churn,
  churnWithHotplug,
  execByThreads,
  expectNothingLeft,
  forkBomb,
  killLaunchers,
  signals,
  unloadAgainstAll,
} from '../support/races.js';
import { background, onlyAgent } from '../support/guest.js';
import { buildTestModules } from '../support/module.js';
import { delayed } from '../support/moments.js';

test('RACE-01: create, spawn by every call, adopt, attach, join, destroy, exit and read race for a moment and leave nothing', async ({
  loaded,
}) => {
  await churn(loaded, 6, 12);
});

test('RACE-03: orders race while a CPU goes offline and online and leave nothing', async ({ loaded }) => {
  await churnWithHotplug(loaded, 4, 8);
});

test('RACE-05: launchers that are killed at any moment leave nothing, by whatever call they launch', async ({
  loaded,
}) => {
  await killLaunchers(loaded, 20);
});

test('RACE-07: the module is unloaded or refuses, whatever happens at the same time', async ({ loaded }) => {
  await unloadAgainstAll(loaded, 2);
});

test('RACE-09: signals make reads and writes short, never wrong, and a killed writer leaves whole agents', async ({
  loaded,
}) => {
  await signals(loaded, 500);
});

test('RACE-11: a member stays one when a thread that is not its first calls execve', async ({ loaded }) => {
  await execByThreads(loaded, 5);
});

test('RACE-18: a process that is adopted while one of its threads executes is a member, once', async ({
  loaded,
  stage,
}) => {
  // Each execve of a thread gives the process another first thread.
  for (const policy of [{}, { pids_limit: 50 }])
    for (let round = 0; round < 2; round++) {
      const pid = await background(loaded, 'race exec-threads 100000');
      await expect.poll(() => loaded.sh(`cat /proc/${pid}/comm`)).toBe('race');
      const slow = { function: 'swarm_guard:swarm_member_add', ms: 300 };
      const id = await delayed(loaded, stage, slow, () =>
        loaded.swarm.create({ ...policy, pid, namespace_flags: 0, privileged: true }),
      );
      expect((await loaded.swarm.inspect(id)).members).toEqual([pid]);
      expect((await loaded.swarm.status()).active).toBe(1);
      await loaded.swarm.destroy(id);
      await expect(loaded).toHaveActiveAgents(0);
      await expect.poll(async () => (await loaded.exec(`kill -0 ${pid}`)).code).not.toBe(0);
    }
  await expectNothingLeft(loaded);
});

test('RACE-19: calls of many threads beside changes of the rules on them get the answer of the old policy or of the new', async ({
  loaded,
}) => {
  await changeRules(loaded, 6, 300);
});

test('RACE-13: a fork bomb is held by pids_limit, and ends with its agent', async ({ loaded, stage }) => {
  await forkBomb(loaded, { pids_limit: 40 }, 40, stage.kernel.slower);
});

test('RACE-14: a fork bomb without a limit ends with its agent', async ({ loaded, stage }) => {
  // Without a pid namespace, whose end would end all of them, each process has to be met.
  await forkBomb(loaded, { namespace_flags: 126 }, 100, stage.kernel.slower);
});

test('RACE-15: a child that is being forked while its agent is destroyed dies with it', async ({
  loaded,
  stage,
}) => {
  const dir = await buildTestModules(stage.kernel, 'rivals');
  await loaded.upload(join(dir, 'swarm_delay.ko'), '/root/swarm_delay.ko');
  // Behind the kernel's last look at its parent's signals, before it becomes a member.
  await loaded.sh('insmod /root/swarm_delay.ko function=sched_post_fork ms=20');
  await forkBomb(loaded, { namespace_flags: 126, pids_limit: 200 }, 20);
  const hits = Number(await loaded.sh('cat /sys/module/swarm_delay/parameters/hits; rmmod swarm_delay'));
  expect(hits, 'forks that were slow').toBeGreaterThan(20);
});

test('RACE-17: destroying an agent that sleeps uninterruptibly returns at once, and it ends when it wakes', async ({
  loaded,
}) => {
  // The kernel waits for this helper, in a sleep that not even SIGKILL ends.
  await loaded.writeFile('/sbin/request-key', '#!/bin/sh\nread x </srv/wake\n', '755');
  await loaded.sh('mkfifo /srv/wake');
  await background(
    loaded,
    `launch '{"spawn":true,"pids_limit":9,"syscalls":{"request_key":"allow"}}' /usr/local/bin/race request-key`,
  );
  const state = async () => loaded.sh('ps -o stat= -C race | grep -v Z || true');
  await expect.poll(state).toMatch(/^D/);
  const agent = await onlyAgent(loaded);
  expect(await loaded.swarm.destroy(agent.id)).toEqual([expect.any(Number)]);
  expect(await state(), 'dying, but asleep').toMatch(/^D/);
  expect((await loaded.swarm.agents()).map(({ id, pid }) => [id, pid])).toEqual([[agent.id, agent.pid]]);
  expect((await loaded.exec('rmmod swarm_guard')).code, 'in use').not.toBe(0);
  expect(await loaded.findings()).toEqual([]);
  await loaded.sh('echo >/srv/wake; rm /srv/wake /sbin/request-key');
  await expect(loaded).toHaveActiveAgents(0);
  expect(await state()).toBe('');
  await expectNothingLeft(loaded);
});
