/** /proc/swarm/attach with "enters": processes that are members before they are inside, as container runtimes start them. */
import { quoted } from '../../client/client.js';
import type { AgentRequest } from '../../client/client.js';
import { expect, test } from '../support/fixtures.js';
import { attempts, background, destroyAll, violationsDuring } from '../support/guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

/** Without a pid namespace. */
const SHARED_PIDS = 126;

/** Starts an agent whose first process waits. */
async function start(guest: LoadedGuest, request: AgentRequest = {}): Promise<{ id: number; pid: number }> {
  await background(
    guest,
    `launch '${JSON.stringify({ spawn: true, ...request })}' /usr/local/bin/consume wait`,
  );
  const waiting = async () => {
    const [agent] = await guest.swarm.agents();
    if (agent === undefined || agent.pid === 0) return undefined;
    return (await guest.exec(`cat /proc/${agent.pid}/comm`)).stdout === 'consume\n' ? agent : undefined;
  };
  await expect.poll(waiting).toBeTruthy();
  const { id, pid } = (await waiting()) ?? { id: 0, pid: 0 };
  return { id, pid };
}

/** A shell line that makes the shell a member that is to enter. */
const enters = (id: number) => `printf '{"id":%d,"pid":%d,"enters":true}' ${id} $$ >/proc/swarm/attach`;

/** Runs a line in a shell that has been attached, and is to enter. */
const entering = (guest: LoadedGuest, id: number, line: string) =>
  guest.exec(`bash -c ${quoted(`set -e; ${enters(id)}; ${line}`)}`);

const INSIDE = (pid: number) => `nsenter --target ${pid} --all --wdns=/`;

test('ENTER-01: what a process executes outside is free, and rules count from the first execve inside on', async ({
  loaded,
}) => {
  const CALLS = 'attempt setns /proc/self/ns/uts -- fork';
  for (const request of [
    {},
    { exec_paths: ['/usr/local/bin/attempt', '/usr/local/bin/consume'] },
    { capabilities: ['kill'], syscalls: { fork: 'deny' } },
  ] satisfies AgentRequest[]) {
    const { id, pid } = await start(loaded, request);
    const forks = 'syscalls' in request ? 'EPERM' : 'ok';
    const inside = ['setns EPERM', `fork ${forks}`];
    const violations = await violationsDuring(loaded, async () => {
      // The shell forks, executes, and executes nsenter in its place, which enters and forks.
      const { stdout, stderr } = await entering(loaded, id, `${CALLS}; exec ${INSIDE(pid)} ${CALLS}`);
      expect(attempts(stdout), stderr).toEqual(['setns ok', 'fork ok', ...inside]);
    });
    expect(violations).toBe(inside.filter((line) => line.endsWith('EPERM')).length);
    if ('capabilities' in request) {
      const LOOK = 'grep -hE "^(CapEff|NoNewPrivs)" /proc/self/status';
      const { stdout, stderr } = await entering(loaded, id, `${LOOK}; exec ${INSIDE(pid)} ${LOOK}`);
      const [outside, privileged, own, cut] = stdout.split('\n').map((line) => line.replace(/.*\t/, ''));
      expect([privileged, cut], stderr).toEqual(['0', '1']);
      expect(BigInt(`0x${outside}`), 'outside').toBeGreaterThan(1n << 21n);
      expect(BigInt(`0x${own}`), 'inside').toBe(1n << 5n);
    }
    // An unlisted program, inside only.
    if ('exec_paths' in request) {
      const { stdout, stderr } = await entering(
        loaded,
        id,
        `/bin/true && echo outside; ${INSIDE(pid)} /bin/true || echo refused`,
      );
      expect(stdout, stderr).toBe('outside\nrefused\n');
    }
    await loaded.swarm.destroy(id);
    await expect(loaded).toHaveActiveAgents(0);
  }
});

test('ENTER-02: who enters by halves is killed at its execve', async ({ loaded }) => {
  const { id, pid } = await start(loaded, { pids_limit: 20 });
  const program = '/bin/echo inside';
  for (const [line, ruled] of [
    [`nsenter --target ${pid} --uts ${program}`, false],
    [`nsenter --target ${pid} --pid ${program}`, false],
    [`nsenter --target ${pid} --mount --net --uts --ipc --cgroup ${program}`, false],
    [`exec 8</; nsenter --target ${pid} --all sh -c 'cd -P /proc/self/fd/8; exec ${program}'`, true],
    [`echo 0 >/sys/fs/cgroup/cgroup.procs; ${INSIDE(pid)} ${program}`, false],
    [`${INSIDE(pid)} ${program}`, true],
  ] as const) {
    const violations = await violationsDuring(loaded, async () => {
      const { stdout, code } = await entering(loaded, id, line);
      expect.soft(stdout, line).toBe(ruled ? 'inside\n' : '');
      if (!ruled) expect.soft(code, line).not.toBe(0);
    });
    expect.soft(violations, line).toBe(ruled ? 0 : 1);
  }
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

/** Expects that a process of which something is in the agent's UTS namespace cannot be attached to enter. */
async function expectInsideRefused(guest: LoadedGuest, id: number, pid: number): Promise<void> {
  const violations = await violationsDuring(guest, async () => {
    const request = JSON.stringify({ id, pid, enters: true });
    const { answers } = await guest.swarm.write(request, undefined, 'attach');
    expect(answers).toMatchObject([
      { error: 'EPERM', field: 'pid', message: expect.stringMatching(/agent's uts namespace already/) },
    ]);
  });
  expect(violations).toBe(1);
}

test('ENTER-08: a process that is to enter is refused if another thread than its first one is inside already', async ({
  loaded,
}) => {
  const { id, pid } = await start(loaded);
  const half = await background(loaded, `bash -c 'exec threads inside ${pid} >/tmp/inside'`);
  await expect.poll(() => loaded.sh('cat /tmp/inside 2>/dev/null || true')).toBe('ready');
  await expectInsideRefused(loaded, id, half);
  expect((await loaded.swarm.inspect(id)).members).toEqual([pid]);
  await loaded.sh(`kill -9 ${half}`);
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('ENTER-03: only what is outside can be attached to enter, and only where an agent has its own pid namespace', async ({
  loaded,
}) => {
  const { id, pid } = await start(loaded);
  await background(loaded, `nsenter --target ${pid} --uts sleep 7777`);
  const found = () => loaded.sh(`pgrep -fx 'sleep 7777' || true`);
  await expect.poll(found).toMatch(/^\d+$/);
  const half = Number(await found());
  await expectInsideRefused(loaded, id, half);
  await loaded.sh(`kill -9 ${half}`);
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);

  const shared = await start(loaded, { namespace_flags: SHARED_PIDS });
  await background(loaded, 'sleep 7777');
  await expect.poll(found).toMatch(/^\d+$/);
  const outside = Number(await found());
  const { answers } = await loaded.swarm.write(
    JSON.stringify({ id: shared.id, pid: outside, enters: true }),
    undefined,
    'attach',
  );
  expect(answers).toMatchObject([
    { error: 'EPERM', field: 'enters', message: expect.stringMatching(/no pid namespace of its own/) },
  ]);
  await loaded.sh(`kill -9 ${outside}`);
  await loaded.swarm.destroy(shared.id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('ENTER-04: what is to enter ends with its agent, and executes nothing once the agent has ended', async ({
  loaded,
}) => {
  const { id, pid } = await start(loaded);
  await background(loaded, `bash -c ${quoted(`${enters(id)}; exec -a entering-one consume wait`)}`);
  const found = () => loaded.sh(`pgrep -fx 'entering-one wait' || true`);
  await expect.poll(found).toMatch(/^\d+$/);
  const waiting = Number(await found());
  expect(await loaded.swarm.inspect(id)).toMatchObject({ members: [pid, waiting], joining: [waiting] });
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
  expect((await loaded.exec(`kill -0 ${waiting}`)).code).not.toBe(0);

  // With nobody left to compare with, nobody can say what is inside.
  const next = await start(loaded);
  const { stdout } = await entering(
    loaded,
    next.id,
    `kill -9 ${next.pid}; while [ -e /proc/${next.pid} ]; do :; done; exec /bin/echo executed`,
  );
  expect(stdout).toBe('');
  await expect(loaded).toHaveActiveAgents(0);
});

test('ENTER-05: what is to enter executes where it was attached, or wholly inside, and nowhere else', async ({
  loaded,
}) => {
  // The first process leaves its mount namespace, which somebody holds.
  const MOVE =
    'until [ -e /tmp/move ]; do sleep 0.1; done; exec /usr/bin/unshare --mount /usr/local/bin/consume wait';
  await loaded.sh('rm -f /tmp/move');
  const request = {
    spawn: true,
    capabilities: ['sys_admin'],
    syscalls: { unshare: 'allow', mount: 'allow' },
  };
  await background(loaded, `launch '${JSON.stringify(request)}' /bin/bash -c ${quoted(MOVE)}`);
  await expect.poll(async () => (await loaded.swarm.agents())[0]?.pid ?? 0).toBeGreaterThan(0);
  const [moving] = await loaded.swarm.agents();
  const { id, pid } = moving ?? { id: 0, pid: 0 };
  const mount = `/proc/${pid}/ns/mnt`;
  await background(loaded, `bash -c ${quoted(`exec 8<${mount}; exec -a holder sleep 7777`)}`);
  const holder = () => loaded.sh(`pgrep -fx 'holder 7777' || true`);
  await expect.poll(holder).toMatch(/^\d+$/);
  const held = `/proc/${await holder()}/fd/8`;
  await loaded.sh('touch /tmp/move');
  const moved = async () =>
    (await loaded.sh(`stat -L -c %i ${mount}`)) !== (await loaded.sh(`stat -L -c %i ${held}`));
  await expect.poll(moved).toBe(true);

  await background(loaded, `launch '{"spawn":true}' /usr/local/bin/consume wait`);
  await expect.poll(async () => (await loaded.swarm.agents()).length).toBe(2);
  const other = async () => (await loaded.swarm.agents()).find((agent) => agent.id !== id)?.pid ?? 0;
  await expect.poll(other).toBeGreaterThan(0);
  await expect.poll(async () => loaded.sh(`cat /proc/${await other()}/comm`)).toBe('consume');

  for (const line of [
    `nsenter --mount=${held} /bin/echo executed`,
    `nsenter --target ${await other()} --all --wdns=/ /bin/echo executed`,
    `unshare --net /bin/echo executed`,
  ]) {
    const violations = await violationsDuring(loaded, async () => {
      const { stdout, code } = await entering(loaded, id, line);
      expect.soft(stdout, line).toBe('');
      expect.soft(code, line).not.toBe(0);
    });
    expect.soft(violations, line).toBe(1);
  }
  const { stdout, stderr } = await entering(
    loaded,
    id,
    `/bin/echo outside; exec ${INSIDE(pid)} /bin/echo inside`,
  );
  expect(stdout, stderr).toBe('outside\ninside\n');
  await loaded.sh(`kill -9 ${await holder()}`);
  await destroyAll(loaded);
});

test("ENTER-06: a process among an agent's files that has yet to execute there leaves no core", async ({
  loaded,
}) => {
  await loaded.sh(
    `sysctl -q -w kernel.core_pattern=/tmp/joined-core kernel.core_uses_pid=0; rm -f /tmp/joined-core`,
  );
  const { id, pid } = await start(loaded, { namespace_flags: 95, privileged: true, core: true });
  // nsenter has entered, and waits for its child.
  const line = `ulimit -c unlimited; ${enters(id)}; exec ${INSIDE(pid)} sleep 7777`;
  await background(loaded, `bash -c ${quoted(line)}`);
  const found = () => loaded.sh(`pgrep -x nsenter || true`);
  await expect.poll(() => loaded.sh(`pgrep -fx 'sleep 7777' || true`)).toMatch(/^\d+$/);
  const entered = Number(await found());
  expect(await loaded.swarm.inspect(id)).toMatchObject({ joining: [entered] });
  await loaded.sh(`kill -SEGV ${entered}; while [ -e /proc/${entered} ]; do sleep 0.1; done`);
  expect((await loaded.exec('test -e /tmp/joined-core')).code, 'of one that has entered').toBe(1);
  // Otherwise the agent dumps core.
  await loaded.sh(
    `bash -c ${quoted(`ulimit -c unlimited; ${enters(id)}; exec ${INSIDE(pid)} sh -c 'kill -SEGV $$'`)} || true`,
  );
  expect((await loaded.exec('test -s /tmp/joined-core')).code, 'of one inside').toBe(0);
  await loaded.sh('rm -f /tmp/joined-core');
  await destroyAll(loaded);
});

test('ENTER-07: a process whose first thread has exited executes programs outside like any other', async ({
  loaded,
}) => {
  const { id } = await start(loaded);
  await loaded.sh('mkfifo /run/go');
  const outside = await background(loaded, `ending leader-gone-exec /run/go sleep 1000`);
  await expect.poll(() => loaded.sh(`cat /proc/${outside}/stat`)).toMatch(/^\d+ \(ending\) Z/);
  const violations = await violationsDuring(loaded, async () => {
    expect(await loaded.swarm.writeAttach(JSON.stringify({ id, pid: outside, enters: true }))).toEqual([
      expect.any(Number),
    ]);
    await loaded.sh('echo go >/run/go');
    await expect.poll(() => loaded.sh(`cat /proc/${outside}/comm || true`)).toBe('sleep');
  });
  expect(violations).toBe(0);
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});
