/** Things that happen in a moment too short to meet, unless a function of the kernel is made slow. */
import { join } from 'node:path';
import { expect, test } from '../support/fixtures.js';
import { expectNothingLeft, tallied } from '../support/races.js';
import { background, onlyAgent } from '../support/guest.js';
import { asLoaded } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';
import { buildTestModules } from '../support/module.js';
import type { Stage } from '../support/stage.js';

/** Runs `moment` of vm-images/guest, which must find nothing wrong; returns what it counts. */
const moment = (guest: LoadedGuest, words: string) => tallied(guest, `moment ${words}`, 170_000);

interface Delay {
  function: string;
  ms: number;
  /** Threads of this name only. */
  comm?: string;
}

/** Makes a function slow while `work` runs, which must come by there. */
async function delayed<T>(
  guest: LoadedGuest,
  stage: Stage,
  delay: Delay,
  work: () => Promise<T>,
): Promise<T> {
  const dir = await buildTestModules(stage.kernel, 'rivals');
  await guest.upload(join(dir, 'swarm_delay.ko'), '/root/swarm_delay.ko');
  const words = Object.entries(delay).map(([key, value]) => `${key}=${value}`);
  await guest.sh(`insmod /root/swarm_delay.ko ${words.join(' ')}`);
  const result = await work();
  const hits = await guest.sh('cat /sys/module/swarm_delay/parameters/hits; rmmod swarm_delay');
  expect(Number(hits), `calls of ${delay.function} that were slow`).toBeGreaterThan(0);
  return result;
}

test("LIFE-07: a process that is adopted while it is being forked belongs to its parent's agent alone", async ({
  loaded,
  stage,
}) => {
  // Its number can be found already, and its parent has not told anybody of it.
  const slow = { function: 'sched_post_fork', ms: 10 };
  const { early, adopted } = await delayed(loaded, stage, slow, () => moment(loaded, 'adopting 100'));
  expect(early).toBeGreaterThan(50);
  expect(adopted).toBe(0);
  await expectNothingLeft(loaded);
});

test('ORDER-35: an agent destroyed between its arming and the end of a fork has no child outside', async ({
  loaded,
}) => {
  const { refused = 0, died = 0 } = await moment(loaded, 'canceled 300 6000');
  expect(refused).toBeGreaterThan(10);
  expect(died).toBeGreaterThan(10);
  expect(refused + died).toBe(300);
  await expectNothingLeft(loaded);
});

test("ORDER-34: an agent that is destroyed while armed goes with its thread's next fork, exit or arming", async ({
  loaded,
}) => {
  const terminal = await loaded.terminal();
  await terminal.type('exec 3<>/proc/swarm/create');
  const armAndDestroy = async () => {
    await terminal.type(`printf '{"spawn":true,"memory_limit":67108864}' >&3; read -r answer <&3`);
    await terminal.type('echo "${answer//[^0-9]/}" >/proc/swarm/destroy');
    expect((await loaded.swarm.status()).active, 'not gone yet').toBe(1);
    expect(await loaded.swarm.inspect((await onlyAgent(loaded)).id)).toMatchObject({
      state: 'dying',
    });
  };
  const own = await loaded.sh('readlink /proc/1/ns/pid');
  await armAndDestroy();
  expect(await terminal.type('readlink /proc/self/ns/pid')).toMatch(/fork: Operation canceled/);
  await expect(loaded).toHaveActiveAgents(0);
  expect(await terminal.type('readlink /proc/self/ns/pid'), 'disarmed').toBe(own);
  await armAndDestroy();
  const { created } = await loaded.swarm.status();
  await terminal.type(`printf '{"spawn":true,"namespace_flags":33}' >&3; read -r answer <&3; echo "$answer"`);
  expect(await loaded.swarm.status(), 'armed anew').toMatchObject({ active: 1, created: created + 1 });
  const inside = await terminal.type('readlink /proc/self/ns/pid');
  expect(inside).toMatch(/^pid:\[\d+\]$/);
  expect(inside).not.toBe(own);
  await armAndDestroy();
  await loaded.sh(`kill -9 ${await terminal.type('echo $$')}`);
  await expectNothingLeft(loaded);
});

/** Starts an agent that holds a fifo open in two threads' files; returns its id. */
async function holder(guest: LoadedGuest): Promise<number> {
  await guest.sh('rm -f /srv/held; mkfifo -m 666 /srv/held; chmod 755 /srv');
  const reader = await background(guest, 'sleep 1000 3<>/srv/held');
  await guest.sh(
    `setsid launch '{"spawn":true}' /usr/local/bin/moment hold /srv/held >/srv/out 2>&1 </dev/null &`,
  );
  await expect.poll(() => guest.sh('cat /srv/out')).toContain('holding');
  await guest.sh(`kill ${reader}`);
  return (await onlyAgent(guest)).id;
}

for (const [promise, who, comm] of [
  ['LIFE-04', 'its process', undefined],
  ['LIFE-05', 'a thread of it that is slower than the last', 'slow'],
] as const)
  test(`${promise}: "destroyed" is told when ${who} has let go of its files`, async ({ loaded, stage }) => {
    const id = await holder(loaded);
    const slow = { function: 'exit_files', ms: 100, ...(comm ? { comm } : {}) };
    const counts = await delayed(loaded, stage, slow, () => moment(loaded, `let-go /srv/held ${id}`));
    expect(counts).toEqual({ let_go: 1 });
    await expectNothingLeft(loaded);
  });

test('LIFE-06: the module stays while a thread that has something reserved is between its end and being told', async ({
  loaded,
  stage,
}) => {
  // What it calls behind the count of living threads and before sched_process_exit.
  const slow = { function: 'taskstats_exit', ms: 3000, comm: 'slow' };
  const traceable = `grep -qx ${slow.function} /sys/kernel/tracing/available_filter_functions`;
  test.skip((await loaded.exec(traceable)).code !== 0, 'this kernel is built without CONFIG_TASKSTATS');
  await delayed(loaded, stage, slow, async () => {
    // Its last thread has been told of, and the agent is there still: looked at from within, in no time.
    await loaded.writeFile(
      '/run/look',
      `launch '{"spawn":true,"pids_limit":2}' /usr/local/bin/moment left-over >/dev/null 2>&1 </dev/null &
      until grep -q 'PID: [1-9]' /proc/swarm/agents; do sleep 0.01; done
      until grep -q '^swarm_guard_members 0$' /proc/swarm/metrics; do sleep 0.01; done
      grep -c 'PID: [1-9]' /proc/swarm/agents
      rmmod swarm_guard 2>&1 || echo in use`,
    );
    expect(await loaded.sh('sh /run/look')).toMatch(/^1\n.*in use$/s);
    await expect(loaded).toHaveActiveAgents(0);
  });
  await expectNothingLeft(loaded);
});

/** The number of times that the hook on fork has run. */
async function forksSeen(guest: LoadedGuest): Promise<number> {
  const metrics = await guest.sh('cat /proc/swarm/metrics');
  return Number(/hook_runs_total\{function="kernel_clone"\} (\d+)/.exec(metrics)?.[1]);
}

test('LIFE-08: a fork that finds no entry for its child, and starts anew, is counted and told once', async ({
  loaded,
  stage,
}) => {
  const FORKS = 3000;
  const slow = { function: 'swarm_guard:refill', ms: 4000 };
  await loaded.sh('rm -f /srv/forks');
  const pid = await background(loaded, `moment forks ${FORKS} /srv/forks`);
  const policy = {
    persist: true,
    syscalls: { fork: 'audit' },
    namespace_flags: 0,
    privileged: true,
  } as const;
  const id = await loaded.swarm.create({ ...policy, pid });
  const before = await forksSeen(loaded);
  await delayed(loaded, stage, slow, async () => {
    // Waits without a fork of its own.
    await loaded.sh(`touch /srv/forks; tail --pid=${pid} --sleep-interval=0.1 -f /dev/null`, {
      timeoutMs: 120_000,
    });
  });
  expect(await loaded.swarm.inspect(id)).toMatchObject({ audited: FORKS });
  // And whatever the commands of this spec forked meanwhile.
  expect((await forksSeen(loaded)) - before).toBeLessThan(FORKS + 60);
  await loaded.swarm.destroy(id);
  await expectNothingLeft(loaded);
});

test('LIFE-09: no file that gives orders can be opened before the module is loaded whole', async ({
  loaded,
  stage,
}) => {
  await loaded.unload();
  const { early, opened } = await delayed(loaded, stage, { function: 'proc_create', ms: 100 }, async () => {
    const opening = moment(loaded, 'opening 100');
    await loaded.sh('sleep 0.5; insmod /root/swarm_guard.ko');
    return opening;
  });
  expect(early).toBeGreaterThan(0);
  expect(opened).toBeGreaterThan(0);
  await expectNothingLeft(asLoaded(loaded));
});
