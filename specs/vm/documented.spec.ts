/** The documents' promises to an operator: each sentence as it is there, by effect. */
import { jsonLines } from '../../harness/util/json-lines.js';
import type { AgentRequest } from '../../client/client.js';
import { consumed, zombies } from '../support/figures.js';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repository } from '../../harness.config.js';
import { expect, test } from '../support/fixtures.js';
import { attempts, background, expectBorn, hold, onlyAgent, violationsDuring } from '../support/guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

/** The cgroup of the only agent that runs. */
async function cgroupOf(guest: LoadedGuest): Promise<string> {
  const agent = await onlyAgent(guest);
  return (await guest.swarm.inspect(agent.id)).cgroup ?? '';
}

test('LIFE-12: a redirection on the second of the two lines is opened by the agent, one before it by root', async ({
  loaded,
}) => {
  await loaded.sh('mkdir -m 700 -p /srv/roots');
  const arm = `echo '{"spawn":true}' >/proc/swarm/create`;
  const refused = await loaded.exec(
    `${arm}; /usr/local/bin/attempt fork >/srv/roots/log; cat /srv/roots/log`,
  );
  expect(refused.stderr).toContain('Permission denied');
  await loaded.sh(`exec 5>/srv/roots/log; ${arm}; /usr/local/bin/attempt fork >&5; true`);
  expect(await loaded.sh('cat /srv/roots/log')).toBe('fork ok');
  await expect(loaded).toHaveActiveAgents(0);
});

test("LIFE-13: a limit moves an agent out of its launcher's cgroup, with swap off and one end for all", async ({
  loaded,
}) => {
  const { line, release } = hold(loaded);
  const top = '/sys/fs/cgroup';
  await loaded.sh(`mkdir -p ${top}/launcher`);
  const under = `bash -c 'echo $$ >${top}/launcher/cgroup.procs; exec "$@"' sh`;
  const limited = loaded.swarm.run({ memory_limit: 1 << 26 }, line, { under });
  await expectBorn(loaded, 1);
  const cgroup = await cgroupOf(loaded);
  expect(cgroup).toMatch(/^\/swarm\/memory\/\d+$/);
  expect(await loaded.sh(`cd ${top}${cgroup}; cat memory.swap.max memory.oom.group`)).toBe('0\n1');
  await release();
  await limited;
  // Of the launcher's limit there is room for the launcher and its child.
  await loaded.sh(`echo 2 >${top}/launcher/pids.max`);
  const five = ['/usr/local/bin/consume', 'processes', '5'];
  const forks = async (request: AgentRequest) =>
    jsonLines((await loaded.swarm.launch(request, five, { under })).stdout, consumed);
  expect(await forks({ pids_limit: 9 })).toEqual([{ processes: 5, end: 'ok' }]);
  expect(await forks({}), 'and without a limit').toEqual([{ processes: 0, end: 'EAGAIN' }]);
  await loaded.sh(`echo max >${top}/launcher/pids.max`);
  const stay = hold(loaded);
  const free = loaded.swarm.run({}, stay.line, { under });
  await expect(loaded).toHaveActiveAgents(1);
  await expect.poll(() => loaded.sh(`wc -l <${top}/launcher/cgroup.procs`)).not.toBe('0');
  expect(await cgroupOf(loaded)).toBe('');
  await stay.release();
  await free;
  await expect(loaded).toHaveActiveAgents(0);
  await expect.poll(async () => (await loaded.exec(`rmdir ${top}/launcher`)).code).toBe(0);
});

test('LIFE-14: zombies count against pids_limit until process 1 waits for them', async ({ loaded }) => {
  const { stdout } = await loaded.swarm.launch({ pids_limit: 6 }, ['/usr/local/bin/moment', 'zombies']);
  expect(jsonLines(stdout, zombies)).toEqual([{ zombies: 5, end: 'EAGAIN', more: 1 }]);
  await expect(loaded).toHaveActiveAgents(0);
});

test('LIFE-15: process 1 of an agent ignores SIGTERM unless it handles it', async ({ loaded }) => {
  const ends = async (program: string) => {
    await background(loaded, `launch '{"spawn":true}' ${program}`);
    await expectBorn(loaded, 1);
    const agent = await onlyAgent(loaded);
    await loaded.sh(`sleep 0.5; kill -TERM ${agent.pid}; sleep 0.5`);
    const { active } = await loaded.swarm.status();
    await loaded.swarm.destroy(agent.id).catch(() => undefined);
    await expect(loaded).toHaveActiveAgents(0);
    return active === 0;
  };
  expect(await ends('/bin/sleep 1000'), 'without a handler').toBe(false);
  expect(await ends(`/bin/sh -c 'trap "exit 0" TERM; while :; do sleep 0.1; done'`), 'with one').toBe(true);
});

/** The programs whose need of memory docs/abi/create.md has, and what the page says before the number of KiB. */
const NEEDED: readonly [program: string[], about: RegExp][] = [
  [['/usr/local/bin/attempt', 'kill', '1'], /a statically linked program needs about (\d+) KiB/],
  [['/bin/true'], /`\/bin\/true` (\d+) KiB/],
  [['/bin/sh', '-c', ':'], /a shell (\d+) KiB/],
];

test('LIFE-16: with the smallest memory_limit no program starts, and the event says that memory ran out; with twice what the page says it does, with half of it not', async ({
  loaded,
}) => {
  const page = await readFile(join(repository, 'docs/abi/create.md'), 'utf8');
  for (const [program, words] of NEEDED) {
    const about = Number(words.exec(page)?.[1]);
    expect(about, program[0]).toBeGreaterThan(64);
    let code = 0;
    const events = await loaded.swarm.eventsDuring(async () => {
      ({ code } = await loaded.swarm.launch({ memory_limit: 65536 }, program));
      await expect(loaded).toHaveActiveAgents(0);
    });
    expect([program[0], code]).toEqual([program[0], 137]);
    expect(events.map(({ event }) => event)).toContain('oom');
    expect(events.at(-1)).toMatchObject({ event: 'destroyed', signal: 9, oom_kills: 1 });
    ({ code } = await loaded.swarm.launch({ memory_limit: about * 512 }, program));
    expect([program[0], code], 'half').toEqual([program[0], 137]);
    ({ code } = await loaded.swarm.launch({ memory_limit: about * 2048 }, program));
    expect([program[0], code]).toEqual([program[0], 0]);
  }
  await expect(loaded).toHaveActiveAgents(0);
});

test("LIFE-17: a listed link lists all of a program's names", async ({ loaded }) => {
  await loaded.sh(
    'rm -rf /srv/multi; mkdir -p /srv/multi; cp /bin/true /srv/multi/tool; cd /srv/multi; ln -s tool one; ln -s tool two',
  );
  let seen: string[] = [];
  const violations = await violationsDuring(loaded, async () => {
    const request = { exec_paths: ['/usr/local/bin/attempt', '/srv/multi/one'] };
    const words = ['/usr/local/bin/attempt', 'execve', '/srv/multi/two'];
    seen = attempts((await loaded.swarm.launch(request, words)).stdout);
  });
  expect([seen, violations]).toEqual([['execve ok'], 0]);
  await expect(loaded).toHaveActiveAgents(0);
});
