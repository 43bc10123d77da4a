/** exec_paths: which files an agent may execute. */
import { quoted } from '../../client/client.js';
import type { AgentRequest } from '../../client/client.js';
import type { BootedGuest } from '../../harness/guest/guest.js';
import { expect, test } from '../support/fixtures.js';
import { MOUNT_CALLS } from '../support/former-calls.js';
import { attempts, background, hold, shrink, violationsDuring } from '../support/guest.js';
import { insert } from '../support/insert.js';
import { reload } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';
import { uploadRival } from '../support/moments.js';

const ATTEMPT = '/usr/local/bin/attempt';
const EXECFD = '/usr/local/bin/execfd';
const EXEC = ['execve', 'execveat', 'fexecve', 'exec-here'];

/** Runs a program as an agent's first; the lines it printed, and the violations counted. */
async function under(guest: LoadedGuest, request: AgentRequest, program: string, ...tries: string[]) {
  let seen: string[] = [];
  const violations = await violationsDuring(guest, async () => {
    const { stdout } = await guest.swarm.launch(request, [program, ...tries.join(' -- ').split(' ')]);
    seen = attempts(stdout);
  });
  await expect(guest).toHaveActiveAgents(0);
  return { seen, violations };
}

/** The files that `attempt` may execute with these paths. */
const listed = (guest: LoadedGuest, paths: string[], ...tries: string[]) =>
  under(guest, { exec_paths: [ATTEMPT, ...paths] }, ATTEMPT, ...tries);

/** A directory that agents may write, with a static program in it, a script and the like. */
async function prepare(guest: BootedGuest): Promise<void> {
  await guest.sh(`rm -rf /srv/x && mkdir -m 777 -p /srv/x && cp ${EXECFD} /srv/x/program`);
}

test('EXEC-01: an agent executes what is listed and nothing else, by every call', async ({ loaded }) => {
  const tries = [
    ...EXEC.slice(0, 3).map((how) => `${how} /bin/true`),
    ...EXEC.map((how) => `${how} /bin/echo`),
  ];
  const { seen, violations } = await listed(loaded, ['/bin/true'], ...tries);
  expect(seen).toEqual([...['execve ok', 'execveat ok', 'fexecve ok'], ...EXEC.map((how) => `${how} EPERM`)]);
  expect(violations).toBe(4);
  const any = await under(loaded, { exec_paths: [] }, ATTEMPT, 'execve /bin/true');
  expect(any, 'an empty list is none').toEqual({ seen: ['execve ok'], violations: 0 });
});

test('EXEC-02: the execve that starts the program counts', async ({ loaded }) => {
  for (const via of ['fork', 'vfork', 'posix_spawn'] as const) {
    const violations = await violationsDuring(loaded, async () => {
      const { code, stderr } = await loaded.swarm.tryLaunch(
        { exec_paths: ['/bin/true'] },
        [ATTEMPT, 'fork'],
        {
          via,
        },
      );
      expect([via, code]).toEqual([via, via === 'posix_spawn' ? 126 : 127]);
      if (via === 'posix_spawn') expect(stderr).toContain('posix_spawn: EPERM');
    });
    expect(violations).toBe(1);
    await expect(loaded).toHaveActiveAgents(0);
  }
});

test('EXEC-03: a path that ends in / means the tree under it, on its file system', async ({ loaded }) => {
  await prepare(loaded);
  await loaded.sh(`cd /srv/x && mkdir -p tree/a/b tree/m tree-2 && cp program tree/a/b/p && cp program tree/p
    cp program tree-2/p && mount -t tmpfs tmpfs tree/m && cp program tree/m/p`);
  const places = [
    'tree/p',
    'tree/a/b/p',
    'tree/m/p',
    'tree-2/p',
    'program',
    'tree/../program',
    'tree-2/../tree/p',
  ];
  const tries = places.map((place) => `execve /srv/x/${place}`);
  const tree = await listed(loaded, ['/srv/x/tree/'], ...tries);
  expect(tree.seen.map((line, index) => `${places[index] ?? ''}: ${line.slice('execve '.length)}`)).toEqual([
    'tree/p: ok',
    'tree/a/b/p: ok',
    'tree/m/p: EPERM',
    'tree-2/p: EPERM',
    'program: EPERM',
    'tree/../program: EPERM',
    'tree-2/../tree/p: ok',
  ]);
  expect(tree.violations).toBe(4);
  const all = await listed(loaded, ['/'], ...tries);
  expect(all.seen).toEqual(places.map((place) => `execve ${place === 'tree/m/p' ? 'EPERM' : 'ok'}`));
  const mounted = await listed(loaded, ['/srv/x/tree/', '/srv/x/tree/m/'], ...tries);
  expect(mounted.seen.slice(0, 4)).toEqual(['execve ok', 'execve ok', 'execve ok', 'execve EPERM']);
  await loaded.sh('umount /srv/x/tree/m');
});

test('EXEC-04: a script needs its interpreter, and an interpreter its script, on the list', async ({
  loaded,
}) => {
  await prepare(loaded);
  await loaded.writeFile('/srv/x/script', '#!/bin/sh\nexit 0\n', '755');
  await loaded.writeFile('/srv/x/env', '#!/usr/bin/env sh\nexit 0\n', '755');
  const rows: [paths: string[], script: string, how: string, violations: number][] = [
    [['/srv/x/script', '/bin/sh'], 'script', 'ok', 0],
    [['/srv/x/script'], 'script', 'EPERM', 1],
    [['/bin/sh'], 'script', 'EPERM', 1],
    [[], 'script', 'EPERM', 1],
    [['/srv/x/', '/usr/bin/'], 'env', 'ok', 0],
    [['/srv/x/env', '/usr/bin/env', '/bin/sh'], 'env', 'ok', 0],
  ];
  for (const [paths, script, how, violations] of rows)
    expect(await listed(loaded, paths, `execve /srv/x/${script}`), paths.join()).toEqual({
      seen: [`execve ${how}`],
      violations,
    });
  // What an interpreter reads is not executed.
  const read = await under(loaded, { exec_paths: ['/bin/sh'] }, '/bin/sh', '/srv/x/script');
  expect(read.violations).toBe(0);
});

test('EXEC-05: binfmt_misc: both the file and its interpreter have to be listed', async ({
  loaded,
  stage,
}) => {
  await prepare(loaded);
  await insert(loaded, stage.kernel, 'fs/binfmt_misc');
  await loaded.sh(`mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
    cp /bin/true /srv/x/interpreter
    echo ':swarm:M::swarm-test::/srv/x/interpreter:' >/proc/sys/fs/binfmt_misc/register`);
  await loaded.writeFile('/srv/x/file', 'swarm-test', '755');
  const [file, interpreter] = ['/srv/x/file', '/srv/x/interpreter'];
  for (const [paths, how] of [
    [[file, interpreter], 'ok'],
    [[file], 'EPERM'],
    [[interpreter], 'EPERM'],
  ] as const) {
    const seen = await listed(loaded, [...paths], `execve ${file}`);
    expect(seen, paths.join()).toEqual({ seen: [`execve ${how}`], violations: how === 'ok' ? 0 : 1 });
  }
  // Whoever asks only is told of the file alone.
  expect((await listed(loaded, [file], `check ${file}`)).seen).toEqual(['check ok']);
  await loaded.sh(
    'echo -1 >/proc/sys/fs/binfmt_misc/status; umount /proc/sys/fs/binfmt_misc; rmmod binfmt_misc',
  );
});

test('EXEC-06: by a descriptor it is the same file; a memfd and what has no name are never listed', async ({
  loaded,
}) => {
  await prepare(loaded);
  await loaded.sh(
    'mkdir -m 777 /srv/x/tree && cp /srv/x/program /srv/x/tree/p && cp /srv/x/program /srv/x/other',
  );
  const tries = (path: string) => ['opath', 'procfd', 'memfd'].map((how) => `${how} ${path}`);
  const request = { exec_paths: [EXECFD, '/srv/x/program', '/srv/x/tree/'] };
  const program = await under(loaded, request, EXECFD, ...tries('/srv/x/program'), ...tries('/srv/x/other'));
  expect(program).toEqual({
    seen: ['opath ok', 'procfd ok', 'memfd EPERM', 'opath EPERM', 'procfd EPERM', 'memfd EPERM'],
    violations: 4,
  });
  const unnamed = ['tmpfile /srv/x/program /srv/x/tree', 'unlinked /srv/x/tree/p', 'unlinked /srv/x/other'];
  const tree = await under(loaded, request, EXECFD, 'opath /srv/x/tree/p', ...unnamed);
  expect(tree.seen).toEqual(['opath ok', 'tmpfile EPERM', 'unlinked EPERM', 'unlinked EPERM']);
  // A file that is listed itself stays so until the agent is gone, whoever has it open.
  expect((await under(loaded, request, EXECFD, 'unlinked /srv/x/program')).seen).toEqual(['unlinked ok']);
});

test('EXEC-07: hard links, symlinks and bind mounts lead to the same file', async ({ loaded }) => {
  await prepare(loaded);
  await loaded.sh(`cd /srv/x && mkdir -p tree outside bound && cp program tree/p && cp program outside/p
    ln program hard && ln -s program soft && ln -s tree dir && touch over && mount --bind program over
    mount --bind tree bound && ln outside/p tree/linked && mkdir tree/in && mount --bind outside tree/in`);
  const tries = [
    'program',
    'hard',
    'soft',
    'over',
    'tree/p',
    'bound/p',
    'dir/p',
    'tree/linked',
    'outside/p',
    'tree/in/p',
  ];
  // Listed by a symlink each, which is followed.
  const { seen } = await listed(
    loaded,
    ['/srv/x/soft', '/srv/x/dir/'],
    ...tries.map((name) => `execve /srv/x/${name}`),
  );
  expect(seen.map((line, index) => `${tries[index] ?? ''}${line.slice('execve'.length)}`)).toEqual([
    ...tries.slice(0, 8).map((name) => `${name} ok`),
    'outside/p EPERM',
    'tree/in/p EPERM',
  ]);
  await loaded.sh('umount /srv/x/over /srv/x/bound /srv/x/tree/in');
});

test('EXEC-08: files are the ones there were when the agent was created', async ({ loaded }) => {
  await prepare(loaded);
  await loaded.sh(
    'cd /srv/x && mkdir -m 777 tree && cp program tree/p && cp program other && cp program another',
  );
  const lines = [
    'mv program moved; attempt execve /srv/x/moved',
    'cp other program; attempt execve /srv/x/program',
    'mv another moved; attempt execve /srv/x/moved',
    'cp other tree/new; attempt execve /srv/x/tree/new',
    'mv tree elsewhere; attempt execve /srv/x/elsewhere/p',
    'mkdir tree; cp other tree/p; attempt execve /srv/x/tree/p',
    'mv elsewhere/p out; attempt execve /srv/x/out',
    'mount --bind other elsewhere/new; attempt execve /srv/x/elsewhere/new',
    'umount elsewhere/new; attempt execve /srv/x/elsewhere/new',
  ];
  const paths = ['/bin/sh', '/usr/bin/', ATTEMPT, '/srv/x/program', '/srv/x/tree/'];
  const { stdout } = await loaded.swarm.run(
    { exec_paths: paths, syscalls: MOUNT_CALLS, capabilities: 'all' },
    `cd /srv/x; ${lines.join('; ')}`,
  );
  expect(attempts(stdout).map((line) => line.slice('execve '.length))).toEqual([
    ...['ok', 'EPERM', 'EPERM', 'ok', 'ok', 'EPERM', 'EPERM', 'EPERM', 'ok'],
  ]);
});

test('EXEC-09: overlayfs: the file of the mount that was named, not those below it', async ({
  loaded,
  stage,
}) => {
  await prepare(loaded);
  await insert(loaded, stage.kernel, 'fs/overlayfs/overlay');
  // One with a dynamic loader, and so with more than itself to map.
  await loaded.sh(`cd /srv/x && mkdir -p lower/d up merged && cp /bin/true lower/d/p && mount -t tmpfs tmpfs up
    mkdir up/upper up/work && mount -t overlay -o lowerdir=lower,upperdir=up/upper,workdir=up/work overlay merged`);
  const tries = ['merged/d/p', 'lower/d/p'].map((name) => `execve /srv/x/${name}`);
  for (const path of ['/srv/x/merged/d/p', '/srv/x/merged/d/', '/srv/x/merged/'])
    expect(await listed(loaded, [path], ...tries), path).toEqual({
      seen: ['execve ok', 'execve EPERM'],
      violations: 1,
    });
  expect((await listed(loaded, ['/srv/x/lower/'], ...tries)).seen).toEqual(['execve EPERM', 'execve ok']);
  // Copied up meanwhile it is the same file of the mount.
  const paths = ['/bin/sh', '/usr/bin/chmod', ATTEMPT, '/srv/x/merged/d/p'];
  const { id } = await loaded.swarm.run(
    { exec_paths: paths, namespace_flags: 0, privileged: true },
    'chmod 777 /srv/x/merged/d/p && attempt execve /srv/x/merged/d/p >/srv/x/after',
  );
  expect(id).toBeGreaterThan(0);
  expect(await loaded.sh('cat /srv/x/after; ls /srv/x/up/upper/d')).toBe('execve ok\np');
  await expect(loaded).toHaveActiveAgents(0);
  await loaded.sh('umount /srv/x/merged /srv/x/up && rmmod overlay');
});

test('EXEC-14: a path that names no file, or the wrong kind, is refused and creates nothing', async ({
  loaded,
}) => {
  await loaded.sh('ln -sfn /nowhere /tmp/dangling; ln -sfn loop /tmp/loop');
  const before = await loaded.swarm.status();
  const rows: [paths: string[], message: RegExp][] = [
    [['/bin/true', '/nowhere'], /^path 2 does not exist/],
    [['/nowhere/'], /^path 1 does not exist/],
    [['/bin/nowhere/true'], /^path 1 does not exist/],
    [['/tmp/dangling'], /^path 1 does not exist/],
    [['/bin/true', '/bin/echo', '/usr/bin'], /^path 3 is a directory; end it with \//],
    [['/bin/true/'], /^path 1 leads .* leave out the \/ at its end/],
    [['/bin/true/more'], /^path 1 leads through what is no directory$/],
    [['/dev/null'], /^path 1 is no regular file$/],
    [['/tmp/loop'], /^path 1 cannot be followed by the writer \(error 40\)$/],
    [[`/${'x'.repeat(300)}`], /^path 1 cannot be followed by the writer \(error 36\)$/],
  ];
  for (const [paths, message] of rows) {
    const { writes, answers } = await loaded.swarm.write(JSON.stringify({ exec_paths: paths, spawn: true }));
    expect.soft(writes, paths.join()).toEqual(['EINVAL']);
    expect.soft(answers, paths.join()).toMatchObject([{ error: 'EINVAL', field: 'exec_paths', offset: 0 }]);
    const answer = answers[0];
    expect.soft(answer?.kind === 'refused' ? answer.message : '', paths.join()).toMatch(message);
  }
  expect(await loaded.swarm.status()).toEqual(before);
});

test('EXEC-15: paths are followed as the writer sees them', async ({ loaded }) => {
  await prepare(loaded);
  const inside = `mount -t tmpfs tmpfs /srv/x && cp ${EXECFD} /srv/x/program && launch '${JSON.stringify({
    spawn: true,
    exec_paths: [ATTEMPT, '/srv/x/program'],
  })}' ${ATTEMPT} execve /srv/x/program`;
  expect(
    attempts(await loaded.sh(`unshare --mount sh -c ${JSON.stringify(inside).replaceAll('$', '\\$')}`)),
  ).toEqual(['execve ok']);
  expect((await listed(loaded, ['/srv/x/program'], 'execve /srv/x/program')).seen).toEqual(['execve ok']);
});

/** Objects in use in the caches that policies and their lists come from. */
const inUse = async (guest: LoadedGuest) => {
  const caches = ['swarm_policy', ...[32, 64, 96, 128, 192, 256].map((size) => `kmalloc-cg-${size}`)];
  const lines = [shrink(caches), `awk '/^(${caches.join('|')}) /{ n += $2 } END { print n }' /proc/slabinfo`];
  return Number(await guest.sh(lines.join('\n')));
};

test('EXEC-16: agents with the same list share one, in whatever order it was given', async ({ loaded }) => {
  const lists = [
    ['/bin/true', '/bin/sh', '/usr/local/'],
    ['/usr/local/', '/usr/bin/true', '/bin/dash', '/usr/bin/sh'],
  ];
  const many = (count: number, request: (index: number) => AgentRequest) =>
    Array.from({ length: count }, (_, index) => JSON.stringify(request(index))).join('\n');
  await loaded.swarm.create({ exec_paths: lists[0] ?? [] });
  const before = await inUse(loaded);
  await loaded.swarm.write(many(2000, (index) => ({ exec_paths: lists[index % 2] ?? [] })));
  const shared = await inUse(loaded);
  expect(shared - before, '2,000 with the same').toBeLessThan(200);
  await loaded.swarm.write(many(300, (index) => ({ pids_limit: index + 1, exec_paths: ['/bin/true'] })));
  expect((await inUse(loaded)) - shared, '300 with policies of their own').toBeGreaterThan(500);
  expect((await loaded.swarm.status()).active).toBe(2301);
  await loaded.sh(
    `sed 's/ID: \\([0-9]*\\),.*/\\1/' /proc/swarm/agents >/tmp/ids; cat /tmp/ids >/proc/swarm/destroy`,
  );
  await expect(loaded).toHaveActiveAgents(0);
  await expect.poll(() => inUse(loaded), 'and all is given back').toBeLessThan(before + 200);
});

test('EXEC-17: a listed file keeps its file system mounted until the agent is gone, or the module', async ({
  loaded,
}) => {
  const mounted = async (request: AgentRequest, guest = loaded) => {
    await guest.sh(`mkdir -p /srv/fs && mount -t tmpfs swarm-test /srv/fs && cp ${EXECFD} /srv/fs/p`);
    return guest.swarm.create(request);
  };
  const umount = async () => (await loaded.exec('umount /srv/fs')).stderr;
  for (const path of ['/srv/fs/p', '/srv/fs/']) {
    const id = await mounted({ exec_paths: [path] });
    expect(await umount(), path).toContain('busy');
    await loaded.swarm.destroy(id);
    await expect.poll(umount, path).toBe('');
  }
  await mounted({ exec_paths: ['/srv/fs/p'] });
  await loaded.unload();
  expect(await umount(), 'unloaded').toBe('');
  const again = await reload(loaded);
  const id = await mounted({ exec_paths: ['/srv/fs/p'] }, again);
  await again.sh('umount --lazy /srv/fs');
  await again.swarm.destroy(id);
});

test('EXEC-18: renaming directories meanwhile neither denies nor allows', async ({ loaded }) => {
  await prepare(loaded);
  await loaded.sh(
    'cd /srv/x && mkdir -p deep/1/2/3/4/5 other storm/a storm/b && cp program deep/1/2/3/4/5/p && cp program other/p',
  );
  const pid = await background(loaded, 'execfd renames /srv/x/storm');
  const tries = Array.from({ length: 60 }, () => [
    'execve /srv/x/deep/1/2/3/4/5/p',
    'execve /srv/x/other/p',
  ]).flat();
  const { seen } = await listed(loaded, ['/srv/x/deep/'], ...tries);
  expect(new Set(seen.filter((_, index) => index % 2 === 0))).toEqual(new Set(['execve ok']));
  expect(new Set(seen.filter((_, index) => index % 2 === 1))).toEqual(new Set(['execve EPERM']));
  expect(await loaded.sh(`cat /proc/${pid}/comm && kill ${pid}`), 'it was renaming all the while').toBe(
    'execfd',
  );
});

test('EXEC-11: execveat with AT_EXECVE_CHECK is answered as execve would be, and ends no birth', async ({
  loaded,
}) => {
  const seen = await listed(loaded, ['/bin/true'], 'check /bin/true', 'check /bin/echo', 'execve /bin/echo');
  expect(seen).toEqual({ seen: ['check ok', 'check EPERM', 'execve EPERM'], violations: 2 });
  // Interpreters are no part of what is asked.
  await prepare(loaded);
  await loaded.writeFile('/srv/x/script', '#!/bin/sh\nexit 0\n', '755');
  const tries = ['check /srv/x/script', 'execve /srv/x/script'];
  const script = await listed(loaded, ['/srv/x/script'], ...tries);
  expect(script).toEqual({ seen: ['check ok', 'execve EPERM'], violations: 1 });
  const unlisted = await listed(loaded, ['/bin/sh'], ...tries);
  expect(unlisted).toEqual({ seen: ['check EPERM', 'execve EPERM'], violations: 2 });
  const denied = await under(loaded, { syscalls: { execve: 'deny' } }, ATTEMPT, 'check /bin/true');
  expect(denied).toEqual({ seen: ['check EPERM'], violations: 1 });
  const any = await under(loaded, {}, ATTEMPT, 'check /bin/true', 'check /etc/passwd');
  expect(any).toEqual({ seen: ['check ok', 'check EACCES'], violations: 0 });
  // By the launcher's child, whose next execve is the agent's first: it asks about that one, and it has it still.
  for (const [request, path, answer, tries, violations] of [
    [{ syscalls: { execve: 'deny' } }, '/bin/true', 'ok', 'execve /bin/true', 1],
    [{ exec_paths: [ATTEMPT, '/bin/true'] }, '/bin/echo', 'EPERM', 'execve /bin/true', 1],
  ] as const) {
    const what = JSON.stringify(request);
    const object = JSON.stringify({ spawn: true, ...request });
    let stdout = '';
    let stderr = '';
    const counted = await violationsDuring(loaded, async () => {
      const line = `launch --check ${path} ${quoted(object)} ${ATTEMPT} ${tries}`;
      ({ stdout, stderr } = await loaded.exec(line));
    });
    expect(stderr, what).toContain(`check ${answer}\n`);
    expect([attempts(stdout), counted], what).toEqual([
      [answer === 'ok' ? 'execve EPERM' : 'execve ok'],
      violations,
    ]);
  }
  await expect(loaded).toHaveActiveAgents(0);
});

test('EXEC-10: the rule on execve and exec_paths are asked apart, and "unlisted" is what becomes of other files', async ({
  loaded,
}) => {
  const rows: [AgentRequest, seen: string[], violations: number][] = [
    [{ syscalls: { execve: 'audit' } }, ['execve ok', 'execve EPERM'], 1],
    [{ unlisted: 'audit' }, ['execve ok', 'execve ok'], 0],
    [{ unlisted: 'audit', syscalls: { execve: 'deny' } }, ['execve EPERM', 'execve EPERM'], 2],
    [{ unlisted: 'deny', syscalls: { execve: 'audit' } }, ['execve ok', 'execve EPERM'], 1],
  ];
  for (const [request, seen, violations] of rows)
    expect(
      await under(
        loaded,
        { exec_paths: [ATTEMPT, '/bin/true'], ...request },
        ATTEMPT,
        'execve /bin/true',
        'execve /bin/echo',
      ),
      JSON.stringify(request),
    ).toEqual({ seen, violations });
  const killed = await loaded.swarm.launch({ exec_paths: [ATTEMPT], unlisted: 'kill' }, [
    ATTEMPT,
    ...['exec-here', '/bin/true'],
  ]);
  expect(killed.code).toBe(137);
  await expect(loaded).toHaveActiveAgents(0);
});

test('EXEC-12: a file in the place of the dynamic loader that a listed program names is an unlisted one', async ({
  loaded,
}) => {
  await prepare(loaded);
  const loader = await loaded.sh('readlink -f /lib*/ld-linux-* | head -n 1');
  const line = `mount --bind /srv/x/program ${loader}; /bin/true; echo $?`;
  const paths = ['/bin/sh', '/bin/mount', '/bin/true'];
  const request: AgentRequest = { exec_paths: paths, syscalls: MOUNT_CALLS, capabilities: 'all' };
  const tried = async (more: AgentRequest) => {
    let printed = '';
    const violations = await violationsDuring(loaded, async () => {
      printed = (await loaded.swarm.launch({ ...request, ...more }, ['/bin/sh', '-c', line])).stdout;
    });
    return [printed.trim().split('\n').at(-1), violations];
  };
  expect(await tried({})).toEqual(['126', 1]);
  const last = (await loaded.swarm.events()).filter(({ event }) => event === 'violation').at(-1);
  expect(last).toMatchObject({ kind: 'execve', action: 'deny', file: 'program' });
  expect(await tried({ unlisted: 'kill' })).toEqual(['137', 1]);
  expect((await tried({ unlisted: 'audit' }))[1]).toBe(0);
  // Listed, it is what the agent may run.
  expect((await tried({ exec_paths: [...paths, '/srv/x/program'] }))[1]).toBe(0);
  await expect(loaded).toHaveActiveAgents(0);
});

test('EXEC-19: agents that were created before a loader is replaced do not use it, and a tree allows the usual loaders alone', async ({
  loaded,
}) => {
  await prepare(loaded);
  const loader = await loaded.sh('readlink -f /lib*/ld-linux-* | head -n 1');
  // A program whose loader has a path of the same length: /lib64/ld-linux-x86-64.so.2, or /lib/ld-linux-aarch64.so.1.
  await loaded.sh(`mkdir -m 755 /srv/y && cp /bin/true /srv/x/usual
    LC_ALL=C sed 's#/lib64/ld-linux#/srv/y/ld-linux#; s#/lib/ld-linux#/srv/ld-linux#' /bin/true >/srv/x/own
    chmod 755 /srv/x/own; for at in /srv/y/ld-linux-x86-64.so.2 /srv/ld-linux-aarch64.so.1; do cp ${loader} $at; done`);
  const tries = ['execve /srv/x/usual', 'execve /srv/x/own'];
  expect(await listed(loaded, ['/srv/x/'], ...tries)).toEqual({
    ...{ seen: ['execve ok', 'execve EPERM'], violations: 1 },
  });
  const paths = ['/bin/sh', '/bin/sleep', '/srv/x/own'];
  const { line, release } = hold(loaded);
  const before = loaded.swarm.launch({ exec_paths: paths }, [
    ...['/bin/sh', '-c', `/srv/x/own; echo $?; : >/srv/x/waits; ${line}; /srv/x/own; echo $?`],
  ]);
  await expect.poll(async () => (await loaded.exec('[ -e /srv/x/waits ]')).code).toBe(0);
  await loaded.sh(`for at in /srv/y/ld-linux-x86-64.so.2 /srv/ld-linux-aarch64.so.1; do
    cp ${loader} $at.new && mv $at.new $at; done`);
  await release();
  expect((await before).stdout).toBe('0\n126\n');
  expect((await loaded.swarm.launch({ exec_paths: paths }, ['/srv/x/own'])).code).toBe(0);
  await loaded.sh('rm -r /srv/y /srv/ld-linux-*');
  await expect(loaded).toHaveActiveAgents(0);
});

test('EXEC-13: equal files through two mounts are two lists: each tells its own, and keeps its own mount', async ({
  loaded,
}) => {
  await prepare(loaded);
  await loaded.sh(`cd /srv/x && mkdir -p src a b && mount -t tmpfs tmpfs src && cp program src/p
    mount --bind src a && mount --bind src b`);
  const one = await loaded.swarm.create({ exec_paths: ['/srv/x/a/p'] });
  const two = await loaded.swarm.create({ exec_paths: ['/srv/x/b/p'] });
  const both = await loaded.swarm.create({ exec_paths: ['/srv/x/b/p', '/srv/x/a/p'] });
  const told = async (id: number) => (await loaded.swarm.inspect(id)).policy.exec_paths?.toSorted();
  expect(await told(one)).toEqual(['/srv/x/a/p']);
  expect(await told(two)).toEqual(['/srv/x/b/p']);
  expect(await told(both)).toEqual(['/srv/x/a/p', '/srv/x/b/p']);
  await loaded.swarm.destroy(one, both);
  // Its files are let go of by a worker.
  await expect.poll(async () => (await loaded.exec('umount /srv/x/a')).code).toBe(0);
  expect((await loaded.exec('umount /srv/x/b')).code, 'in use').not.toBe(0);
  await loaded.swarm.destroy(two);
  await expect.poll(async () => (await loaded.exec('umount /srv/x/b && umount /srv/x/src')).code).toBe(0);
});

test('EXEC-20: where there is no memory to read a listed program, the order fails with ENOMEM, and its interpreter is not left out', async ({
  loaded,
  stage,
}) => {
  await uploadRival(loaded, stage, 'swarm_redirect.ko');
  const request = { exec_paths: ['/bin/true'] };
  // The header of either class, and the first of its programs' headers.
  for (const after of [0, 1, 2]) {
    await loaded.sh(
      `insmod /root/swarm_redirect.ko function=kernel_read comm=swarmio answer=-12 after=${after}`,
    );
    const { writes, answers } = await loaded.swarm.write(JSON.stringify(request));
    const hits = await loaded.sh('cat /sys/module/swarm_redirect/parameters/hits; rmmod swarm_redirect');
    expect.soft([writes, hits], `after ${after}`).toEqual([['ENOMEM'], '1']);
    expect.soft(answers, `after ${after}`).toMatchObject([{ error: 'ENOMEM' }]);
  }
  await expect(loaded).toHaveActiveAgents(0);
  const { code } = await loaded.swarm.launch(request, ['/bin/true']);
  expect(code).toBe(0);
});
