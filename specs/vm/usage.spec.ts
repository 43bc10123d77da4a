/** The numbers of docs/threat-model.md, "What agents use up". */
import { z } from 'zod';
import { NAMESPACES, namesOf } from '../../client/abi/names.js';
import type { AgentRequest } from '../../client/client.js';
import { expect, test } from '../support/fixtures.js';
import { MOUNT_CALLS } from '../support/former-calls.js';
import { destroyAll, expectBorn, hold } from '../support/guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

interface Numbered {
  /** The word of `usage`. */
  readonly number: string;
  readonly what: string;
  /** The error for a process that has used it up. */
  readonly end: string;
  /** A number, or what a shell makes one of. */
  readonly sysctl?: Record<string, number | string>;
  /** Options of prlimit for launchers and for root. */
  readonly limit?: string;
  readonly policy?: AgentRequest;
  /** More than there is of it; 1000 by default. */
  readonly most?: number;
  /** Agents share what there is beyond root's: the promise of that. */
  readonly shared?: string;
}

const FANOTIFY: AgentRequest = { syscalls: { fanotify_init: 'allow' } };

const NUMBERS: readonly Numbered[] = [
  {
    number: 'inotify',
    what: 'inotify instances',
    end: 'EMFILE',
    sysctl: { 'user.max_inotify_instances': 20 },
  },
  { number: 'watches', what: 'inotify watches', end: 'ENOSPC', sysctl: { 'user.max_inotify_watches': 50 } },
  {
    number: 'fanotify',
    what: 'fanotify groups',
    end: 'EMFILE',
    sysctl: { 'user.max_fanotify_groups': 20 },
    policy: FANOTIFY,
  },
  {
    number: 'marks',
    what: 'fanotify marks',
    end: 'ENOSPC',
    sysctl: { 'user.max_fanotify_marks': 50 },
    policy: FANOTIFY,
  },
  { number: 'signals', what: 'queued signals', end: 'EAGAIN', limit: '--sigpending=64:64' },
  { number: 'timers', what: 'POSIX timers', end: 'EAGAIN', limit: '--sigpending=64:64' },
  { number: 'queues', what: 'POSIX message queues', end: 'EMFILE', limit: '--msgqueue=819200:819200' },
  {
    number: 'mounts',
    what: 'mounts',
    end: 'ENOSPC',
    sysctl: { 'fs.mount-max': '$(($(wc -l </proc/self/mountinfo) + 20))' },
    policy: { syscalls: MOUNT_CALLS, capabilities: 'all' },
  },
  {
    number: 'perf',
    what: 'memory that perf locks',
    end: 'EPERM',
    sysctl: { 'kernel.perf_event_mlock_kb': 200, 'kernel.perf_event_paranoid': 2 },
    limit: '--memlock=65536:65536',
    policy: { syscalls: { perf_event_open: 'allow' } },
  },
  { number: 'locked', what: 'locked shared memory', end: 'ENOMEM', limit: '--memlock=655360:655360' },
  {
    number: 'keys',
    what: 'keys',
    end: 'EDQUOT',
    sysctl: { 'kernel.keys.maxkeys': 20 },
    policy: { syscalls: { add_key: 'allow' } },
  },
  { number: 'pipes', what: 'pipe pages', end: 'ENOBUFS', sysctl: { 'fs.pipe-user-pages-soft': 200 } },
  { number: 'epoll', what: 'epoll watches', end: 'ENOSPC', sysctl: { 'fs.epoll.max_user_watches': 50 } },
  { number: 'passing', what: 'descriptors under way', end: 'ETOOMANYREFS', limit: '--nofile=200:200' },
  { number: 'sysv', what: 'queues of System V', end: 'ENOSPC', most: 40_000 },
  { number: 'ports', what: 'ports of a range', end: 'EADDRINUSE' },
  {
    number: 'uring',
    what: 'memory that io_uring locks',
    end: 'ENOMEM',
    limit: '--memlock=1310720:1310720',
    policy: { syscalls: { io_uring_setup: 'allow', io_uring_register: 'allow' } },
  },
  { number: 'processes', what: 'processes of a user', end: 'EAGAIN', limit: '--nproc=30:30' },
  {
    number: 'terminals',
    what: 'terminals',
    end: 'ENOSPC',
    sysctl: { 'kernel.pty.max': 60, 'kernel.pty.reserve': 20 },
    shared: 'USAGE-02',
  },
  {
    number: 'files',
    what: 'the open files of the machine',
    end: 'ENFILE',
    sysctl: { 'fs.file-max': '$(($(cut -f1 /proc/sys/fs/file-nr) + 300))' },
    shared: 'USAGE-10',
  },
];

/** The amount of a number that `usage` got, and the error that ended it. */
const usage = z.object({ got: z.number(), end: z.string() });
const parseUsage = (text: string) => usage.parse(JSON.parse(text));
const ALL = { got: 4, end: 'ok' };

/** Sets sysctls while `work` runs. */
async function withSysctls(
  guest: LoadedGuest,
  values: Record<string, number | string>,
  work: () => Promise<void>,
): Promise<void> {
  const names = Object.keys(values);
  const before = names.length > 0 ? (await guest.sh(`sysctl -n ${names.join(' ')}`)).split('\n') : [];
  const set = (list: (number | string)[]) =>
    guest.sh(names.map((name, i) => `sysctl -qw ${name}="${list[i] ?? ''}"`).join(' && ') || 'true');
  await set(Object.values(values));
  try {
    await work();
  } finally {
    await set(before);
  }
}

for (const { number, what, end, sysctl = {}, limit, policy = {}, most = 1000, shared } of NUMBERS) {
  const others = shared ? 'root its own' : 'root and another agent theirs';
  test(`${shared ?? 'USAGE-01'}: an agent that uses up ${what} leaves ${others}`, async ({ loaded }) => {
    const under = limit ? `prlimit ${limit} --` : '';
    await withSysctls(loaded, sysctl, async () => {
      await loaded.sh(': >/run/used && chmod 666 /run/used');
      const { line, release } = hold(loaded);
      const greedy = loaded.swarm.run(policy, `(${line}) | usage ${number} ${most} >/run/used`, {
        under,
      });
      await expect.poll(() => loaded.sh('cat /run/used'), { timeout: 30_000 }).not.toBe('');
      const used = parseUsage(await loaded.sh('cat /run/used'));
      expect(used.end).toBe(end);
      expect(used.got, 'it got some').toBeGreaterThan(4);
      expect(parseUsage(await loaded.sh(`${under} usage ${number} 4 </dev/null`)), 'root').toEqual(ALL);
      if (!shared) {
        const other = await loaded.swarm.run(policy, `usage ${number} 4 </dev/null`, { under });
        expect(parseUsage(other.stdout), 'another agent').toEqual(ALL);
      }
      await release();
      await greedy;
      await loaded.sh('rm -f /tmp/usage-*');
      await expect(loaded).toHaveActiveAgents(0);
    });
  });
}

test('USAGE-15: what an agent without a user namespace uses up is counted for root, who gets no more until it has ended', async ({
  loaded,
}) => {
  await withSysctls(loaded, { 'user.max_inotify_instances': 20 }, async () => {
    await loaded.sh(': >/run/used');
    const { line, release } = hold(loaded);
    const policy = { privileged: true, namespace_flags: 95 };
    const greedy = loaded.swarm.run(policy, `(${line}) | usage inotify 1000 >/run/used`);
    await expect.poll(() => loaded.sh('cat /run/used'), { timeout: 30_000 }).not.toBe('');
    expect(parseUsage(await loaded.sh('usage inotify 4 </dev/null')), 'root').toMatchObject({
      end: 'EMFILE',
    });
    // One with a user namespace has a number of its own.
    const other = await loaded.swarm.run({}, 'usage inotify 4 </dev/null');
    expect(parseUsage(other.stdout), 'another agent').toEqual(ALL);
    await release();
    await greedy;
    await expect(loaded).toHaveActiveAgents(0);
    expect(parseUsage(await loaded.sh('usage inotify 4 </dev/null')), 'afterwards').toEqual(ALL);
  });
});

/** With a limit of so many namespaces of each kind. */
const few = (limit: number, kinds: readonly string[]) =>
  Object.fromEntries(kinds.map((kind) => [`user.max_${kind}_namespaces`, limit]));

test('USAGE-01: an agent that uses up namespaces of each kind leaves root and another agent theirs', async ({
  loaded,
}) => {
  const kinds = namesOf(NAMESPACES);
  const policy: AgentRequest = { syscalls: { unshare: 'allow' }, capabilities: 'all' };
  const each = (line: string) => `for kind in ${kinds.join(' ')}; do ${line}; done`;
  const amounts = (text: string) => text.split('\n').filter(Boolean).map(parseUsage);
  await withSysctls(loaded, few(12, kinds), async () => {
    await loaded.sh(': >/run/used && chmod 666 /run/used');
    const { line, release } = hold(loaded);
    const use = `(${line}) | usage ns-$kind 1000 >>/run/used &`;
    const greedy = loaded.swarm.run(policy, `for kind in ${kinds.join(' ')}; do ${use} done; wait`);
    const used = async () => amounts(await loaded.sh('cat /run/used'));
    await expect.poll(async () => (await used()).length, { timeout: 30_000 }).toBe(kinds.length);
    for (const { got, end } of await used()) {
      expect(end).toBe('ENOSPC');
      expect(got).toBeGreaterThan(4);
    }
    const some = each('usage ns-$kind 4 </dev/null');
    const all = kinds.map(() => ALL);
    expect(amounts(await loaded.sh(some)), 'root').toEqual(all);
    expect(amounts((await loaded.swarm.run(policy, some)).stdout), 'another agent').toEqual(all);
    await release();
    await greedy;
    await expect(loaded).toHaveActiveAgents(0);
  });
});

test('USAGE-11: an agent takes three numbers of file systems without a device, and gives them back', async ({
  loaded,
}) => {
  // The lowest that is free: of a file system that is mounted for a moment.
  const mount = 'mount -t tmpfs none /run/next && mountpoint -d /run/next && umount /run/next';
  const next = async () => Number((await loaded.sh(`mkdir -p /run/next && ${mount}`)).replace('0:', ''));
  const before = await next();
  const { line, release } = hold(loaded);
  const running = Array.from({ length: 10 }, () => loaded.swarm.run({}, line));
  await expectBorn(loaded, 10);
  const between = await next();
  // Some lower ones may have been free.
  expect(between - before).toBeGreaterThan(20);
  expect(between - before).toBeLessThanOrEqual(30);
  await release();
  await Promise.all(running);
  await expect(loaded).toHaveActiveAgents(0);
  await expect.poll(next).toBe(before);
});

test("USAGE-12: an agent's unix sockets that nobody accepts count for the machine, and root gets none when it has used them up", async ({
  loaded,
}) => {
  // The kernel has twice as many as fs.file-max.
  const few = { 'fs.file-max': '$(($(cut -f1 /proc/sys/fs/file-nr) + 1000))' };
  await withSysctls(loaded, few, async () => {
    await loaded.sh(': >/run/used && chmod 666 /run/used');
    const { line, release } = hold(loaded);
    const greedy = loaded.swarm.run({ memory_limit: 64 << 20 }, `(${line}) | usage unix 100000 >/run/used`);
    await expect.poll(() => loaded.sh('cat /run/used'), { timeout: 60_000 }).not.toBe('');
    const used = parseUsage(await loaded.sh('cat /run/used'));
    const files = Number(await loaded.sh('cat /proc/sys/fs/file-max'));
    const others = parseUsage(await loaded.sh('usage unix 4 </dev/null'));
    await release();
    await greedy;
    expect(used.end).toBe('ENFILE');
    // A connection is two sockets.
    expect(used.got * 2, 'more than there are files').toBeGreaterThan(files);
    expect(others, 'root').toEqual({ got: 0, end: 'ENFILE' });
    await expect(loaded).toHaveActiveAgents(0);
    expect(parseUsage(await loaded.sh('usage unix 4 </dev/null')), 'afterwards').toEqual(ALL);
  });
});

for (const [number, what] of [
  ['tcp-data', 'TCP'],
  ['unix-data', 'unix'],
] as const)
  test(`USAGE-16: data under way in ${what} sockets of an agent counts toward its memory_limit`, async ({
    loaded,
  }) => {
    const fill = (policy: AgentRequest) => loaded.swarm.run(policy, `usage ${number} 400 </dev/null`);
    expect(parseUsage((await fill({})).stdout), 'without a limit').toEqual({ got: 400, end: 'ok' });
    const events = await loaded.swarm.eventsDuring(async () => {
      const { code, stdout } = await fill({ memory_limit: 16 << 20 });
      expect([code, stdout], 'killed while it fills them').toEqual([137, '']);
    });
    expect(events).toContainEqual(expect.objectContaining({ event: 'oom' }));
    await expect(loaded).toHaveActiveAgents(0);
  });

for (const [id, number, what, most, count, limit] of [
  [
    'USAGE-13',
    'orphans',
    'TCP sockets without an owner',
    40,
    "sed -n 's/^TCP:.* orphan \\([0-9]*\\).*/\\1/p' /proc/net/sockstat",
    64,
  ],
  [
    'USAGE-14',
    'committed',
    'mebibytes of memory that it never touches',
    500,
    "awk '/^Committed_AS/ { print int($2 / 1024) }' /proc/meminfo",
    64,
  ],
  // Each takes about 200 bytes: together more than all that it may have.
  ['USAGE-17', 'locks', 'file locks', 100_000, 'wc -l </proc/locks', 8],
] as const)
  test(`${id}: an agent's ${what} count for the machine, whatever its memory_limit`, async ({ loaded }) => {
    await loaded.sh(': >/run/used && chmod 666 /run/used');
    const counted = async () => Number(await loaded.sh(count));
    const before = await counted();
    const { line, release } = hold(loaded);
    const running = loaded.swarm.run(
      { memory_limit: limit << 20 },
      `(${line}) | usage ${number} ${most} >/run/used`,
    );
    await expect.poll(() => loaded.sh('cat /run/used'), { timeout: 60_000 }).not.toBe('');
    expect(parseUsage(await loaded.sh('cat /run/used'))).toEqual({ got: most, end: 'ok' });
    expect((await counted()) - before).toBeGreaterThan(most * 0.9);
    await release();
    await running;
    await expect(loaded).toHaveActiveAgents(0);
    await expect.poll(counted).toBeLessThan(before + most * 0.5);
  });

test('USAGE-03: more agents are born than a user may have namespaces of each kind', async ({ loaded }) => {
  const kinds = ['user', 'pid', 'net', 'mnt', 'uts', 'ipc', 'cgroup'];
  await withSysctls(loaded, few(3, kinds), async () => {
    const { line, release } = hold(loaded);
    const running = [1, 2, 3, 4, 5, 6, 7].map(() => loaded.swarm.run({}, `${line}; echo lived`));
    await expect(loaded).toHaveActiveAgents(7);
    await release();
    for (const { stdout } of await Promise.all(running)) expect(stdout).toBe('lived\n');
  });
  await destroyAll(loaded);
});

test('USAGE-04: an armed thread cannot make a user namespace for itself, and an unarmed one can', async ({
  loaded,
}) => {
  const arm = `echo '{"spawn":true}' >/proc/swarm/create`;
  const { code, stderr } = await loaded.exec(`${arm}; exec unshare --user true`);
  expect(code).not.toBe(0);
  expect(stderr).toContain('unshare failed: Invalid argument');
  expect(await loaded.sh('unshare --user id -u')).toBe('65534');
  const destroy = 'read -r line <&3; line=${line#*:}; echo ${line%\\}} >/proc/swarm/destroy';
  const disarmed = `exec 3<>/proc/swarm/create; echo '{"spawn":true}' >&3; ${destroy}; exec unshare --user id -u`;
  expect(await loaded.sh(disarmed), 'once its agent is destroyed').toBe('65534');
  const privileged = JSON.stringify({ spawn: true, namespace_flags: 95, privileged: true });
  expect(await loaded.sh(`echo '${privileged}' >/proc/swarm/create; exec unshare --user id -u`)).toBe(
    '65534',
  );
  await expect(loaded).toHaveActiveAgents(0);
});
