/** The procfs of an agent's own: what it shows, when it is made, and what a birth says if it cannot be. */
import { quoted } from '../../client/client.js';
import type { AgentRequest } from '../../client/client.js';
import { expect, test } from '../support/fixtures.js';
import { MOUNT_CALLS } from '../support/former-calls.js';
import { NAMESPACES, background, expectBorn, hold, onlyAgent } from '../support/guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

/** Prints the processes that /proc shows, by the shell alone. */
const SHOWN = 'echo /proc/[0-9]*';

/** The lines of a bash that arms itself, although /proc may have gone or become read-only meanwhile. */
const OPEN = 'exec 3<>/proc/swarm/create';
const arm = (request: AgentRequest) =>
  `echo ${quoted(JSON.stringify({ spawn: true, ...request }))} >&3; read -r answer <&3`;
const ARM = arm({});

/** Runs a launcher in a mount namespace of its own, after a shell line. */
const after = (line: string) => `unshare --mount sh -c '${line} && exec "$@"' sh`;

/** Is a process of the host's in the /proc that an agent sees? */
async function seesHost(guest: LoadedGuest, request: AgentRequest): Promise<boolean> {
  const pid = await background(guest, 'sleep 1000');
  const { stdout } = await guest.swarm.run(request, `[ -e /proc/${pid} ] && echo seen || echo hidden`);
  await guest.sh(`kill ${pid}`);
  return stdout === 'seen\n';
}

for (const via of ['fork', 'vfork'] as const) {
  test(`PROCFS-01: born by ${via}, it sees its own processes in /proc and no others, and cannot take that off`, async ({
    loaded,
  }) => {
    const { stdout } = await loaded.swarm.run(
      { capabilities: 'all', syscalls: MOUNT_CALLS },
      [
        'sleep 100 &',
        SHOWN,
        'echo $$; readlink /proc/1/ns/pid /proc/self/ns/pid | uniq | wc -l; cat /proc/1/comm',
        'ps -e -o comm= | sort | xargs',
        'umount /proc || umount -l /proc || echo covered',
        'mkdir /tmp/other && { mount --move /proc /tmp/other || echo covered; }; rmdir /tmp/other',
        'grep " /proc " /proc/self/mountinfo | tail -n 1 | cut -d" " -f6',
        'kill %1 2>/dev/null || kill $!',
      ].join('\n'),
      { via },
    );
    expect(stdout.split('\n').filter(Boolean)).toEqual([
      '/proc/1 /proc/2',
      ...['1', '1', 'sh'],
      'ps sh sleep sort xargs',
      ...['covered', 'covered'],
      'rw,nosuid,nodev,noexec,relatime',
    ]);
    await expect(loaded).toHaveActiveAgents(0);
  });
}

test('PROCFS-02: nothing of the machine can be changed through it, and /proc/swarm shows its own agent alone', async ({
  loaded,
}) => {
  const other = await loaded.swarm.create({});
  const files = [
    '/proc/sysrq-trigger',
    ...['kernel/core_pattern', 'kernel/hostname', 'vm/drop_caches', 'fs/mount-max'].map(
      (each) => `/proc/sys/${each}`,
    ),
  ];
  const { stdout, id } = await loaded.swarm.run(
    {},
    `for f in ${files.join(' ')}; do { echo h >$f; } 2>/dev/null && echo "wrote $f"; done; cat /proc/swarm/agents; { echo {} >/proc/swarm/create; } 2>/dev/null || echo no orders`,
  );
  expect(stdout).toMatch(new RegExp(`^ID: ${id},.*\nno orders\n$`));
  await loaded.swarm.destroy(other);
});

test('PROCFS-03: with "proc":false, without the pid, mnt or user bit, adopted, and if it is privileged, it sees the /proc of its launcher', async ({
  loaded,
}) => {
  expect(await seesHost(loaded, {})).toBe(false);
  expect(await seesHost(loaded, { namespace_flags: 37 })).toBe(false);
  expect(await seesHost(loaded, { proc: false })).toBe(true);
  expect(await seesHost(loaded, { namespace_flags: 126 })).toBe(true);
  expect(await seesHost(loaded, { namespace_flags: 123 })).toBe(true);
  expect(await seesHost(loaded, { namespace_flags: 95, privileged: true })).toBe(true);
  expect(await seesHost(loaded, { privileged: true })).toBe(true);
  expect(await seesHost(loaded, { privileged: true, proc: true })).toBe(false);
  // It waits outside until it has been adopted, and then looks.
  const pid = await background(
    loaded,
    `unshare --user --map-root-user --mount sh -c "until [ -e /srv/adopted ]; do sleep 0.1; done; ls -d /proc/1/task /proc/$$ >/srv/seen; sleep 1000"`,
  );
  await expect.poll(() => loaded.sh(`readlink /proc/${pid}/ns/mnt /proc/1/ns/mnt | uniq | wc -l`)).toBe('2');
  const id = await loaded.swarm.create({ pid, namespace_flags: NAMESPACES.mnt | NAMESPACES.user });
  await loaded.sh(': >/srv/seen; chmod 666 /srv/seen; touch /srv/adopted');
  await expect.poll(() => loaded.sh('cat /srv/seen')).toContain('/proc/1/task');
  await loaded.swarm.destroy(id);
  await loaded.sh('rm /srv/seen /srv/adopted');
  await expect(loaded).toHaveActiveAgents(0);
});

/** The files that container engines and systemd cover in the /proc of their containers and services. */
const OFTEN_COVERED: readonly string[] = [
  ...['acpi', 'apm', 'asound', 'bus', 'fs', 'interrupts', 'irq', 'kallsyms', 'kcore', 'keys', 'kmsg'],
  ...['latency_stats', 'mtrr', 'sched_debug', 'scsi', 'sys', 'sysrq-trigger', 'timer_list', 'timer_stats'],
];

test('PROCFS-04: if parts of /proc are covered, arming or the birth says why there can be none', async ({
  loaded,
}) => {
  const there = (await loaded.sh(`cd /proc; ls -d ${OFTEN_COVERED.join(' ')} 2>/dev/null || true`)).split(
    '\n',
  );
  for (const name of ['sys', 'kcore', 'kmsg', 'keys', 'bus', 'fs', 'irq', 'sysrq-trigger'])
    expect(there).toContain(name);
  const covers = ['mount --bind -o ro /proc/sys /proc/sys'].concat(
    there.map(
      (name) => `{ mount --bind /dev/null /proc/${name} || mount -t tmpfs none /proc/${name}; } 2>/dev/null`,
    ),
  );
  for (const name of covers) {
    const under = after(name);
    const refused = await loaded.swarm.tryLaunch({}, ['/bin/true'], { under });
    expect(refused.code, name).toBe(125);
    expect(refused.stderr, name).toMatch(/"error":"EPERM","field":"proc".*cover parts of \/proc/);
  }
  const covered = after(covers[0] ?? '');
  expect((await loaded.swarm.launch({ proc: false }, ['/bin/true'], { under: covered })).code).toBe(0);
  // Covers in another mount namespace, of the same procfs, do not count.
  const other = await background(
    loaded,
    `unshare --mount sh -c ${quoted(`${covers.slice(1).join('; ')}; exec sleep 1000`)}`,
  );
  await expect
    .poll(() => loaded.sh('grep -l "/proc/irq " /proc/[0-9]*/mountinfo 2>/dev/null | wc -l'))
    .not.toBe('0');
  expect((await loaded.swarm.launch({}, ['/bin/true'])).code).toBe(0);
  await loaded.sh(`kill ${other}`);
  // A cover that arming does not look for.
  const under = after('mount --bind /dev/null /proc/cmdline');
  const killed = await loaded.swarm.launch({}, ['/bin/true'], { under });
  expect(killed.code).toBe(137);
  expect((await loaded.swarm.events()).at(-1)).toMatchObject({
    ...{ event: 'destroyed', agent: killed.id, reason: 'birth' },
    ...{ step: 'mounting its procfs', error: 'EPERM' },
  });
  await expect(loaded).toHaveActiveAgents(0);
});

test('PROCFS-05: it is as read-only, and has the same access times, as what it covers', async ({
  loaded,
}) => {
  for (const flags of ['ro,relatime', 'rw,noatime', 'ro,nodiratime,noatime', 'rw,strictatime']) {
    const script = [
      ...[`mount -o remount,bind,nosuid,nodev,noexec,${flags} /proc`, ARM],
      `sh -c ${quoted(`${SHOWN}; grep " /proc " /proc/self/mountinfo | tail -n 1 | cut -d" " -f6`)}`,
      'true',
    ].join('\n');
    const [mode, ...times] = flags.split(',');
    const told = [mode, 'nosuid,nodev,noexec', ...times.filter((each) => each !== 'strictatime').sort()];
    // What is open for writing belongs to the host's mount: it keeps nothing from becoming read-only.
    const apart = `bash -c ${quoted(`${OPEN}; exec unshare --mount bash -ec ${quoted(script)}`)}`;
    expect(await loaded.sh(apart), flags).toBe(`/proc/1\n${told.join(',')}`);
  }
  await expect(loaded).toHaveActiveAgents(0);
});

test('PROCFS-12: an agent with all capabilities makes a read-only procfs no more writable, nor mounts another', async ({
  loaded,
}) => {
  const tries = [
    ...['mount -o remount,rw /proc', 'mount -o remount,bind,rw /proc'],
    ...['mount -t proc none /tmp/proc', 'mount --bind /proc /tmp/proc && mount -o remount,bind,rw /tmp/proc'],
  ];
  const inside = [
    'mkdir /tmp/proc',
    ...tries.map((each) => `{ ${each}; } 2>/dev/null && echo 'done: ${each}'`),
    // A setting of the agent's own net namespace, which its root may write to.
    'for p in /proc /tmp/proc; do { echo 1 >$p/sys/net/ipv4/ip_forward; } 2>/dev/null && echo wrote $p; done',
    'umount -R /tmp/proc 2>/dev/null; rmdir /tmp/proc; echo end',
  ].join('\n');
  const tried = (mode: 'ro' | 'rw') => {
    const script = [
      ...[`mount -o remount,bind,${mode} /proc`, arm({ capabilities: 'all', syscalls: MOUNT_CALLS })],
      ...[`sh -c ${quoted(inside)}`, 'true'],
    ].join('\n');
    return loaded.sh(`bash -c ${quoted(`${OPEN}; exec unshare --mount bash -ec ${quoted(script)}`)}`);
  };
  const done = tries.map((each) => `done: ${each}`);
  expect((await tried('rw')).split('\n')).toEqual([...done, 'wrote /proc', 'wrote /tmp/proc', 'end']);
  // The kernel keeps what is read-only so: it locks the flag of a procfs that covers such a one.
  expect(await tried('ro')).toBe('end');
  await expect(loaded).toHaveActiveAgents(0);
});

/** A root directory of its own, on /mnt, with the programs of the host and without /proc. */
const NEW_ROOT = [
  'mount -t tmpfs -o mode=755 none /mnt && cd /mnt && mkdir old',
  'for d in bin sbin lib lib64 usr dev; do [ -e /$d ] && mkdir $d && mount --rbind /$d $d; done',
].join('; ');

test('PROCFS-06: in a root directory without /proc, none is mounted, whether it was asked for or not', async ({
  loaded,
}) => {
  for (const request of [{}, { proc: true }]) {
    const script = [
      ...[OPEN, NEW_ROOT, 'pivot_root . old && cd / && umount -l old && rmdir old'],
      ...[arm(request), 'ls /', 'echo $?'],
    ].join('\n');
    const listed = (await loaded.sh(`unshare --mount bash -ec ${quoted(script)}`)).split('\n');
    expect(listed).toContain('bin');
    expect(listed).not.toContain('proc');
    expect(listed.at(-1)).toBe('0');
  }
  await expect(loaded).toHaveActiveAgents(0);
});

test('PROCFS-07: a launcher whose child makes a root directory of its own, with a procfs, is not hindered', async ({
  loaded,
}) => {
  const child = [
    NEW_ROOT,
    'mkdir proc && mount -t proc proc proc && pivot_root . old && cd / && umount -l old && rmdir old',
    `exec sh -c ${quoted(`${SHOWN}; ls -d /old`)}`,
  ].join('; ');
  const { stdout, stderr } = await loaded.exec(
    `bash -c ${quoted(`${OPEN}; ${arm({ capabilities: 'all', syscalls: MOUNT_CALLS })}; (${child})`)}`,
  );
  expect([stdout, stderr]).toEqual(['/proc/1\n', expect.stringMatching(/^ls: .*\/old.*\n$/)]);
  await expect(loaded).toHaveActiveAgents(0);
});

test("PROCFS-08: births leave the host's mounts and terminals as they are", async ({ loaded }) => {
  const host = 'cat /proc/self/mounts; ls /dev/pts';
  await loaded.sh('mount --make-rshared /');
  const before = await loaded.sh(host);
  for (let round = 0; round < 4; round++) {
    const births = Array.from({ length: 5 }, () => loaded.swarm.run({}, 'ls -d /proc/1; usage terminals 1'));
    for (const { stdout } of await Promise.all(births))
      expect(stdout).toBe('/proc/1\n{"got":1,"end":"ok"}\n');
  }
  await expect(loaded).toHaveActiveAgents(0);
  expect(await loaded.sh(host)).toBe(before);
  await loaded.sh('mount --make-rprivate /');
});

test('PROCFS-09: a process that joins it sees the same, and is seen there', async ({ loaded }) => {
  const { line, release } = hold(loaded);
  const running = loaded.swarm.run({}, line);
  await expectBorn(loaded, 1);
  const { id, pid } = await onlyAgent(loaded);
  const joined = await loaded.exec(
    `join ${id} ${pid} /bin/sh -c ${quoted(`cat /proc/1/comm; [ -e /proc/$$ ] && readlink /proc/self; echo $$; ls -d /proc/${pid}`)}`,
  );
  await release();
  await running;
  const [first, self, own, ...others] = joined.stdout.split('\n').filter(Boolean);
  expect(first).toBe('sh');
  expect(Number(self)).toBeGreaterThan(1);
  expect(Number(own)).toBeGreaterThan(1);
  expect(others, 'its number outside').toEqual([]);
  await expect(loaded).toHaveActiveAgents(0);
});

test('PROCFS-10: what it starts with a descriptor or a working directory of the old /proc goes on seeing that', async ({
  loaded,
}) => {
  const { stdout } = await loaded.swarm.run({}, 'cat comm; cat <&9; ls -d /proc/self', {
    under: `sh -c 'exec 9</proc/1/comm; cd /proc/1; exec "$@"' sh`,
  });
  const outside = await loaded.sh('cat /proc/1/comm');
  expect(stdout).toBe(`${outside}\n${outside}\n/proc/self\n`);
});

test('PROCFS-11: what the host mounts on its /proc and /dev/pts later, or takes off, leaves an agent that is a slave its own', async ({
  loaded,
}) => {
  await loaded.sh('mount --make-rshared /');
  const { line, release } = hold(loaded);
  const running = loaded.swarm.run(
    { propagation: 'slave' },
    `${line}; ${SHOWN}; stat -fc %T /proc /dev/pts; ls /dev/pts; usage terminals 1`,
  );
  await expectBorn(loaded, 1);
  const { pid } = await onlyAgent(loaded);
  const mounts = `grep -cE ' (/proc|/dev/pts) ' /proc/${pid}/mountinfo`;
  expect(await loaded.sh(mounts)).toBe('4');
  for (const [type, directory] of [
    ['proc', '/proc'],
    ['devpts', '/dev/pts'],
  ] as const) {
    const flags = await loaded.sh(`findmnt -no VFS-OPTIONS ${directory}`);
    await loaded.sh(`mount -t ${type} none ${directory}`);
    expect(await loaded.sh(mounts), 'it has got it').toBe('5');
    expect(await loaded.findings()).toEqual([]);
    await loaded.sh(`umount ${directory}`);
    expect(await loaded.findings()).toEqual([]);
    await loaded.sh(`umount -l ${directory}; mount -t ${type} -o ${flags} ${type} ${directory}`);
    expect(await loaded.findings()).toEqual([]);
  }
  await release();
  expect((await running).stdout).toBe('/proc/1\nproc\ndevpts\nptmx\n{"got":1,"end":"ok"}\n');
  await loaded.sh('mount --make-rprivate /');
  await expect(loaded).toHaveActiveAgents(0);
});
