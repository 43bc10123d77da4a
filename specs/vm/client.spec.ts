/** The client's package on a machine with agents, under the Node of Debian 13. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repository } from '../../harness.config.js';
import { uploadProgram } from '../support/bundle.js';
import { drive, uploadDriver } from '../support/client/drive.js';
import { expect, test } from '../support/fixtures.js';
import { destroyAll } from '../support/guest.js';
import { NODE_GUEST } from '../support/node-guest.js';

test.use({ guestExtras: NODE_GUEST });

test('CLIENT-30: an agent is created, updated, inspected, listed and destroyed, and status and metrics are read', async ({
  loaded,
}) => {
  expect(await drive(loaded, 'calls')).toMatchObject({
    name: 'calls',
    state: 'registered',
    limits: [64 << 20, 10],
    listed: [{ pid: 0, memory: '64MB', cpu: 'max', namespaces: 0x7f }],
    active: 1,
    metrics: true,
    gone: { code: 'ESRCH', field: 'id' },
  });
});

test('CLIENT-55: processes that run become those of an agent, by their number or by a pidfd', async ({
  loaded,
}) => {
  const kept = ['memory', 'capabilities', 'no_new_privs'];
  expect(await drive(loaded, 'attaches')).toMatchObject({
    before: [true],
    members: [true, true, true],
    answers: [
      { same: true, kept },
      { same: true, kept },
    ],
    refused: [
      { code: 'EBUSY', field: 'pid' },
      { code: 'ESRCH', field: 'id' },
      { code: 'EBADF', field: 'pidfd' },
    ],
    ends: ['SIGKILL', 'SIGKILL'],
  });
  await expect(loaded).toHaveActiveAgents(0);
});

test('CLIENT-56: a handle updates and freezes its agent, once the program has started', async ({
  loaded,
}) => {
  expect(await drive(loaded, 'handles')).toMatchObject({
    limited: 5,
    frozen: 'frozen',
    thawed: 'running',
    refused: { code: 'EINVAL', field: 'memory_limit' },
    aborted: { name: 'AbortError' },
    gone: { code: 'ESRCH', field: 'id' },
    unborn: { code: 'ENOENT', field: 'argv' },
  });
  await expect(loaded).toHaveActiveAgents(0);
});

test('CLIENT-57: a program has files as its streams, the descriptors that it is given and no others, and a pidfd; an agent without a process gets one', async ({
  loaded,
}) => {
  expect(await drive(loaded, 'files')).toEqual({
    files: ['kept\ngiven\n', 'wrong\n', 'third\n', 'fourth\n'],
    // The shell itself has the directory open that it lists.
    open: [0, 1, 2, 3, 4, 5].map((fd) => `/proc/self/fd/${fd}`).join(' ') + '\n',
    pidfds: [null, true, null],
    exits: [3, 4],
    same: true,
    between: 'registered',
  });
  await expect(loaded).toHaveActiveAgents(0);
});

test('CLIENT-31: what is refused is one error, with errno, key, byte, message and what to do', async ({
  loaded,
}) => {
  expect(await drive(loaded, 'refusals')).toMatchObject([
    { code: 'EINVAL', errno: 22, field: 'memory_limit', offset: 16 },
    {
      code: 'EINVAL',
      field: 'exec_paths',
      message: expect.stringContaining('path 1 does not exist'),
    },
    { code: 'EINVAL', field: 'spawn', hint: expect.stringContaining('spawn()') },
    {
      code: 'ESRCH',
      errno: 3,
      field: 'id',
      message: expect.stringContaining('there is no agent 4242'),
    },
    { code: 'ENOENT', hint: expect.stringContaining('modprobe swarm_guard') },
    { code: 'ENOENT', field: 'argv', message: expect.stringContaining('/bin/nothing') },
    { code: 'EINVAL', field: 'cpu_quota' },
    { code: 'EPERM', field: 'argv', hint: expect.stringContaining('exec_paths') },
  ]);
  await expect(loaded).toHaveActiveAgents(0);
});

test('CLIENT-32: two thousand agents are made and listed, with an answer for each in order', async ({
  loaded,
}) => {
  expect(await drive(loaded, 'many', '2000')).toEqual({
    kinds: { created: 1998, refused: 2 },
    seen: 1998,
    rising: true,
    orderly: true,
  });
  await destroyAll(loaded);
});

test('CLIENT-33: a program has streams, and ends with its status, signal, memory, time and violations', async ({
  loaded,
}) => {
  const result = (await drive(loaded, 'spawn')) as { end: { memoryPeak: number; cpuUsec: number } };
  expect(result).toMatchObject({
    out: 'typed\n',
    err: expect.stringContaining('wrong\n'),
    end: { exit: 7, oom: false, reason: 'exit', violations: 2, audited: 0, oomKills: 0 },
    killed: { signal: 9, oom: false, violations: 0 },
    hungry: { signal: 9, oom: true, reason: 'exit' },
    before: true,
  });
  expect(result.end.cpuUsec).toBeGreaterThan(0);
  expect(result.end.memoryPeak).toBeGreaterThan(100_000);
  expect(result.end.memoryPeak).toBeLessThan(64 << 20);
});

test('CLIENT-34: a program is stopped with grace, by force, after a time, and by a signal of the caller', async ({
  loaded,
}) => {
  expect(await drive(loaded, 'ends')).toMatchObject({
    output: 'ready\nbye\n',
    stop: { exit: 4, reason: 'exit' },
    forced: { signal: 9, reason: 'request' },
    late: { name: 'TimeoutError' },
    reason: { name: 'AbortError' },
    never: { name: 'AbortError' },
    active: 0,
    again: false,
  });
});

test('CLIENT-35: a program joins an agent with a terminal; an agent is frozen and goes on', async ({
  loaded,
}) => {
  expect(await drive(loaded, 'joins')).toMatchObject({
    printed: expect.stringMatching(/^joined\r\n\d+\r\n11 99\r\n$/),
    exec: { exit: 0 },
    frozen: 'frozen',
    thawed: 'running',
    end: { signal: 9, reason: 'request' },
  });
});

test('CLIENT-36: a slow reader of events is told what it missed, and one that is aborted ends', async ({
  loaded,
}) => {
  const result = (await drive(loaded, 'events', '6000')) as { seen: { created: number }; lost: number };
  expect(result).toMatchObject({ ended: 'ended', first: true });
  // Exactly: what was seen and what was lost is what happened, but for the end of one.
  expect(result.lost).toBeGreaterThan(0);
  expect(result.seen.created + result.lost).toBeGreaterThanOrEqual(6000);
  expect(result.seen.created + result.lost).toBeLessThanOrEqual(6001);
  await destroyAll(loaded);
});

test('CLIENT-37: nothing stays open, and the process ends by itself', async ({ loaded }) => {
  const { before, after, resources, active } = (await drive(loaded, 'leaks')) as {
    before: string[];
    after: string[];
    resources: string[];
    active: number;
  };
  expect(after).toEqual(before);
  expect(before.filter((path) => path.includes('swarm') || path.includes('pidfd'))).toEqual([]);
  expect(resources.filter((each) => !/^(TTYWrap|PipeWrap|Immediate)$/.test(each))).toEqual([]);
  expect(active).toBe(0);
});

test('CLIENT-38: the program of the README starts an agent, and prints how it ended', async ({ loaded }) => {
  const page = await readFile(join(repository, 'client/README.md'), 'utf8');
  const program = /```ts\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  const dir = await mkdtemp(join(tmpdir(), 'readme-'));
  try {
    await writeFile(join(dir, 'readme.ts'), program);
    const path = await uploadProgram(loaded, join(dir, 'readme.ts'), 'readme');
    expect(await loaded.sh(`node ${path}`)).toMatch(
      /^agent \d+: hello\n\n\{ exit: 7, oom: false, violations: 0, measured: true \}$/,
    );
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('CLIENT-46: an agent that stops whoever joins it cannot keep the caller: a launch ends as soon as that gives up', async ({
  loaded,
}) => {
  expect(await drive(loaded, 'hostile')).toMatchObject({
    caught: [true, true, true, true],
    ends: [{ name: 'TimeoutError' }, { name: 'AbortError' }, { code: 'ECANCELED' }, { code: 'ECANCELED' }],
    others: 0,
    children: 1,
    end: { signal: 9, reason: 'request' },
  });
  await expect(loaded).toHaveActiveAgents(0);
});

test('CLIENT-47: a program joins an agent only once the first process has executed: until then its launcher sets up the root', async ({
  loaded,
}) => {
  await loaded.sh('mkfifo -m 666 /run/go');
  expect(await drive(loaded, 'newborn', '/run/go')).toMatchObject({
    starting: 1,
    members: 1,
    late: { name: 'TimeoutError' },
    unready: { code: 'EAGAIN', field: 'id' },
    before: false,
    end: { exit: 0 },
    after: [],
  });
  await expect(loaded).toHaveActiveAgents(0);
});

test('CLIENT-48: a process that lets go of its programs ends before they do, and they go on', async ({
  loaded,
}) => {
  await uploadDriver(loaded);
  const [id, ...rest] = (await loaded.sh('timeout 60 node /srv/client.mjs unref')).split('\n');
  expect(rest).toEqual([]);
  expect((await loaded.swarm.inspect(Number(id))).state).toBe('running');
  const printed = await loaded.sh('timeout 60 node /srv/client.mjs unref ref');
  expect(printed).toMatch(/^\d+\nsecond\nseen$/);
  await destroyAll(loaded);
});
