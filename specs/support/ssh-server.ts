/** A machine that is reached by SSH, and is this process: for a client of other machines that needs no guest. */
import { mkdir, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import type { Connection } from 'ssh2';
import { serve } from '../../client/remote/serve.js';
import type { Swarm } from '../../client/swarm.js';

/** The machine. */
export interface SshServer {
  /** Its address, for --host. */
  readonly host: string;
  /** The number of clients that have come so far. */
  clients(): number;
  /** Ends the connections that there are, as if what serves were killed. */
  drop(): void;
  close(): void;
}

/**
 * Serves agents to whoever has the key.
 * @param home gets the files of a user who has it, and who knows the machine
 * @param mute logs users in, and never answers what they ask for
 */
export async function sshServer(
  swarm: Swarm,
  home: string,
  { mute = false }: { readonly mute?: boolean } = {},
): Promise<SshServer> {
  const [key, user] = [ssh2.utils.generateKeyPairSync('ed25519'), ssh2.utils.generateKeyPairSync('ed25519')];
  const connections = new Set<Connection>();
  let clients = 0;
  const server = new ssh2.Server({ hostKeys: [key.private] }, (connection) => {
    clients += 1;
    connections.add(connection);
    connection.on('error', () => undefined);
    connection.on('close', () => connections.delete(connection));
    connection.on('authentication', (context) => {
      if (context.method === 'publickey') context.accept();
      else context.reject(['publickey']);
    });
    connection.on('session', (accept) => {
      accept().on('exec', (acceptExec) => {
        if (mute) return;
        const stream = acceptExec();
        void serve(swarm, stream, stream);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await mkdir(join(home, '.ssh'), { recursive: true });
  await writeFile(join(home, '.ssh/known_hosts'), `[127.0.0.1]:${port} ${key.public}\n`);
  await writeFile(join(home, '.ssh/id_ed25519'), user.private, { mode: 0o600 });
  const drop = () => {
    for (const connection of connections) connection.end();
  };
  return {
    host: `ssh://root@127.0.0.1:${port}`,
    clients: () => clients,
    drop,
    close: () => {
      drop();
      server.close();
    },
  };
}
