/** The harness's connection to a guest, with servers that are none. */
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@playwright/test';
import { SshConnection } from '../../harness/guest/ssh.js';

/** Ways in which a server may behave, and the beginning of what the harness says of them. */
const SERVERS: Readonly<Record<string, readonly [behave: (socket: Socket) => void, message: RegExp]>> = {
  'another protocol, and a reset behind it': [
    (socket) => {
      socket.write('SSH-1.0-old\r\n');
      setTimeout(() => socket.resetAndDestroy(), 100);
    },
    /Invalid identification/,
  ],
  'an end behind the greeting': [(socket) => socket.end('SSH-2.0-new\r\n'), /ended the connection/],
  silence: [() => undefined, /Timed out/],
};

for (const [name, [behave, message]] of Object.entries(SERVERS)) {
  test(`HARNESS-29: a connection that fails is one error: ${name}`, async () => {
    const sockets: Socket[] = [];
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket.on('error', () => undefined));
      behave(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const uncaught: unknown[] = [];
    const note = (error: unknown) => uncaught.push(error);
    process.on('uncaughtExceptionMonitor', note);
    try {
      const { port } = server.address() as AddressInfo;
      const connecting = SshConnection.connect(port, '', 2000);
      await expect(Promise.race([connecting, sleep(10_000, 'it waits')])).rejects.toThrow(message);
      // Time for a second error to come.
      await sleep(500);
      expect(uncaught).toEqual([]);
    } finally {
      process.off('uncaughtExceptionMonitor', note);
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });
}
