/** The calls that a default agent may make, beside those that Docker's defaults let a container make. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { DOCKER_CAPABILITIES, dockerProfile, ociSeccomp } from '../../bench/peers/docker-profile.js';
import { CALLS, DENIED_CALL_NAMES } from '../../client/abi/calls.js';
import { DEFAULT_CAPABILITIES } from '../../client/abi/defaults.js';
import { repository } from '../../harness.config.js';

/** The rows of the table in docs/threat-model.md that says why each call stays open. */
async function explained(): Promise<string[]> {
  const text = await readFile(join(repository, 'docs/threat-model.md'), 'utf8');
  const [, section = ''] = text.split("#### Calls that Docker's profile denies\n");
  const rows = (section.split(/^#/m)[0] ?? '').matchAll(/^\| (`\w+`(?:, `\w+`)*) \| \S/gm);
  return [...rows].flatMap(([, names = '']) => names.replaceAll('`', '').split(', '));
}

test("CALL-19: each call that a default agent may make and Docker's profile denies is named with a reason", async () => {
  const { defaultAction, syscalls } = ociSeccomp(await dockerProfile());
  expect(defaultAction).toBe('SCMP_ACT_ERRNO');
  const allowed = syscalls.filter(({ action }) => action === 'SCMP_ACT_ALLOW');
  const inDocker = new Set(allowed.flatMap(({ names }) => names));
  const open = CALLS.filter((name) => !DENIED_CALL_NAMES.includes(name));
  const more = open.filter((name) => !inDocker.has(name));
  expect((await explained()).sort()).toEqual([...more].sort());
  // Those that the profile allows with some arguments alone: the rules on namespaces, `sockets`, and one explained above.
  const always = new Set(allowed.filter(({ args }) => args === undefined).flatMap(({ names }) => names));
  expect(open.filter((name) => inDocker.has(name) && !always.has(name))).toEqual([
    ...['clone', 'personality', 'socket'],
  ]);
});

test("CALL-20: a default agent has no capability that Docker's defaults do not give", () => {
  const docker = DOCKER_CAPABILITIES.map((name) => name.replace('CAP_', '').toLowerCase());
  expect(DEFAULT_CAPABILITIES.filter((name) => !docker.includes(name))).toEqual([]);
});
