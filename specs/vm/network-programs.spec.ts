/** Programs that use the network, under the default policy. */
import { expect, test } from '../support/fixtures.js';
import { attempts, violationsDuring } from '../support/guest.js';
import { expectServed } from '../support/served.js';
import { NODE_GUEST } from '../support/node-guest.js';

test.use({ guestExtras: NODE_GUEST });

const PYTHON = `
import os, socket
server = socket.create_server(('127.0.0.1', 0))
if os.fork() == 0:
    client, _ = server.accept()
    client.sendall(b'served ' + client.recv(100))
    os._exit(0)
with socket.create_connection(server.getsockname()) as client:
    client.sendall(b'by python')
    print(client.recv(100).decode())
`;

const NODE = `
const http = require('node:http');
const server = http.createServer((request, response) => response.end('served by node'));
server.listen(0, '127.0.0.1', async () => {
  const { port } = server.address();
  console.log(await (await fetch('http://127.0.0.1:' + port)).text());
  server.close();
  process.exit(0);
});
`;

/** Has a listening socket, and starts an agent that is to serve from it, and must not make any itself. */
const LISTENER = `
import os, socket, subprocess
server = socket.create_server(('127.0.0.1', 0))
os.dup2(server.fileno(), 9, inheritable=True)
serve = r"""
import socket
server = socket.socket(fileno=9)
client, _ = server.accept()
client.sendall(b'served ' + client.recv(100))
client.close()
"""
request = '{"spawn":true,"sockets":[]}'
agent = subprocess.Popen(['launch', request, '/usr/bin/python3', '-c', serve], pass_fds=(9,))
with socket.create_connection(server.getsockname()) as client:
    client.sendall(b'from what was inherited')
    print(client.recv(100).decode(), agent.wait())
`;

test('SOCKET-16: an agent that may make no sockets serves from one that it inherits', async ({ loaded }) => {
  await loaded.writeFile('/srv/listener.py', LISTENER);
  const violations = await violationsDuring(loaded, async () => {
    expect(await loaded.sh('python3 /srv/listener.py')).toBe('served from what was inherited 0');
    await expect(loaded).toHaveActiveAgents(0);
  });
  expect(violations).toBe(0);
  const { stdout } = await loaded.swarm.run({ sockets: [] }, 'attempt socket 2 1 0');
  expect(attempts(stdout)).toEqual(['socket EAFNOSUPPORT']);
  await loaded.sh('rm /srv/listener.py');
});

test('SOCKET-08: by default programs in Python and Node.js serve and fetch over loopback', async ({
  loaded,
}) => {
  await loaded.writeFile('/srv/serve.py', PYTHON);
  await loaded.writeFile('/srv/serve.js', NODE);
  await expectServed(loaded, {
    'python3 /srv/serve.py': 'served by python',
    'node /srv/serve.js': 'served by node',
  });
  await loaded.sh('rm /srv/serve.py /srv/serve.js');
});
