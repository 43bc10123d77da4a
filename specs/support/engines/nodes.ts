/** Two machines with Docker that form a swarm. */
import { makeWire } from '../../../harness/guest/wire.js';
import { provideGuest } from '../../../harness/guest/stage.js';
import type { LoadedGuest } from '../loaded-guest.js';
import { load } from '../loaded-guest.js';
import { buildModule } from '../module.js';
import { NODE_GUEST } from '../node-guest.js';
import { installSwarmctl } from '../swarmctl.js';
import { DOCKER_GUEST, POLICY, SETTINGS, startDocker } from './docker.js';
import { installRuntime, use } from './guest.js';

/** The address of a node on the wire. */
const address = (index: number) => `10.77.0.${index + 1}`;

/** Docker's engine, swarmctl and a wire to the other node. */
const EXTRAS = {
  ...DOCKER_GUEST,
  packages: [...(DOCKER_GUEST.packages ?? []), ...(NODE_GUEST.packages ?? [])],
};

/**
 * The interval of a worker's heartbeats; it counts as lost after three times that. A busy host takes long over one.
 */
const HEARTBEAT = '10s';

/** Nodes that run. The first one is the manager. */
export interface Nodes extends AsyncDisposable {
  readonly manager: LoadedGuest;
  readonly worker: LoadedGuest;
}

/** Runs docker on a node, which has to succeed. */
export const docker = (node: LoadedGuest, words: string) =>
  node.sh(`docker ${words}`, { timeoutMs: 240_000 });

async function startNode(node: LoadedGuest, index: number): Promise<void> {
  await node.sh(`hostname node${index + 1}; ip addr add ${address(index)}/24 dev eth1; ip link set eth1 up`);
  await installRuntime(node);
  await installSwarmctl(node);
  await node.writeFile('/etc/swarm-guard/no-chmod.json', POLICY);
  await use(node, 'crun', SETTINGS);
  await startDocker(node);
}

/**
 * Boots two guests with the module, swarm-runtime as Docker's default, and a network between them; they join a swarm.
 * @param kernelName of the catalogue
 */
export async function startNodes(kernelName: string | undefined): Promise<Nodes> {
  const wire = makeWire();
  const nodes: LoadedGuest[] = [];
  const end = async () => {
    for (const node of nodes) await node.stop();
    await wire[Symbol.asyncDispose]();
  };
  try {
    // One after another: two that boot at once take longer on two processors.
    for (const [index, one] of wire.ends.entries()) {
      const { kernel, guest } = await provideGuest(kernelName, { ...EXTRAS, wire: one });
      const { ko } = await buildModule(kernel);
      nodes.push(await load(await guest.boot(), ko));
      await startNode(nodes[index] as LoadedGuest, index);
    }
    const [manager, worker] = nodes as [LoadedGuest, LoadedGuest];
    await docker(manager, `swarm init --advertise-addr ${address(0)} --dispatcher-heartbeat ${HEARTBEAT}`);
    // These guests have no bridges, which published ports would need.
    await manager.sh('echo y | docker network rm ingress');
    const token = await docker(manager, 'swarm join-token -q worker');
    await docker(worker, `swarm join --advertise-addr ${address(1)} --token ${token} ${address(0)}:2377`);
    return { manager, worker, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}
