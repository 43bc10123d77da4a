/** The harness's own promises about guests. */
import { existsSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { expect, test } from '../support/fixtures.js';
import { GuestCommandError } from '../../harness/guest/errors.js';
import { InfrastructureError } from '../../harness/util/errors.js';
import { MODULE, reload } from '../support/loaded-guest.js';
import { Stage } from '../support/stage.js';

test('GUEST-04: how guests are run is found out by trying, and said with its reason', ({ stage }) => {
  expect(stage.acceleration).toMatch(/^(kvm: a stock kernel boots under KVM|tcg: .*kvm.*)$/i);
});

test('GUEST-27: modules of a guest’s kernel that are signed keep their signatures', async ({ booted }) => {
  // Empty, too, where the kernel is built without this module. E: no key that the kernel has fits its signature.
  expect(await booted.sh('cat /sys/module/virtio_net/taint 2>/dev/null || true')).toBe('');
});

test('GUEST-05: it runs the kernel that was asked for, with what finds memory errors', async ({
  loaded,
  stage,
}) => {
  expect(await loaded.sh('uname -r')).toBe(stage.kernel.release);
  const checks = ['sanity_checks', 'red_zone', 'poison'];
  const checked = (cache: string) =>
    loaded.sh(`cd /sys/kernel/slab/${cache} && cat ${checks.join(' ')} store_user | xargs`);
  const debug = stage.kernel.checks === 'debug';
  expect(await loaded.sh('cat /proc/cmdline')).toMatch(
    debug ? /panic_on_warn=1/ : /panic_on_warn=1.*kfence\.sample_interval=1/,
  );
  if (debug) return;
  for (const cache of ['swarm_agent', 'swarm_member', 'swarm_policy'])
    expect(await checked(cache)).toBe('1 1 1 1');
  for (const cache of ['kmalloc-64', 'kmalloc-1k', 'task_struct'])
    expect(await checked(cache)).toBe('1 1 1 0');
});

test('GUEST-07: a guest that does not come up is trouble with the machinery, told with what its console said', async ({
  stage,
}) => {
  const lost = await Stage.prepare(stage.kernel.name, { append: 'rdinit=/nowhere' });
  const error = await lost.rebooted('lost').catch((thrown: unknown) => thrown);
  await lost.discard();
  expect(error).toBeInstanceOf(InfrastructureError);
  expect(String(error)).toMatch(
    /the guest \S+ did not come up: .*\n--- end of the guest's console ---\n[^]*Kernel panic - not syncing: VFS/,
  );
});

test('GUEST-08: the error of a guest that hangs says where its CPUs are', async ({ stage }) => {
  const idle = await Stage.prepare(stage.kernel.name, { append: 'rdinit=/bin/sleep -- 3600', bootMs: 5_000 });
  const error = await idle.rebooted('idle').catch((thrown: unknown) => thrown);
  await idle.discard();
  expect(error).toBeInstanceOf(InfrastructureError);
  expect(String(error)).toMatch(
    /did not come up: no end after \d+ s: booting \S+ \(QEMU says running(, CPU [01] (is|waits) at 0x[0-9a-f]+){2}\)/,
  );
});

test('GUEST-24: a module is unloaded and a guest ended with the scope that uses them, and nothing offers /proc/swarm then', async ({
  booted,
  module,
  stage,
}) => {
  {
    await using swarm = await booted.load(module.ko);
    expect(await booted.hasModule(swarm.name)).toBe(true);
  }
  expect(await booted.hasModule(MODULE)).toBe(false);
  const loaded = await reload(booted);
  expect(await loaded.swarm.status()).toMatchObject({ active: 0 });
  await loaded.unload();
  expect(() => loaded.swarm).toThrow('the module was unloaded');
  const again = await reload(booted);
  await booted.sh(`rmmod ${MODULE}`);
  expect((await again.look()).active).toBeUndefined();
  expect(() => again.swarm).toThrow('the module was unloaded');
  const other = await Stage.prepare(stage.kernel.name);
  let pid: number | undefined;
  {
    await using twin = await other.booted('scope');
    pid = twin.machine.pid;
    expect(existsSync(`/proc/${pid ?? 0}`)).toBe(true);
  }
  await expect.poll(() => existsSync(`/proc/${pid ?? 0}`)).toBe(false);
});

test('GUEST-10: two guests from one snapshot draw different random numbers and know the time', async ({
  booted,
  stage,
}) => {
  const other = await Stage.prepare(stage.kernel.name);
  const twin = await other.booted('twin');
  const look = 'od -An -tx1 -N32 /dev/urandom; date +%s';
  const [mine, its] = await Promise.all([booted.sh(look), twin.sh(look)]);
  await other.discard();
  expect(mine.split('\n')[0]).not.toBe(its.split('\n')[0]);
  for (const seen of [mine, its]) {
    expect(Math.abs(Number(seen.split('\n').at(-1)) - Date.now() / 1000)).toBeLessThan(120);
  }
});

test('GUEST-11: a command tells its exit status, its signal and both outputs, and does not wait for ever', async ({
  booted,
}) => {
  expect(await booted.exec('cat; echo oops >&2; exit 3', { stdin: 'in\n' })).toMatchObject({
    code: 3,
    stdout: 'in\n',
    stderr: 'oops\n',
  });
  expect((await booted.exec("exec sh -c 'kill -9 $$'")).code).toBe(137);
  await expect(booted.exec('sleep 60', { timeoutMs: 500 })).rejects.toThrow(GuestCommandError);
  await expect(booted.sh('echo why >&2; false')).rejects.toThrow(/exit 1: echo why >&2; false\nwhy/);
  await booted.sh('pkill sleep -n; true');
});

test('GUEST-13: a command may be of any length, and still reads what it is given', async ({ booted }) => {
  for (const length of [8_000, 9_500, 200_000]) {
    const text = 'x'.repeat(length);
    const line = `read -r line; text=${text}; echo "$line \${#text} $0"; ls /run | grep -c ^command- >&2; exit 4`;
    expect(await booted.exec(line, { stdin: 'in\n' })).toMatchObject({
      code: 4,
      stdout: `in ${length} bash\n`,
      stderr: '0\n',
    });
  }
});

test('GUEST-20: a command is heard while it runs, and spoken to', async ({ booted }) => {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const heard = (stream: PassThrough) =>
    new Promise<string>((resolve) =>
      stream.once('data', (data: Buffer) => {
        resolve(data.toString());
      }),
    );
  const first = heard(stdout);
  const done = booted.exec('echo ready; read -r line; echo "told $line" >&2; exit 5', {
    ...{ stdin, output: { stdout, stderr } },
  });
  expect(await first).toBe('ready\n');
  const second = heard(stderr);
  stdin.write('something\n');
  expect(await second).toBe('told something\n');
  expect(await done).toMatchObject({ code: 5, stdout: '', stderr: '' });
});

test('GUEST-12: a command that a signal ends has its number, and one that is given up says what it printed', async ({
  booted,
}) => {
  for (const [signal, code] of [
    ['USR1', 138],
    ['FPE', 136],
    ['ILL', 132],
  ] as const)
    expect(await booted.exec(`kill -${signal} $$; sleep 5`)).toMatchObject({ code, signal: `SIG${signal}` });
  // The server has no name for these, and says nothing of such an end.
  for (const signal of ['SYS', 'XCPU'])
    await expect(booted.exec(`echo before; kill -${signal} $$; sleep 5`)).rejects.toThrow(
      `a signal that SSH has no name for ended: echo before; kill -${signal} $$; sleep 5\nbefore`,
    );
  const error: unknown = await booted
    .exec('echo out; echo err >&2; exec sleep 60', { timeoutMs: 2000 })
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(GuestCommandError);
  expect(error).toMatchObject({
    ...{ command: 'echo out; echo err >&2; exec sleep 60', code: undefined },
    ...{ stdout: 'out\n', stderr: 'err\n', timedOut: true },
  });
  expect((error as GuestCommandError).durationMs).toBeGreaterThan(1900);
  await booted.sh('pkill sleep -n; true');
});

test('GUEST-17: a program is run with its arguments as they are given, whatever is in them', async ({
  booted,
}) => {
  const words = ['', "it's", '$HOME `id` "*"', 'a\nb', '\\'];
  const { stdout } = await booted.exec(['printf', '[%s]', ...words]);
  expect(stdout).toBe(words.map((word) => `[${word}]`).join(''));
});

test('GUEST-18: a command is given up when the caller says so, and the guest goes on', async ({ booted }) => {
  const late = new AbortController();
  const running = booted.exec(['sleep', '60'], { signal: late.signal });
  setTimeout(() => {
    late.abort(new Error('no longer wanted'));
  }, 500);
  const error: unknown = await running.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(GuestCommandError);
  expect(error).toMatchObject({ timedOut: false, cause: { message: 'no longer wanted' } });
  expect(await booted.sh('echo on')).toBe('on');
  await expect(booted.exec('true', { signal: late.signal })).rejects.toThrow('no longer wanted');
});

test('GUEST-19: an error says what the command was, how it ended and what it printed; the guest knows its last commands', async ({
  booted,
}) => {
  const line = 'echo out; echo err >&2; exit 3';
  const error: unknown = await booted.sh(line).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    ...{ message: `exit 3: ${line}\nout\nerr\n`, command: line, code: 3, signal: undefined },
    ...{ stdout: 'out\n', stderr: 'err\n', timedOut: false },
  });
  await booted.exec(['false']);
  expect(booted.history.slice(-2)).toMatchObject([
    { command: line, code: 3 },
    { command: "'false'", code: 1 },
  ]);
});

test('GUEST-14: a terminal whose shell has ended says so, rather than waiting for a prompt', async ({
  booted,
}) => {
  const terminal = await booted.terminal();
  await expect(terminal.type('echo bye; exit')).rejects.toThrow(
    /^the shell of this terminal has ended, before a prompt came: echo bye; exit\nbye/,
  );
});

test('GUEST-06: a guest is as specs expect it, whatever its kernel is configured with', async ({
  booted,
}) => {
  expect(await booted.sh('cat /proc/sys/fs/protected_hardlinks')).toBe('1');
  expect(await booted.sh('ls /sys/kernel/slab | wc -l').then(Number)).toBeGreaterThan(50);
  expect(await booted.sh('head -1 /proc/slabinfo')).toMatch(/^slabinfo - version/);
  const devices = await booted.sh("unshare --net sh -c 'sed 1,2d /proc/self/net/dev' | cut -d: -f1");
  expect(devices.trim()).toBe('lo');
});
