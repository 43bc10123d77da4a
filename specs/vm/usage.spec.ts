/** The numbers of docs/threat-model.md, "What agents use up". */
import { z } from 'zod';
import type { AgentRequest } from '../../client/client.js';
import { expect, test } from '../support/fixtures.js';
import { destroyAll, hold } from '../support/guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

interface Numbered {
  /** The word of `usage`. */
  readonly number: string;
  readonly what: string;
  /** The error for a process that has used it up. */
  readonly end: string;
  readonly sysctl?: Record<string, number>;
  /** Options of prlimit for launchers and for root. */
  readonly limit?: string;
  readonly policy?: AgentRequest;
  /** Agents share what there is beyond root's. */
  readonly shared?: true;
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
    number: 'namespaces',
    what: 'namespaces',
    end: 'ENOSPC',
    sysctl: { 'user.max_uts_namespaces': 20 },
    policy: { syscalls: { unshare: 'allow' }, capabilities: 'all' },
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
  { number: 'processes', what: 'processes of a user', end: 'EAGAIN', limit: '--nproc=30:30' },
  {
    number: 'terminals',
    what: 'terminals',
    end: 'ENOSPC',
    sysctl: { 'kernel.pty.max': 60, 'kernel.pty.reserve': 20 },
    shared: true,
  },
];

/** The amount of a number that `usage` got, and the error that ended it. */
const usage = z.object({ got: z.number(), end: z.string() });
const parseUsage = (text: string) => usage.parse(JSON.parse(text));
const ALL = { got: 4, end: 'ok' };

/** Sets sysctls while `work` runs. */
async function withSysctls(
  guest: LoadedGuest,
  values: Record<string, number>,
  work: () => Promise<void>,
): Promise<void> {
  const names = Object.keys(values);
  const before = names.length > 0 ? (await guest.sh(`sysctl -n ${names.join(' ')}`)).split('\n') : [];
  const set = (list: (number | string)[]) =>
    guest.sh(names.map((name, i) => `sysctl -qw ${name}='${list[i] ?? ''}'`).join(' && ') || 'true');
  await set(Object.values(values));
  try {
    await work();
  } finally {
    await set(before);
  }
}

for (const { number, what, end, sysctl = {}, limit, policy = {}, shared } of NUMBERS) {
  const promise = shared ? 'USAGE-02' : 'USAGE-01';
  const others = shared ? 'root its own' : 'root and another agent theirs';
  test(`${promise}: an agent that uses up ${what} leaves ${others}`, async ({ loaded }) => {
    const under = limit ? `prlimit ${limit} --` : '';
    await withSysctls(loaded, sysctl, async () => {
      await loaded.sh(': >/run/used && chmod 666 /run/used');
      const { line, release } = hold(loaded);
      const greedy = loaded.swarm.run(policy, `(${line}) | usage ${number} 1000 >/run/used`, { under });
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

test('USAGE-03: more agents are born than a user may have namespaces of each kind', async ({ loaded }) => {
  const kinds = ['user', 'pid', 'net', 'mnt', 'uts', 'ipc', 'cgroup'];
  const few = Object.fromEntries(kinds.map((kind) => [`user.max_${kind}_namespaces`, 3]));
  await withSysctls(loaded, few, async () => {
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
