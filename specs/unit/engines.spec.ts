/** The files that are shipped for container engines. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { DENIED_CALLS } from '../../client/abi/calls.js';
import { DEFAULT_DEVICES, DEFAULT_SOCKETS, NAMESPACES_ALL } from '../../client/abi/defaults.js';
import { NAMESPACES, bitOf, namesOf } from '../../client/abi/names.js';
import { repository } from '../../harness.config.js';
import { buildRuntime } from '../support/engines/runtime.js';

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

test('OCI-17: what others have written to the log stays when a command is refused', async ({}, info) => {
  test.setTimeout(600_000);
  const runtime = await buildRuntime();
  for (const [format, refusal] of [
    ['json', /^\{"level":"error","msg":"swarm-runtime: container nobody is no agent.*\}$/],
    ['text', /^time="[^"]*" level=error msg="swarm-runtime: container nobody is no agent.*"$/],
  ] as const) {
    const log = info.outputPath(`log-${format}`);
    const before = ['{"level":"warning","msg":"of another one"}', 'error running hook #0'];
    await writeFile(log, before.map((line) => `${line}\n`).join(''));
    const words = ['--log', log, '--log-format', format, 'exec', 'nobody', 'true'];
    for (const times of [1, 2]) {
      const { exitCode } = await execa(runtime, words, { reject: false });
      expect(exitCode).toBe(1);
      const lines = (await readFile(log, 'utf8')).trimEnd().split('\n');
      expect(lines).toEqual([
        ...before,
        ...Array.from({ length: times }, () => expect.stringMatching(refusal)),
      ]);
    }
  }
});
