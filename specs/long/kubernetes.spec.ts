/** docs/kubernetes.md on a node: containerd with the shipped configuration, called as the kubelet calls it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { quoted } from '../../client/client.js';
import { repository } from '../../harness.config.js';
import {
  CONTAINERD_GUEST,
  IMAGE,
  nodeConfiguration,
  startContainerd,
} from '../support/engines/containerd.js';
import { Cri } from '../support/engines/cri.js';
import { KEYS_TOO, installRuntime, use } from '../support/engines/guest.js';
import { expect, test } from '../support/fixtures.js';
import { examplePod, onlyObject } from '../support/kubernetes/manifests.js';
import type { ExamplePod } from '../support/kubernetes/manifests.js';
import type { LoadedGuest } from '../support/loaded-guest.js';
import { parseMetrics } from '../support/metrics.js';
import { installSwarmctl } from '../support/swarmctl.js';
import { pattern, stepsOf } from '../support/tutorial.js';

test.use({
  guestExtras: { ...CONTAINERD_GUEST, packages: [...(CONTAINERD_GUEST.packages ?? []), 'nodejs'] },
});
test.describe.configure({ timeout: 1_800_000 });

/** There are no plugins for another network than the node's here. */
const LINUX = {
  security_context: { namespace_options: { network: 'NODE', pid: 'CONTAINER', ipc: 'POD' } },
};
const LOGS = '/var/log/pods/example';

/** The request of RunPodSandbox that the kubelet makes of a pod. */
const sandboxOf = ({ metadata: { name, namespace, annotations } }: ExamplePod) => ({
  metadata: { name, namespace, uid: 'uid-1' },
  log_directory: LOGS,
  labels: { 'io.kubernetes.pod.name': name, 'io.kubernetes.pod.namespace': namespace },
  annotations,
  linux: LINUX,
});

/** The request of CreateContainer that the kubelet makes of a container, with the image that is here. */
const containerOf = ({ name, command }: ExamplePod['spec']['containers'][number]) => ({
  metadata: { name },
  image: { image: IMAGE },
  command,
  labels: { 'io.kubernetes.container.name': name },
  annotations: { 'io.kubernetes.container.restartCount': '0' },
  log_path: `${name}.log`,
  linux: LINUX,
});

/** The output of `kubectl logs`: the lines of a log without time and stream. */
async function logs(guest: LoadedGuest, name: string): Promise<string> {
  return guest.sh(`cut -d ' ' -f 4- ${LOGS}/${name}.log`);
}

test('KUBE-06: with the shipped configuration of containerd, the pod of example.yaml is what docs/kubernetes.md shows', async ({
  loaded,
}) => {
  const page = await readFile(join(repository, 'docs/kubernetes.md'), 'utf8');
  const { handler } = z.object({ handler: z.string() }).parse(await onlyObject('RuntimeClass'));
  const pod = await examplePod();
  await installRuntime(loaded);
  await use(loaded, 'crun');
  const [, policy = ''] = /^(echo .*\/policies\/.*)$/m.exec(page) ?? [];
  await loaded.sh(policy);
  await installSwarmctl(loaded);
  await startContainerd(loaded);
  // The file as it is, which needs systemd only when a container starts.
  await loaded.writeFile('/srv/node.toml', await nodeConfiguration());
  const dump = await loaded.sh('containerd --config /srv/node.toml config dump', { timeoutMs: 60_000 });
  const section = dump.slice(dump.indexOf(`.containerd.runtimes.${handler}]`));
  expect(section).toMatch(/^\s*pod_annotations = \["io\.swarmguard\.\*"\]$/m);
  expect(section).toMatch(/^\s*BinaryName = "\/usr\/bin\/swarm-runtime"$/m);
  expect(section).toMatch(/^\s*SystemdCgroup = true$/m);
  expect(dump).toContain('.containerd.runtimes.runc]');

  const cri = await Cri.connect(loaded);
  const config = sandboxOf(pod);
  await expect(cri.call('RunPodSandbox', { config, runtime_handler: `no-${handler}` })).rejects.toThrow(
    `no runtime for "no-${handler}" is configured`,
  );
  const { pod_sandbox_id } = await cri.call('RunPodSandbox', { config, runtime_handler: handler });
  const [container] = pod.spec.containers;
  if (!container) throw new Error('the example has no container');
  const { container_id } = await cri.call('CreateContainer', {
    pod_sandbox_id,
    config: containerOf(container),
    sandbox_config: config,
  });
  await cri.call('StartContainer', { container_id });
  await expect.poll(() => logs(loaded, container.name), { timeout: 60_000 }).toContain('has exited');
  const printed = /^\$ kubectl -n \w+ logs .*\n([^]*?)^```$/m.exec(page)?.[1];
  expect(`${await logs(loaded, container.name)}\n`).toBe(printed);
  const steps = stepsOf(page);
  expect(steps.map(({ command }) => command.split(' ').slice(0, 2).join(' '))).toEqual([
    'swarmctl ls',
    'swarmctl events',
  ]);
  for (const step of steps) {
    const { stdout } = await loaded.exec(`{ ${step.command}\n} 2>&1`, { timeoutMs: 120_000 });
    expect.soft(stdout.trimEnd(), step.command).toMatch(pattern(step.printed));
  }
  const agents = await Promise.all((await loaded.swarm.agents()).map(({ id }) => loaded.swarm.inspect(id)));
  expect(agents.map(({ name }) => name)).toEqual([
    pod_sandbox_id.slice(0, 12),
    `${container_id.slice(0, 12)}.${container.name}`,
  ]);
  // The copies that the RuntimeClass counts as overhead.
  const largest = await loaded.sh(
    'find /run/swarm-guard/containers -type f -printf "%s\\n" | sort -n | tail -n 1',
  );
  expect(Number(largest)).toBeLessThan(32_000);
  // What kubectl exec starts is under the pod's annotations, too.
  const cmd = ['sh', '-c', 'nc -l -p 8080'];
  const { stderr, exit_code } = await cri.call('ExecSync', { container_id, cmd, timeout: 60 });
  expect({ stderr: String(stderr).trimEnd(), exit_code }).toEqual({
    stderr: printed?.split('\n')[0],
    exit_code: 1,
  });

  // A policy that is refused, and the reason that the page gives.
  const wrong = sandboxOf({
    ...pod,
    metadata: { ...pod.metadata, annotations: { 'io.swarmguard.nonsense': '1' } },
  });
  await use(loaded, 'crun', KEYS_TOO);
  const refused = 'the container cannot be made an agent: nonsense: unknown key (EINVAL)';
  expect(page).toContain(refused);
  await expect(
    cri.call('RunPodSandbox', {
      config: { ...wrong, metadata: { ...wrong.metadata, name: 'wrong', uid: 'uid-2' } },
      runtime_handler: handler,
    }),
  ).rejects.toThrow(refused);

  // While there is an agent the module stays; without it no sandbox is made.
  expect((await loaded.exec('rmmod swarm_guard')).stderr).toContain('in use');
  await cri.call('StopPodSandbox', { pod_sandbox_id });
  await cri.call('RemovePodSandbox', { pod_sandbox_id });
  await expect(loaded).toHaveActiveAgents(0);
  await loaded.unload();
  const unloaded = 'the kernel module swarm_guard is not loaded';
  expect(page).toContain(unloaded);
  await expect(
    cri.call('RunPodSandbox', {
      config: { ...config, metadata: { ...config.metadata, uid: 'uid-3' } },
      runtime_handler: handler,
    }),
  ).rejects.toThrow(unloaded);
  await cri.close();
});

const daemonSet = z.object({
  spec: z.object({
    template: z.object({
      spec: z.object({
        hostPID: z.literal(true),
        containers: z.tuple([
          z.object({
            command: z.array(z.string()),
            ports: z.tuple([z.object({ containerPort: z.int() })]),
            securityContext: z.object({ runAsUser: z.int(), runAsGroup: z.int() }),
          }),
        ]),
      }),
    }),
  }),
});

test('KUBE-07: the exporter of the DaemonSet tells of all agents without any privilege, and needs hostPID for it', async ({
  loaded,
}) => {
  await installSwarmctl(loaded);
  const { command, ports, securityContext } = daemonSet.parse(await onlyObject('DaemonSet')).spec.template
    .spec.containers[0];
  const { runAsUser, runAsGroup } = securityContext;
  const unprivileged = `setpriv --reuid ${runAsUser} --regid ${runAsGroup} --clear-groups --no-new-privs --bounding-set -all --inh-caps -all`;
  const port = ports[0].containerPort;
  const agent = await loaded.swarm.create({ name: 'counted' });
  const scrape = async (before: string) => {
    const start = `${before} ${unprivileged} ${command.map(quoted).join(' ')}`;
    const get = `busybox wget -qO- http://127.0.0.1:${port}/metrics`;
    const text = await loaded.sh(
      `setsid ${start} >/srv/exporter.log 2>&1 </dev/null & pid=$!
      for i in $(seq 120); do ${get} >/srv/metrics 2>/dev/null && break; sleep 0.5; done
      kill -- -$pid; cat /srv/exporter.log >&2; cat /srv/metrics`,
      { timeoutMs: 180_000 },
    );
    return (await parseMetrics(`${text}\n`)).get('swarm_guard_agents');
  };
  expect(await scrape('')).toBe(1);
  expect(await scrape('unshare --pid --fork --kill-child --mount-proc')).toBe(0);
  await loaded.swarm.destroy(agent);
});
