/** What is shipped for container engines. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { DENIED_CALLS } from '../../client/abi/calls.js';
import { DEFAULT_DEVICES, DEFAULT_SOCKETS, NAMESPACES_ALL } from '../../client/abi/defaults.js';
import { NAMESPACES, bitOf, namesOf } from '../../client/abi/names.js';
import { repository } from '../../harness.config.js';

test('OCI-09: the policy of every container denies what an agent is denied by default', async () => {
  const policy: unknown = JSON.parse(await readFile(join(repository, 'client/oci/container.json'), 'utf8'));
  const denied = ['unshare', 'setns', 'autoload', ...DENIED_CALLS.flatMap(({ calls }) => calls)];
  expect(policy).toEqual({
    sockets: DEFAULT_SOCKETS,
    core: false,
    syscalls: Object.fromEntries(denied.map((name) => [name, 'deny'])),
  });
});

test('OCI-13: the runtime has the same namespaces and default devices as the schema', async () => {
  const source = await readFile(join(repository, 'client/oci/policy.cc'), 'utf8');
  const table = (name: string) => new RegExp(`\\b${name} = \\{([^;]*)\\};`).exec(source)?.[1] ?? '';
  const namespaces = [...table('NAMESPACES').matchAll(/"(\w+)", (\d+)/g)];
  expect(namespaces.map(([, name, bit]) => [name, Number(bit)])).toEqual(
    namesOf(NAMESPACES).map((name) => [name, bitOf(name)]),
  );
  const devices = [...table('USUAL_DEVICES').matchAll(/"([^"]+)"/g)].map(([, rule]) => rule);
  expect(devices).toEqual(Object.values(DEFAULT_DEVICES));
  const constant = (name: string) => Number(new RegExp(`\\b${name} = (\\d+);`).exec(source)?.[1]);
  expect([constant('USER'), constant('ALL_NAMESPACES')]).toEqual([bitOf('user'), NAMESPACES_ALL]);
});
