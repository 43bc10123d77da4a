/** Readiness: a guest that has booted writes a line to a port of its own. */
import { stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import pWaitFor from 'p-wait-for';

/** QEMU's end of that port, and the news from it. */
export interface Readiness {
  /** QEMU's argument for it. */
  readonly chardev: string;
  /** Resolves when the guest has written a line. */
  ready(ended: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** A way to learn that a guest has booted. */
export interface ReadinessStrategy {
  /** Begins to listen, at a path that nothing has yet. */
  open(path: string): Promise<Readiness>;
}

/** A socket: learns it at once. */
export const socketReadiness: ReadinessStrategy = {
  open: (path) =>
    new Promise((resolve, reject) => {
      let tell: () => void;
      const ready = new Promise<void>((done) => (tell = done));
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.once('data', () => {
          tell();
        });
      });
      server.once('error', reject);
      server.listen(path, () => {
        resolve({
          chardev: `socket,path=${path}`,
          ready: () => ready,
          close: () =>
            new Promise((done) => {
              server.close(() => {
                done();
              });
            }),
        });
      });
    }),
};

/** A file, which takes whatever it is given at once, in a replay as well. */
export const fileReadiness: ReadinessStrategy = {
  open: (path) =>
    Promise.resolve({
      chardev: `file,path=${path}`,
      ready: (ended) =>
        pWaitFor(async () => ended.aborted || Boolean((await stat(path).catch(() => undefined))?.size), {
          interval: 50,
        }),
      close: () => Promise.resolve(),
    }),
};
