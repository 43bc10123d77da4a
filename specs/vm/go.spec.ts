/** Programs in Go, whose compiler takes long to fetch. */
import { prepareGo } from '../support/examples.js';
import { expectExample } from '../support/example-run.js';
import { test } from '../support/fixtures.js';
import { expectServed } from '../support/served.js';

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

test(
  'DEMO-07: docs/examples/agent.go starts an agent with a limit, shows it and ends it',
  { tag: '@nightly' },
  async ({ loaded, stage }) => {
    await expectExample(loaded, stage, 'agent.go', 'ended by killed\n');
  },
);

test(
  'SOCKET-15: by default a program in Go serves and fetches over loopback',
  { tag: '@nightly' },
  async ({ loaded, stage }) => {
    await loaded.upload(await prepareGo('serve', GO, stage.kernel.arch), '/srv/serve', '755');
    await expectServed(loaded, { '/srv/serve': 'served by go' });
    await loaded.sh('rm /srv/serve');
  },
);
