/** Docker: containers that are agents. */
import { quoted } from '../../client/client.js';
import {
  DENIED,
  DOCKER_GUEST,
  POLICY,
  SETTINGS,
  restartDocker,
  startDocker,
} from '../support/engines/docker.js';
import { RUNTIMES, installRuntime, use } from '../support/engines/guest.js';
import { expect, test } from '../support/fixtures.js';
import { onlyAgent, violationsDuring } from '../support/guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

test.use({ guestExtras: DOCKER_GUEST });
test.describe.configure({ mode: 'serial', timeout: 1_800_000 });

const RUN = 'run --network none';

const docker = (guest: LoadedGuest, words: string) => guest.exec(`docker ${words}`, { timeoutMs: 240_000 });
const inspect = (guest: LoadedGuest, what: string) =>
  guest.sh(`docker inspect web --format '{{${what}}}'`, { timeoutMs: 60_000 });

/** Docker, with the policy and runc below. */
async function prepare(guest: LoadedGuest): Promise<void> {
  await installRuntime(guest);
  await guest.writeFile('/etc/swarm-guard/no-chmod.json', POLICY);
  await use(guest, 'runc', SETTINGS);
  await startDocker(guest);
}

test('OCI-11: Docker: rules, exec, health checks, statuses, signals, pauses, limits and restarts', async ({
  loaded,
}) => {
  await prepare(loaded);
  for (const runtime of RUNTIMES) {
    await use(loaded, runtime, SETTINGS);
    expect(await docker(loaded, `${RUN} --rm busybox sh -c ${quoted(`${DENIED}; exit 5`)}`)).toMatchObject({
      code: 5,
      stdout: 'denied\n',
    });
    expect(
      await docker(loaded, `${RUN} --rm --annotation io.swarmguard.nonsense=1 busybox true`),
    ).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('cannot be made an agent: nonsense: unknown key'),
    });
    const health = `--health-cmd ${quoted(DENIED)} --health-interval 2s`;
    const started = await docker(loaded, `${RUN} -d --name web ${health} busybox sleep 1000`);
    expect(started.code, started.stderr).toBe(0);
    const { id } = await onlyAgent(loaded);
    expect((await loaded.swarm.inspect(id)).name, runtime).toBe(started.stdout.slice(0, 12));
    const violations = await violationsDuring(loaded, async () => {
      expect(await docker(loaded, `exec web sh -c ${quoted(`${DENIED}; exit 3`)}`), runtime).toMatchObject({
        code: 3,
        stdout: 'denied\n',
      });
      await expect.poll(() => inspect(loaded, '.State.Health.Status'), { timeout: 120_000 }).toBe('healthy');
    });
    expect(violations, runtime).toBeGreaterThanOrEqual(2);
    expect((await docker(loaded, 'exec web nonexistent 2>&1')).stdout, runtime).toMatch(/not found/);
    for (const words of ['pause web', 'unpause web', 'top web', 'update --memory 64m web', 'kill web'])
      expect(await docker(loaded, words), `${runtime}: ${words}`).toMatchObject({ code: 0 });
    await expect(loaded).toHaveActiveAgents(0);
    expect(await inspect(loaded, '.State.ExitCode'), runtime).toBe('137');
    // It is an agent again when it is started again.
    expect((await docker(loaded, 'start web')).code, runtime).toBe(0);
    expect((await onlyAgent(loaded)).id, runtime).not.toBe(id);
    await docker(loaded, 'rm -f web');
    await expect(loaded).toHaveActiveAgents(0);

    const restarted = await docker(
      loaded,
      `${RUN} -d --name web --restart on-failure:2 busybox sh -c 'exit 6'`,
    );
    expect(restarted.code, restarted.stderr).toBe(0);
    await expect.poll(() => inspect(loaded, '.RestartCount'), { timeout: 240_000 }).toBe('2');
    await expect.poll(() => inspect(loaded, '.State.Status'), { timeout: 240_000 }).toBe('exited');
    await docker(loaded, 'rm -f web');

    const grows = 'x=a; while true; do x=$x$x; done';
    const oom = await docker(loaded, `${RUN} --name web -m 20m busybox sh -c ${quoted(grows)}`);
    expect(oom.code, runtime).toBe(137);
    expect(await inspect(loaded, '.State.OOMKilled'), runtime).toBe('true');
    await docker(loaded, 'rm -f web');
    await expect(loaded).toHaveActiveAgents(0);
    expect(await loaded.sh('find /run/swarm-guard/containers -mindepth 2'), runtime).toBe('');
  }
});

test('OCI-12: containers that outlive a killed daemon stay agents, and a module in use is not unloaded', async ({
  loaded,
}) => {
  await prepare(loaded);
  const started = await docker(loaded, `${RUN} -d --name web busybox sleep 1000`);
  expect(started.code, started.stderr).toBe(0);
  const { id, pid } = await onlyAgent(loaded);
  await loaded.sh('kill -9 $(pidof dockerd)');
  expect((await loaded.exec('rmmod swarm_guard')).stderr).toContain('in use');
  await expect(loaded).toHaveActiveAgents(1);
  expect(await onlyAgent(loaded)).toMatchObject({ id, pid });
  await restartDocker(loaded);
  // Without live-restore the daemon ends what has outlived it, and says so.
  await expect.poll(() => inspect(loaded, '.State.Running'), { timeout: 120_000 }).toBe('false');
  await expect(loaded).toHaveActiveAgents(0);
  await docker(loaded, 'rm -f web');
  expect(await loaded.sh('find /run/swarm-guard/containers -mindepth 2')).toBe('');
});
