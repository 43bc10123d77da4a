/** The races of specs/vm/races.spec.ts, and for longer of specs/long/races.spec.ts. */
import { expect } from './expect.js';
import { z } from 'zod';
import { jsonLines } from '../../harness/util/json-lines.js';
import { LAUNCH_CALLS, quoted } from '../../client/client.js';
import type { UpdateRequest } from '../../client/client.js';
import { expectNoAgentCgroups } from './cgroups.js';
import { executed } from './figures.js';
import { watched } from './oracle.js';
import { background } from './guest.js';
import { reload } from './loaded-guest.js';
import type { LoadedGuest } from './loaded-guest.js';

const TIMEOUT_MS = 3_000_000;

/** The number of times that each thing happened, by its name. */
const tally = z.record(z.string(), z.number());

/** Runs `race` or `moment` of vm-images/guest, which must find nothing wrong, and returns what it counts. */
export async function tallied(
  guest: LoadedGuest,
  line: string,
  timeoutMs = TIMEOUT_MS,
): Promise<z.infer<typeof tally>> {
  const { code, stdout, stderr } = await guest.exec(line, { timeoutMs });
  expect(stderr, line).toBe('');
  expect(code, line).toBe(0);
  return tally.parse(Object.assign({}, ...jsonLines(stdout, tally)));
}

/** Nothing is left: no agent, cgroup or member, and the module goes, with every object of its caches. */
export async function expectNothingLeft(guest: LoadedGuest): Promise<void> {
  await expect(guest).toHaveActiveAgents(0);
  await expectNoAgentCgroups(guest);
  expect(await guest.findings()).toEqual([]);
  // The last agent's reference on the module goes a moment after the agent. What a cache still
  // holds when it is destroyed is a complaint in the kernel's log.
  // Unloading waits for every task to leave each hook, which on a busy host takes a while.
  await expect.poll(async () => (await guest.exec('rmmod swarm_guard')).code, { timeout: 60_000 }).toBe(0);
  expect(await guest.sh('ls /sys/kernel/slab | grep swarm || true')).toBe('');
  await reload(guest);
}

/**
 * Agents are destroyed at any moment from arming to the end of the fork: no child is left outside them, and each of so
 * many launches has either no child or a dead one.
 * @param what a word of vm-images/guest/stress/moment.c: "canceled" launches first processes, "joins" one more
 */
export async function destroyWhileForking(
  guest: LoadedGuest,
  launches: number,
  what: 'canceled' | 'joins' = 'canceled',
): Promise<void> {
  const { refused = 0, died = 0 } = await tallied(guest, `moment ${what} ${launches} 6000`, 170_000);
  expect(refused, 'forks that failed').toBeGreaterThan(launches / 30);
  expect(died, 'children that died').toBeGreaterThan(launches / 30);
  expect(refused + died).toBe(launches);
}

/** Create, spawn by every call, adopt, attach, join, destroy, exit and read, from many threads. */
export async function churn(guest: LoadedGuest, threads: number, rounds: number): Promise<void> {
  const { result, samples } = await watched(guest, () => tallied(guest, `race churn ${threads} ${rounds}`));
  expect(result['created']).toBeGreaterThan((threads * rounds) / 4);
  expect(result['attached'], 'attached').toBeGreaterThan(0);
  expect(result['joined'], 'joined').toBeGreaterThan(0);
  expect(samples).toBeGreaterThan(0);
  await expectNothingLeft(guest);
}

/** The same, while a CPU goes and comes back. */
export async function churnWithHotplug(guest: LoadedGuest, threads: number, rounds: number): Promise<void> {
  const cpu = '/sys/devices/system/cpu/cpu1/online';
  const times = background(
    guest,
    `sh -c "until [ -e /run/hotplug-stop ]; do echo 0 >${cpu}; echo 1 >${cpu}; echo >>/srv/hotplug; done"`,
  );
  await times;
  await tallied(guest, `race churn ${threads} ${rounds}`);
  await guest.sh('touch /run/hotplug-stop');
  await expect.poll(() => guest.sh(`cat ${cpu}`)).toBe('1');
  await expect.poll(() => guest.sh('pgrep -f hotplug-sto[p] || true')).toBe('');
  const count = Number(await guest.sh('wc -l </srv/hotplug; rm -f /srv/hotplug /run/hotplug-stop'));
  expect(count, 'times the CPU went and came back').toBeGreaterThan(1);
  await expectNothingLeft(guest);
}

/** Launchers killed at any moment, by every call they can launch with. */
export async function killLaunchers(guest: LoadedGuest, rounds: number): Promise<void> {
  for (const via of LAUNCH_CALLS.filter((each) => each !== 'clone'))
    await tallied(guest, `race killed ${via} ${rounds}`);
  await expectNothingLeft(guest);
}

/** Unloading and loading against all of churn. */
export async function unloadAgainstAll(guest: LoadedGuest, times: number): Promise<void> {
  const counts = await tallied(guest, `race unload /root/swarm_guard.ko ${times}`);
  expect(counts['unloaded'], 'times it was unloaded').toBeGreaterThan(0);
  expect(counts['in_use'], 'times it refused').toBeGreaterThan(0);
  expect(counts['created']).toBeGreaterThan(0);
  await expectNothingLeft(guest);
}

/** Every file read and written under a rain of signals, and its writer killed. */
export async function signals(guest: LoadedGuest, objects: number): Promise<void> {
  const { caught } = await tallied(guest, `race signals ${objects}`);
  expect(caught, 'signals that were caught').toBeGreaterThan(50);
  await expectNothingLeft(guest);
}

/** All threads of a member call execve at once, so that one that is not the first goes on as the process. */
export async function execByThreads(guest: LoadedGuest, rounds: number): Promise<void> {
  for (const syscalls of [{}, { execve: 'audit' }] as const) {
    const before = (await guest.swarm.status()).violations;
    const { code, stdout, stderr } = await guest.swarm.run(
      { syscalls, pids_limit: 50 },
      `race exec-threads ${rounds}; race exec-threads 0`,
    );
    expect(stderr.split('\n').filter((line) => !/^(\{"id":\d+\}|pid \d+|)$/.test(line))).toEqual([]);
    expect(code).toBe(0);
    // Members still: they see one agent, their own.
    expect(jsonLines(stdout, executed).map(({ active }) => active)).toEqual([1, 1]);
    expect((await guest.swarm.status()).violations).toBe(before);
  }
  await expectNothingLeft(guest);
}

/**
 * Two policies of one agent take turns without a pause, while many of its threads make the calls that they are about.
 * Each call gets what the one policy says or what the other says: a part of socketcall is denied by both, by the one
 * for the call itself and by the other for the part.
 * @param changes that there are at least
 */
export async function changeRules(guest: LoadedGuest, threads: number, changes: number): Promise<void> {
  const { swarm } = guest;
  const done = '/run/rules-changed';
  await guest.sh(`rm -f ${done}`);
  const policies: Omit<UpdateRequest, 'id'>[] = [
    {
      sockets: ['unix', 'tipc'],
      syscalls: { getppid: 'allow', autoload: 'deny', socketcall: 'deny', connect: 'allow' },
    },
    {
      sockets: ['inet', 'tipc'],
      syscalls: { getppid: 'deny', autoload: 'audit', socketcall: 'audit', connect: 'deny' },
    },
  ];
  const agent = swarm.launch({ ...policies[0] }, ['/usr/local/bin/race', 'rules', done, String(threads)]);
  await expect(guest).toHaveActiveAgents(1);
  const [{ id } = { id: 0 }] = await swarm.agents();
  const orders = policies.map((policy) => `echo ${quoted(JSON.stringify({ id, ...policy }))}`).join('; ');
  const loop = `n=0; while [ ! -e ${done} ]; do ${orders}; n=$((n + 2)); echo $n >/run/rules-turns; done >/proc/swarm/update`;
  await background(guest, `bash -c ${quoted(loop)}`);
  const turns = async () => Number((await guest.exec('cat /run/rules-turns')).stdout);
  await expect.poll(turns, { timeout: 600_000 }).toBeGreaterThan(changes);
  await guest.sh(`touch ${done}`);
  const { code, stdout, stderr } = await agent;
  expect(stderr.split('\n').filter((line) => !/^(\{"id":\d+\}|pid \d+|)$/.test(line))).toEqual([]);
  expect(code).toBe(0);
  const counts = tally.parse(Object.assign({}, ...jsonLines(stdout, tally)));
  for (const answer of ['getppid', 'no_getppid', 'unix', 'no_unix', 'no_tipc', 'no_connect32'])
    expect(counts[answer], answer).toBeGreaterThan(0);
  await expectNothingLeft(guest);
}

/**
 * A fork bomb, and its end.
 *
 * Whoever ends it waits inside the guest, with real-time priority: to anybody else a machine whose every
 * process forks answers ever later.
 * @param processes how many it has become when its agent is destroyed
 * @param slower how many times longer than on other kernels everything takes
 */
export async function forkBomb(
  guest: LoadedGuest,
  request: object,
  processes: number,
  slower = 1,
): Promise<void> {
  const object = JSON.stringify({ spawn: true, ...request });
  const end = [
    `until grep -o '[0-9]* members' /proc/swarm_oracle | (read n rest; [ "$n" -ge ${processes} ]); do sleep 0.01; done`,
    'read label id rest </proc/swarm/agents',
    'echo "${id%,}" >/proc/swarm/destroy',
  ];
  await guest.writeFile('/run/end-bomb', end.join('\n'));
  await guest.sh(
    `setsid launch '${object}' /usr/local/bin/race bomb >/dev/null 2>&1 </dev/null &
     exec chrt -f 50 sh -e /run/end-bomb`,
  );
  await expect(guest).toHaveActiveAgents(0, { timeout: 120_000 * slower });
  // Orphans stay zombies: the guest's process 1 waits for nobody.
  expect(await guest.sh('ps -o stat= -C race | grep -v Z || true'), 'that are not dead').toBe('');
  await expectNothingLeft(guest);
}
