/** Programs of another machine where no other machine is needed: a client and a server over two pipes. */
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { expect, test } from '@playwright/test';
import { StreamMessageReader, StreamMessageWriter, createMessageConnection } from 'vscode-jsonrpc/node';
import type { AgentEnd, AgentProcess } from '../../client/process.js';
import { Programs } from '../../client/remote/programs.js';
import { serve } from '../../client/remote/serve.js';
import type { SpawnOptions } from '../../client/spawn.js';
import type { Swarm } from '../../client/swarm.js';

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
  const parts = {
    started: Promise.resolve({ id: 7, pid: 8 }),
    stdin: null,
    stdout: Readable.from([]),
    stderr: Readable.from([Buffer.alloc(bytes, 'x')]),
    terminal: null,
    kill: () => true,
    destroy: () => Promise.resolve(),
  };
  return Object.assign(Promise.resolve(END), parts) as unknown as AgentProcess;
}

/** Runs that program on a machine at the other end of two pipes. */
function spawned(bytes: number, options: SpawnOptions = {}): AgentProcess {
  const [up, down] = [new PassThrough(), new PassThrough()];
  void serve({ spawn: () => printing(bytes) } as unknown as Swarm, up, down);
  const connection = createMessageConnection(new StreamMessageReader(down), new StreamMessageWriter(up));
  const programs = new Programs(connection, {} as Swarm);
  connection.listen();
  return programs.spawn(['program'], options);
}

/** The outcome of a promise, if it settles soon. */
async function soon(promise: Promise<AgentEnd>): Promise<string> {
  const late = new Promise<string>((resolve) => setTimeout(resolve, 3000, 'nothing'));
  const told = promise.then(
    ({ exit }) => `exit ${exit}`,
    (error: unknown) => (error instanceof Error ? error.name : String(error)),
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
