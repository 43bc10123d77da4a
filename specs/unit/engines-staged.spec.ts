/** swarm-runtime's decisions that need no module and no container. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { onStage } from '../support/engines/stage.js';
import type { Stage } from '../support/engines/stage.js';

test.describe.configure({ timeout: 600_000 });

/** What a container asks for that has none. */
const ASKS = { annotations: { 'io.swarmguard.policy': 'nosuch' } };

const RUN = 'cd /stage/bundle && /stage/swarm-runtime run staged';

test('OCI-18: what a container itself asks for, and cannot have, is refused with fail_open too', async ({}, info) => {
  const OPEN = 'fail_open = true\n';
  const KEYS = `${OPEN}annotations = true\n`;
  const refusals: readonly [RegExp, Record<string, unknown>, string?][] = [
    [/containers may ask only for a policy by its name/, { 'io.swarmguard.x': '1' }],
    [/policies\/nosuch\.json: cannot be opened/, { 'io.swarmguard.policy': 'nosuch' }],
    [/'\.\.\/x' is no file of/, { 'io.swarmguard.policy': '../x' }],
    [/list\.json is no object of JSON/, { 'io.swarmguard.policy': 'list' }],
    [/asks for a time namespace/, { 'io.swarmguard.policy': 'time' }],
    [/annotation run\.oci\.handler/, { 'run.oci.handler': 'wasm' }],
    [/annotation module\.wasm\.image\/variant/, { 'module.wasm.image/variant': 'compat' }],
    [/an agent has the name of its container/, { 'io.swarmguard.name': 'web' }, KEYS],
    [/cannot have the key pids_limit/, { 'io.swarmguard.pids_limit': '1' }, KEYS],
    [/cannot have the key spawn/, { 'io.swarmguard.spawn': 'true' }, KEYS],
    [/namespace_flags: -1 is no sum/, { 'io.swarmguard.namespace_flags': '-1' }, KEYS],
    [/annotation io\.swarmguard\.core is no text/, { 'io.swarmguard.core': true }, KEYS],
  ];
  const ran = (name: string, stage: Stage) => onStage(info.outputPath(name), RUN, stage);
  const policies = {
    'etc/policies/list.json': '[]',
    'etc/policies/time.json': '{"namespace_flags":128}',
  };
  for (const [index, [message, annotations, settings = OPEN]] of refusals.entries()) {
    const stage = { settings, config: { annotations }, files: policies };
    const { exitCode, output } = await ran(`refused-${index}`, stage);
    expect.soft({ exitCode, output }).toEqual({ exitCode: 1, output: expect.stringMatching(message) });
    expect.soft(output, JSON.stringify(annotations)).not.toContain('started');
  }
  // What the operator has done wrong, and a module that is not loaded, leave it open.
  for (const [name, files] of [
    ['wrong', { 'etc/container.json': '{"memory_limit":65536}' }],
    ['missing', { 'etc/policies/web.json': '{}' }],
  ] as const) {
    const config = { annotations: { 'io.swarmguard.policy': 'web' } };
    const stage = { settings: OPEN, config, files: { 'etc/policies/web.json': '{}', ...files } };
    expect.soft(await ran(name, stage), name).toMatchObject({ exitCode: 0, output: 'started' });
  }
});

test('OCI-19: an annotation that names no policy is refused, and does not choose the policy of every container', async ({}, info) => {
  const stage = { settings: 'fail_open = true\n', config: { annotations: { 'io.swarmguard.policy': '' } } };
  const { exitCode, output } = await onStage(info.outputPath('stage'), RUN, stage);
  expect(output).toMatch(/annotation io\.swarmguard\.policy: '' is no file of \/etc\/swarm-guard\/policies/);
  expect(exitCode).toBe(1);
});

test('OCI-21: of what a log has got meanwhile, only lines about the hook of the runtime give way to the reason', async ({}, info) => {
  const OWN = /level=error msg="swarm-runtime: .*nosuch\.json/;
  for (const [name, says, kept] of [
    ['hook', ['error executing hook `/stage/swarm-runtime`', 'hook failed'], []],
    ['others', ['pull of my-webhook failed', 'a warning', 'error executing hook'], undefined],
  ] as const) {
    const files = { says: says.map((line) => `${line}\n`).join(''), log: 'before\n' };
    const line = RUN.replace(' run ', ' --log /stage/log run ');
    const stage = { config: ASKS, settings: 'fail_open = true\n', files };
    expect((await onStage(info.outputPath(name), line, stage)).exitCode, name).toBe(1);
    const lines = (await readFile(join(info.outputPath(name), 'log'), 'utf8')).trimEnd().split('\n');
    expect.soft(lines, name).toEqual(['before', ...(kept ?? says), expect.stringMatching(OWN)]);
  }
});

test('OCI-22: a --log that is a relative path gets the reason, too', async ({}, info) => {
  for (const [name, log, file] of [
    ['relative', 'mine.log', 'work/mine.log'],
    ['below', './journal/mine', 'work/journal/mine'],
    ['prefixed', 'file:mine.log', 'work/mine.log'],
    ['journal', 'journald:mine', undefined],
  ] as const) {
    const line = `mkdir -p /stage/work/journal; cd /stage/work && /stage/swarm-runtime --log ${log} exec nobody true`;
    const dir = info.outputPath(name);
    expect(await onStage(dir, line), name).toMatchObject({ exitCode: 1 });
    if (file === undefined) expect.soft(await readdir(join(dir, 'work'))).toEqual(['journal']);
    else expect.soft(await readFile(join(dir, file), 'utf8'), name).toContain('container nobody is no agent');
  }
});
