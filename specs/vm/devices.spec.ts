import { expect, test } from '../support/fixtures.js';
import { MOUNT_CALLS } from '../support/former-calls.js';
import { attempts, violationsDuring } from '../support/guest.js';

const PRIVILEGED = { namespace_flags: 95, privileged: true };

test('DEVICE-01: by default an agent has null, zero, full, random, urandom, tty, ptmx and pts, and no other', async ({
  loaded,
}) => {
  const violations = await violationsDuring(loaded, async () => {
    const listed = ['null', 'zero', 'full', 'random', 'urandom', 'ptmx'].map((name) => `read /dev/${name}`);
    const { stdout } = await loaded.swarm.run({}, `attempt ${[...listed, 'read /dev/tty'].join(' -- ')}`);
    // There is no controlling terminal, so that is what its device says.
    expect(attempts(stdout)).toEqual([...listed.map(() => 'read ok'), 'read ENXIO']);
  });
  expect(violations).toBe(0);
  const terminal = await loaded.swarm.run(
    {},
    'script -qec "attempt rdwr $(tty)" /dev/null </dev/null || true; attempt rdwr /dev/pts/ptmx',
  );
  expect(terminal.stdout).not.toContain('EPERM');
});

test('DEVICE-02: an unlisted device is closed to reading, writing, both and by O_PATH, each counted', async ({
  loaded,
}) => {
  const violations = await violationsDuring(loaded, async () => {
    const { stdout } = await loaded.swarm.run(
      PRIVILEGED,
      'attempt read /dev/kmsg -- write /dev/kmsg x -- rdwr /dev/kmsg -- opath /dev/kmsg',
    );
    expect(attempts(stdout)).toEqual(['read EPERM', 'write EPERM', 'rdwr EPERM', 'opath EPERM']);
  });
  expect(violations).toBe(4);
  const unprivileged = await loaded.swarm.run({}, 'attempt read /dev/kmsg');
  expect(attempts(unprivileged.stdout)).toEqual(['read EPERM']);
});

test('DEVICE-03: a rule allows just its accesses', async ({ loaded }) => {
  const tries = 'attempt read /dev/kmsg -- write /dev/kmsg x -- rdwr /dev/kmsg -- mknod /tmp/node c 1 11';
  const expected = {
    'c 1:11 r': ['read ok', 'write EPERM', 'rdwr EPERM', 'mknod EPERM'],
    'c 1:11 w': ['read EPERM', 'write ok', 'rdwr EPERM', 'mknod EPERM'],
    'c 1:11 rw': ['read ok', 'write ok', 'rdwr ok', 'mknod EPERM'],
    'c 1:11 m': ['read EPERM', 'write EPERM', 'rdwr EPERM', 'mknod ok'],
    'c 1:* rwm': ['read ok', 'write ok', 'rdwr ok', 'mknod ok'],
    'c *:* r': ['read ok', 'write EPERM', 'rdwr EPERM', 'mknod EPERM'],
    'b 1:11 rwm': ['read EPERM', 'write EPERM', 'rdwr EPERM', 'mknod EPERM'],
    'c 1:10 rwm': ['read EPERM', 'write EPERM', 'rdwr EPERM', 'mknod EPERM'],
    'a *:* rwm': ['read ok', 'write ok', 'rdwr ok', 'mknod ok'],
  };
  for (const [rule, results] of Object.entries(expected)) {
    const { stdout } = await loaded.swarm.run({ ...PRIVILEGED, devices: ['c 1:3 rw', rule] }, tries);
    expect(attempts(stdout), rule).toEqual(results);
    await loaded.sh('rm -f /tmp/node');
  }
});

test('DEVICE-04: two rules together allow what neither does alone', async ({ loaded }) => {
  const request = { ...PRIVILEGED, devices: ['c 1:3 rw', 'c 1:11 r', 'c 1:11 w'] };
  const { stdout } = await loaded.swarm.run(request, 'attempt rdwr /dev/kmsg');
  expect(attempts(stdout)).toEqual(['rdwr ok']);
});

test('DEVICE-05: an empty list closes every device', async ({ loaded }) => {
  const { stdout } = await loaded.swarm.run(
    { devices: [] },
    'attempt read /dev/null -- write /dev/zero -- read /dev/urandom',
  );
  expect(attempts(stdout)).toEqual(['read EPERM', 'write EPERM', 'read EPERM']);
});

test('DEVICE-06: block devices are told apart by number', async ({ loaded }) => {
  const request = { ...PRIVILEGED, devices: ['c 1:3 rw', 'b 7:0 m'] };
  const violations = await violationsDuring(loaded, async () => {
    const { stdout } = await loaded.swarm.run(
      request,
      'attempt mknod /tmp/a b 7 0 -- mknod /tmp/b b 7 1 -- mknod /tmp/c c 7 0',
    );
    expect(attempts(stdout)).toEqual(['mknod ok', 'mknod EPERM', 'mknod EPERM']);
  });
  expect(violations).toBe(2);
  await loaded.sh('rm -f /tmp/a');
});

test('DEVICE-08: another path to a device changes nothing', async ({ loaded }) => {
  await loaded.sh('mknod /srv/other c 1 11 && chmod 666 /srv/other');
  const { stdout } = await loaded.swarm.run(
    { syscalls: MOUNT_CALLS, capabilities: 'all' },
    'touch /tmp/bound; mount --bind /dev/kmsg /tmp/bound; ln -s /dev/kmsg /tmp/link; attempt read /srv/other -- read /tmp/bound -- read /tmp/link; rm -f /tmp/link; umount /tmp/bound; rm -f /tmp/bound',
  );
  expect(attempts(stdout)).toEqual(['read EPERM', 'read EPERM', 'read EPERM']);
  await loaded.sh('rm -f /srv/other');
});

test('DEVICE-07: a terminal that is not listed stays closed to TIOCGPTPEER of a master that is', async ({
  loaded,
}) => {
  const tries = 'attempt pty-peer -- rdwr /dev/ptmx';
  for (const [devices, seen, count] of [
    [['c 5:2 rw'], ['pty-peer EPERM', 'rdwr ok'], 1],
    [['c 5:2 rw', 'c 136:* r'], ['pty-peer EPERM', 'rdwr ok'], 1],
    [['c 5:2 rw', 'c 136:* rw'], ['pty-peer ok', 'rdwr ok'], 0],
  ] as const) {
    const violations = await violationsDuring(loaded, async () => {
      const { stdout } = await loaded.swarm.launch({ devices: [...devices] }, [
        '/usr/local/bin/attempt',
        ...tries.split(' ').slice(1),
      ]);
      expect(attempts(stdout), devices.join()).toEqual(seen);
    });
    expect(violations, devices.join()).toBe(count);
  }
});
