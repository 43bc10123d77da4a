/** swarmctl explain and learn, whose policies suffice, and stats and top, under the Node of Debian 13. */
import { join } from 'node:path';
import { repository } from '../../harness.config.js';
import { quoted } from '../../client/client.js';
import { createRequest } from '../../client/abi/request.js';
import { uploadProgram } from '../support/bundle.js';
import { expect, test } from '../support/fixtures.js';
import { attempts, background, destroyAll, violationsDuring } from '../support/guest.js';
import { load, reload } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';
import { NODE_GUEST } from '../support/node-guest.js';

test.use({ guestExtras: NODE_GUEST });

const MAIN = join(repository, 'client/cli/main.ts');

const TERMINAL = join(repository, 'specs/support/cli/terminal.ts');

/** A device that nobody else uses, and that agents may open as far as permissions go. */
const DEVICE = '/srv/device';

/** The policy: the defaults, but for a list of programs, and no fork. */
const POLICY = { capabilities: 'all', exec_paths: ['/usr/local/bin/attempt'], syscalls: { fork: 'deny' } };

/** The agent's work: each line is denied, the last one by an execve. */
const JOB = [
  ...['attempt', 'rdwr', DEVICE, '--', 'socket', '16', '3', '16', '--', 'mount-type', 'tmpfs', '/mnt'],
  ...['--', 'fork', '--', 'exec-here', '/usr/bin/true'],
].join(' ');

const DENIED = ['rdwr EPERM', 'socket EAFNOSUPPORT', 'mount-type EPERM', 'fork EPERM', 'exec-here EPERM'];
const DONE = ['rdwr ok', 'socket ok', 'mount-type ok', 'fork ok'];

const prepared = new WeakSet<object>();

/** Runs swarmctl. */
async function swarmctl(guest: LoadedGuest, line: string) {
  if (!prepared.has(guest)) {
    await uploadProgram(guest, MAIN, 'swarmctl');
    await guest.sh(`rm -f ${DEVICE} && mknod -m 666 ${DEVICE} c 5 1`);
    await guest.sh(`printf %s ${quoted(JSON.stringify(POLICY))} >/srv/policy.json`);
    prepared.add(guest);
  }
  return guest.exec(`node /srv/swarmctl.mjs ${line}`, { timeoutMs: 120_000 });
}

/** Starts swarmctl, which goes on, and returns the id of its agent. */
async function started(guest: LoadedGuest, line: string): Promise<number> {
  await swarmctl(guest, '--version');
  await background(guest, `node /srv/swarmctl.mjs ${line}`);
  let ids: number[] = [];
  await expect
    .poll(async () => (ids = (await guest.swarm.agents()).flatMap(({ id, pid }) => (pid > 0 ? [id] : []))), {
      timeout: 60_000,
    })
    .toHaveLength(1);
  return ids[0] ?? 0;
}

/** Does the job under the policy in a file, and counts what was denied. */
async function runJob(guest: LoadedGuest, policy: string) {
  let stdout = '';
  const violations = await violationsDuring(guest, async () => {
    const ran = await swarmctl(guest, `run -q --name job --policy ${policy} ${JOB}`);
    expect(ran.stderr).toBe('');
    ({ stdout } = ran);
  });
  return { done: attempts(stdout), violations };
}

test('CLI-65: explain names each thing that an agent was denied, and under the policy that it proposes nothing is', async ({
  loaded,
}) => {
  expect(await runJob(loaded, '/srv/policy.json')).toEqual({ done: DENIED, violations: 5 });
  const { code, stdout } = await swarmctl(loaded, 'explain job --policy /srv/policy.json');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^agent \d+ \(job\), gone: 5 events of 5 kinds, newest first\n/);
  const options = [
    ...['--exec-path /usr/bin/true', '--syscall fork=allow', '--syscall mount=allow'],
    ...['--sockets unix,inet,inet6,netlink/route,netlink/generic', '--device "c 5:1 rw"'],
  ];
  // Newest first.
  expect(
    stdout.match(/(?<=allow: {2}).*(?:\n {18}(?!opens).*)*/g)?.map((text) => text.replace(/\s+/g, ' ')),
  ).toEqual(options);
  const told = JSON.parse(
    (await swarmctl(loaded, 'explain job --json --policy /srv/policy.json')).stdout,
  ) as { policy: unknown };
  const policy = createRequest.parse(told.policy);
  expect(policy.exec_paths).toEqual(['/usr/local/bin/attempt', '/usr/bin/true']);
  await loaded.sh(`printf %s ${quoted(JSON.stringify(policy))} >/srv/proposed.json`);
  expect(await runJob(loaded, '/srv/proposed.json')).toEqual({ done: DONE, violations: 0 });
});

test('CLI-66: the update that explain proposes for an agent that runs lets it do what it was denied', async ({
  loaded,
}) => {
  const id = await started(
    loaded,
    `run -q --name shell sh -c 'until attempt rdwr ${DEVICE} && attempt socket 16 3 16 | grep ok; do sleep 0.2; done >/dev/null; sleep 600'`,
  );
  await expect.poll(async () => (await loaded.swarm.inspect(id)).violations).toBeGreaterThan(2);
  const { stdout } = await swarmctl(loaded, 'explain shell');
  expect(stdout).toContain(`agent ${id} (shell), running: `);
  const [, command = ''] = /To allow all of it:\n {2}swarmctl ((?:.*\\\n)*.*)\n/.exec(stdout) ?? [];
  expect(command).toContain(`update ${id} --device "c 5:1 rw"`);
  expect(await swarmctl(loaded, command)).toMatchObject({ code: 0, stderr: '' });
  await expect
    .poll(async () => {
      const before = (await loaded.swarm.inspect(id)).violations;
      await loaded.sh('sleep 1');
      return (await loaded.swarm.inspect(id)).violations - before;
    })
    .toBe(0);
  expect((await swarmctl(loaded, `explain ${id}`)).stdout).toContain('the policy allows it by now');
  await loaded.swarm.destroy(id);
});

test('CLI-67: learn runs a program with enforce=0, and the policy that it writes suffices with enforce=1', async ({
  booted,
  module,
}) => {
  const reporting = await load(booted, module.ko, { enforce: 0 });
  const learnt = await swarmctl(
    reporting,
    `learn --margin 100 --policy /srv/policy.json ${JOB} >/srv/learnt.json`,
  );
  expect(learnt.code).toBe(0);
  // What the program prints is no part of the policy.
  expect(
    attempts(
      learnt.stderr
        .split('\n')
        .filter((line) => !line.startsWith('swarmctl:'))
        .join('\n'),
    ),
  ).toEqual(DONE);
  expect(learnt.stderr).toContain(
    'swarmctl: --device "c 5:1 rw": needed once, by attempt. Allows reading and writing',
  );
  expect(learnt.stderr).toMatch(
    /swarmctl: memory_limit \d+: at most \d+ bytes were in use at a time; that with 100 % more/,
  );
  const policy = createRequest.parse(JSON.parse(await reporting.sh('cat /srv/learnt.json')));
  expect(policy).toMatchObject({
    capabilities: 'all',
    sockets: ['unix', 'inet', 'inet6', 'netlink/route', 'netlink/generic'],
    syscalls: { fork: 'allow', mount: 'allow' },
    exec_paths: ['/usr/local/bin/attempt', '/usr/bin/true'],
  });
  expect(policy.memory_limit).toBeGreaterThan(65_536);
  expect(policy.memory_limit).toBeLessThan(64 << 20);
  // What takes a while is counted.
  const slow = await swarmctl(reporting, `learn -o /srv/slow.json sh -c 'sleep 2 & sleep 2 & wait'`);
  expect(slow).toMatchObject({ code: 0, stdout: '' });
  expect(createRequest.parse(JSON.parse(await reporting.sh('cat /srv/slow.json')))).toMatchObject({
    pids_limit: 5,
  });
  await reporting.unload();

  const enforcing = await reload(booted);
  expect(await runJob(enforcing, '/srv/policy.json')).toEqual({ done: DENIED, violations: 5 });
  expect(await runJob(enforcing, '/srv/learnt.json')).toEqual({ done: DONE, violations: 0 });
  const refused = await swarmctl(enforcing, `learn ${JOB}`);
  expect(refused).toMatchObject({ code: 125, stdout: '' });
  expect(refused.stderr).toContain('modprobe swarm_guard enforce=0');
  await enforcing.unload();
});

test('CLI-68: learn says that its policy may be incomplete where violations were summed up, and exits with 3', async ({
  booted,
  module,
}) => {
  const reporting = await load(booted, module.ko, { enforce: 0, event_rate: 2 });
  const line = `attempt ${Array.from({ length: 8 }, () => `read ${DEVICE}`).join(' -- ')} -- socket 16 3 16`;
  const { code, stderr, stdout } = await swarmctl(reporting, `learn ${line}`);
  expect(code).toBe(3);
  expect(stderr).toMatch(/the policy may be incomplete: \d+ violations were summed up/);
  expect(stderr).toContain('event_rate=0');
  expect(createRequest.safeParse(JSON.parse(stdout)).success).toBe(true);
  await reporting.unload();
});

test('CLI-69: top follows agents at a terminal, and looks at two thousand of them a few at a time', async ({
  loaded,
}) => {
  test.setTimeout(600_000);
  await started(loaded, `run -q --name busy --cpus 0.2 sh -c 'while :; do :; done'`);
  const { stdout: table } = await swarmctl(loaded, 'stats busy');
  expect(table).toMatch(/\n +\d+ {2}busy {2}running +\d+\.\d +20 /);
  await loaded.sh(`seq -f '{"name":"registered-%.0f"}' 1999 >/proc/swarm/create`);
  const keys = [
    [' of 2,000 agents, 1 running', 's'],
    ['by memory ', 'q'],
  ];
  const terminal = await uploadProgram(loaded, TERMINAL, 'terminal');
  const { code, stdout } = await loaded.exec(
    `node ${terminal} ${quoted(JSON.stringify(keys))} node /srv/swarmctl.mjs top`,
    { timeoutMs: 240_000 },
  );
  expect(code).toBe(0);
  const frames = stdout.split('\x1b[H').map((frame) => frame.replace(/\x1b\[[?0-9;]*[A-Za-z]/g, ''));
  const heads = [...new Set(frames.map((frame) => (frame.split('\r')[0] ?? '').replace(/ {3}.*/, '')))];
  expect(heads).toContainEqual(expect.stringMatching(/^[\d,]+ of 2,000 agents, 1 running/));
  expect(frames.at(-1)).toContain('by memory ');
  const seen = frames.filter((frame) => /^[\d,]+ of 2,000 agents, 1 running/.test(frame)).at(-1) ?? '';
  expect(seen.split('\r\n')[3]).toMatch(/busy/);
  expect(stdout).toMatch(/\x1b\[\?25h\x1b\[\?1049l\s*$/);
  const json = await loaded.exec('time node /srv/swarmctl.mjs stats --json | wc -l', { timeoutMs: 240_000 });
  expect(json.stdout.trim()).toBe('2000');
  test.info().annotations.push({ type: 'measured', description: json.stderr.trim() });
  await destroyAll(loaded);
});
