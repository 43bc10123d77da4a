/** The control socket of a QEMU that dies. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { Qmp } from '../../harness/guest/qmp.js';
import { resumeState, saveState } from '../../harness/guest/state.js';
import { InfrastructureError } from '../../harness/util/errors.js';
import { whereabouts } from '../../harness/guest/whereabouts.js';

/** A server that greets as QEMU does, answers `answers` commands and then dies with the next one unread, or hangs. */
async function dying(
  path: string,
  answers: number,
  end: 'dies' | 'hangs' = 'dies',
): Promise<{ close: () => void }> {
  const server = createServer((socket: Socket) => {
    let left = answers;
    socket.on('error', () => undefined);
    socket.write('{"QMP":{}}\n');
    socket.on('readable', () => {
      // Closing with bytes unread resets the connection, as the death of a process does.
      if (left === 0 && end === 'dies') socket.destroy();
      else if (socket.read() !== null && left > 0) {
        left -= 1;
        socket.write('{"return":{}}\n');
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { close: () => server.close() };
}

for (const [when, answers] of [
  ['before it has answered anything', 0],
  ['later', 1],
] as const) {
  test(`GUEST-02: a QEMU that dies ${when} is an error of the command, and of every later one`, async () => {
    const dir = await mkdtemp(join(tmpdir(), 'swarm-guard-qmp-'));
    const server = await dying(join(dir, 'qmp'), answers);
    try {
      const connecting = Qmp.connect(join(dir, 'qmp'), new AbortController().signal);
      const commands = connecting.then(async (qmp) => {
        await expect(qmp.command('stop')).rejects.toThrow('QEMU closed its control socket');
        return qmp.command('stop');
      });
      await expect(commands).rejects.toThrow('QEMU closed its control socket');
    } finally {
      server.close();
      await rm(dir, { recursive: true });
    }
  });
}

test('GUEST-09: where a QEMU is that dies, or hangs, is told all the same', async () => {
  for (const [end, said] of [
    ['dies', 'QEMU closed its control socket'],
    ['hangs', 'QEMU has not answered for 5 s'],
  ] as const) {
    const dir = await mkdtemp(join(tmpdir(), 'swarm-guard-qmp-'));
    const server = await dying(join(dir, 'qmp'), 1, end);
    const qmp = await Qmp.connect(join(dir, 'qmp'), new AbortController().signal);
    expect(await whereabouts(qmp)).toBe(said);
    qmp.close();
    server.close();
    await rm(dir, { recursive: true });
  }
});

test('HARNESS-43: a QEMU that makes no control socket, or accepts no commands, is given up after a time', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'swarm-guard-qmp-'));
  const server = await dying(join(dir, 'mute'), 0, 'hangs');
  try {
    for (const name of ['none', 'mute']) {
      const begun = performance.now();
      await expect
        .soft(Qmp.connect(join(dir, name), new AbortController().signal, 500), name)
        .rejects.toThrow('QEMU has not accepted commands for 0.5 s');
      expect.soft(performance.now() - begun, name).toBeLessThan(10_000);
      // A machine that ends meanwhile is told by its own reason.
      const ended = new AbortController();
      setTimeout(() => {
        ended.abort(new Error('QEMU exited'));
      }, 200);
      await expect.soft(Qmp.connect(join(dir, name), ended.signal), name).rejects.toThrow('QEMU exited');
    }
  } finally {
    server.close();
    await rm(dir, { recursive: true });
  }
});

test('GUEST-25: a QEMU that hangs while a state is written or read is given up, and the error says so', async () => {
  for (const work of [(qmp: Qmp) => saveState(qmp, '/nowhere', 500), (qmp: Qmp) => resumeState(qmp, 500)]) {
    const dir = await mkdtemp(join(tmpdir(), 'swarm-guard-qmp-'));
    const server = await dying(join(dir, 'qmp'), 1, 'hangs');
    const qmp = await Qmp.connect(join(dir, 'qmp'), new AbortController().signal);
    const error: unknown = await work(qmp).catch((thrown: unknown) => thrown);
    qmp.close();
    server.close();
    await rm(dir, { recursive: true });
    expect(error).toBeInstanceOf(InfrastructureError);
    expect(String(error)).toMatch(/no end after 0\.5 s \(QEMU has not answered for 5 s\)/);
  }
});

test('GUEST-03: a QEMU that dies in the middle of a message ends its commands, and nothing else', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'swarm-guard-qmp-'));
  let asked = 0;
  const server = createServer((socket: Socket) => {
    socket.on('error', () => undefined);
    socket.write('{"QMP":{}}\n');
    socket.on('data', () => {
      asked += 1;
      if (asked === 1) socket.write('{"return":{}}\n');
      else socket.end('{"return":{"stat');
    });
  });
  await new Promise<void>((resolve) => server.listen(join(dir, 'qmp'), resolve));
  try {
    const qmp = await Qmp.connect(join(dir, 'qmp'), new AbortController().signal);
    await expect(qmp.command('query-status')).rejects.toThrow('QEMU closed its control socket');
    await expect(qmp.command('query-status')).rejects.toThrow('QEMU closed its control socket');
  } finally {
    server.close();
    await rm(dir, { recursive: true });
  }
});
