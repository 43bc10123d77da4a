/** The agents of another machine, by SSH: this machine's Node asks, and swarmctl of a guest serves. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { RemoteSwarm } from '../../client/remote/connect.js';
import type { ConnectOptions } from '../../client/remote/ssh.js';
import { SwarmError } from '../../client/error.js';
import { repository } from '../../harness.config.js';
import { uploadProgram } from '../support/bundle.js';
import { expect, test as base } from '../support/fixtures.js';
import { destroyAll } from '../support/guest.js';
import { addressOf, makeHome } from '../support/remote.js';
import { swarmctlAt } from '../support/swarmctl.js';
import { NODE_GUEST } from '../support/node-guest.js';

interface Remote {
  /** The address of the guest. */
  address: ConnectOptions;
  /** The guest's agents. */
  swarm: RemoteSwarm;
}

const test = base.extend<Remote>({
  address: async ({ loaded }, use) => {
    const program = await uploadProgram(loaded, join(repository, 'client/cli/main.ts'), 'swarmctl');
    const dir = await mkdtemp(join(tmpdir(), 'known-hosts-'));
    await use(await addressOf(loaded, `node ${program} serve`, dir));
    await rm(dir, { recursive: true });
  },
  swarm: async ({ address }, use) => {
    const swarm = await RemoteSwarm.connect(address);
    await use(swarm);
    await swarm.close();
  },
});

test.use({ guestExtras: NODE_GUEST });

test('CLIENT-40: orders, listings and events do on another machine what they do on this one', async ({
  loaded,
  swarm,
}) => {
  const { id } = await swarm.create({ name: 'far', memory_limit: 64 << 20 });
  await swarm.update(id, { pids_limit: 7 });
  expect(await swarm.inspect(id)).toMatchObject({ name: 'far', policy: { pids_limit: 7 } });
  const agents = [];
  for await (const agent of swarm.agents()) agents.push(agent);
  expect(agents).toEqual([{ id, pid: 0, memory: '64MB', cpu: 'max', namespaces: 0x7f }]);
  expect(await swarm.status()).toMatchObject({ active: 1 });
  expect(await swarm.metrics()).toMatch(/# EOF\n$/);
  const events = [];
  for await (const event of swarm.events({ since: 'oldest', follow: false }))
    if ('agent' in event && event.agent === id) events.push(event.event);
  expect(events).toEqual(['created', 'updated']);
  await swarm.destroy(id);
  const running = swarm.spawn(['sleep', '600'], { policy: { privileged: true, namespace_flags: 0 } });
  const first = await running.started;
  const pid = Number(await loaded.sh('cd /; sleep 601 >/dev/null 2>&1 & echo $!'));
  expect(await swarm.attach(first.id, { pid })).toMatchObject({ id: first.id });
  expect((await swarm.inspect(first.id)).members).toEqual([first.pid, pid]);
  await expect(swarm.attach(first.id, { pidfd: 3 })).rejects.toMatchObject({ code: 'EBADF', field: 'pidfd' });
  await swarm.freeze(first.id);
  await swarm.freeze(first.id, false);
  const seen = [];
  for await (const each of swarm.inspectAll([first.id, id, first.id])) seen.push(each?.state);
  expect(seen).toEqual(['running', undefined, 'running']);
  await expect(swarm.kill(first.id, 'SIGNONE' as 'SIGTERM')).rejects.toMatchObject({ field: 'signal' });
  await swarm.kill(first.id, 'SIGKILL');
  // The process that was attached is the oldest one left.
  await expect.poll(async () => (await swarm.inspect(first.id)).members).toEqual([pid]);
  await swarm.kill(first.id);
  expect(await running).toMatchObject({ signal: 9, reason: 'exit' });
  const refused = await swarm.create({ exec_paths: ['/nowhere'] }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(SwarmError);
  expect(refused).toMatchObject({ code: 'EINVAL', field: 'exec_paths', errno: 22 });
});

test('CLIENT-41: two thousand agents are made and listed in few messages, and reading events ends', async ({
  loaded,
  swarm,
}) => {
  const stop = new AbortController();
  const seen = (async () => {
    let count = 0;
    for await (const event of swarm.events({ signal: stop.signal })) {
      count += event.event === 'created' ? 1 : 0;
      if (count === 2000) stop.abort();
    }
    return count;
  })();
  // The reader begins at the end of what is there once it is open.
  await swarm.status();
  await loaded.sh('sleep 1');
  const kinds = new Set<string>();
  let made = 0;
  for await (const answer of swarm.createMany(Array.from({ length: 2000 }, (_, i) => ({ name: `n${i}` })))) {
    kinds.add(answer.kind);
    made += 1;
  }
  expect([made, [...kinds]]).toEqual([2000, ['created']]);
  let listed = 0;
  for await (const { id } of swarm.agents()) listed += id > 0 ? 1 : 0;
  expect(listed).toBe(2000);
  expect(await seen).toBe(2000);
  await destroyAll(loaded);
});

test('CLIENT-42: a program there has streams here, a terminal, and an end with its figures', async ({
  swarm,
}) => {
  const program = swarm.spawn(['/bin/sh', '-c', 'cat; echo wrong >&2; exit 7'], {
    policy: { name: 'far', memory_limit: 64 << 20 },
  });
  program.stdin?.end('x'.repeat(300_000));
  const [out, err] = await Promise.all([text(program.stdout), text(program.stderr)]);
  expect([out.length, err]).toEqual([300_000, 'wrong\n']);
  const end = await program;
  expect(end).toMatchObject({ exit: 7, oom: false, violations: 0 });
  expect(end.memoryPeak).toBeGreaterThan(0);
  const first = swarm.spawn(['sleep', '600']);
  const { id } = await first.started;
  await first.update({ pids_limit: 9 });
  await first.freeze();
  expect(await swarm.inspect(id)).toMatchObject({ state: 'frozen', policy: { pids_limit: 9 } });
  await first.freeze(false);
  expect(() => first.kill('SIGNONE' as 'SIGTERM')).toThrow('there is no signal SIGNONE');
  const second = swarm.exec(id, ['/bin/sh', '-c', 'test -t 0 && read word; echo got $word; stty size'], {
    terminal: { rows: 12, columns: 90 },
  });
  second.terminal?.write('hello\n');
  expect(await text(second.stdout)).toMatch(/^(hello\r\n)?got hello\r\n12 90\r\n/);
  expect(await second).toMatchObject({ exit: 0 });
  expect(await first.stop(200)).toMatchObject({ signal: 9, reason: 'request' });
  await expect(swarm.spawn(['nothing'])).rejects.toMatchObject({ code: 'ENOENT', field: 'argv' });
  await expect(swarm.spawn(['sleep', '600'], { timeout: 300 })).rejects.toMatchObject({
    name: 'TimeoutError',
  });
  const abort = new AbortController();
  const aborted = swarm.spawn(['sleep', '600'], { signal: abort.signal });
  await aborted.started;
  abort.abort();
  await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
  expect(() => swarm.spawn(['true'], { stdout: 'inherit' })).toThrow('descriptor of this machine');
});

test('CLIENT-43: a host that is not known, or shows another key, is refused; so is one without swarm-guard', async ({
  address,
}) => {
  const { knownHosts = '', port } = address;
  const failures = async (options: Partial<ConnectOptions>) =>
    RemoteSwarm.connect({ ...address, ...options }).then(
      async (swarm) => {
        await swarm.close();
        return 'connected';
      },
      (error: unknown) =>
        error instanceof SwarmError ? `${error.code} ${error.message} ${error.hint}` : error,
    );
  expect(await failures({ knownHosts: '/nonexistent' })).toMatch(/^EACCES 127.0.0.1 is not in .* ssh -p /);
  const other = 'AAAAC3NzaC1lZDI1NTE5AAAAIE7fPpTVjKFtTgxrfgpgPlCSQ1FUlnVHbZqW1LyQFl5n';
  await writeFile(`${knownHosts}.other`, `[127.0.0.1]:${port} ssh-ed25519 ${other}\n`);
  expect(await failures({ knownHosts: `${knownHosts}.other` })).toMatch(/^EACCES .* another host key/);
  expect(await failures({ command: 'nothing-of-the-kind serve' })).toMatch(
    /^ENOENT .* install swarm-guard there/,
  );
  expect(await failures({ port: 1 })).toMatch(/^E/);
  // One that is reached, but never answers.
  const silent = { command: 'sleep 600' };
  expect(await failures({ ...silent, timeout: 8000 })).toMatch(/^ETIMEDOUT .*`sleep 600` does not answer/);
  for (const milliseconds of [0, 5000])
    expect(await failures({ ...silent, signal: AbortSignal.timeout(milliseconds) })).toMatchObject({
      name: 'TimeoutError',
    });
  expect(await failures({})).toBe('connected');
});

test('CLIENT-44: whoever waits learns that the connection has ended; agents go on', async ({
  loaded,
  address,
}) => {
  const swarm = await RemoteSwarm.connect(address);
  const program = swarm.spawn(['sleep', '600'], { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' });
  const { pid } = await program.started;
  const reading = (async () => {
    for await (const event of swarm.events()) expect(event.seq).toBeGreaterThan(0);
  })();
  const ends = Promise.allSettled([program, reading]);
  await loaded.sh('pkill -f "swarmctl.mjs serve"');
  for (const end of await ends)
    expect(end).toMatchObject({ status: 'rejected', reason: { code: 'ECONNRESET' } });
  await expect(swarm.status()).rejects.toMatchObject({ code: 'ECONNRESET' });
  await loaded.sh(`test -d /proc/${pid}`);
  await destroyAll(loaded);
});

test('CLIENT-50: with --host, swarmctl looks devices, inits and relative paths up where the agent starts', async ({
  loaded,
  address,
}) => {
  await using user = await makeHome([loaded]);
  // None of these is on this machine. Root's home there is a directory that agents may not enter: hence /srv.
  await loaded.sh(`
      printf '#!/bin/sh\\ncd /srv; exec ${address.command}\\n' >/usr/local/bin/swarmctl
      printf '#!/bin/sh\\nshift; echo by tini; exec "$@"\\n' >/usr/local/bin/tini
      chmod 755 /usr/local/bin/swarmctl /usr/local/bin/tini
      mknod -m 666 /dev/only-there c 10 229
      mount -t tmpfs tmpfs /mnt; mkdir -p /mnt/root/proc /mnt/root/dev /mnt/root/usr /mnt/root/there /mnt/bound
      ln -s usr/bin /mnt/root/bin; ln -s usr/lib /mnt/root/lib; ln -s usr/lib64 /mnt/root/lib64
      echo bound >/mnt/bound/file; rm -rf /srv/mnt; ln -s /mnt /srv/mnt`);
  const [host = ''] = user.hosts;
  const run = (...args: string[]) => swarmctlAt(user.home, '--host', host, 'run', ...args);
  expect(await run('--init', 'echo', 'run')).toBe('by tini\nrun');
  const id = await run('--detach', '--device', '/dev/only-there:r', 'sleep', '600');
  expect((await loaded.swarm.inspect(Number(id))).policy.devices).toContain('c 10:229 r');
  await loaded.swarm.destroy(Number(id));
  const root = ['--rootfs', './mnt/root', '--bind', '/usr:/usr:ro', '--bind', 'mnt/bound:/there'];
  expect(await run(...root, '/bin/cat', '/there/file')).toBe('bound');
  await expect(run('--device', '/dev/nowhere', 'true')).rejects.toMatchObject({
    exitCode: 125,
    stderr: expect.stringContaining('there is no /dev/nowhere where the agent is'),
  });
});
