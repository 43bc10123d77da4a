/** swarm-runtime's decisions that need no module and no container. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { checkRequest } from '../../client/policy/check.js';
import { loadPolicy } from '../../client/policy/core.js';
import { onStage } from '../support/engines/stage.js';
import type { Stage } from '../support/engines/stage.js';
import { buildPolicyWasm } from '../support/policy-wasm.js';

test.describe.configure({ timeout: 600_000 });

/** Requests of containers that get none. */
const ASKS = { annotations: { 'io.swarmguard.policy': 'nosuch' } };

/** A /proc in which the runtime finds itself, and the module's directory without a file. */
const PROC = 'mkdir -p /proc/swarm /proc/self && ln -s /stage/swarm-runtime /proc/self/exe';

/** Gives the container namespaces of its own there. */
const NAMESPACES =
  'for kind in pid net mnt uts ipc user cgroup time; do for pid in 1 $$; do mkdir -p /proc/$pid/ns; ln -s $pid /proc/$pid/ns/$kind; done; done';

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

test('OCI-20: a relative --config is of the working directory, unless it is the name that the bundle has for its own', async ({}, info) => {
  for (const [name, options, refused] of [
    ['own', '', false],
    ['named', '--config config.json', false],
    ['other', '--config other.json', true],
    ['other-short', '-fother.json', true],
    ['absolute', '--config /stage/work/other.json', true],
  ] as const) {
    const files = { 'work/other.json': JSON.stringify(ASKS), 'work/config.json': JSON.stringify(ASKS) };
    const stage = { settings: 'fail_open = true\n', files: { ...files, 'bundle/other.json': '{}' } };
    const line = `cd /stage/work && /stage/swarm-runtime run ${options} --bundle /stage/bundle staged`;
    const { exitCode, output } = await onStage(info.outputPath(name), line, stage);
    expect.soft(exitCode, `${name}: ${output}`).toBe(refused ? 1 : 0);
    expect.soft(output, name).toMatch(refused ? /nosuch\.json: cannot be opened/ : /^started$/);
  }
});

test('OCI-21: of what a log has got meanwhile, only lines about the hook of the runtime give way to the reason', async ({}, info) => {
  const OWN = /level=error msg="swarm-runtime: .*nosuch\.json/;
  for (const [name, says, kept] of [
    ['crun', ['error executing hook `/stage/swarm-runtime` (exit code: 1)'], []],
    ['runc', ['runc create failed: error running createRuntime hook #0: exit status 1'], []],
    ['older', ['time="now" level=error msg="error running hook #0: exit status 1"'], []],
    ['others', ['pull of my-webhook failed', 'a warning', 'error executing hook'], undefined],
    ['webhook', ['pull of my-webhook failed'], undefined],
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

test('OCI-23: a container is found where crun keeps it, and gives way to another only if it does not exist', async ({}, info) => {
  const OPEN = { settings: 'fail_open = true\n' };
  const create = RUN.replace(' run ', ' create ');
  const recorded = `${create} && find /run/swarm-guard/containers -mindepth 1 -maxdepth 1 -printf %f`;
  for (const [name, env, root] of [
    ['own', {}, '%run%crun'],
    ['empty', { XDG_RUNTIME_DIR: '' }, '%run%crun'],
    ['user', { XDG_RUNTIME_DIR: '/run/user/0' }, '%run%user%0%crun'],
  ] as const)
    expect
      .soft((await onStage(info.outputPath(name), recorded, { ...OPEN, env })).output, name)
      .toBe(`started\n${root}`);
  // `state` fails, and the container is there.
  const record = '/run/swarm-guard/containers/%run%crun/staged';
  const again = `mkdir -p ${record} /run/crun/staged; touch ${record}/mine; ${create}; ls ${record}`;
  const unknown = { unknown: 'Too many open files\n' };
  const { output } = await onStage(info.outputPath('there'), again, { ...OPEN, files: unknown });
  expect.soft(output).toBe('swarm-runtime: container staged exists already\nmine');
  const gone = again.replace('/run/crun/staged', '');
  expect.soft((await onStage(info.outputPath('gone'), gone, OPEN)).output).toMatch(/^started\n(?!.*mine)/s);
});

test('OCI-24: a container does not start if its agent cannot be remembered, and says so without room for it', async ({}, info) => {
  // A pipe in the place of the file answers with the object, which has an id then.
  const module = `${PROC} && mkfifo /proc/swarm/create`;
  const ran = (name: string, more: readonly string[]) =>
    onStage(info.outputPath(name), `${module} && ${RUN.replace(' run ', ' create ')}`, {
      settings: 'fail_open = true\n',
      files: {
        'etc/container.json': '{"id":7}',
        'proc/none': '',
        before: [NAMESPACES, ...more, ''].join('\n'),
      },
      binds: { proc: 'proc' },
    });
  expect(await ran('room', [])).toMatchObject({ exitCode: 0, output: 'started' });
  const full = 'ln -s /dev/full ${config%/*}/agent.json';
  const refused = await ran('full', [full]);
  expect(refused.output).toMatch(/agent\.json: cannot be written: No space left on device$/);
  expect(refused.exitCode).toBe(1);
  const silent = await ran('silent', [full, "trap ': >${config%/*}/failure' EXIT"]);
  expect(silent.output).toMatch(/there is no room for the reason in \/run\/swarm-guard\/containers/);
  expect(silent.exitCode).toBe(1);
});

test('OCI-25: what the module refuses is refused with fail_open too, if the container has asked for something', async ({}, info) => {
  await loadPolicy(await buildPolicyWasm());
  // The file takes 512 bytes of an object, which is longer: the answer is read from behind them.
  const long = { hostname: 'h'.repeat(600) };
  const ran = (name: string, annotations: object, answer: object) =>
    onStage(info.outputPath(name), `${PROC} && cp /stage/answer /proc/swarm/create && ${RUN}`, {
      settings: 'fail_open = true\nannotations = true\n',
      config: { annotations },
      files: {
        'etc/container.json': JSON.stringify(long),
        'proc/none': '',
        answer: `${' '.repeat(512)}${JSON.stringify(answer)}`,
        before: `${NAMESPACES}\nulimit -f 1\n`,
      },
      binds: { proc: 'proc' },
    });
  for (const [name, key, value] of [
    ['unknown', 'unknown', '1'],
    ['long', 'unknown_key_of_more_than_31_bytes', '1'],
    ['letter', 'schl\u00fcssel', '1'],
    ['quote', 'un"known', '1'],
    ['backslash', 'un\\known', '1'],
    ['value', 'sockets', '["nosuch"]'],
  ] as const) {
    const refusal = checkRequest('create', JSON.stringify({ [key]: JSON.parse(value) as unknown }));
    const { exitCode, output } = await ran(name, { [`io.swarmguard.${key}`]: value }, { ...refusal });
    expect
      .soft({ exitCode, output }, name)
      .toEqual({ exitCode: 1, output: expect.stringMatching(/\(EINVAL\)$/) });
  }
  // The module may name the other one of two keys that do not fit together.
  const other = { error: 'EINVAL', field: 'hostname', message: 'it does not fit' };
  expect.soft(await ran('other', { 'io.swarmguard.network': 'none' }, other)).toMatchObject({ exitCode: 1 });
  // Without a request of the container, and for want of something else, it stays open.
  const started = { exitCode: 0, output: 'started' };
  expect.soft(await ran('operator', {}, other)).toMatchObject(started);
  const full = { error: 'ENOSPC', field: '', message: 'no room' };
  expect.soft(await ran('full', { 'io.swarmguard.network': 'none' }, full)).toMatchObject(started);
});

test('OCI-26: a key that is given twice in a policy or an annotation is refused', async ({}, info) => {
  const twice = '{"syscalls":{"mount":"deny","bpf":"deny","mount":"allow"}}';
  const apart = '{"syscalls":{"mount":"deny"},"more":[{"mount":1},{"mount":2}]}';
  const named = { annotations: { 'io.swarmguard.policy': 'web' } };
  const key = { annotations: { 'io.swarmguard.syscalls': '{"mount":"deny","mount":"allow"}' } };
  const fine = { 'etc/container.json': '{}' };
  for (const [name, config, files, message] of [
    ['every', {}, { 'etc/container.json': twice }, /container\.json: the key mount is given twice$/],
    ['named', named, { ...fine, 'etc/policies/web.json': twice }, /web\.json: the key mount is given twice$/],
    ['key', key, fine, /annotation io\.swarmguard\.syscalls: the key mount is given twice$/],
    ['apart', {}, { 'etc/container.json': apart }, /the kernel module swarm_guard is not loaded/],
  ] as const) {
    const stage = { settings: 'annotations = true\n', config, files };
    const { exitCode, output } = await onStage(info.outputPath(name), RUN, stage);
    expect.soft({ exitCode, output }, name).toEqual({ exitCode: 1, output: expect.stringMatching(message) });
  }
});

test('OCI-27: what a container asks for is refused whatever else is wrong, with fail_open too', async ({}, info) => {
  const OPEN = 'fail_open = true\n';
  for (const [name, settings, policy] of [
    ['missing', `${OPEN}policy = "/none.json"\n`, '{}'],
    ['no JSON', OPEN, '{'],
    ['wrong', OPEN, '{"memory_limit":65536}'],
  ] as const) {
    const stage = { settings, files: { 'etc/container.json': policy } };
    const asked = await onStage(info.outputPath(name), RUN, { ...stage, config: ASKS });
    expect.soft(asked, name).toMatchObject({ exitCode: 1, output: expect.stringContaining('nosuch.json') });
    const open = await onStage(info.outputPath(`${name} open`), RUN, stage);
    expect.soft(open, name).toMatchObject({ exitCode: 0, output: 'started' });
  }
});
