/** Roots of agents' own, made by the launcher of the client's package. */
import { join } from 'node:path';
import { repository } from '../../harness.config.js';
import { quoted } from '../../client/client.js';
import type { RootSpec } from '../../client/native/launcher.js';
import { MASKED, READ_ONLY } from '../../client/native/root.js';
import { uploadProgram } from '../support/bundle.js';
import { expect, test } from '../support/fixtures.js';
import { insert } from '../support/insert.js';
import type { Order, Outcome } from '../support/launcher/driver.js';
import type { LoadedGuest } from '../support/loaded-guest.js';
import type { Stage } from '../support/stage.js';
import { NODE_GUEST } from '../support/node-guest.js';

test.use({ guestExtras: NODE_GUEST });

const DRIVER = join(repository, 'specs/support/launcher/driver.ts');

const ROOT = '/mnt/root';

const uploaded = new WeakSet<LoadedGuest>();

/** Makes a small root: a shell, and what lists, reads and writes. */
const MAKE_ROOT = `
set -e
# The guest's own root is a file system without mapped mounts.
mountpoint -q /mnt || mount -t tmpfs tmpfs /mnt
rm -rf ${ROOT} /mnt/canary
mkdir -p ${ROOT}/etc ${ROOT}/proc ${ROOT}/dev ${ROOT}/data ${ROOT}/tmp ${ROOT}/usr/bin /mnt/canary
cp -a /bin /lib /lib64 ${ROOT}/
cd /usr/bin; cp -L sh ls cat id stat touch mkdir sleep stty readlink grep wc ${ROOT}/usr/bin/
cd /; cp --parents -L usr/lib64/ld-linux-x86-64.so.2 ${ROOT}/
cd usr/lib/*-linux-gnu; mkdir -p ${ROOT}$PWD
cp -L libc.so.6 libselinux.so.1 libpcre2-8.so.0 libcap.so.2 ld-linux-x86-64.so.2 ${ROOT}$PWD/
echo hidden >${ROOT}/data/hidden; echo secret >${ROOT}/etc/secret; chmod 600 ${ROOT}/etc/secret
echo outside >/mnt/canary/outside; chmod 755 /mnt ${ROOT} /mnt/canary
`;

/** The kind and options of what is mounted at each path, by /proc/PID/mountinfo. */
function mounts(mountinfo: string): Map<string, string> {
  return new Map(
    mountinfo.split('\n').map((line) => {
      const [before = '', after = ''] = line.split(' - ');
      const [, , , , path = '', options = ''] = before.split(' ');
      return [path, `${after.split(' ')[0] ?? ''} ${options.split(',')[0] ?? ''}`];
    }),
  );
}

/** Loads the module for overlays, which the guest itself does not have. */
async function insertOverlay(guest: LoadedGuest, stage: Stage): Promise<void> {
  const { code } = await guest.exec('grep -qw overlay /proc/filesystems');
  if (code !== 0) await insert(guest, stage.kernel, 'fs/overlayfs/overlay');
}

async function prepare(guest: LoadedGuest): Promise<void> {
  if (!uploaded.has(guest)) await uploadProgram(guest, DRIVER, 'driver');
  uploaded.add(guest);
  await guest.sh(MAKE_ROOT);
}

async function drive<T>(guest: LoadedGuest, ...order: unknown[]): Promise<T> {
  const { code, stdout, stderr } = await guest.exec(`node /srv/driver.mjs ${quoted(JSON.stringify(order))}`, {
    timeoutMs: 240_000,
  });
  if (code !== 0) throw new Error(`the driver ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as T;
}

const runs = (guest: LoadedGuest, orders: readonly Order[]) => drive<Outcome[]>(guest, 'runs', orders);

test('CLIENT-26: an agent in a root of its own sees that alone, as its own, with a small /dev and its own /proc', async ({
  loaded,
}) => {
  await prepare(loaded);
  const line = `
    pwd; ls /; stat -c '%u %a' /etc/secret; cat /etc/secret; echo new >/etc/new; ls /mnt 2>&1
    ls /dev; stat -c '%t:%T %a' /dev/null; readlink /dev/ptmx; echo $$ /proc/[0-9]*
    for file in kcore keys timer_list; do wc -c </proc/$file; done; echo /proc/scsi/* /proc/acpi/*
    echo 1 >/proc/sysrq-trigger; echo x >/proc/sys/kernel/hostname
    ls -l /dev/pts/ptmx >/dev/null && echo terminals; echo written >/dev/null && touch /dev/shm/file && echo shared
    cat /proc/self/mountinfo`;
  const [ran, without, missing] = await runs(loaded, [
    { spec: { root: { directory: ROOT } }, line },
    {
      spec: { root: { directory: ROOT, dev: false, idmap: false } },
      line: 'ls /dev; stat -c %u /etc/secret',
    },
    { spec: { root: { directory: '/srv/nowhere' } } },
  ]);
  expect(ran).toMatchObject({ end: { exit: 0 } });
  const out = ran && 'out' in ran ? ran.out : '';
  const start = out.indexOf('shared\n') + 'shared\n'.length;
  expect(out).toBe(
    [
      '/',
      'bin\ndata\ndev\netc\nlib\nlib64\nproc\ntmp\nusr',
      '0 600\nsecret',
      "ls: cannot access '/mnt': No such file or directory",
      'fd\nfull\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero',
      '1:3 666\npts/ptmx',
      // One process, and nothing in what is masked.
      '1 /proc/1\n0\n0\n0\n/proc/scsi/* /proc/acpi/*',
      'terminals\nshared\n',
    ].join('\n') + out.slice(start),
  );
  // All that this kernel has of what container engines mask or keep from being written to, and nothing else.
  const there = async (paths: readonly string[]) =>
    (await loaded.exec(`ls -d ${paths.filter((path) => path.startsWith('/proc/')).join(' ')}`)).stdout
      .split('\n')
      .filter(Boolean);
  const masked = await there(MASKED);
  const kept = await there(READ_ONLY);
  expect(masked.length).toBeGreaterThan(4);
  expect(kept).toHaveLength(READ_ONLY.length);
  const below = [...mounts(out.slice(start))].filter(([path]) => path.startsWith('/proc/'));
  expect(below.map(([path]) => path).sort()).toEqual([...masked, ...kept].sort());
  for (const [path, mount] of below)
    expect(mount, path).toMatch(kept.includes(path) ? /^proc ro$/ : /^(tmpfs ro|devtmpfs rw)$/);
  expect(ran && 'err' in ran && ran.err).toMatch(/sysrq-trigger: Read-only file system/);
  expect(ran && 'err' in ran && ran.err).toMatch(/hostname: Read-only file system/);
  expect(await loaded.sh(`stat -c '%u %n' ${ROOT}/etc/new`)).toBe(`0 ${ROOT}/etc/new`);
  expect(without).toMatchObject({ out: '65534\n', end: { exit: 0 } });
  expect(missing).toMatchObject({ failed: { stage: 'setup', code: 'ENOENT', what: '/srv/nowhere' } });
  await expect(loaded).toHaveActiveAgents(0);
});

test('CLIENT-27: a root is read-only or has a layer for changes; binds and file systems in memory are as asked for', async ({
  loaded,
  stage,
}) => {
  await prepare(loaded);
  await insertOverlay(loaded, stage);
  await loaded.sh(
    'mkdir -p /mnt/layer/upper /mnt/layer/work /mnt/bound; echo bound >/mnt/bound/file; chmod 777 /mnt/bound',
  );
  const change = 'echo new >/etc/new && cat /etc/new; cat /etc/secret';
  const spec = (root: object) => ({ root: { directory: ROOT, ...root } });
  const bind = { source: '/mnt/bound', target: '/made/for/it' };
  const [fixed, layered, kept, bound, file, memory, user] = await runs(loaded, [
    { spec: spec({ readOnly: true }), line: change },
    { spec: spec({ overlay: 'tmpfs' }), line: change },
    { spec: spec({ overlay: { upper: '/mnt/layer/upper', work: '/mnt/layer/work' } }), line: change },
    {
      spec: spec({
        overlay: 'tmpfs',
        readOnly: true,
        binds: [bind, { ...bind, target: '/data', readOnly: true }],
      }),
      line: 'cat /data/file; echo more >/made/for/it/more; touch /data/other; touch /other',
    },
    {
      spec: spec({
        overlay: 'tmpfs',
        binds: [{ source: '/mnt/bound/file', target: '/etc/bound' }],
        masked: ['/etc/secret', '/data'],
      }),
      line: 'cat /etc/bound; cat /etc/secret; echo /data/*',
    },
    {
      spec: spec({ tmpfs: [{ target: '/tmp', size: 65536, mode: 0o700 }] }),
      line: 'stat -c %a /tmp; while echo 0123456789abcdef; do :; done >/tmp/full; stat -c %s /tmp/full',
    },
    {
      spec: {
        ...spec({
          overlay: 'tmpfs',
          readOnlyPaths: ['/data'],
          tmpfs: [{ target: '/tmp' }, { target: '/data/inner' }],
        }),
        user: { uid: 5, gid: 6, groups: [7] },
        umask: 0o027,
        cwd: '/etc',
      },
      line: 'id -u; id -g; id -G; pwd; echo 1 >/tmp/own; stat -c "%u %g %a" /tmp/own; echo x >/data/new; echo x >/data/inner/new; cat /etc/secret; ls /proc/self/fd',
    },
  ]);
  expect(fixed).toMatchObject({ out: 'secret\n', err: expect.stringContaining('Read-only') });
  expect(layered).toMatchObject({ out: 'new\nsecret\n' });
  expect(kept).toMatchObject({ out: 'new\nsecret\n' });
  expect((await loaded.exec(`ls ${ROOT}/etc/new ${ROOT}/made`)).stdout).toBe('');
  expect(await loaded.sh('stat -c "%u %n" /mnt/layer/upper/etc/new')).toBe('0 /mnt/layer/upper/etc/new');
  expect(bound).toMatchObject({
    out: 'bound\n',
    err: expect.stringMatching(/data\/other.*Read-only[^]*\/other.*Read-only/),
  });
  expect(await loaded.sh('cat /mnt/bound/more')).toBe('more');
  expect(file).toMatchObject({ out: 'bound\n/data/*\n' });
  expect(memory).toMatchObject({ out: '700\n65536\n' });
  // ls has its own descriptor of the directory, and nothing of the launcher's.
  expect(user).toMatchObject({
    out: '5\n6\n6 7\n/etc\n5 6 640\n0\n1\n2\n3\n',
    err: expect.stringMatching(/data\/new: Read-only[^]*inner\/new: Read-only[^]*secret: Permission denied/),
  });
  await expect(loaded).toHaveActiveAgents(0);
});

test('CLIENT-28: a target that is swapped for a link while an agent starts leads nowhere out of its root', async ({
  loaded,
}) => {
  test.setTimeout(400_000);
  await prepare(loaded);
  // Each agent shows what it sees of the host; what is missing of its set-up ends it.
  const line = 'echo /mnt/canary/out* /canary/out*; cat /proc/keys; ls /proc/1 >/dev/null 2>&1';
  const root = {
    directory: ROOT,
    binds: [{ source: '/mnt/bound', target: '/data/deep/er' }],
    tmpfs: [{ target: '/data/tmpfs' }],
  };
  await loaded.sh('mkdir -p /mnt/bound');
  const before = await loaded.sh('cat /proc/self/mountinfo; ls -R /mnt/canary');
  // The same path is a directory of the host, and a link leads there: both mean the root's own.
  await loaded.sh(`ln -s /mnt/canary ${ROOT}/escape`);
  const targets = { directory: ROOT, tmpfs: [{ target: '/mnt/canary/made' }, { target: '/escape/linked' }] };
  const [inside] = await runs(loaded, [{ spec: { root: targets }, line: 'ls /mnt/canary' }]);
  expect(inside).toMatchObject({ out: 'linked\nmade\n' });
  expect(await loaded.sh('cat /proc/self/mountinfo; ls -R /mnt/canary')).toBe(before);
  const swaps = [
    ['dev', '../canary'],
    ['proc', '/mnt/canary'],
    ['data', '../../../../mnt/canary'],
  ] as const;
  for (const [target, link] of swaps) {
    const swap = { path: `${ROOT}/${target}`, link };
    const outcomes = await drive<Outcome[]>(loaded, 'swapped', 8, { spec: { root }, line }, swap);
    for (const each of outcomes)
      if ('failed' in each) expect(each.failed.stage).not.toBe('clone');
      else expect(each.out, `${target} ${link}`).toBe('/mnt/canary/out* /canary/out*\n');
    expect(await loaded.sh('cat /proc/self/mountinfo; ls -R /mnt/canary')).toBe(before);
    await loaded.sh(`rm -rf ${ROOT}/mnt ${ROOT}/canary`);
  }
  // Links that stay are followed within the root, like those of the agent.
  await loaded.sh(
    `rmdir ${ROOT}/dev ${ROOT}/proc; ln -s /mnt/canary ${ROOT}/dev; ln -s ../../mnt/canary ${ROOT}/proc`,
  );
  await runs(loaded, [{ spec: { root }, line }]);
  expect(await loaded.sh('cat /proc/self/mountinfo; ls -R /mnt/canary')).toBe(before);
  await expect(loaded).toHaveActiveAgents(0);
});

test('CLIENT-29: a program joins an agent in its root', async ({ loaded, stage }) => {
  await prepare(loaded);
  await insertOverlay(loaded, stage);
  const root = { directory: ROOT, overlay: 'tmpfs' } as const;
  const first = { spec: { root }, line: 'echo made >/made; exec sleep 60' };
  const [joined] = await drive<{ joined: Outcome }[]>(loaded, 'joins', [
    [first, { line: 'cat /made; pwd; ls /mnt 2>/dev/null; stty -a </dev/ptmx >/dev/null && echo terminal' }],
  ]);
  expect(joined?.joined).toMatchObject({ out: 'made\n/\nterminal\n', end: { exit: 0 } });
});

test('CLIENT-39: where mounts of the host are shared, a root leaves nothing there, and nothing of the host is above it', async ({
  loaded,
  stage,
}) => {
  await prepare(loaded);
  await insertOverlay(loaded, stage);
  // As systemd has it.
  await loaded.sh('mount --make-rshared /; mount --make-rshared /mnt');
  const before = await loaded.sh('cat /proc/self/mountinfo');
  const line = 'stat -c %d:%i / /.. /../..; cat /../etc/passwd; ls /proc/1/root/srv 2>&1';
  const roots: Partial<RootSpec>[] = [
    {},
    { overlay: 'tmpfs' },
    { tmpfs: [{ target: '/tmp' }], readOnly: true },
  ];
  const ran = await runs(
    loaded,
    roots.map((root) => ({ spec: { root: { directory: ROOT, ...root } }, line })),
  );
  for (const [index, each] of ran.entries()) {
    expect(each, JSON.stringify(roots[index])).toMatchObject({
      err: expect.stringContaining('passwd: No such file'),
    });
    const [own, above, further] = 'out' in each ? each.out.split('\n') : [];
    expect([above, further]).toEqual([own, own]);
  }
  expect(await loaded.sh('cat /proc/self/mountinfo')).toBe(before);
  // Without mounts of its own an agent would change those of the host.
  const shared = JSON.stringify({ spawn: true, privileged: true, namespace_flags: 1 });
  const [refused] = await runs(loaded, [{ spec: { object: shared, root: { directory: ROOT } } }]);
  expect(refused).toMatchObject({
    failed: { stage: 'setup', code: 'EINVAL', what: expect.stringContaining('mnt bit') },
  });
  expect(await loaded.sh('cat /proc/self/mountinfo')).toBe(before);
  await expect(loaded).toHaveActiveAgents(0);
});
