import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repository } from '../../harness.config.js';
import { LAUNCH_CALLS } from '../../client/client.js';
import { expect, test } from '../support/fixtures.js';
import { MOUNT_CALLS } from '../support/former-calls.js';
import { background, expectBorn, hold, NAMESPACES, SHOW_NAMESPACES } from '../support/guest.js';
import { load } from '../support/loaded-guest.js';

for (const via of LAUNCH_CALLS) {
  test(`BIRTH-01: a process born by ${via} is root of its own seven namespaces`, async ({ loaded }) => {
    const { code, stdout } = await loaded.swarm.run(
      { pids_limit: 50 },
      `echo $$; id -u; cat /proc/self/cgroup; ${SHOW_NAMESPACES}`,
      { via },
    );
    const [pid, uid, cgroup, ...inside] = stdout.split('\n').filter(Boolean);
    expect(code).toBe(0);
    expect([pid, uid, cgroup]).toEqual(['1', '0', '0::/']);
    const outside = (await loaded.sh(SHOW_NAMESPACES)).split('\n');
    const shared = inside.filter((namespace) => outside.includes(namespace));
    expect(shared).toEqual([expect.stringMatching(/^time:/)]);
    await expect(loaded).toHaveActiveAgents(0);
  });
}

test('BIRTH-02: namespace_flags choose the namespaces, each by its own inode', async ({ loaded }) => {
  const outside = (await loaded.sh(SHOW_NAMESPACES)).split('\n');
  for (const [name, bit] of Object.entries(NAMESPACES)) {
    const { stdout } = await loaded.swarm.run({ namespace_flags: bit | NAMESPACES.user }, SHOW_NAMESPACES);
    const own = stdout.split('\n').filter((each) => each && !outside.includes(each));
    const expected = [...new Set([name, 'user'])].sort();
    expect(own.map((each) => each.split(':')[0]).sort(), name).toEqual(expected);
  }
  const { stdout } = await loaded.swarm.run({ namespace_flags: 255 }, SHOW_NAMESPACES);
  expect(stdout.split('\n').filter((each) => outside.includes(each))).toEqual([]);
});

test('BIRTH-03: each namespace is one by effect', async ({ loaded }) => {
  const sleeper = await background(loaded, 'sleep 60');
  await loaded.sh('ipcmk -M 4096');
  const { stdout } = await loaded.swarm.run(
    { namespace_flags: 255, syscalls: MOUNT_CALLS, capabilities: 'all' },
    [
      `attempt kill ${sleeper}`,
      'attempt kill 1',
      'mkdir -p /tmp/inner && mount -t proc proc /tmp/inner && ls /tmp/inner | grep -c "^[0-9]"',
      'mount -t tmpfs none /mnt && touch /mnt/inside',
      'tail -n +3 /proc/self/net/dev | cut -d: -f1 | xargs',
      'bash -c ": </dev/tcp/127.0.0.1/22" 2>/dev/null || echo unreachable',
      'hostname agent && hostname',
      'ipcs -m | grep -c 0x',
      'cat /proc/self/cgroup',
    ].join('\n'),
  );
  const lines = stdout.split('\n').filter(Boolean);
  expect(lines[0], 'a process outside').toBe('kill ESRCH');
  expect(lines[1], 'its own first process').toBe('kill ok');
  expect(Number(lines[2]), 'processes in its own /proc').toBeLessThanOrEqual(5);
  expect(lines.slice(3)).toEqual(['lo', 'unreachable', 'agent', '0', '0::/']);
  expect(await loaded.sh('hostname'), "the host's name").toBe('guest');
  expect(await loaded.sh('ls /mnt'), "the host's mounts").toBe('');
  await loaded.sh(`kill ${sleeper}; rmdir /tmp/inner; ipcrm -a`);
});

test('BIRTH-04: its ids are its own: root inside, nobody outside, and no two agents the same', async ({
  loaded,
}) => {
  const agents = await Promise.all(
    [1, 2].map(() =>
      loaded.swarm.run({ capabilities: 'all' }, 'id -G; grep ^Cap /proc/self/status; sleep 2'),
    ),
  );
  for (const { stdout } of agents) {
    expect(stdout.split('\n')[0], 'supplementary groups are gone').toBe('0');
    expect(stdout).toMatch(/^CapEff:\t0*1ffffffffff$/m);
  }
  const { line, release } = hold(loaded);
  const running = Promise.all([1, 2].map(() => loaded.swarm.run({}, line)));
  await expectBorn(loaded, 2);
  const pids = (await loaded.swarm.agents()).map(({ pid }) => pid);
  const uids = await loaded.sh(
    `for p in ${pids.join(' ')}; do grep -E "^(Uid|Gid|Groups)" /proc/$p/status | xargs; done`,
  );
  await release();
  await running;
  const [first, second] = uids
    .split('\n')
    .map((line) => /^Uid: (\d+) \1 \1 \1 Gid: (\d+) \2 \2 \2 Groups:$/.exec(line));
  expect(Number(first?.[1])).toBeGreaterThanOrEqual(2 ** 31);
  expect(Number(first?.[2])).toBeGreaterThanOrEqual(2 ** 31);
  expect(Math.abs(Number(first?.[1]) - Number(second?.[1]))).toBeGreaterThanOrEqual(1024);
});

test('BIRTH-06: without a user namespace it needs "privileged", and is then root outside too', async ({
  loaded,
}) => {
  const refused = await loaded.swarm.tryLaunch({ namespace_flags: 95 }, ['/bin/true']);
  expect(refused.code).toBe(125);
  expect(refused.stderr).toContain('"error":"EINVAL","field":"namespace_flags"');
  const { stdout } = await loaded.swarm.run(
    { namespace_flags: 95, privileged: true },
    'cat /proc/self/uid_map; id -u',
  );
  expect(stdout.trim().split(/\s+/)).toEqual(['0', '0', '4294967295', '0']);
});

for (const [name, flags] of Object.entries({
  CLONE_VM: '100',
  CLONE_FS: '200',
  CLONE_FILES: '400',
  CLONE_SYSVSEM: '40000',
  CLONE_IO: '80000000',
})) {
  test(`BIRTH-07: a launcher cannot keep ${name} with its agent, and stays armed`, async ({ loaded }) => {
    const { stdout, stderr } = await loaded.swarm.run({}, 'echo $$', { first: flags });
    expect(stderr).toContain('first EINVAL');
    expect(stdout).toBe('1\n');
  });
}

test('BIRTH-08: a chrooted launcher is refused and nothing is left', async ({ loaded }) => {
  await loaded.sh('mkdir -p /tmp/jail && mount --rbind / /tmp/jail');
  const { code, stderr } = await loaded.swarm.tryLaunch({}, ['/bin/true'], { under: 'chroot /tmp/jail' });
  await loaded.sh('umount -l /tmp/jail && rmdir /tmp/jail');
  expect(code).toBe(125);
  expect(stderr).toMatch(/"error":"EPERM","field":"spawn".*chroot/);
  await expect(loaded).toHaveActiveAgents(0);
});

test('BIRTH-09: it leaves its session and terminal, real-time scheduling, priority and OOM protection behind', async ({
  loaded,
}) => {
  const look = 'cut -d" " -f6,7 /proc/self/stat; chrt -p $$ | head -1; nice; cat /proc/self/oom_score_adj';
  const under = 'choom -n -500 -- chrt -f 10';
  const realtime = await loaded.swarm.run({}, look, { under });
  const lines = realtime.stdout.split('\n');
  expect(lines[0], 'session and terminal').toBe('1 0');
  expect(lines[1]).toMatch(/SCHED_OTHER$/);
  expect(lines.slice(2, 4)).toEqual(['0', '0']);
  const nice = await loaded.swarm.run({}, look, { under: 'nice -n -5' });
  expect(nice.stdout.split('\n')[2]).toBe('0');
  const again = await loaded.swarm.run({ capabilities: 'all' }, 'echo -1 >/proc/self/oom_score_adj', {
    under,
  });
  expect(again.code, 'protection cannot be taken back').not.toBe(0);
  for (const request of [{}, { namespace_flags: 95, privileged: true }]) {
    const ambient = await loaded.swarm.run(request, 'grep CapAmb /proc/self/status', {
      under: 'setpriv --inh-caps +net_raw --ambient-caps +net_raw',
    });
    expect(ambient.stdout).toBe('CapAmb:\t0000000000000000\n');
  }
});

test('BIRTH-10: the commands of the pages make an agent at the prompt of an interactive shell; after a refused policy nothing runs', async ({
  loaded,
}) => {
  const example = async (page: string) => {
    const lines = (await readFile(join(repository, 'docs', page), 'utf8')).split('\n');
    return (lines.find((line) => /^ {4}.*echo .*"spawn":true.*my-agent/.test(line)) ?? '').replace(
      /^ +(# )?/,
      '',
    );
  };
  const terminal = await loaded.terminal();
  // Whoever reads lines: my-agent, or the shell that has started it.
  const reader = () => terminal.type('echo ${0##*/}:$$');
  const shell = await reader();
  expect(shell).toMatch(/^bash:/);
  await terminal.type('exec 3<>/proc/swarm/create');
  for (const page of ['launching.md', 'abi/create.md']) {
    const line = await example(page);
    await terminal.type(line);
    expect(await reader(), page).toBe('my-agent:1');
    await terminal.type('exit');
    expect(await reader()).toBe(shell);
    const refused = line.replace(/"memory_limit":\d+/, '"memory_limit":-1');
    expect(refused).not.toBe(line);
    expect(await terminal.type(refused), page).toMatch(/Invalid argument$/);
    expect(await reader(), 'my-agent runs outside').toBe(shell);
  }
  // Nothing is armed, and the first process of the next agent is the one that is started.
  await terminal.type('echo \'{"memory_limit":268435456,"spawn":true}\' > /proc/swarm/create');
  expect(await terminal.type("sh -c 'echo $$; ps -o tty= -p 1'")).toBe('1\n?');
  expect(await terminal.type("sh -c 'test $$ != 1 && echo not an agent'")).toBe('not an agent');
  terminal.close();
  await expect(loaded).toHaveActiveAgents(0);
});

test('BIRTH-11: only the armed thread gives birth', async ({ loaded }) => {
  const line = `exec 3<>/proc/swarm/create; echo '{"spawn":true}' >&3; read -r answer <&3; `;
  const twice = await loaded.sh(`${line} sh -c 'echo $$'; sh -c 'test $$ = 1 || echo free'`);
  expect(twice).toBe('1\nfree');
});

test('BIRTH-05, BIRTH-43: ranges of ids are given back, the longest unused first, and running out is an error that says so', async ({
  booted,
  module,
}) => {
  // Three ranges of 1024 fit below 4294967295.
  const guest = await load(booted, module.ko, { id_base: 4294967295 - 3 * 1024 });
  const first: number[] = [];
  for (let i = 0; i < 7; i++) {
    const { stdout } = await guest.swarm.run({}, 'sed 1q /proc/self/uid_map');
    first.push(Number(stdout.trim().split(/\s+/)[1]));
    await expect(guest).toHaveActiveAgents(0);
  }
  expect(first.map((id) => (id - (4294967295 - 3 * 1024)) / 1024)).toEqual([0, 1, 2, 0, 1, 2, 0]);
  const { line, release } = hold(guest);
  const running = [1, 2, 3].map(() => guest.swarm.run({}, line));
  await expect(guest).toHaveActiveAgents(3);
  const { code, stderr } = await guest.swarm.tryLaunch({}, ['/bin/true']);
  expect([code, stderr]).toEqual([
    125,
    expect.stringMatching(
      /"error":"ENOSPC","field":"spawn".*agents use all 3 ranges of 1024 user ids \(id_base, id_count\), but a birth needs one; end agents, or load the module with a smaller id_count"/,
    ),
  ]);
  await release();
  await Promise.all(running);
  await expect(guest).toHaveActiveAgents(0);
  expect((await guest.swarm.run({}, 'true')).code).toBe(0);
});
