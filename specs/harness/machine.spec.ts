/** The harness's machines, with a program in place of QEMU that behaves as QEMU does at its end. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { GuestPanicError, GuestShutdownError } from '../../harness/guest/errors.js';
import { firstComplaint } from '../../harness/guest/kernel-log.js';
import { Machine } from '../../harness/guest/machine.js';
import type { Hardware } from '../../harness/guest/machine.js';
import '../../harness.config.js';

const HARDWARE: Hardware = {
  ...{ arch: 'amd64', image: '/none', initrd: '/none', append: '', memoryMb: 1, cpus: 1, mode: 'tcg' },
};

/** Prints a console once it is controlled, tells an event if there is one, and exits with 0 unless it is to go on. */
const program = (console: string, event: string, ends: boolean) => `#!/usr/bin/env node
const path = /unix:([^,]*),/.exec(process.argv[process.argv.indexOf('-qmp') + 1])[1];
require('net').createServer((socket) => {
  socket.on('error', () => undefined);
  socket.write('{"QMP":{}}\\n');
  socket.once('data', () => {
    socket.write('{"return":{}}\\n');
    setTimeout(() => {
      ${event && `socket.write(${JSON.stringify(`${event}\n`)});`}
      process.stdout.write(${JSON.stringify(console)}, () => {
        if (${ends}) setTimeout(() => process.exit(0), 500);
      });
    }, 200);
  });
}).listen(path);
`;

let dir = '';
test.beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'machine-'));
});
test.afterEach(async () => {
  await rm(dir, { recursive: true });
});

async function start(console: string, event = '', ends = true): Promise<Machine> {
  await mkdir(join(dir, 'usr/lib64'), { recursive: true });
  const file = join(dir, 'usr/lib64/ld-linux-x86-64.so.2');
  await writeFile(file, program(console, event, ends), { mode: 0o755 });
  return Machine.start({ path: dir, id: dir }, HARDWARE);
}

/** The error that a machine ends with. */
async function endOf(machine: Machine): Promise<unknown> {
  try {
    return await machine
      .whileAlive(new Promise(() => undefined), 'waiting', 10_000)
      .catch((error: unknown) => error);
  } finally {
    await machine.stop();
  }
}

for (const [reason, said] of [
  ['guest-reset', 'the guest was reset from inside'],
  ['guest-shutdown', 'the guest was powered off from inside'],
] as const) {
  test(`HARNESS-36: a guest that ends itself is a finding about what it runs: ${reason}`, async () => {
    const event = JSON.stringify({ event: 'SHUTDOWN', data: { guest: true, reason } });
    const error = await endOf(await start('the last line\n', event));
    expect(error).toBeInstanceOf(GuestShutdownError);
    expect(String(error)).toMatch(
      new RegExp(`${said}, without a panic \\(${reason}\\)[^]*\nthe last line\n$`),
    );
  });
}

test('HARNESS-37: the error of a panic begins where the kernel complains, however long its traces are', async () => {
  const text = (await readFile(new URL('../support/panic-on-warn.txt', import.meta.url), 'utf8')).replaceAll(
    '\n',
    '\r\n',
  );
  const error = await endOf(await start(`booted\r\n${text}`));
  expect(error).toBeInstanceOf(GuestPanicError);
  expect(String(error)).toMatch(
    /panicked: Kernel panic - not syncing: KCSAN: panic_on_warn set \.\.\.\n--- [^\n]* ---\n\[ *528\.742820\] BUG: KCSAN: data-race in /,
  );
  expect(String(error)).toContain('Kernel Offset: disabled');
  const cut = '[    1.0] ------------[ cut here ]------------';
  const warning = '[    1.0] WARNING: CPU: 0 PID: 1 at kernel/kprobes.c:1 register_kprobe+0x1/0x2';
  expect(firstComplaint(`before\n${cut}\n${warning}\nbehind`)).toBe(`${cut}\n${warning}\nbehind`);
  const long = firstComplaint(`${cut}\n${warning}\n${'trace\n'.repeat(9000)}end`) ?? '';
  expect(long).toMatch(/^.*cut here.*\n.*WARNING: [^]*left out here[^]*end$/);
});

test('HARNESS-38: ending a machine ends what waits for it', async () => {
  const machine = await start('', '', false);
  const waiting = machine.whileAlive(new Promise(() => undefined), 'waiting', 10_000);
  const told = expect(waiting).rejects.toThrow('the guest has been ended');
  await machine.stop();
  await told;
});

test("HARNESS-39: the terminal's Ctrl-C does not reach QEMU: it is in a session of its own", async () => {
  const machine = await start('', '', false);
  try {
    const stat = await readFile(`/proc/${machine.pid ?? 0}/stat`, 'utf8');
    const [, , group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    expect([group, session]).toEqual([String(machine.pid), String(machine.pid)]);
  } finally {
    await machine.stop();
  }
});
