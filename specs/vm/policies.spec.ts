/** The policies of docs/policies: each allows and denies what docs/policies.md says. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createRequest } from '../../client/abi/request.js';
import type { AgentRequest } from '../../client/client.js';
import { repository } from '../../harness.config.js';
import { expect, test } from '../support/fixtures.js';
import { attempts } from '../support/guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';
import { NODE_GUEST } from '../support/node-guest.js';

test.use({ guestExtras: NODE_GUEST });

const POLICIES = join(repository, 'docs/policies');

async function policy(name: string): Promise<AgentRequest> {
  return createRequest.parse(JSON.parse(await readFile(join(POLICIES, `${name}.json`), 'utf8')));
}

/** Runs a shell line under a policy; what it printed, how it ended, and the kinds of its violations. */
async function under(guest: LoadedGuest, name: string, program: string[]) {
  let ran = { stdout: '', code: NaN };
  const request = await policy(name);
  const events = await guest.swarm.eventsDuring(async () => {
    ran = await guest.swarm.launch(request, program);
    await expect(guest).toHaveActiveAgents(0);
  });
  const told = events.flatMap((event) =>
    event.event === 'violation' ? [`${event.kind} ${event.action} ${event.syscall ?? ''}`.trim()] : [],
  );
  return { stdout: ran.stdout, code: ran.code, told };
}

const shell = (line: string) => ['/bin/sh', '-c', line];
const BOUNDING = "sed -n 's/^CapBnd:.//p' /proc/self/status";

test('POLICY-01: a tool that a language model runs computes, and reaches neither a network nor the kernel', async ({
  loaded,
}) => {
  await loaded.sh('mkdir -p /srv/work && chmod 777 /srv/work');
  const works = await under(
    loaded,
    'tool',
    shell(
      `cd /srv/work && echo 40 2 | awk '{ print $1 + $2 }' >sum && cat sum; ${BOUNDING}; attempt socket 1 1 0 -- socket 2 1 0`,
    ),
  );
  expect(works.stdout.split('\n').slice(0, 2)).toEqual(['42', '0000000000000000']);
  expect(attempts(works.stdout.split('\n').slice(2).join('\n'))).toEqual([
    'socket ok',
    'socket EAFNOSUPPORT',
  ]);
  expect(works.told).toEqual(['socket deny']);
  const killed = ['bpf', 'io_uring_setup', 'userfaultfd', 'ptrace', 'process_vm_readv', 'process_vm_writev'];
  const { syscalls } = await policy('tool');
  expect(Object.keys(syscalls ?? {}).sort()).toEqual(killed.toSorted());
  for (const name of killed)
    expect(await under(loaded, 'tool', ['/usr/local/bin/call', name])).toMatchObject({
      ...{ code: 137, told: [`syscall kill ${name}`] },
    });
  await loaded.sh('rm -r /srv/work');
});

test('POLICY-02: a CI job runs many processes, changes owners and serves on loopback, and cannot mount', async ({
  loaded,
}) => {
  await loaded.writeFile(
    '/srv/job.sh',
    [
      'cd /tmp && mkdir job && cd job',
      'for i in $(seq 50); do sh -c "echo $i >$i" & done; wait; ls | wc -l',
      'chown 33 1 && stat -c %u 1',
      `python3 -c "import socket; s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname()); c.sendall(b'x'); print(s.accept()[0].recv(1))"`,
      'mount -t tmpfs none /mnt 2>/dev/null || echo not mounted',
      'cd .. && rm -r job',
    ].join('\n'),
  );
  const { stdout, told } = await under(loaded, 'ci', shell('sh /srv/job.sh'));
  expect(stdout).toBe("50\n33\nb'x'\nnot mounted\n");
  // Which calls mount(8) tries depends on its version.
  expect(told.length).toBeGreaterThan(0);
  expect(
    told.filter((each) => !each.startsWith('syscall deny ')),
    told.join(),
  ).toEqual([]);
  // A test that takes all the memory there is ends, and the job goes on.
  const greedy = await loaded.swarm.launch(
    { ...(await policy('ci')), memory_limit: 64 << 20 },
    shell('python3 -c "b = bytearray(1 << 28)"; echo "ended with $?"'),
  );
  expect(greedy).toMatchObject({ code: 0, stdout: 'ended with 137\n' });
  await loaded.sh('rm /srv/job.sh');
});

test('POLICY-03: a web worker serves on port 80 from threads, makes no process and executes nothing else', async ({
  loaded,
}) => {
  const serve = [
    'import os, socket, threading',
    "server = socket.create_server(('127.0.0.1', 80))",
    'def answer():',
    '    client, _ = server.accept()',
    "    client.sendall(b'served ' + client.recv(10))",
    'worker = threading.Thread(target=answer)',
    'worker.start()',
    "client = socket.create_connection(('127.0.0.1', 80))",
    "client.sendall(b'here')",
    'worker.join()',
    'print(client.recv(20).decode(), flush=True)',
    'try:',
    '    os.fork()',
    'except PermissionError:',
    "    print('no process', flush=True)",
    "os.execv('/bin/sh', ['sh', '-c', 'echo executed'])",
  ].join('\n');
  const { stdout, code, told } = await under(loaded, 'web', ['/usr/bin/python3', '-c', serve]);
  expect(stdout).toBe('served here\nno process\n');
  expect(code).toBe(137);
  expect(told).toEqual(['fork deny', 'execve kill']);
});

test('POLICY-04: a nested container has namespaces, mounts and a host name of its own inside the agent', async ({
  loaded,
}) => {
  const inside = [
    'hostname inner && hostname',
    'mount -t tmpfs none /mnt && echo mounted',
    'ps -e -o pid= -o comm= | head -n 1',
    'ip link set lo up 2>/dev/null; ls /sys/class/net /proc/sys/net >/dev/null; echo done',
  ].join('; ');
  const line = `unshare --mount --uts --ipc --net --pid --cgroup --fork --mount-proc sh -c "${inside}"; hostname`;
  const { stdout, told } = await under(loaded, 'nested', shell(line));
  expect(stdout.split('\n').map((each) => each.trim())).toEqual([
    ...['inner', 'mounted', '1 sh', 'done', 'nested', ''],
  ]);
  expect(told).toEqual([]);
  // Its devices and its agent are what they were.
  const { stdout: denied } = await under(
    loaded,
    'nested',
    shell('mknod /tmp/kmsg c 1 11; unshare --mount --pid --fork attempt read /dev/kmsg'),
  );
  expect(attempts(denied)).toEqual(['read EPERM']);
});

test('POLICY-05: every policy of docs/policies is run, and the page links it', async () => {
  const names = ['ci.json', 'nested.json', 'tool.json', 'web.json'];
  expect((await readdir(POLICIES)).sort()).toEqual(names);
  const page = await readFile(join(repository, 'docs/policies.md'), 'utf8');
  for (const name of names) expect(page).toContain(`](policies/${name})`);
});
