/** Programs that use the network, under the default policy. */
import { prepareGo } from '../support/examples.js';
import { expect, test } from '../support/fixtures.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

test.use({ guestExtras: { packages: ['nodejs', 'python3-minimal'], memoryMb: 3072 } });

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

/** Go makes threads and polls by itself, and lists devices by netlink. */
const GO = `
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := net.Interfaces(); err != nil {
		log.Fatal(err)
	}
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "served by go")
	}))
	response, err := http.Get("http://" + listener.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(body))
}
`;

/** Runs programs as agents with the default policy, and expects what they print and that they were denied no socket. */
async function expectServed(guest: LoadedGuest, programs: Record<string, string>): Promise<void> {
  const events = await guest.swarm.eventsDuring(async () => {
    for (const [line, printed] of Object.entries(programs)) {
      const { stdout, stderr } = await guest.swarm.run({}, line);
      expect(stdout.trim(), stderr).toBe(printed);
    }
    await expect(guest).toHaveActiveAgents(0);
  });
  // Node.js tries io_uring, and does without.
  const violations = events.filter((event) => event.event === 'violation');
  expect(violations.filter(({ kind }) => kind === 'socket' || kind === 'autoload')).toEqual([]);
}

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

test('SOCKET-15: by default a program in Go serves and fetches over loopback', async ({ loaded, stage }) => {
  await loaded.upload(await prepareGo('serve', GO, stage.kernel.arch), '/srv/serve', '755');
  await expectServed(loaded, { '/srv/serve': 'served by go' });
  await loaded.sh('rm /srv/serve');
});
