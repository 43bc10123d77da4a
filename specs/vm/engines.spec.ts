/** swarm-runtime: containers that are agents, by crun and runc themselves and by podman. */
import { z } from 'zod';
import { quoted } from '../../client/client.js';
import {
  KEYS_TOO,
  PODMAN_GUEST,
  RUNTIMES,
  installPodman,
  installRuntime,
  makeBundle,
  use,
} from '../support/engines/guest.js';
import { DENIED, nameOfOnly, remove, run, sleeping } from '../support/engines/containers.js';
import { expect, test } from '../support/fixtures.js';
import { onlyAgent, violationsDuring } from '../support/guest.js';

test.use({ guestExtras: PODMAN_GUEST });
test.describe.configure({ timeout: 400_000 });

const state = z.object({
  id: z.string(),
  status: z.string(),
  pid: z.int(),
  bundle: z.string(),
  annotations: z.record(z.string(), z.string()),
});

test('OCI-01: a container of crun and of runc is an agent from its first instruction to its end', async ({
  loaded,
}) => {
  await installRuntime(loaded);
  for (const runtime of RUNTIMES) {
    await use(loaded, runtime);
    const id = `life-${runtime}`;
    const bundle = await makeBundle(loaded, id, ['sh', '-c', `${DENIED}; exec sleep 1000`]);
    const before = await loaded.sh(`cat ${bundle}/config.json; ls -A ${bundle}`);
    const violations = await violationsDuring(loaded, async () => {
      await loaded.sh(`cd ${bundle} && swarm-runtime create ${id} >/srv/out </dev/null`);
      expect(await nameOfOnly(loaded), runtime).toBe(id.slice(0, 12));
      await loaded.sh(`swarm-runtime start ${id}`);
      await expect.poll(() => loaded.sh('cat /srv/out'), runtime).toBe('denied');
    });
    expect(violations, runtime).toBe(1);
    const agent = await onlyAgent(loaded);
    const seen = state.parse(JSON.parse(await loaded.sh(`swarm-runtime state ${id}`)));
    expect(seen, runtime).toMatchObject({ id, status: 'running', pid: agent.pid, bundle });
    expect(seen.annotations['io.swarmguard.agent'], runtime).toBe(String(agent.id));
    expect(await loaded.sh(`cat ${bundle}/config.json; ls -A ${bundle}`), 'the bundle').toBe(before);
    await loaded.sh(`swarm-runtime kill ${id} KILL`);
    await expect(loaded).toHaveActiveAgents(0);
    await loaded.sh(`until swarm-runtime delete ${id}; do sleep 0.1; done`);
    expect(await loaded.sh('find /run/swarm-guard/containers -mindepth 2'), runtime).toBe('');
  }
});

test('OCI-03: what is executed in a container is under its rules before its first instruction', async ({
  loaded,
}) => {
  await installRuntime(loaded);
  for (const runtime of RUNTIMES) {
    await use(loaded, runtime);
    const id = `exec-${runtime}`;
    await sleeping(loaded, id);
    const agent = await onlyAgent(loaded);
    const violations = await violationsDuring(loaded, async () => {
      const line = `swarm-runtime exec ${id} sh -c ${quoted(`${DENIED}; exit 3`)}`;
      expect(await run(loaded, line), runtime).toMatchObject({ code: 3, stdout: 'denied\n' });
      // The very first program: it has no time for anything before.
      expect((await run(loaded, `swarm-runtime exec ${id} unshare -u true`)).code, runtime).toBe(1);
    });
    expect(violations, runtime).toBe(2);
    await loaded.sh(`swarm-runtime exec -d ${id} sleep 2000`);
    await expect.poll(async () => (await loaded.swarm.inspect(agent.id)).members.length, runtime).toBe(2);
    const missing = await run(loaded, `swarm-runtime exec ${id} nonexistent`);
    expect(missing.stderr, runtime).toMatch(/executable file .*not found in \$PATH/);
    expect(missing.code, runtime).not.toBe(0);
    await remove(loaded, id);
    expect(await loaded.sh('pgrep -fx "sleep [12]000" || true'), runtime).toBe('');
  }
});

test('OCI-06: podman: containers are agents with their policies; exec, health checks, signals and ends are as without', async ({
  loaded,
}) => {
  await installRuntime(loaded);
  await use(loaded, 'crun', KEYS_TOO);
  await installPodman(loaded);
  const podman = (words: string) => run(loaded, `podman ${words}`);
  const RUN = 'run --network none';
  expect(await podman(`${RUN} --rm busybox sh -c ${quoted(`${DENIED}; exit 5`)}`)).toMatchObject({
    code: 5,
    stdout: 'denied\n',
  });
  // A policy by name, and a single key.
  await loaded.writeFile('/etc/swarm-guard/policies/shell-only.json', '{"syscalls":{"fork":"deny"}}');
  expect(
    await podman(
      `${RUN} --rm --annotation io.swarmguard.policy=shell-only busybox sh -c ${quoted('busybox true || echo no fork')}`,
    ),
  ).toMatchObject({ stderr: expect.stringContaining('fork') });
  // What it does not name is denied as for every container.
  const named = `${RUN} --rm --annotation io.swarmguard.policy=shell-only busybox unshare -u true`;
  expect(await violationsDuring(loaded, () => podman(named))).toBe(1);
  const unix = `--annotation ${quoted('io.swarmguard.sockets=["unix"]')}`;
  expect(await podman(`${RUN} --rm ${unix} busybox nc -l -p 80`)).toMatchObject({
    stderr: expect.stringContaining('Address family not supported'),
  });
  const refused = await podman(`${RUN} --rm --annotation io.swarmguard.nonsense=1 busybox true`);
  expect(refused).toMatchObject({
    code: 126,
    stderr: expect.stringContaining('cannot be made an agent: nonsense: unknown key'),
  });

  await loaded.sh(`podman ${RUN} -d --name web --health-cmd ${quoted(DENIED)} busybox sleep 1000`, {
    timeoutMs: 120_000,
  });
  const id = await loaded.sh("podman inspect web --format '{{.Id}}'");
  expect(await nameOfOnly(loaded)).toBe(id.slice(0, 12));
  const violations = await violationsDuring(loaded, async () => {
    expect(await podman(`exec web sh -c ${quoted(DENIED)}`)).toMatchObject({ code: 0, stdout: 'denied\n' });
    expect((await podman('healthcheck run web')).code).toBe(0);
  });
  expect(violations).toBe(2);
  expect(await podman('exec web nonexistent')).toMatchObject({
    code: 127,
    stderr: expect.stringContaining('not found'),
  });
  await loaded.sh('podman kill web', { timeoutMs: 120_000 });
  await expect(loaded).toHaveActiveAgents(0);
  expect(await loaded.sh("podman inspect web --format '{{.State.ExitCode}}'", { timeoutMs: 60_000 })).toBe(
    '137',
  );
  await loaded.sh('podman rm web', { timeoutMs: 60_000 });
  expect(await loaded.sh('find /run/swarm-guard/containers -mindepth 2')).toBe('');
});
