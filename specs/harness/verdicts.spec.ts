/** The runner's verdicts on specs, and that it leaves nothing behind however it ends. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { runInRoot, toolRoot } from '../../harness/archive/tool-root.js';
import { mustBuild } from '../../harness/build/outcome.js';
import { BuildError, InfrastructureError } from '../../harness/util/errors.js';
import { PLAYWRIGHT } from '../../harness/util/playwright.js';
import { repository } from '../../harness.config.js';
import { runEnvironment } from '../../harness/util/run.js';
import { brokenKernels } from '../support/broken-kernels.js';
import { readRuns } from '../../harness/report/runs.js';
import { complaints } from '../../harness/guest/kernel-log.js';

test.describe.configure({ timeout: 180_000 });

const selftest = (...args: string[]) =>
  execa(
    'node',
    ['node_modules/@playwright/test/cli.js', 'test', '--config=specs/selftest/playwright.config.ts', ...args],
    {
      cwd: repository,
      all: true,
      reject: false,
      env: { FORCE_COLOR: '0' },
    },
  );

test('HARNESS-05: passed, failed, skipped and infrastructure are counted apart, and the counts come last', async () => {
  const { all, exitCode } = await selftest('verdicts');
  expect(all).toMatch(/^✔ 1\/4 selftest .* › passes /m);
  expect(all).toMatch(/^✘ 2\/4 selftest .* › fails /m);
  expect(all).toMatch(/^- 3\/4 selftest .* › is skipped /m);
  expect(all).toMatch(/^! 4\/4 selftest .* › never gets a guest /m);
  expect(all).toContain('because it is meant to be');
  expect(all, 'what did not pass is told again at the end').toMatch(
    /\nfailed: selftest [^\n]* › fails: Error: [^\n]*\n(?: {4}[^\n]*\n)*? {4}Received: [^\n]*\n(?: {4}[^\n]*\n)*infrastructure: [^\n]* › never gets a guest: [^\n]*\n(?: {4}[^\n]*\n)*1 skipped\n/,
  );
  expect(all).toMatch(/\n1 skipped\n1 infrastructure: [^\n]*\n1 passed, 1 failed$/);
  expect(exitCode).not.toBe(0);
});

test('HARNESS-14: a mirror that is down is trouble with the machinery, and no kernel is broken by it', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'mirror-down-'));
  try {
    const [file, ...words] = PLAYWRIGHT;
    const args = [...words, 'specs/vm/guest.spec.ts', `--output=${join(dir, 'out')}`];
    const { all, exitCode } = await execa(file, args, {
      cwd: repository,
      all: true,
      reject: false,
      env: {
        FORCE_COLOR: '0',
        ...runEnvironment({
          suites: ['vm'],
          cache: dir,
          report: join(dir, 'report'),
          // Nobody listens on the port for discarding.
          mirror: 'http://127.0.0.1:9/debian',
        }),
      },
    });
    expect(exitCode, all).not.toBe(0);
    expect(all).toMatch(/\n1 infrastructure: [^\n]*\n\d+ did not run\n0 passed, 0 failed$/);
    expect(
      all.match(/^infrastructure: .* InfrastructureError: kernel \S+ is not run: mmdebstrap fails: /gm),
    ).toHaveLength(1);
    expect(brokenKernels(await readRuns(join(dir, 'report')), 'here')).toEqual([]);
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('HARNESS-23: a full disk, no memory and a compiler that is killed are trouble with the machinery, and a wrong source is not', async () => {
  const tools = await toolRoot();
  const small = await mkdtemp(join(tmpdir(), 'full-disk-'));
  const built = (line: string, host = small) =>
    runInRoot(tools, ['sh', '-c', line], { cwd: '/mnt', binds: [{ host, inside: 'mnt' }] });
  const large = "printf 'char c[1 << 24] = {1}; int main(void) { return c[0]; }'";
  const long = "(echo 'int c[] = {'; seq -s, 1 900000; echo '};')";
  const source = "printf 'int main(void) { return x; }' | gcc -x c -o /dev/null";
  await execa('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', small]);
  try {
    for (const [result, said] of [
      [await built(`${large} | gcc -x c -o large -`), 'No space left on device'],
      [await built(`ulimit -v 60000; ${long} | gcc -x c -c -o /dev/null -`), 'memory'],
      [await built(`${source} -wrapper sh,-c,'kill -9 $$' -`), 'Killed signal terminated program'],
      [await built('true', '/nowhere'), 'mount: '],
    ] as const) {
      expect(() => mustBuild(result, 'building the module')).toThrow(InfrastructureError);
      expect(() => mustBuild(result, 'building the module')).toThrow(
        new RegExp(`^building the module failed, because of this machine: .*${said}`),
      );
    }
  } finally {
    await execa('umount', [small]);
    await rm(small, { recursive: true });
  }
  const wrong = await built(`${source} -`, tmpdir());
  expect(() => mustBuild(wrong, 'building the module')).toThrow(BuildError);
  expect(() => mustBuild(wrong, 'building the module')).toThrow(/^building the module failed:\n.*undeclared/);
});

test("HARNESS-42: a disk that is full while a file's own guests are made is trouble with the machinery", async () => {
  const { all, exitCode } = await selftest('disk');
  expect(all).toMatch(/^! 1\/1 selftest .* › gets no guest on a full disk /m);
  expect(all).toContain(
    "InfrastructureError: the file's guests cannot be provided: ENOSPC: no space left on device",
  );
  expect(all).toMatch(/\n1 infrastructure: [^\n]*\n0 passed, 0 failed$/);
  expect(exitCode).not.toBe(0);
});

test('HARNESS-06: a run in which no test runs is no success', async () => {
  const { all, exitCode } = await selftest('--pass-with-no-tests', 'no-such-file');
  expect(all).toMatch(/0 passed, 0 failed$/);
  expect(exitCode).not.toBe(0);
});

test('HARNESS-07: a complaint in the kernel log fails its test, a panic ends its wait at once, and the next guest is pristine', async () => {
  const { all, exitCode } = await selftest('kernel-log');
  expect(all).toMatch(
    /✘ 1\/3 .*\n +Error: the kernel complains:\n +.*BUG: KFENCE: use-after-free read in planted/,
  );
  expect(all).toContain('✔ 2/3');
  expect(all).toMatch(
    /✘ 3\/3 .*\n +GuestPanicError: the guest's kernel panicked: Kernel panic - not syncing: sysrq triggered crash/,
  );
  expect(Number(/✘ 3\/3 .* (\d+\.\d) s$/m.exec(all)?.[1]), 'seconds').toBeLessThan(20);
  expect(all).toMatch(/1 passed, 2 failed$/);
  expect(exitCode).not.toBe(0);
});

test('HARNESS-17: agents that a spec leaves fail it, and are told; the next one finds none', async () => {
  const { all, exitCode } = await selftest('agents-left');
  expect(all).toMatch(
    /✘ 1\/4 .*\n +Error: the spec leaves agents: expected active agents: 0\n +received: 1\n +agent \d+: registered, left-behind, first process 0\n/,
  );
  for (const passed of ['2/4', '3/4', '4/4']) expect(all).toContain(`✔ ${passed}`);
  expect(all).toMatch(/3 passed, 1 failed$/);
  expect(exitCode).not.toBe(0);
});

test('HARNESS-08: the kernel log is searched for every kind of complaint, and a clean one has none', () => {
  const bad = [
    '[    1.0] WARNING: CPU: 0 PID: 1 at kernel/fork.c:1 copy_process+0x1/0x2',
    '[    1.0] BUG: unable to handle page fault for address: 0000000000000008',
    '[    1.0] BUG: KFENCE: out-of-bounds read in f+0x1/0x2',
    '[    1.0] BUG kmalloc-64 (Tainted: G    O): Poison overwritten',
    '[    1.0] Oops: 0000 [#1] PREEMPT SMP',
    '[    1.0] INFO: task rmmod:123 blocked for more than 120 seconds.',
    '[    1.0] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:',
    '[    1.0] WARNING: possible circular locking dependency detected',
    '[    1.0] watchdog: BUG: soft lockup - CPU#0 stuck for 22s!',
    '[    1.0] BUG swarm_agent: Objects remaining in swarm_agent on __kmem_cache_shutdown()',
    '[    1.0] UBSAN: array-index-out-of-bounds in f.c:1:2',
    '[    1.0] BUG: sleeping function called from invalid context at f.c:1',
    '[    1.0] BUG: KASAN: slab-use-after-free in f+0x1/0x2 [swarm_guard]',
    '[    1.0] [ BUG: Invalid wait context ]',
    '[    1.0] WARNING: suspicious RCU usage',
    '[    1.0] INFO: trying to register non-static key.',
    '[    1.0] turning off the locking correctness validator.',
    '[    1.0] ODEBUG: Out of memory. ODEBUG disabled',
    '[    1.0] kmemleak: 10 new suspected memory leaks (see /sys/kernel/debug/kmemleak)',
  ];
  for (const line of bad) expect(complaints(line), line).toEqual([line]);
  expect(
    complaints('[    1.0] swarm_guard: loaded, up to 200000 agents\n[    2.0] kfence: initialized'),
  ).toEqual([]);
});

/** QEMUs whose sockets belong to a process. */
async function guestsOf(owner: number): Promise<number[]> {
  const found: number[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(join('/proc', pid, 'cmdline'), 'utf8').catch(() => '');
    if (command.includes('qemu-system') && new RegExp(`/part-\\d+-${owner}-`).test(command))
      found.push(Number(pid));
  }
  return found;
}

/** Every process below this one. */
async function descendants(root: number): Promise<number[]> {
  const { stdout } = await execa('ps', ['-eo', 'pid=,ppid=']);
  const parents = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
  const below = (pid: number): number[] => [
    pid,
    ...parents.filter(([, parent]) => parent === pid).flatMap(([child]) => below(child)),
  ];
  return below(root);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
  test(`HARNESS-09: nothing is left running after ${signal}`, async () => {
    const run = selftest('endless');
    let printed = '';
    run.all.on('data', (text: Buffer) => (printed += text.toString()));
    await expect.poll(() => printed, { timeout: 120_000 }).toContain('the guest is up');
    const family = await descendants(run.pid ?? 0);
    const guests = (await Promise.all(family.map(guestsOf))).flat();
    expect(guests).toHaveLength(1);
    process.kill(run.pid ?? 0, signal);
    await run;
    await expect
      .poll(async () => (await Promise.all(family.map(guestsOf))).flat(), { timeout: 30_000 })
      .toEqual([]);
  });
}

test('HARNESS-10: a run whose starter is killed ends, and leaves nothing running', async () => {
  const config = '--config=specs/selftest/playwright.config.ts';
  // A shell that waits for it, as npm's scripts do.
  const starter = execa('sh', ['-c', '"$@"; true', 'sh', ...PLAYWRIGHT, config, 'endless'], {
    cwd: repository,
    all: true,
    reject: false,
  });
  let printed = '';
  starter.all.on('data', (text: Buffer) => (printed += text.toString()));
  await expect.poll(() => printed, { timeout: 120_000 }).toContain('the guest is up');
  const family = await descendants(starter.pid ?? 0);
  expect((await Promise.all(family.map(guestsOf))).flat()).toHaveLength(1);
  process.kill(starter.pid ?? 0, 'SIGKILL');
  const left = async () =>
    (await execa('ps', ['-o', 'pid=,args=', '-p', family.join(',')], { reject: false })).stdout;
  await expect.poll(left, { timeout: 30_000 }).toBe('');
});
