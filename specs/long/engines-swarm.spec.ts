/** Docker on two machines: a service whose replicas are agents, wherever they run. */
import { z } from 'zod';
import { quoted } from '../../client/client.js';
import { DENIED } from '../support/engines/docker.js';
import { docker, startNodes } from '../support/engines/nodes.js';
import { expect, test } from '../support/fixtures.js';
import type { LoadedGuest } from '../support/loaded-guest.js';
import { makeHome } from '../support/remote.js';
import { swarmctlAt } from '../support/swarmctl.js';

const REPLICAS = 20;
const HALF = REPLICAS / 2;

/** The keys of a listed agent that say which container it is. */
const listed = z.object({ name: z.string(), state: z.string() });

/** The number of replicas that run on each node, as the manager knows it; empty while it is too busy to answer. */
async function running(manager: LoadedGuest): Promise<Record<string, number>> {
  const { stdout } = await manager.exec(
    `docker service ps web --filter desired-state=running --format '{{.Node}} {{.CurrentState}}'`,
    { timeoutMs: 120_000 },
  );
  const nodes = [...stdout.matchAll(/^(\S+) Running /gm)].map(([, node = '']) => node);
  const count = (node: string) => nodes.filter((each) => each === node).length;
  return Object.fromEntries([...new Set(nodes)].sort().map((node) => [node, count(node)]));
}

/** The numbers of replicas that run, and that there should be. */
const replicas = async (manager: LoadedGuest) =>
  (await manager.exec(`docker service ls --format '{{.Replicas}}'`, { timeoutMs: 120_000 })).stdout.trim();

test.setTimeout(3_000_000);

test('OCI-14: the replicas of a service are agents on both nodes, move when a node is lost, and end with it', async ({
  kernelName,
}) => {
  await using nodes = await startNodes(kernelName || undefined);
  const { manager, worker } = nodes;
  const within = { timeout: 600_000, intervals: [3000] };
  await docker(
    manager,
    `service create --detach --no-resolve-image --name web --network host --replicas ${REPLICAS} busybox sh -c ${quoted(`${DENIED}; exec sleep 100000`)}`,
  );
  await expect.poll(() => running(manager), within).toEqual({ node1: HALF, node2: HALF });

  // Both nodes from here, as an operator sees them: every replica is an agent with the name of its container.
  await using operator = await makeHome([manager, worker]);
  for (const [index, node] of [manager, worker].entries()) {
    const host = operator.hosts[index] ?? '';
    const lines = (await swarmctlAt(operator.home, '--host', host, 'ls', '--json')).split('\n');
    const names = lines.map((line) => listed.parse(JSON.parse(line)));
    const containers = (await docker(node, 'ps --no-trunc --format {{.ID}}')).split('\n');
    expect(names.map(({ name }) => name).sort()).toEqual(containers.map((id) => id.slice(0, 12)).sort());
    const status = await swarmctlAt(operator.home, '--host', host, 'status', '--json');
    expect(JSON.parse(status)).toMatchObject({ active: HALF });
    // Each was denied what it tried, on its own node.
    expect((await node.swarm.status()).violations).toBe(HALF);
  }

  // The worker is cut off. Its replicas move; it goes on alone, and gives up its own when it is back.
  await worker.machine.wire(false);
  await expect.poll(() => running(manager), within).toEqual({ node1: REPLICAS });
  await expect(manager).toHaveActiveAgents(REPLICAS);
  await expect(worker).toHaveActiveAgents(HALF);
  await worker.machine.wire(true);
  await expect.poll(async () => (await worker.swarm.status()).active, within).toBe(0);
  await expect.poll(() => replicas(manager), within).toBe(`${REPLICAS}/${REPLICAS}`);
  await expect(manager).toHaveActiveAgents(REPLICAS);
  await expect(worker).toHaveActiveAgents(0);

  // Replicas are spread again, and the worker is killed.
  await docker(manager, 'service update --detach --force --update-parallelism 0 web');
  await expect.poll(() => running(manager), within).toEqual({ node1: HALF, node2: HALF });
  await worker.stop();
  await expect.poll(() => running(manager), within).toEqual({ node1: REPLICAS });
  await docker(manager, 'service rm web');
  await expect.poll(async () => (await manager.swarm.status()).active, within).toBe(0);
  // Docker deletes the containers a moment after their processes have ended.
  await expect.poll(() => manager.sh('find /run/swarm-guard/containers -mindepth 2'), within).toBe('');
});
