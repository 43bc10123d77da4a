/** Agents without a network, which share one empty network namespace. */
import type { AgentRequest } from '../../client/client.js';
import { expect, test } from '../support/fixtures.js';
import { background, destroyAll } from '../support/guest.js';
import { load, reload } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

const NONE = { network: 'none' } as const;
/** The files of /proc/net that tell of the sockets of everybody in a network namespace. */
const TELLING = ['unix', 'protocols', 'sockstat'];

/** Starts an agent that stays, and waits until it has said something. */
async function start(
  guest: LoadedGuest,
  request: AgentRequest,
  line: string,
): Promise<{ id: number; pid: number; said: string }> {
  const before = new Set((await guest.swarm.agents()).map(({ id }) => id));
  const file = `/tmp/said-${before.size}-${Math.random().toString(36).slice(2)}`;
  await background(
    guest,
    `launch '${JSON.stringify({ spawn: true, ...request })}' /bin/sh -c '(${line}) >${file}'`,
  );
  await expect.poll(() => guest.sh(`cat ${file} 2>/dev/null || true`)).not.toBe('');
  const agent = (await guest.swarm.agents()).find(({ id }) => !before.has(id));
  return { id: agent?.id ?? 0, pid: agent?.pid ?? 0, said: await guest.sh(`cat ${file}`) };
}

const namespaceOf = (guest: LoadedGuest, pid: number | string) => guest.sh(`readlink /proc/${pid}/ns/net`);
const output = async (guest: LoadedGuest, request: AgentRequest, line: string) =>
  (await guest.swarm.run(request, line)).stdout.trimEnd();

test('NETWORK-01: agents without a network share one empty network namespace, and nobody in it can change it', async ({
  loaded,
}) => {
  const host = await namespaceOf(loaded, 'self');
  const [first, second] = [
    await start(loaded, NONE, 'echo up; sleep 1000'),
    await start(loaded, { ...NONE, capabilities: 'all' }, 'echo up; sleep 1000'),
  ];
  const shared = await namespaceOf(loaded, first.pid);
  expect(await namespaceOf(loaded, second.pid)).toBe(shared);
  expect(shared).not.toBe(host);
  const own = await start(loaded, {}, 'echo up; sleep 1000');
  expect([host, shared]).not.toContain(await namespaceOf(loaded, own.pid));
  expect(await loaded.findings()).toEqual([]);

  const inside = (line: string) => output(loaded, { ...NONE, capabilities: 'all' }, line);
  expect(await inside('readlink /proc/self/ns/net')).toBe(shared);
  expect(await inside("sed 1,2d /proc/net/dev | cut -d: -f1 | tr -d ' '")).toBe('lo');
  expect(await inside('cat /proc/net/fib_trie /proc/net/if_inet6; sed 1d /proc/net/route')).toBe('');
  expect(await inside('abstract up')).toBe('EPERM');
  expect(await inside('echo 9 >/proc/sys/net/unix/max_dgram_qlen || echo no')).toBe('no');
  // With a network of its own the same agent may.
  expect(await output(loaded, { capabilities: 'all' }, 'abstract up')).toBe('ok');
  await destroyAll(loaded);
});

test('NETWORK-02: the files of /proc/net that tell of sockets are empty there', async ({ loaded }) => {
  const inside = (request: AgentRequest) =>
    output(loaded, request, TELLING.map((file) => `cat /proc/net/${file} | wc -l`).join('; '));
  expect(await inside(NONE)).toBe('0\n0\n0');
  for (const lines of (await inside({})).split('\n')) expect(Number(lines)).toBeGreaterThan(0);
});

test('NETWORK-03: such an agent makes unix sockets only, and no update allows it others', async ({
  loaded,
}) => {
  const sockets = 'attempt socket 1 1 0 -- socket 2 1 0 -- socket 16 3 0 -- socket 10 2 0';
  expect(await output(loaded, NONE, sockets)).toBe(
    'socket ok\nsocket EAFNOSUPPORT\nsocket EAFNOSUPPORT\nsocket EAFNOSUPPORT',
  );
  expect(await output(loaded, { ...NONE, sockets: [] }, sockets)).toMatch(/^socket EAFNOSUPPORT/);
  const { id } = await start(loaded, NONE, 'echo up; sleep 1000');
  const { policy } = await loaded.swarm.inspect(id);
  expect(policy).toMatchObject({ network: 'none', sockets: ['unix'], namespace_flags: 127 });
  const wider: AgentRequest['sockets'][] = ['all', ['unix', 'inet'], ['netlink/route']];
  for (const sockets of wider)
    await expect(loaded.swarm.update({ id, sockets })).rejects.toThrow('so it may have unix sockets only');
  await loaded.swarm.update({ id, sockets: [] });
  expect((await loaded.swarm.inspect(id)).policy).toMatchObject({ sockets: [] });
  await destroyAll(loaded);
});

/** The states of a socket that the kernel looks at before it asks a security module. */
const STATES = {
  stream: ['', 'full'],
  seqpacket: ['', 'full'],
  dgram: ['', 'connected', 'shut', 'filtered'],
} as const;

for (const kind of ['stream', 'seqpacket', 'dgram'] as const) {
  test(`NETWORK-04: no abstract name reaches a socket there, or tells that there is one: ${kind}`, async ({
    loaded,
  }) => {
    // Nobody takes a name that another needs, or learns which are taken.
    expect(await output(loaded, NONE, `abstract bind ${kind} x`)).toBe('EPERM');
    expect(await output(loaded, {}, `abstract bind ${kind} x`)).toBe('ok');
    const ways = ['connect', 'connected', ...(kind === 'dgram' ? ['sendto', 'descriptor'] : [])];
    const refused = ways.map((way) => `${way} ECONNREFUSED`).join('\n');
    const reach = (name: string) => `/usr/local/bin/abstract reach ${kind} ${name}`;
    for (const state of STATES[kind])
      await test.step(state || 'as it is', async () => {
        // The kernel names a socket by itself, which its program can be told only by getsockname.
        const { id, pid, said: name } = await start(loaded, NONE, `abstract serve ${kind} ${state}`);
        expect(name).toMatch(/^00([0-9a-f]{2}){5}$/);
        const inside = async (request: AgentRequest) => output(loaded, request, reach(name));
        expect(await inside(NONE)).toBe(refused);
        expect(await inside({ ...NONE, capabilities: 'all' })).toBe(refused);
        expect((await loaded.exec(`join ${id} ${pid} ${reach(name)}`)).stdout.trimEnd()).toBe(refused);
        // Nor does root of the host, who enters the namespace.
        expect(await loaded.sh(`nsenter --target ${pid} --net ${reach(name)}`)).toBe(refused);
        await destroyAll(loaded);
        // With a network of its own the kernel finds it, and says so in one way or another.
        const own = await start(loaded, {}, `abstract serve ${kind} ${state}`);
        const joined = await loaded.exec(`join ${own.id} ${own.pid} ${reach(own.said)}`);
        expect(joined.stdout.trimEnd()).not.toBe(refused);
        await destroyAll(loaded);
      });
  });
}

test('NETWORK-09: a process with other sockets does not become a member in there', async ({ loaded }) => {
  const { pid } = await start(loaded, NONE, 'echo up; sleep 1000');
  const visitor = await background(
    loaded,
    `nsenter --target ${pid} --net unshare -U -r -p -f -m -u -i -C sleep 1000`,
  );
  await expect.poll(() => namespaceOf(loaded, visitor)).toBe(await namespaceOf(loaded, pid));
  const child = async () => Number(await loaded.sh(`cat /proc/${visitor}/task/${visitor}/children`));
  await expect.poll(child).toBeGreaterThan(0);
  for (const more of [{}, { namespace_flags: 32 }])
    await expect(loaded.swarm.create({ pid: await child(), sockets: 'all', ...more })).rejects.toThrow(
      'in the network namespace that agents without a network share',
    );
  const object = JSON.stringify({ spawn: true, namespace_flags: 125, sockets: 'all' });
  const launched = await loaded.exec(`nsenter --target ${pid} --net launch '${object}' /bin/true`);
  expect(launched.stderr).toContain('in the network namespace that agents without a network share');
  await loaded.sh(`kill -9 ${await child()}`);
  await destroyAll(loaded);
});

test('NETWORK-10: with enforce=0, too, such agents make unix sockets only', async ({ booted, module }) => {
  const guest = await load(booted, module.ko, { enforce: 0 });
  expect(await output(guest, NONE, 'attempt socket 16 3 4 -- socket 1 1 0')).toBe(
    'socket EAFNOSUPPORT\nsocket ok',
  );
  expect(await output(guest, NONE, 'abstract bind stream x')).toBe('EPERM');
  await guest.unload();
});

test('NETWORK-05: a process joins such an agent, and one that persists is started again', async ({
  loaded,
}) => {
  const { id, pid } = await start(loaded, { ...NONE, persist: true }, 'echo up; sleep 1000');
  const shared = await namespaceOf(loaded, pid);
  const joined = await loaded.exec(`join ${id} ${pid} /bin/readlink /proc/self/ns/net`);
  expect(joined.stdout.trimEnd()).toBe(shared);
  await loaded.sh(`kill -9 ${pid}`);
  await expect.poll(async () => (await loaded.swarm.inspect(id)).state).toBe('registered');
  const again = `exec 3<>/proc/swarm/spawn; echo '{"id":${id}}' >&3; read -r line <&3; readlink /proc/self/ns/net; true`;
  expect(await loaded.sh(again)).toBe(shared);
  await destroyAll(loaded);
});

test('NETWORK-06: without a free descriptor its birth fails, and an event says at which step', async ({
  loaded,
}) => {
  const events = await loaded.swarm.eventsDuring(async () => {
    const object = JSON.stringify({ ...NONE, spawn: true });
    const { code } = await loaded.exec(
      `exec 3<>/proc/swarm/create; echo '${object}' >&3; ulimit -n 4; /bin/true; exit $?`,
    );
    expect(code).toBe(137);
  });
  expect(events.at(-1)).toMatchObject({
    event: 'destroyed',
    reason: 'birth',
    step: 'entering its network namespace',
    error: 'EMFILE',
  });
});

test('NETWORK-07: unloading gives the namespace up; whoever is in it keeps it, and loading again makes another', async ({
  booted,
  module,
}) => {
  const guest = await load(booted, module.ko);
  const namespaces = () => booted.sh('lsns --type net --noheadings --output NS | wc -l');
  const before = await namespaces();
  const { pid } = await start(guest, NONE, 'echo up; sleep 1000');
  const shared = await namespaceOf(guest, pid);
  const visitor = await background(guest, `nsenter --target ${pid} --net sleep 1000`);
  await expect.poll(() => namespaceOf(guest, visitor)).toBe(shared);
  await destroyAll(guest);
  await expect.poll(async () => (await booted.exec('rmmod swarm_guard')).code).toBe(0);
  // What is left there has no code of the module.
  expect(await booted.sh(`cat /proc/${visitor}/net/unix /proc/${visitor}/net/sockstat | wc -c`)).toBe('0');
  await booted.sh(`kill ${visitor}`);
  await expect.poll(namespaces).toBe(before);
  await reload(guest);
  const again = await start(guest, NONE, 'echo up; sleep 1000');
  expect(await namespaceOf(guest, again.pid)).toMatch(/^net:/);
  await destroyAll(guest);
  await guest.unload();
});

test('NETWORK-08: many agents at once, of which each could be the first, share one namespace', async ({
  loaded,
}) => {
  const object = JSON.stringify({ ...NONE, spawn: true });
  const born = await loaded.sh(
    `for i in $(seq 16); do launch '${object}' /bin/readlink /proc/self/ns/net 2>/dev/null & done; wait`,
  );
  expect(born.split('\n')).toHaveLength(16);
  expect(new Set(born.split('\n')).size).toBe(1);
  expect(await loaded.findings()).toEqual([]);
});
