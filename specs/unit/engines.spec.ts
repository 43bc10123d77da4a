/** What is shipped for container engines. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { DENIED_CALLS } from '../../client/abi/calls.js';
import { DEFAULT_SOCKETS } from '../../client/abi/defaults.js';
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
