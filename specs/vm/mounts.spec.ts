/** The mounts of an agent: what it shares with the host's after its birth. */
import { quoted } from '../../client/client.js';
import type { AgentRequest } from '../../client/client.js';
import { expect, test } from '../support/fixtures.js';
import { MOUNT_CALLS } from '../support/former-calls.js';
import { expectBorn, hold, moduleLog, onlyAgent } from '../support/guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

const PRIVILEGED: AgentRequest = { namespace_flags: 95, privileged: true };

/** Has the host's tree shared, as systemd does, while `work` runs. */
async function shared(guest: LoadedGuest, work: () => Promise<void>): Promise<void> {
  await guest.sh('mkdir -p /mnt/before /mnt/later && chmod 755 /mnt /mnt/* && mount --make-rshared /');
  try {
    await work();
  } finally {
    await guest.sh('umount -q /mnt/before /mnt/later; mount --make-rprivate /; rmdir /mnt/before /mnt/later');
  }
}

/** An agent that stays, with its working directory in /mnt/before, and then runs a line. */
async function resident(guest: LoadedGuest, request: AgentRequest, line: string, via: 'fork' | 'vfork') {
  const held = hold(guest);
  const running = guest.swarm.run(request, `cd /mnt/before; ${held.line}; ${line}`, { via });
  await expectBorn(guest, 1);
  const pid = (await onlyAgent(guest)).pid;
  const mounts = () => guest.sh(`grep -c . /proc/${pid}/mountinfo`);
  const end = async () => {
    await held.release();
    const { stdout } = await running;
    await expect(guest).toHaveActiveAgents(0);
    return stdout;
  };
  return { mounts, end };
}

for (const [who, request] of Object.entries({
  'an agent': { capabilities: 'all' },
  'a privileged agent': PRIVILEGED,
} satisfies Record<string, AgentRequest>)) {
  for (const via of ['fork', 'vfork'] as const) {
    test(`BIRTH-19: the host's later mounts are neither seen by nor cost ${who} born by ${via}, and it keeps what is unmounted`, async ({
      loaded,
    }) => {
      await shared(loaded, async () => {
        await loaded.sh('mount -t tmpfs -o mode=755 x /mnt/before && echo kept >/mnt/before/file');
        const agent = await resident(
          loaded,
          request,
          'cat file; ls /mnt/later; grep -c shared: /proc/self/mountinfo; grep -c master: /proc/self/mountinfo',
          via,
        );
        const before = await agent.mounts();
        await loaded.sh('mount -t tmpfs -o mode=755 y /mnt/later && echo new >/mnt/later/file');
        expect(await agent.mounts(), 'mounts of the agent').toBe(before);
        // Neither its working directory nor its copy makes the host's busy.
        await loaded.sh('umount /mnt/before');
        expect(await agent.mounts()).toBe(before);
        expect(await agent.end()).toBe('kept\n0\n0\n');
      });
    });
  }

  test(`BIRTH-20: ${who} that is to be a slave sees them, and its working directory makes the host's umount busy`, async ({
    loaded,
  }) => {
    await shared(loaded, async () => {
      await loaded.sh('mount -t tmpfs -o mode=755 x /mnt/before');
      const line = 'cat /mnt/later/file; mount -t tmpfs none /mnt/later && echo mounted';
      const agent = await resident(
        loaded,
        { ...request, propagation: 'slave', syscalls: MOUNT_CALLS },
        line,
        'fork',
      );
      const before = Number(await agent.mounts());
      await loaded.sh('mount -t tmpfs -o mode=755 y /mnt/later && echo new >/mnt/later/file');
      expect(Number(await agent.mounts())).toBe(before + 1);
      expect((await loaded.exec('umount /mnt/before')).stderr).toContain('busy');
      expect(await agent.end()).toBe('new\nmounted\n');
      expect(await loaded.sh('cat /mnt/later/file'), 'the host’s').toBe('new');
    });
  });
}

test('BIRTH-21: what a privileged agent mounts does not reach the host', async ({ loaded }) => {
  await shared(loaded, async () => {
    const { stdout } = await loaded.swarm.run(
      PRIVILEGED,
      'mount -t tmpfs none /mnt/later && touch /mnt/later/inside && ls /mnt/later',
    );
    expect(stdout).toBe('inside\n');
    expect(await loaded.sh('ls /mnt/later')).toBe('');
  });
});

test('BIRTH-22: a chrooted launcher is refused for a privileged agent with mounts of its own too', async ({
  loaded,
}) => {
  await loaded.sh('mkdir -p /tmp/jail && mount --rbind / /tmp/jail');
  const under = { under: 'chroot /tmp/jail' };
  const refused = await loaded.swarm.tryLaunch(PRIVILEGED, ['/bin/true'], under);
  const without = await loaded.swarm.tryLaunch({ ...PRIVILEGED, namespace_flags: 91 }, ['/bin/true'], under);
  await loaded.sh('umount -l /tmp/jail && rmdir /tmp/jail');
  expect(refused.stderr).toMatch(/"error":"EPERM","field":"spawn".*chroot/);
  expect(without.code).toBe(0);
  await expect(loaded).toHaveActiveAgents(0);
});

/** Opens a terminal, says how that went, and what there is in /dev/pts meanwhile. */
const OPEN = '{ (sleep 0.5; ls /dev/pts | xargs >&3) | usage terminals 1; } 3>&1';

test('BIRTH-23: its terminals are its own, and what they cover stays covered', async ({ loaded }) => {
  const { line, release } = hold(loaded);
  const hosts = loaded.sh(`(${line}) | usage terminals 2`);
  const others = loaded.swarm.run({}, `(${line}) | usage terminals 3`);
  await expect.poll(() => loaded.sh('ls /dev/pts | xargs')).toBe('0 1 ptmx');
  for (const via of ['fork', 'vfork'] as const) {
    const { stdout } = await loaded.swarm.run(
      { syscalls: MOUNT_CALLS, capabilities: 'all' },
      [
        'stat -fc %T /dev/pts; ls /dev/pts; stat -c "%a %g" /dev/pts/ptmx',
        OPEN,
        'umount /dev/pts || umount -l /dev/pts || echo covered',
        'mkdir /tmp/new && { mount --move /dev/pts /tmp/new || mount --bind /dev /tmp/new || echo covered; }',
        OPEN,
        'rmdir /tmp/new',
      ].join('\n'),
      { via },
    );
    expect(stdout.split('\n').filter(Boolean)).toEqual([
      'devpts',
      'ptmx',
      '666 0',
      '{"got":1,"end":"ok"}',
      '0 ptmx',
      'covered',
      'covered',
      '{"got":1,"end":"ok"}',
      '0 ptmx',
    ]);
    expect(await loaded.sh('ls /dev/pts | xargs'), 'of the host').toBe('0 1 ptmx');
  }
  await release();
  await Promise.all([hosts, others]);
  await expect(loaded).toHaveActiveAgents(0);
});

test('BIRTH-24: with "devpts":false, without the mnt or user bit, and where there is no /dev/pts, none is mounted', async ({
  loaded,
}) => {
  const count = 'grep -c " /dev/pts " /proc/self/mountinfo';
  expect((await loaded.swarm.run({}, count)).stdout).toBe('2\n');
  expect((await loaded.swarm.run({ devpts: false }, count)).stdout).toBe('1\n');
  expect((await loaded.swarm.run({ namespace_flags: 123 }, count)).stdout).toBe('1\n');
  const unlike = { namespace_flags: 95, privileged: true };
  expect((await loaded.swarm.run(unlike, count)).stdout).toBe('1\n');
  // Terminals that these open are the host's.
  for (const policy of [{ devpts: false }, { namespace_flags: 123 }, unlike]) {
    const { line, release } = hold(loaded);
    const running = loaded.swarm.run(policy, `(${line}) | usage terminals 3`);
    await expect.poll(() => loaded.sh('ls /dev/pts | xargs')).toBe('0 1 2 ptmx');
    await release();
    expect((await running).stdout).toBe('{"got":3,"end":"ok"}\n');
  }
  const bare = `unshare --mount sh -c 'mount -t tmpfs none /dev && exec "$@"' sh`;
  const { code, stdout } = await loaded.swarm.run({}, 'ls /dev', { under: bare });
  expect([code, stdout]).toEqual([0, '']);
});

test('BIRTH-25: a Landlock domain of its launcher does not keep an agent from being born', async ({
  loaded,
}) => {
  const landlock = /\blandlock\b/.test(await loaded.sh('cat /sys/kernel/security/lsm'));
  test.skip(!landlock, 'this kernel is built without CONFIG_SECURITY_LANDLOCK');
  for (const via of ['fork', 'vfork']) {
    const launch = `/usr/local/bin/launch --via ${via} '{"spawn":true}' /usr/local/bin/attempt fork`;
    const { code, stdout } = await loaded.exec(`confine ${launch}`);
    expect([code, stdout], via).toEqual([0, 'fork ok\n']);
  }
  await expect(loaded).toHaveActiveAgents(0);
});

test("BIRTH-26: a limit on its launcher's memory does not keep an agent from being born", async ({
  loaded,
}) => {
  // Less than the shell has already: its child does not grow before its execve.
  const limited = `echo '{"spawn":true}' >/proc/swarm/create; ulimit -v 1500; attempt fork; true`;
  expect(await loaded.sh(limited)).toBe('fork ok');
  await expect(loaded).toHaveActiveAgents(0);
});

test('BIRTH-30: limits on what its launcher locks and writes do not keep an agent from being born, and nothing of the birth stays in the launcher', async ({
  loaded,
}) => {
  for (const via of ['fork', 'vfork']) {
    const launch = `launch --tight 1 --via ${via} '{"spawn":true}' /usr/local/bin/attempt fork`;
    const { code, stdout, stderr } = await loaded.exec(launch);
    expect([code, stdout], via).toEqual([0, 'fork ok\n']);
    const [, before, after] = /mappings before (\d+)\n[^]*mappings after (\d+)\n/.exec(stderr) ?? [];
    expect(Number(before), via).toBeGreaterThan(0);
    expect(after, via).toBe(before);
  }
  await expect(loaded).toHaveActiveAgents(0);
});

test('BIRTH-31: a launcher with more mappings than vm.max_map_count allows gives no birth, and the event says why', async ({
  loaded,
}) => {
  const setting = '/proc/sys/vm/max_map_count';
  const launch = [
    `read -r before <${setting}; echo '{"spawn":true}' >/proc/swarm/create; echo 1 >${setting}`,
    `/bin/true; code=$?; echo "$before" >${setting}; echo "$code"`,
  ].join('\n');
  expect(await loaded.sh(`bash -c ${quoted(launch)} 2>/dev/null`)).toBe('137');
  expect((await loaded.swarm.events()).at(-1)).toMatchObject({
    ...{ event: 'destroyed', reason: 'birth', step: 'separating its mounts', error: 'ENOMEM' },
  });
  expect(await moduleLog(loaded)).toContainEqual(expect.stringContaining('the sysctl vm.max_map_count'));
  await expect(loaded).toHaveActiveAgents(0);
});

test('LIMIT-20: a launcher whose mounts use up fs.mount-max gives no birth that mounts anything; event and log say why', async ({
  loaded,
}) => {
  const setting = '/proc/sys/fs/mount-max';
  for (const [without, step] of [
    [{}, 'mounting its procfs'],
    [{ proc: false }, 'mounting its terminals'],
    [{ proc: false, devpts: false }, undefined],
  ] as const) {
    const object = JSON.stringify({ spawn: true, ...without });
    const launch = [
      `read -r before <${setting}; mounts=$(grep -c . /proc/self/mountinfo); dmesg -C`,
      `echo '${object}' >/proc/swarm/create; echo "$mounts" >${setting}`,
      `/bin/true; code=$?; echo "$before" >${setting}; echo "$code"`,
    ].join('\n');
    expect(await loaded.sh(`bash -c ${quoted(launch)} 2>/dev/null`), object).toBe(step ? '137' : '0');
    await expect(loaded).toHaveActiveAgents(0);
    if (!step) continue;
    const end = { event: 'destroyed', reason: 'birth', step, error: 'ENOSPC' };
    expect((await loaded.swarm.events()).at(-1)).toMatchObject(end);
    expect(await moduleLog(loaded)).toContainEqual(expect.stringContaining('the sysctl fs.mount-max'));
  }
});
