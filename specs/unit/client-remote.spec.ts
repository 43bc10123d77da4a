/** Programs of another machine where no other machine is needed: a client and a server over two pipes. */
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createConnection, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { setInterval, setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { StreamMessageReader, StreamMessageWriter, createMessageConnection } from 'vscode-jsonrpc/node';
import type { MessageConnection } from 'vscode-jsonrpc/node';
import { SwarmError } from '../../client/error.js';
import { exporter } from '../../client/export/exporter.js';
import type { AgentEnd, AgentProcess } from '../../client/process.js';
import { RemoteSwarm } from '../../client/remote/connect.js';
import { Programs } from '../../client/remote/programs.js';
import { MESSAGES } from '../../client/remote/protocol.js';
import { serve } from '../../client/remote/serve.js';
import type { SpawnOptions } from '../../client/spawn.js';
import type { Swarm } from '../../client/swarm.js';
import { repository } from '../../harness.config.js';
import { sshServer } from '../support/ssh-server.js';
import type { SshServer } from '../support/ssh-server.js';

const END: Partial<AgentEnd> = {
  id: 7,
  pid: 8,
  oom: false,
  reason: 'exit',
  violations: 0,
  audited: 0,
  exit: 0,
};

/** A program that prints so many bytes as errors, and whose end a machine knows at once. */
function printing(bytes: number): AgentProcess {
  return Object.assign(Promise.resolve(END), partsOf(bytes)) as unknown as AgentProcess;
}

/** A program that prints so many bytes as errors. */
function partsOf(bytes: number) {
  return {
    started: Promise.resolve({ id: 7, pid: 8 }),
    stdin: null,
    stdout: Readable.from([]),
    stderr: Readable.from([Buffer.alloc(bytes, 'x')]),
    terminal: null,
    kill: () => true,
    destroy: () => Promise.resolve(),
  };
}

/** A client's connection to a machine at the other end of two pipes. */
function connected(swarm: object): MessageConnection {
  const [up, down] = [new PassThrough(), new PassThrough()];
  void serve(swarm as Swarm, up, down);
  return createMessageConnection(new StreamMessageReader(down), new StreamMessageWriter(up));
}

/** Runs a program there. */
function ran(program: AgentProcess, options: SpawnOptions = {}): AgentProcess {
  const connection = connected({ spawn: () => program });
  const programs = new Programs(connection, {} as Swarm);
  connection.listen();
  return programs.spawn(['program'], options);
}

/** Runs a program that prints so many bytes there. */
function spawned(bytes: number, options: SpawnOptions = {}): AgentProcess {
  return ran(printing(bytes), options);
}

/** The outcome of a promise, if it settles soon. */
async function soon(promise: Promise<unknown>): Promise<string> {
  const late = new Promise<string>((resolve) => setTimeout(resolve, 3000, 'nothing'));
  const told = promise.then(
    (end) => `exit ${(end as AgentEnd | undefined)?.exit}`,
    (error: unknown) =>
      error instanceof SwarmError ? error.code : error instanceof Error ? error.name : String(error),
  );
  return Promise.race([told, late]);
}

/** The treatment of an error stream: nobody looks at it, or somebody has begun to read and stopped. */
const READERS: Readonly<Record<string, (stream: Readable) => void>> = {
  unread: () => undefined,
  paused: (stream) => stream.on('data', () => undefined).pause(),
  // Whoever listens for this reads when it likes to.
  asked: (stream) => stream.on('readable', () => undefined),
};

test('CLIENT-64: a program of another machine ends, and can be ended, while nobody reads what it prints', async () => {
  for (const bytes of [1000, 20_000, 1_000_000])
    for (const [reader, read] of Object.entries(READERS)) {
      const plain = spawned(bytes);
      read(plain.stderr);
      // Less than a pipe holds; more is taken for whoever has shown that it reads nothing.
      if (bytes < 1_000_000 || reader === 'unread')
        expect.soft(await soon(plain), `${reader} ${bytes}`).toBe('exit 0');
      const stopped = spawned(bytes);
      read(stopped.stderr);
      expect.soft(await soon(stopped.stop(100)), `${reader} ${bytes}, stop`).toBe('exit 0');

      const stop = new AbortController();
      const aborted = spawned(bytes, { signal: stop.signal });
      read(aborted.stderr);
      stop.abort();
      expect.soft(await soon(aborted), `${reader} ${bytes}, abort`).toBe('AbortError');

      const timed = spawned(bytes, { timeout: 1 });
      read(timed.stderr);
      // As long as this thread does nothing else, nothing arrives before the time is over.
      const until = performance.now() + 20;
      while (performance.now() < until);
      expect.soft(await soon(timed), `${reader} ${bytes}, timeout`).toBe('TimeoutError');
    }
});

test('CLIENT-65: what a program of another machine has printed before its end is all there for a reader who comes later', async () => {
  for (const bytes of [1000, 20_000, 200_000]) {
    const program = spawned(bytes);
    program.stderr.pause();
    await program.started;
    program.stderr.on('readable', () => undefined);
    expect(await soon(program)).toBe('exit 0');
    program.stderr.removeAllListeners('readable');
    let read = 0;
    program.stderr.on('data', (data: Buffer) => (read += data.length)).resume();
    await once(program.stderr, 'end');
    expect(read).toBe(bytes);
  }
});

test('CLIENT-69: a machine answers a start that it does not understand, and serves on', async () => {
  const connection = connected({ spawn: () => printing(0), status: () => Promise.resolve({ active: 1 }) });
  const ended: unknown[] = [];
  connection.onNotification(MESSAGES.ended, (given) => {
    ended.push(given);
  });
  connection.listen();
  const start = { argv: ['program'], options: {} };
  const wrong = [{ agent: 0 }, { agent: null }, { argv: 'program' }, { options: 1 }];
  for (const [index, each] of wrong.entries())
    await connection.sendNotification('spawn', { handle: index + 1, ...start, ...each });
  for (const without of [{}, null, { handle: 'a' }]) await connection.sendNotification('spawn', without);
  for (const method of ['inputEnd', 'kill', 'resize'])
    await connection.sendNotification(method, { handle: 0 });
  for (const method of ['call', 'open', 'next', 'close', 'input', 'destroy'])
    await expect(connection.sendRequest(method, { handle: 0 }), method).rejects.toMatchObject({
      data: { code: 'EPROTO', message: expect.stringContaining('asks in another way than this version') },
    });
  expect(await connection.sendRequest(MESSAGES.call, { method: 'status', args: [] })).toEqual({ active: 1 });
  await expect.poll(() => ended).toHaveLength(wrong.length);
  expect(ended).toEqual(
    wrong.map((_, index) => ({ handle: index + 1, error: expect.objectContaining({ code: 'EPROTO' }) })),
  );

  const programs = new Programs(connection, {} as Swarm);
  for (const id of [0, -1, NaN, 1.5])
    // As of this machine: the handle rejects.
    await expect(programs.spawn(['program'], {}, id), String(id)).rejects.toMatchObject({
      code: 'EINVAL',
      field: 'id',
      message: `${id} is no id of an agent`,
    });
});

/** A client of a machine. */
async function clientOf(far: SshServer, home: string, timeout?: number): Promise<RemoteSwarm> {
  const { port } = new URL(far.host.replace('ssh:', 'http:'));
  return RemoteSwarm.connect({
    host: '127.0.0.1',
    port: Number(port),
    username: 'root',
    privateKey: await readFile(join(home, '.ssh/id_ed25519'), 'utf8'),
    knownHosts: join(home, '.ssh/known_hosts'),
    ...(timeout === undefined ? {} : { timeout }),
  });
}

/** A machine that says nothing more once somebody has connected. */
const silent = {
  status: () => Promise.resolve({ active: 1, created: 1, destroyed: 0, violations: 0 }),
  metrics: () => Promise.resolve('# EOF\n'),
  agents: async function* () {
    yield await new Promise(() => undefined);
  },
  events: async function* () {
    yield await new Promise(() => undefined);
  },
} as unknown as Swarm;

test('CLIENT-70: timeouts and signals end an iterator, and a scrape, while the other machine is silent', async ({}, info) => {
  const home = info.outputPath('home');
  const far = await sshServer(silent, home);
  const client = await clientOf(far, home);
  const all = async (values: AsyncIterable<unknown>) => {
    for await (const value of values) expect(value).toBeUndefined();
  };
  try {
    expect.soft(await soon(all(client.agents({ timeout: 100 })))).toBe('TimeoutError');
    expect.soft(await soon(all(client.events({ timeout: 100 })))).toBe('exit undefined');
    const stop = new AbortController();
    const events = soon(all(client.events({ signal: stop.signal })));
    setTimeout(() => {
      stop.abort();
    }, 100);
    expect.soft(await events).toBe('exit undefined');
    let connecting = Promise.resolve<Swarm>(client);
    const scrape = exporter(() => connecting, { agents: 5, patience: 100 });
    expect.soft(await soon(scrape())).toBe('ETIMEDOUT');
    connecting = new Promise(() => undefined);
    expect.soft(await soon(scrape())).toBe('ETIMEDOUT');
    // The next one is another scrape.
    connecting = Promise.resolve({
      ...silent,
      agents: async function* () {},
      inspectAll: async function* () {},
    } as unknown as Swarm);
    expect.soft(await scrape()).toContain('# EOF');
  } finally {
    await client.close();
    far.close();
  }
  const muteHome = info.outputPath('mute');
  const mute = await sshServer(silent, muteHome, { mute: true });
  expect.soft(await soon(clientOf(mute, muteHome, 500))).toBe('ETIMEDOUT');
  mute.close();
});

test('CLIENT-80: a time holds for all requests of a call to another machine, and ends the wait for the next one', async ({}, info) => {
  const answering = {
    ...silent,
    createMany: async function* (requests: Iterable<object>) {
      for (const request of requests) yield await Promise.resolve({ kind: 'created', id: 1, ...request });
    },
    inspectAll: async function* (ids: Iterable<number>) {
      for (const id of ids) yield await Promise.resolve(id > 1 ? id : undefined);
    },
  } as unknown as Swarm;
  const home = info.outputPath('home');
  const far = await sshServer(answering, home);
  const client = await clientOf(far, home);
  const all = async (values: AsyncIterable<unknown>) => {
    for await (const value of values) expect([value, 'answer']).toContain('answer');
  };
  /** Values without an end, so slowly that each request to the machine takes a fraction of the time. */
  const slowly = <T>(value: T) => setInterval(1, value);
  async function* never<T>(value: T) {
    yield value;
    await new Promise(() => undefined);
  }
  try {
    const time = { timeout: 1000 };
    expect.soft(await soon(all(client.createMany(slowly({}), time)))).toBe('TimeoutError');
    expect.soft(await soon(all(client.inspectAll(slowly(1), time)))).toBe('TimeoutError');
    expect.soft(await soon(all(client.createMany(never({}), time)))).toBe('TimeoutError');
    expect.soft(await soon(all(client.inspectAll(never(1), time)))).toBe('TimeoutError');
  } finally {
    await client.close();
    far.close();
  }
});

test('CLIENT-82: a program of another machine in a terminal has the TERM of whoever started it, unless it is given one', async () => {
  const seen: SpawnOptions[] = [];
  const connection = connected({
    spawn: (_: unknown, options: SpawnOptions) => {
      seen.push(options);
      return printing(0);
    },
  });
  const programs = new Programs(connection, {} as Swarm);
  connection.listen();
  const before = process.env['TERM'];
  process.env['TERM'] = 'vt220';
  try {
    for (const options of [
      { terminal: true },
      { terminal: true, env: { TERM: 'dumb', A: 'a' } },
      { env: { A: 'a' } },
    ])
      expect(await soon(programs.spawn(['program'], options))).toBe('exit 0');
  } finally {
    if (before === undefined) delete process.env['TERM'];
    else process.env['TERM'] = before;
  }
  expect(seen.map(({ env }) => env)).toEqual([{ TERM: 'vt220' }, { TERM: 'dumb', A: 'a' }, { A: 'a' }]);
});

test('CLIENT-71: a program of another machine ends although another process holds its output', async () => {
  const held = () => new PassThrough();
  const program = (stdout: Readable, more: object = {}) =>
    Object.assign(Promise.resolve(END), { ...partsOf(0), stdout, ...more }) as unknown as AgentProcess;
  const stdout = held();
  stdout.write('ready\n');
  const quiet = ran(program(stdout));
  let printed = '';
  quiet.stdout.on('data', (data: Buffer) => (printed += data.toString()));
  expect(await soon(quiet)).toBe('exit 0');
  expect(printed).toBe('ready\n');
  // What another process prints later finds the stream open.
  stdout.write('more\n');
  expect(stdout.destroyed).toBe(false);

  const chatty = ran(
    program(
      Readable.from(
        (async function* () {
          for (;;) yield await new Promise((resolve) => setImmediate(resolve, Buffer.alloc(65_536, 'x')));
        })(),
      ),
    ),
  );
  chatty.stdout.resume();
  expect(await soon(chatty)).toBe('exit 0');

  // Ended by its client, who reads none of it.
  for (const how of ['destroy', 'kill'] as const) {
    let over: (end: object) => void = () => undefined;
    const end = new Promise((resolve) => (over = resolve));
    const kill = () => {
      over(END);
      return true;
    };
    const parts = { ...partsOf(1_000_000), kill, destroy: () => Promise.resolve(kill()) };
    const stopped = ran(Object.assign(end, parts) as unknown as AgentProcess);
    stopped.stderr.on('data', () => undefined).pause();
    await stopped.started;
    await stopped[how]();
    expect(await soon(stopped), how).toBe('exit 0');
  }
});

test('CLIENT-72: a program fails if its machine tells of it in a way that this version does not understand', async () => {
  for (const news of ['started', 'exited', 'ended'] as const) {
    const [up, down] = [new PassThrough(), new PassThrough()];
    const machine = createMessageConnection(new StreamMessageReader(up), new StreamMessageWriter(down));
    machine.onNotification(MESSAGES.spawn, ({ handle }) => {
      void machine.sendNotification(news as string, { handle, end: { how: 'well' }, id: 'seven' });
    });
    machine.listen();
    const connection = createMessageConnection(new StreamMessageReader(down), new StreamMessageWriter(up));
    const programs = new Programs(connection, {} as Swarm);
    connection.listen();
    expect(await soon(programs.spawn(['program'], {})), news).toBe('EPROTO');
  }
});

test('CLIENT-73: an iterator whose connection ends while it is opened says so', async ({}, info) => {
  const home = info.outputPath('home');
  const far = await sshServer(silent, home);
  const client = await clientOf(far, home);
  const next = client.agents().next();
  far.drop();
  await expect(next).rejects.toMatchObject({ code: 'ECONNRESET', message: 'the connection has ended' });
  far.close();
});

/** A stream of so many bytes, in pieces as a pipe gives them. */
function pieces(bytes: number): Readable {
  const size = 8192;
  return Readable.from(
    Array.from({ length: Math.ceil(bytes / size) }, (_, index) =>
      Buffer.alloc(Math.min(size, bytes - index * size), 'x'),
    ),
  );
}

test('CLIENT-74: whoever reads a program of another machine that is destroyed or stopped gets all that it has printed', async () => {
  for (const how of ['destroy', 'stop'] as const) {
    let over: (end: object) => void = () => undefined;
    const end = new Promise((resolve) => (over = resolve));
    const destroy = () => {
      over(END);
      return Promise.resolve();
    };
    // It does not handle SIGTERM.
    const parts = { ...partsOf(0), stderr: pieces(500_000), destroy };
    const program = ran(Object.assign(end, parts) as unknown as AgentProcess);
    let read = 0;
    const reading = (async () => {
      for await (const data of program.stderr as AsyncIterable<Buffer>) {
        read += data.length;
        await sleep(1);
      }
    })();
    await program.started;
    await (how === 'stop' ? program.stop(50) : program.destroy());
    expect(await soon(program), how).toBe('exit 0');
    await reading;
    expect(read, how).toBe(500_000);
  }
});

test('CLIENT-75: as much as a pipe can hold comes after the end of a program of another machine', async () => {
  const bytes = (1 << 20) + 400_000;
  const program = Object.assign(Promise.resolve(END), { ...partsOf(0), stderr: pieces(bytes) });
  const there = ran(program as unknown as AgentProcess);
  let read = 0;
  there.stderr.on('data', (data: Buffer) => (read += data.length));
  const ended = once(there.stderr, 'end');
  expect(await soon(there)).toBe('exit 0');
  await ended;
  expect(read).toBe(bytes);
});

test('CLIENT-76: a machine whose client goes away while a program prints goes on', async () => {
  const [up, down] = [new PassThrough(), new PassThrough()];
  const failures: unknown[] = [];
  const failed = (error: unknown) => failures.push(error);
  process.on('unhandledRejection', failed);
  const stdout = new PassThrough();
  const program = { ...partsOf(0), stdout };
  const never = new Promise(() => undefined);
  const swarm = { spawn: () => Object.assign(never, program) } as unknown as Swarm;
  const serving = serve(swarm, up, down);
  const connection = createMessageConnection(new StreamMessageReader(down), new StreamMessageWriter(up));
  const programs = new Programs(connection, {} as Swarm);
  connection.listen();
  programs.spawn(['program'], {}).catch(() => undefined);
  stdout.write('before');
  await sleep(50);
  up.end();
  await serving;
  stdout.write('after');
  stdout.end();
  await sleep(50);
  process.off('unhandledRejection', failed);
  expect(failures).toEqual([]);
});

test('CLIENT-77: a process ends although the other machine has gone silent and closes nothing', async ({}, info) => {
  const home = info.outputPath('home');
  const far = await sshServer(silent, home);
  const { port } = new URL(far.host.replace('ssh:', 'http:'));
  // Between them, what is sent is lost from some moment on.
  let sockets: Socket[] = [];
  const between = createServer({ allowHalfOpen: true }, (near) => {
    const other = createConnection({ host: '127.0.0.1', port: Number(port), allowHalfOpen: true });
    sockets = [near, other];
    for (const each of sockets) each.on('error', () => undefined);
    near.pipe(other, { end: false });
    other.pipe(near, { end: false });
  }).listen(0, '127.0.0.1');
  await once(between, 'listening');
  const known = await readFile(join(home, '.ssh/known_hosts'), 'utf8');
  const reached = (between.address() as AddressInfo).port;
  await writeFile(join(home, '.ssh/known_hosts'), known.replace(`:${port} `, `:${reached} `));
  const script = `
    import { SwarmGuard } from './client/guard.ts';
    const swarm = await SwarmGuard.connect('ssh://root@127.0.0.1:${reached}');
    await swarm.status();
    console.log('connected');
    await new Promise((resolve) => process.stdin.once('data', resolve));
    process.stdin.destroy();
    await swarm.close();`;
  const child = execa(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    cwd: repository,
    env: { HOME: home, SSH_AUTH_SOCK: '' },
    reject: false,
    timeout: 30_000,
  });
  await once(child.stdout, 'data');
  for (const each of sockets) each.unpipe();
  child.stdin.write('\n');
  const { exitCode, timedOut, stderr } = await child;
  for (const each of sockets) each.destroy();
  between.close();
  far.close();
  expect({ exitCode, timedOut, stderr }).toEqual({ exitCode: 0, timedOut: false, stderr: '' });
});

/** A machine that says and asks what a test likes, and the client's programs. */
function scripted() {
  const [up, down] = [new PassThrough(), new PassThrough()];
  const machine = createMessageConnection(new StreamMessageReader(up), new StreamMessageWriter(down));
  machine.listen();
  const connection = createMessageConnection(new StreamMessageReader(down), new StreamMessageWriter(up));
  const programs = new Programs(connection, {} as Swarm);
  connection.onClose(() => {
    programs.end(new SwarmError('ECONNRESET', 'the connection has ended'));
  });
  connection.listen();
  return { machine, programs, cut: () => down.end() };
}

test('CLIENT-78: a program whose end is known has that end although the connection ends before its output does', async () => {
  for (const known of [true, false]) {
    const { machine, programs, cut } = scripted();
    machine.onNotification(MESSAGES.spawn, ({ handle }) => {
      void (async () => {
        await machine.sendNotification(MESSAGES.started, { handle, id: 7, pid: 8 });
        const end = { ...END, oomKills: 0, cpuUsec: 1, memoryPeak: 1, runtimeUsec: 1 };
        if (known) await machine.sendNotification(MESSAGES.exited, { handle, end });
        await sleep(100);
        cut();
      })();
    });
    expect(await soon(programs.spawn(['program'], {}))).toBe(known ? 'exit 0' : 'ECONNRESET');
  }
});

test('CLIENT-79: what is kept of a program that is over, for a reader who does not read, has a bound', async () => {
  const { machine, programs } = scripted();
  const asked = new Promise<number>((resolve) => {
    machine.onNotification(MESSAGES.spawn, ({ handle }) => {
      resolve(handle);
    });
  });
  const program = programs.spawn(['program'], {});
  program.catch(() => undefined);
  // Whoever has begun to read may read on.
  program.stdout.on('data', () => undefined).pause();
  const handle = await asked;
  await machine.sendNotification(MESSAGES.started, { handle, id: 7, pid: 8 });
  const end = { ...END, oomKills: 0, cpuUsec: 1, memoryPeak: 1, runtimeUsec: 1 };
  await machine.sendNotification(MESSAGES.exited, { handle, end });
  // A MiB each.
  const data = Buffer.alloc(1 << 20).toString('base64');
  let taken = 0;
  const sent = Array.from({ length: 15 }, async () => {
    const output = { handle, stream: 'stdout' as const, data };
    await machine.sendRequest(MESSAGES.output, output);
    taken += 1;
  });
  await expect.poll(() => taken).toBeGreaterThan(5);
  await sleep(300);
  expect(taken).toBeLessThanOrEqual(8);
  // And the reader gets all of it.
  program.stdout.resume();
  await Promise.all(sent);
  expect(taken).toBe(15);
});
