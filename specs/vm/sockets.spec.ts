/** The keys `sockets` and `core`, and the rule `autoload`: what an agent makes the kernel run on its behalf. */
import type { Action } from '../../client/abi/names.js';
import { quoted } from '../../client/client.js';
import type { AgentRequest } from '../../client/client.js';
import { expect, test } from '../support/fixtures.js';
import { ALL_CALLS } from '../support/former-calls.js';
import { attempts, violationsDuring } from '../support/guest.js';
import { insert } from '../support/insert.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

/** Sockets by the numbers of socket(2): family, type, protocol. */
const OPEN = {
  unix: '1 1 0',
  'unix datagrams': '1 2 0',
  TCP: '2 1 0',
  'TCP over IPv6': '10 1 6',
  UDP: '2 2 17',
  'UDP over IPv6': '10 2 0',
  MPTCP: '2 1 262',
  'netlink/route': '16 3 0',
};

/** The datagram sockets of ping, which net.ipv4.ping_group_range gives to groups. */
const PING = { ICMP: '2 2 1', 'ICMP over IPv6': '10 2 58' };

const CLOSED = {
  alg: '38 5 0',
  bluetooth: '31 3 1',
  can: '29 3 1',
  key: '15 3 2',
  packet: '17 3 768',
  rxrpc: '33 2 2',
  tipc: '30 5 0',
  vsock: '40 1 0',
  xdp: '44 3 0',
  'a family that the kernel does not know': '12 1 0',
  SCTP: '2 1 132',
  'SCTP by its type': '10 5 0',
  L2TP: '2 2 115',
  SMC: '2 1 256',
  'raw IP': '2 3 255',
  'raw ICMP': '2 3 1',
  'netlink/sock_diag': '16 3 4',
  'netlink/xfrm': '16 3 6',
  'netlink/audit': '16 3 9',
  'netlink/netfilter': '16 3 12',
  'netlink/kobject_uevent': '16 3 15',
  'netlink/generic': '16 3 16',
  'netlink/crypto': '16 3 21',
};

/** Those of them that the kernel of the guest has for everybody; what an agent cannot have proves nothing. */
const THERE = ['packet', 'netlink/generic', 'netlink/audit', 'netlink/kobject_uevent', 'raw ICMP', 'raw IP'];

function line(sockets: Record<string, string>, call = 'socket'): string {
  return `attempt ${Object.values(sockets)
    .map((numbers) => `${call} ${numbers}`)
    .join(' -- ')}`;
}

/** The results of an agent that tries to make these sockets with every capability, by their names. */
async function tried(
  guest: LoadedGuest,
  request: AgentRequest,
  sockets: Record<string, string>,
): Promise<Record<string, string>> {
  const { stdout } = await guest.swarm.run({ capabilities: 'all', ...request }, line(sockets));
  const results = attempts(stdout).map((text) => text.replace(/^\w+ /, ''));
  return Object.fromEntries(Object.keys(sockets).map((name, index) => [name, results[index] ?? 'none']));
}

const all = (sockets: object, result: string) =>
  Object.fromEntries(Object.keys(sockets).map((name) => [name, result]));

test('SOCKET-01: by default an agent makes unix, TCP, UDP, MPTCP, ping and netlink/route sockets', async ({
  loaded,
}) => {
  const violations = await violationsDuring(loaded, async () => {
    expect(await tried(loaded, {}, OPEN)).toEqual(all(OPEN, 'ok'));
    const { stdout } = await loaded.swarm.run({}, 'attempt socketpair 1 1 0');
    expect(attempts(stdout)).toEqual(['socketpair ok']);
    // In a fresh net namespace the kernel gives these to no group; `sockets` does not deny them.
    expect(await tried(loaded, {}, PING)).toEqual(all(PING, 'EACCES'));
    const range = 'echo 0 0 >/proc/sys/net/ipv4/ping_group_range';
    const ping = await loaded.swarm.run({ capabilities: 'all' }, `${range}; ${line(PING)}`);
    expect(attempts(ping.stdout)).toEqual(['socket ok', 'socket ok']);
  });
  expect(violations).toBe(0);
});

test('SOCKET-02: any other socket fails with EAFNOSUPPORT, is counted and told, and is open with "all"', async ({
  loaded,
}) => {
  const violations = await violationsDuring(loaded, async () => {
    expect(await tried(loaded, {}, CLOSED)).toEqual(all(CLOSED, 'EAFNOSUPPORT'));
  });
  expect(violations).toBe(Object.keys(CLOSED).length);
  const open = await tried(loaded, { sockets: 'all' }, CLOSED);
  for (const name of THERE) expect(open, name).toMatchObject({ [name]: 'ok' });
  // What is left has been asked of the kernel, which may have no such socket, and is not ours to answer.
  const events = await loaded.swarm.eventsDuring(() => tried(loaded, { sockets: 'all' }, CLOSED));
  expect(events.filter((event) => event.event === 'violation' && event.kind === 'socket')).toEqual([]);
});

test('SOCKET-03: an event names the entry of `sockets` that would allow the socket, and its type', async ({
  loaded,
}) => {
  const cases: Record<string, Record<string, string>> = {
    '38 5 0': { socket: 'alg', type: 'seqpacket' },
    '16 2 16': { socket: 'netlink/generic', type: 'dgram' },
    '10 5 0': { socket: 'inet6/sctp', type: 'seqpacket' },
    '2 3 1': { socket: 'inet/icmp', type: 'raw' },
    '17 10 7': { socket: 'packet', type: 'packet' },
  };
  const events = await loaded.swarm.eventsDuring(async () => {
    await loaded.swarm.run(
      {},
      line(Object.fromEntries(Object.keys(cases).map((numbers) => [numbers, numbers]))),
    );
  });
  const told = events.filter((event) => event.event === 'violation');
  expect(told).toMatchObject(
    Object.values(cases).map((named) => ({
      kind: 'socket',
      action: 'deny',
      rule: 'deny',
      comm: 'attempt',
      ...named,
    })),
  );
});

test('SOCKET-04: each entry opens what it names and nothing else', async ({ loaded }) => {
  const rows: [sockets: string[], numbers: string, result: string][] = [
    [['unix'], '2 1 0', 'EAFNOSUPPORT'],
    [['inet'], '2 1 0', 'ok'],
    [['inet'], '10 1 0', 'EAFNOSUPPORT'],
    [['inet'], '2 3 1', 'EAFNOSUPPORT'],
    [['inet/icmp'], '2 3 1', 'ok'],
    [['inet/icmp'], '2 1 0', 'EAFNOSUPPORT'],
    [['inet/tcp'], '2 1 0', 'ok'],
    [['netlink/generic'], '16 3 16', 'ok'],
    [['netlink/generic'], '16 3 0', 'EAFNOSUPPORT'],
    [['netlink'], '16 3 9', 'ok'],
    [['17'], '17 3 0', 'ok'],
    [[], '1 1 0', 'EAFNOSUPPORT'],
  ];
  for (const [sockets, numbers, result] of rows)
    expect(await tried(loaded, { sockets }, { it: numbers }), `${sockets.join()}: ${numbers}`).toEqual({
      it: result,
    });
});

test('SOCKET-05: the rules count for socketpair, and update changes them for a process that runs', async ({
  loaded,
}) => {
  const none = await loaded.swarm.run({ sockets: [] }, 'attempt socketpair 1 1 0');
  expect(attempts(none.stdout)).toEqual(['socketpair EAFNOSUPPORT']);
  const id = await loaded.swarm.create({ sockets: ['unix'] });
  const { policy } = await loaded.swarm.inspect(id);
  await loaded.swarm.update({ id, sockets: ['netlink/generic', 'inet'] });
  expect((await loaded.swarm.inspect(id)).policy).toEqual({
    ...policy,
    sockets: ['inet', 'netlink/generic'],
  });
  await loaded.swarm.destroy(id);
  const script =
    'attempt socket 16 3 16; touch /srv/first; until [ -e /srv/second ]; do sleep 0.1; done; attempt socket 16 3 16 -- socket 2 1 0; rm /srv/first /srv/second';
  await loaded.sh('chmod 1777 /srv');
  const running = loaded.swarm.run({ name: 'changed' }, script);
  const changed = async () =>
    (await loaded.swarm.agents()).length > 0 && (await loaded.sh('ls /srv')).includes('first');
  await expect.poll(changed).toBe(true);
  const [agent] = await loaded.swarm.agents();
  await loaded.swarm.update({ id: agent?.id ?? 0, sockets: ['netlink/generic'] });
  await loaded.sh('touch /srv/second; chmod 666 /srv/second');
  expect(attempts((await running).stdout)).toEqual([
    'socket EAFNOSUPPORT',
    'socket ok',
    'socket EAFNOSUPPORT',
  ]);
  await loaded.sh('rm -f /srv/first /srv/second; chmod 755 /srv');
  await expect(loaded).toHaveActiveAgents(0);
});

test('SOCKET-06: a privileged agent makes any socket, unless its policy lists some', async ({ loaded }) => {
  const privileged = { namespace_flags: 0, privileged: true };
  expect(await tried(loaded, privileged, { it: CLOSED['netlink/audit'] })).toEqual({ it: 'ok' });
  expect(await tried(loaded, { ...privileged, sockets: ['unix'] }, { it: '2 1 0' })).toEqual({
    it: 'EAFNOSUPPORT',
  });
});

test('SOCKET-07: the rules count for a socket made by io_uring or by the 32-bit entry', async ({
  loaded,
  stage,
}) => {
  const entry32 = stage.kernel.arch === 'amd64' ? ['escape socket32 1', 'escape socket32 2'] : [];
  const lines = ['escape uring-socket 1', 'escape uring-socket 2', ...entry32];
  const { stdout } = await loaded.swarm.run({ sockets: ['unix'], syscalls: ALL_CALLS }, lines.join('; '));
  const results = attempts(stdout).filter((text) => !text.startsWith('io_uring_setup'));
  expect(results).toEqual(
    ['uring_socket', ...(entry32.length ? ['socket32'] : [])].flatMap((name) => [
      `${name} ok`,
      `${name} EAFNOSUPPORT`,
    ]),
  );
  await expect(loaded).toHaveActiveAgents(0);
});

test('SOCKET-09: sockets that the kernel makes for itself while a member calls it are not affected', async ({
  loaded,
}) => {
  // A network namespace has some of its own, of families that the agent must not use.
  const request: AgentRequest = { sockets: [], capabilities: 'all', syscalls: { unshare: 'allow' } };
  const violations = await violationsDuring(loaded, async () => {
    const program = ['/usr/local/bin/attempt', 'unshare', '40000000', '--', 'socket', '2', '2', '0'];
    const { stdout } = await loaded.swarm.launch(request, program);
    expect(attempts(stdout)).toEqual(['unshare ok', 'socket EAFNOSUPPORT']);
    await expect(loaded).toHaveActiveAgents(0);
  });
  expect(violations).toBe(1);
});

/** Lets the kernel start a helper in the place of modprobe, which notes what it is asked for. */
const NOTE =
  'printf \'#!/bin/sh\\necho "$*" >>/run/asked\\n\' >/run/helper; chmod 755 /run/helper; rm -f /run/asked';

test('AUTOLOAD-01: no member makes the kernel run modprobe, but as its policy says', async ({ loaded }) => {
  await loaded.sh(`${NOTE}; echo /run/helper >/proc/sys/kernel/modprobe`);
  const mount = async (autoload?: Action) => {
    await loaded.sh('rm -f /run/asked');
    let stdout = '';
    const events = await loaded.swarm.eventsDuring(async () => {
      ({ stdout } = await loaded.swarm.run(
        { capabilities: 'all', syscalls: { mount: 'allow', ...(autoload && { autoload }) } },
        'mkdir -p /tmp/at; attempt mount-type nosuchfs /tmp/at; rmdir /tmp/at',
      ));
      await expect(loaded).toHaveActiveAgents(0);
    });
    const told = events.flatMap((event) =>
      event.event === 'violation' ? [`${event.kind} ${event.action} ${event.module ?? ''}`] : [],
    );
    const asked = await loaded.sh('cat /run/asked 2>/dev/null || true');
    return { answers: attempts(stdout), told, asked: asked.split(' ').at(-1)?.trim() };
  };
  try {
    expect(await mount()).toEqual({
      ...{ answers: ['mount-type ENODEV'], told: ['autoload deny fs-nosuchfs'], asked: '' },
    });
    expect(await mount('audit')).toEqual({
      ...{ answers: ['mount-type ENODEV'], told: ['autoload audit fs-nosuchfs'], asked: 'fs-nosuchfs' },
    });
    expect(await mount('allow')).toEqual({
      ...{ answers: ['mount-type ENODEV'], told: [], asked: 'fs-nosuchfs' },
    });
    expect(await mount('kill')).toEqual({
      ...{ answers: [], told: ['autoload kill fs-nosuchfs'], asked: '' },
    });
  } finally {
    await loaded.sh('echo /sbin/modprobe >/proc/sys/kernel/modprobe; rm -f /run/helper /run/asked');
  }
});

test('AUTOLOAD-04: a family that `sockets` denies has no module loaded, even where the policy allows loading', async ({
  loaded,
}) => {
  await loaded.sh(`${NOTE}; echo /run/helper >/proc/sys/kernel/modprobe`);
  // The kernel of the guest has no TIPC, so it asks for a module each time, if it gets so far.
  const tipc = async (request: AgentRequest) => {
    await loaded.sh('rm -f /run/asked');
    let answers: string[] = [];
    const events = await loaded.swarm.eventsDuring(async () => {
      const policy: AgentRequest = { syscalls: { autoload: 'allow' }, ...request };
      const { stdout } = await loaded.swarm.run(policy, 'attempt socket 30 5 0 -- socketpair 30 5 0');
      answers = attempts(stdout);
      await expect(loaded).toHaveActiveAgents(0);
    });
    const told = events.flatMap((event) =>
      event.event === 'violation' ? [`${event.kind} ${event.socket ?? ''}`] : [],
    );
    return {
      answers,
      told,
      asked: (await loaded.sh('cat /run/asked 2>/dev/null || true')).includes('net-pf-30'),
    };
  };
  const answers = ['socket EAFNOSUPPORT', 'socketpair EAFNOSUPPORT'];
  try {
    expect(await tipc({})).toEqual({ answers, told: ['socket tipc', 'socket tipc'], asked: false });
    expect(await tipc({ sockets: ['tipc'] })).toEqual({ answers, told: [], asked: true });
  } finally {
    await loaded.sh('echo /sbin/modprobe >/proc/sys/kernel/modprobe; rm -f /run/helper /run/asked');
  }
});

test('AUTOLOAD-02: an event has the whole name of the module, however many parts the kernel makes it of', async ({
  loaded,
  stage,
}) => {
  await insert(loaded, stage.kernel, 'net/ipv4/inet_diag');
  // Nobody but IPPROTO_RAW may ask for a module of a protocol that the kernel does not have.
  const told = await loaded.swarm.eventsDuring(async () => {
    const { stdout } = await loaded.swarm.launch({ sockets: ['netlink/sock_diag'] }, [
      ...['/usr/local/bin/attempt', 'diag', '255'],
    ]);
    expect(attempts(stdout)).toEqual(['diag ENOENT']);
    await expect(loaded).toHaveActiveAgents(0);
  });
  expect(told.filter(({ event }) => event === 'violation')).toMatchObject([
    { kind: 'autoload', action: 'deny', module: 'net-pf-16-proto-4-type-2-255' },
  ]);
  await loaded.sh('rmmod inet_diag');
});

test('DUMP-01: a member that crashes leaves no core and starts no helper, unless its policy has core', async ({
  loaded,
}) => {
  const before = await loaded.sh('cat /proc/sys/kernel/core_pattern');
  await loaded.sh(`${NOTE}; mkdir -p /srv/cores; chmod 777 /srv/cores`);
  const crash = async (request: AgentRequest) => {
    await loaded.sh('rm -f /run/asked /srv/cores/*');
    const { stdout } = await loaded.swarm.run(request, 'attempt crash');
    await expect(loaded).toHaveActiveAgents(0);
    const left = await loaded.sh('ls /srv/cores; cat /run/asked 2>/dev/null || true');
    return [...attempts(stdout), left.trim()].join(' ');
  };
  const privileged = { namespace_flags: 95, privileged: true };
  try {
    await loaded.sh('echo "|/run/helper %e" >/proc/sys/kernel/core_pattern');
    expect(await crash({})).toBe('crash ENODATA ');
    expect(await crash({ core: true })).toBe('crash ok attempt');
    expect(await crash(privileged)).toBe('crash ok attempt');
    expect(await crash({ ...privileged, core: false })).toBe('crash ENODATA ');
    await loaded.sh('echo /srv/cores/core.%e >/proc/sys/kernel/core_pattern');
    expect(await crash({})).toBe('crash ENODATA ');
    expect(await crash(privileged)).toBe('crash ok core.attempt');
    expect(attempts(await loaded.sh('attempt crash')), 'no member').toEqual(['crash ok']);
  } finally {
    await loaded.sh(
      `echo '${before.trim()}' >/proc/sys/kernel/core_pattern; rm -rf /run/helper /run/asked /srv/cores`,
    );
  }
});

test("DUMP-02: an agent's first process, whose memory is its launcher's, leaves a core before its first execve only with core", async ({
  loaded,
}) => {
  const before = await loaded.sh('cat /proc/sys/kernel/core_pattern');
  await loaded.sh(
    'mkdir -p /srv/cores; chmod 777 /srv/cores; echo /srv/cores/core >/proc/sys/kernel/core_pattern',
  );
  const crash = async (request: AgentRequest) => {
    const object = JSON.stringify({ spawn: true, ...request });
    const { code } = await loaded.exec(`early ${quoted(object)} crash /bin/true`);
    expect(code).toBe(134);
    await expect(loaded).toHaveActiveAgents(0);
    return loaded.sh('ls /srv/cores; rm -f /srv/cores/*');
  };
  try {
    const shared = { namespace_flags: 126 };
    expect(await crash(shared)).toBe('');
    expect(await crash({ ...shared, core: true })).toBe('core');
  } finally {
    await loaded.sh(`echo '${before.trim()}' >/proc/sys/kernel/core_pattern; rm -rf /srv/cores`);
  }
});
