/** containerd, called as Kubernetes calls it: pods whose containers are agents. */
import { CONTAINERD_GUEST, IMAGE, startContainerd } from '../support/engines/containerd.js';
import { Cri } from '../support/engines/cri.js';
import { KEYS_TOO, RUNTIMES, installRuntime, use } from '../support/engines/guest.js';
import { expect, test } from '../support/fixtures.js';
import { violationsDuring } from '../support/guest.js';

test.use({ guestExtras: CONTAINERD_GUEST });
test.describe.configure({ timeout: 1_200_000 });

/** A call that a container may not make; the shell line prints an answer if it is denied. */
const DENIED = 'unshare -u true 2>/dev/null || echo denied';

/** It has the host's network: for another one plugins would have to be set up. */
const POD = {
  metadata: { name: 'pod', uid: 'uid-1', namespace: 'default' },
  log_directory: '/var/log/pods',
  linux: { security_context: { namespace_options: { network: 'NODE', pid: 'CONTAINER', ipc: 'POD' } } },
};

const container = (name: string, command: readonly string[], annotations: Record<string, string> = {}) => ({
  metadata: { name },
  image: { image: IMAGE },
  command,
  annotations,
  log_path: `${name}.log`,
  linux: { security_context: { namespace_options: { network: 'NODE', pid: 'CONTAINER', ipc: 'POD' } } },
});

test('OCI-10: containers of pods with the handler are agents, from their sandbox to their health checks', async ({
  loaded,
}) => {
  await installRuntime(loaded);
  await startContainerd(loaded);
  const cri = await Cri.connect(loaded);
  for (const runtime of RUNTIMES) {
    await use(loaded, runtime, KEYS_TOO);
    const { pod_sandbox_id } = await cri.call('RunPodSandbox', { config: POD, runtime_handler: 'swarm' });
    // The sandbox is an agent, too: it holds the namespaces.
    await expect(loaded).toHaveActiveAgents(1);
    const made = (config: object) =>
      cri.call('CreateContainer', { pod_sandbox_id, config, sandbox_config: POD });
    const { container_id } = await made(container('web', ['sleep', '1000']));
    await cri.call('StartContainer', { container_id });
    const agents = await Promise.all((await loaded.swarm.agents()).map(({ id }) => loaded.swarm.inspect(id)));
    expect(
      agents.map(({ name }) => name),
      runtime,
    ).toEqual([expect.stringContaining(pod_sandbox_id.slice(0, 12)), `${container_id.slice(0, 12)}.web`]);
    const violations = await violationsDuring(loaded, async () => {
      const { stdout, exit_code } = await cri.call('ExecSync', {
        container_id,
        cmd: ['sh', '-c', `${DENIED}; exit 3`],
        timeout: 60,
      });
      expect({ stdout: String(stdout), exit_code }, runtime).toEqual({ stdout: 'denied\n', exit_code: 3 });
    });
    expect(violations, runtime).toBe(1);
    const { stats } = await cri.call('ContainerStats', { container_id });
    expect(stats.memory.working_set_bytes.value, runtime).toBeGreaterThan(0);

    // A second container shares the pod's namespaces, and has its own rules.
    const other = await made(
      container('quiet', ['sh', '-c', 'busybox nc -l -p 80; exit 7'], {
        'io.swarmguard.sockets': '["unix"]',
      }),
    );
    await cri.call('StartContainer', other);
    const ended = async () => (await cri.call('ContainerStatus', other)).status;
    await expect.poll(async () => (await ended()).state, { timeout: 60_000 }).toBe('CONTAINER_EXITED');
    expect((await ended()).exit_code, runtime).toBe(7);
    expect(await loaded.sh('cat /var/log/pods/quiet.log'), runtime).toContain('Address family not supported');
    await cri.call('RemoveContainer', other);

    // What cannot be an agent does not start, and the kubelet is told why.
    const wrong = await made(container('wrong', ['true'], { 'io.swarmguard.nonsense': '1' }));
    await expect(cri.call('StartContainer', wrong), runtime).rejects.toThrow(
      /cannot be made an agent: nonsense: unknown key/,
    );
    await cri.call('RemoveContainer', wrong);

    await cri.call('StopContainer', { container_id, timeout: 0 });
    expect((await cri.call('ContainerStatus', { container_id })).status, runtime).toMatchObject({
      exit_code: 137,
    });
    await cri.call('RemoveContainer', { container_id });
    await cri.call('StopPodSandbox', { pod_sandbox_id });
    await cri.call('RemovePodSandbox', { pod_sandbox_id });
    await expect(loaded).toHaveActiveAgents(0);
    expect(await loaded.sh('find /run/swarm-guard/containers -mindepth 2'), runtime).toBe('');
  }
  await cri.close();
});
