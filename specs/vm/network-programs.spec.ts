/** Programs that use the network, under the default policy. */
import { test } from '../support/fixtures.js';
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
