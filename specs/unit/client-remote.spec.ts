/** Programs of another machine where no other machine is needed: a client and a server over two pipes. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { expect, test } from '@playwright/test';
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
    expect(() => programs.spawn(['program'], {}, id), String(id)).toThrow(`${id} is no id of an agent`);
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
