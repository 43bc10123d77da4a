/** docs/policies/nested.json with a container engine that a distribution ships. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRequest } from '../../client/abi/request.js';
import { repository } from '../../harness.config.js';
import { installRuntime, makeBundle, PODMAN_GUEST } from '../support/engines/guest.js';
import { expect, test } from '../support/fixtures.js';

test.use({ guestExtras: PODMAN_GUEST });
test.describe.configure({ timeout: 400_000 });

test('POLICY-06: under nested.json an agent runs a container with crun, which obeys the agent', async ({
  loaded,
}) => {
  await installRuntime(loaded);
  const line = 'hostname; echo $$; ls /; dmesg; exit 5';
  const bundle = await makeBundle(loaded, 'nested', ['sh', '-c', line]);
  const policy: unknown = JSON.parse(await readFile(join(repository, 'docs/policies/nested.json'), 'utf8'));
  let ran = { stdout: '', code: NaN };
  const events = await loaded.swarm.eventsDuring(async () => {
    ran = await loaded.swarm.launch(createRequest.parse(policy), [
      ...['/bin/sh', '-c'],
      `cd ${bundle} && exec crun --root /tmp/crun --cgroup-manager=disabled run inner`,
    ]);
    await expect(loaded).toHaveActiveAgents(0);
  });
  // What the container sees is its own, and its exit status comes back.
  expect(ran).toMatchObject({ code: 5, stdout: 'crun\n1\nbin\ndev\nproc\nsys\ntmp\n' });
  const denied = events.flatMap((event) => (event.event === 'violation' ? [event.syscall] : []));
  expect(new Set(denied)).toEqual(new Set(['syslog']));
  expect(events.at(-1)).toMatchObject({ event: 'destroyed', exit: 5, violations: denied.length });
});
