/** The client's package where no kernel is needed: over plain files instead of those of /proc/swarm. */
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test as base } from '@playwright/test';
import { execa } from 'execa';
import { z } from 'zod';
import { SwarmError } from '../../client/error.js';
import { SwarmGuard } from '../../client/guard.js';
import { loadPolicy } from '../../client/policy/core.js';
import { Programs } from '../../client/remote/programs.js';
import { received } from '../../client/remote/protocol.js';
import type { Swarm } from '../../client/swarm.js';
import { repository } from '../../harness.config.js';
import { bundle } from '../support/bundle.js';
import { buildLauncher } from '../support/native.js';
import { buildPolicyWasm } from '../support/policy-wasm.js';

const STATUS = 'Active agents: 0\nTotal created: 0\nTotal destroyed: 0\nPolicy violations: 0\n';

/** Files that take orders. */
const ORDERS = ['create', 'spawn', 'update', 'attach', 'destroy'] as const;

const test = base.extend<{ directory: string; swarm: SwarmGuard }>({
  directory: async ({}, use, info) => {
    const directory = info.outputPath('swarm');
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'status'), STATUS);
    for (const file of [...ORDERS, 'inspect', 'agents', 'metrics', 'events'])
      await writeFile(join(directory, file), '');
    await use(directory);
  },
  swarm: async ({ directory }, use) => {
    await use(await SwarmGuard.open({ directory }));
  },
});

test.beforeAll(async () => {
  test.setTimeout(600_000);
  process.env['SWARM_GUARD_ADDON'] = await buildLauncher();
  await loadPolicy(await buildPolicyWasm());
});

/** The error that work fails with, at once or later. */
async function failureOf(work: () => unknown): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  return 'nothing';
}

/** A program that never starts. */
function never(swarm: SwarmGuard) {
  const program = swarm.spawn(['true'], { signal: AbortSignal.abort() });
  program.catch(() => undefined);
  return program;
}

/** The call, the errno, the key at fault, and the message. */
type Case = readonly [(swarm: SwarmGuard) => unknown, string, string, RegExp];

const NO_NAME = 'SIGNONE' as 'SIGTERM';

const REFUSED: readonly Case[] = [
  [
    (swarm) => swarm.spawn(['true'], { root: { directory: 'relative' } }),
    'EINVAL',
    'root',
    /^root\.directory: /,
  ],
  [(swarm) => swarm.spawn(['true'], { umask: 0o1000 }), 'EINVAL', 'umask', /^umask: /],
  [(swarm) => swarm.spawn(['true'], { user: { uid: -1, gid: 0 } }), 'EINVAL', 'user', /^user\.uid: /],
  [(swarm) => swarm.spawn([]), 'EINVAL', 'argv', /no program/],
  [(swarm) => swarm.spawn(['true'], { descriptors: [999] }), 'EBADF', '', /descriptor/],
  [(swarm) => swarm.spawn(['true'], { terminal: true, descriptors: [999] }), 'EBADF', '', /descriptor/],
  [
    (swarm) => swarm.spawn(['true'], { stdout: { path: '/nowhere/file' } }),
    'ENOENT',
    '',
    /^\/nowhere\/file: /,
  ],
  [(swarm) => swarm.kill(1, NO_NAME), 'EINVAL', 'signal', /SIGNONE/],
  [(swarm) => swarm.kill(1, 65), 'EINVAL', 'signal', /65/],
  [(swarm) => never(swarm).kill(NO_NAME), 'EINVAL', 'signal', /SIGNONE/],
  [(swarm) => never(swarm).kill('toString' as 'SIGTERM'), 'EINVAL', 'signal', /toString/],
  [(swarm) => swarm.update(1, { pids_limit: 1 }), 'EIO', '', /has not answered/],
  [() => SwarmGuard.open({ directory: '/nowhere' }), 'ENOENT', '', /^\/nowhere\/status: /],
  [() => loadPolicy('/nowhere/policy.wasm'), 'ENOENT', '', /^\/nowhere\/policy.wasm: /],
  [() => Promise.reject(received({ what: 'is no error' })), 'EPROTO', '', /is no error/],
];

test('CLIENT-53: what fails without the kernel is a SwarmError with errno, key and message too', async ({
  swarm,
  directory,
}) => {
  for (const [work, code, field, message] of REFUSED) {
    const failure = await failureOf(() => work(swarm));
    expect.soft(failure, String(work)).toBeInstanceOf(SwarmError);
    expect
      .soft(failure, String(work))
      .toMatchObject({ code, field, message: expect.stringMatching(message) });
  }
  const swarmctl = await bundle(join(repository, 'client/cli/main.ts'), 'swarmctl-client');
  const { stderr, exitCode } = await execa(
    process.execPath,
    [swarmctl, '--directory', directory, 'run', '-t', 'true'],
    { env: { SWARM_GUARD_ADDON: '/nowhere/launcher.node' }, reject: false, stdin: 'ignore' },
  );
  expect(exitCode).toBe(125);
  expect(stderr).toMatch(
    /is not built for Node .* \(ENOENT\)\nhint: it needs a compiler .*npm rebuild swarm-guard/,
  );
});

test('CLIENT-54: what the kernel would refuse whatever its state is not written to it', async ({
  swarm,
  directory,
}) => {
  const calls = [
    () => swarm.create({ memory_limit: 1 }),
    () => swarm.update(1, { memory_limit: 1 }),
    () => swarm.attach(0, { pid: 1 }),
    () => swarm.attach(1, { pid: 0 }),
    () => swarm.destroy(0),
    () => swarm.freeze(0),
    () => swarm.spawn(['true'], { policy: { memory_limit: 1 } }),
  ];
  for (const call of calls)
    expect.soft(await failureOf(call), String(call)).toMatchObject({ name: 'SwarmError', code: 'EINVAL' });
  for (const file of ORDERS) expect.soft(await readFile(join(directory, file), 'utf8'), file).toBe('');
  // A plain file answers nothing; each refusal is the answer to its own request.
  const answers = [];
  for await (const answer of swarm.createMany([{ name: 'one' }, { memory_limit: 1 }, {}, { pids_limit: -1 }]))
    answers.push(answer);
  expect(answers).toMatchObject([
    { kind: 'refused', error: 'EINVAL', field: 'memory_limit', offset: 16 },
    { kind: 'refused', error: 'EINVAL', field: 'pids_limit' },
  ]);
  expect(await readFile(join(directory, 'create'), 'utf8')).toBe('{"name":"one"}{}');
});

test('CLIENT-58: a signal that is aborted ends every call, and a time ends reading events', async ({
  swarm,
  directory,
}) => {
  const aborted = { signal: AbortSignal.abort() };
  const all = async (values: AsyncIterable<unknown>) => {
    const found = [];
    for await (const value of values) found.push(value);
    return found;
  };
  const program = never(swarm);
  const calls = [
    () => SwarmGuard.open({ directory, ...aborted }),
    () => SwarmGuard.connect({ host: 'localhost', knownHosts: join(directory, 'known'), ...aborted }),
    () => swarm.create({}, aborted),
    () => all(swarm.createMany([{}], aborted)),
    () => swarm.attach(1, { pid: 1 }, aborted),
    () => swarm.update(1, { pids_limit: 1 }, aborted),
    () => swarm.freeze(1, true, aborted),
    () => swarm.destroy(1, aborted),
    () => swarm.kill(1, 'SIGTERM', aborted),
    () => swarm.inspect(1, aborted),
    () => all(swarm.inspectAll([1], aborted)),
    () => all(swarm.agents(aborted)),
    () => swarm.metrics(aborted),
    () => swarm.status(aborted),
    () => swarm.locate({}, aborted),
    () => swarm.spawn(['true'], aborted),
    () => swarm.exec(1, ['true'], aborted),
    () => program.update({ pids_limit: 1 }, aborted),
    () => program.freeze(true, aborted),
    () => program.destroy(aborted),
  ];
  await writeFile(join(directory, 'known'), 'localhost ssh-ed25519 AAAA\n');
  for (const call of calls)
    expect.soft(await failureOf(call), String(call)).toMatchObject({ name: 'AbortError' });
  for (const file of ORDERS) expect.soft(await readFile(join(directory, file), 'utf8'), file).toBe('');
  expect(await all(swarm.events({ since: 'oldest', ...aborted }))).toEqual([]);
  // What is never written to, as /proc/swarm/events is while nothing happens.
  await rm(join(directory, 'events'));
  await execa('mkfifo', [join(directory, 'events')]);
  const writer = await open(join(directory, 'events'), 'r+');
  try {
    const began = performance.now();
    expect(await all(swarm.events({ since: 'oldest', timeout: 300 }))).toEqual([]);
    expect(performance.now() - began).toBeGreaterThan(290);
  } finally {
    await writer.close();
  }
});

test('CLIENT-81: a time and a signal end the wait for the next request of a call, and leave what was asked for before', async ({
  swarm,
  directory,
}) => {
  let closed = 0;
  async function* never<T>(value: T) {
    try {
      yield value;
      await new Promise(() => undefined);
    } finally {
      closed += 1;
    }
  }
  const all = async (values: AsyncIterable<unknown>) => {
    for await (const value of values) expect(value).toBeUndefined();
  };
  const late = { signal: AbortSignal.timeout(200) };
  const request = { name: 'asked' };
  expect
    .soft(await failureOf(() => all(swarm.createMany(never(request), { timeout: 200 }))))
    .toMatchObject({ name: 'TimeoutError' });
  expect
    .soft(await failureOf(() => all(swarm.createMany(never(request), late))))
    .toMatchObject({ name: 'TimeoutError' });
  expect(await readFile(join(directory, 'create'), 'utf8')).toBe('{"name":"asked"}');
  const nothing: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => 1) }),
  };
  await writeFile(join(directory, 'inspect'), '');
  expect
    .soft(await failureOf(() => all(swarm.inspectAll(nothing, { timeout: 200 }))))
    .toMatchObject({ name: 'TimeoutError' });
  // A source that is left early is closed.
  for await (const value of swarm.createMany(never({ memory_limit: 1 }))) {
    expect(value).toMatchObject({ kind: 'refused' });
    break;
  }
  expect(closed).toBe(1);
});

test('CLIENT-61: agents are listed as they are read, not once all have been', async ({
  swarm,
  directory,
}) => {
  const line = (id: number) => `ID: ${id}, PID: 0, Memory: max, CPU: max, Namespaces: 0x7F\n`;
  await rm(join(directory, 'agents'));
  await execa('mkfifo', [join(directory, 'agents')]);
  const writer = await open(join(directory, 'agents'), 'r+');
  const agents = swarm.agents();
  const next = async () => (await agents.next()).value as unknown;
  try {
    await writer.write(line(1) + line(2));
    expect([await next(), await next()]).toMatchObject([{ id: 1 }, { id: 2 }]);
    await writer.write(line(3));
    expect(await next()).toMatchObject({ id: 3 });
  } finally {
    await writer.close();
  }
  expect(await agents.next()).toEqual({ done: true, value: undefined });
});

/** The fields of a package in a lock file. */
const locked = z.object({
  dependencies: z.record(z.string(), z.string()).optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
  hasInstallScript: z.boolean().optional(),
});

test('CLIENT-62: the package depends on what its page names, and two of these packages run scripts when they are installed', async () => {
  const json = async (path: string) => JSON.parse(await readFile(join(repository, path), 'utf8')) as unknown;
  const { packages } = z
    .object({ packages: z.record(z.string(), locked) })
    .parse(await json('package-lock.json'));
  const { dependencies = {} } = locked.parse(await json('client/package.json'));
  const found = new Map<string, z.infer<typeof locked>>();
  const follow = (names: readonly string[]) => {
    for (const name of names.filter((each) => !found.has(each))) {
      const entry = packages[`client/node_modules/${name}`] ?? packages[`node_modules/${name}`] ?? {};
      found.set(name, entry);
      follow(Object.keys({ ...entry.dependencies, ...entry.optionalDependencies }));
    }
  };
  follow(Object.keys(dependencies));
  expect([...found.keys()].sort()).toEqual([
    ...[
      'asn1',
      'bcrypt-pbkdf',
      'buildcheck',
      'cpu-features',
      'nan',
      'node-addon-api',
      'safer-buffer',
      'ssh2',
    ],
    ...['tweetnacl', 'vscode-jsonrpc', 'zod'],
  ]);
  const scripted = [...found].filter(([, { hasInstallScript }]) => hasInstallScript).map(([name]) => name);
  expect(scripted.sort()).toEqual(['cpu-features', 'ssh2']);
  const page = await readFile(join(repository, 'client/README.md'), 'utf8');
  for (const name of [...Object.keys(dependencies), ...scripted]) expect(page).toContain(`\`${name}\``);
});

test('CLIENT-63: if a connection ends, each of its programs does, whatever its streams are', async () => {
  // As vscode-jsonrpc does: once it is closed, sending throws at once.
  let closed = false;
  const send = () => {
    if (closed) throw new Error('Connection is closed.');
    return Promise.resolve(null);
  };
  const connection = {
    ...{ sendNotification: send, sendRequest: send },
    ...{ onNotification: () => undefined, onRequest: () => undefined },
  } as unknown as ConstructorParameters<typeof Programs>[0];
  const programs = new Programs(connection, {} as Swarm);
  const running = [
    programs.spawn(['cat'], {}),
    programs.spawn(['sh'], { terminal: true }),
    programs.spawn(['sleep', '600'], { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' }),
  ];
  closed = true;
  programs.end(new SwarmError('ECONNRESET', 'the connection has ended'));
  for (const end of await Promise.allSettled(running))
    expect(end).toMatchObject({ status: 'rejected', reason: { code: 'ECONNRESET' } });
  running[1]?.terminal?.resize({ rows: 1, columns: 1 });
  expect(running.map((each) => each.kill())).toEqual([false, false, false]);
  for (const each of running) await expect(each.destroy()).rejects.toMatchObject({ code: 'ECONNRESET' });
});
