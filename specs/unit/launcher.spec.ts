/** The launcher's addon where no module is needed: terminals, pipes, waiting, and what a launch refuses at once. */
import { closeSync, fstatSync, mkdtempSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import {
  LaunchError,
  launch,
  openPipe,
  openTerminal,
  rawMode,
  resize,
  seekToEnd,
  signal,
  terminalSize,
  wait,
  watch,
} from '../../client/native/launcher.js';
import type { LaunchSpec } from '../../client/native/launcher.js';
import { buildLauncher } from '../support/native.js';

test.describe.configure({ timeout: 120_000 });

test.beforeAll(async () => {
  process.env['SWARM_GUARD_ADDON'] = await buildLauncher();
});

const SPEC: LaunchSpec = {
  file: 'create',
  object: '{"spawn":true}',
  program: '/bin/true',
  argv: ['true'],
  env: [],
  stdio: [],
};

/** The bytes that can be read from a descriptor at once. */
function text(fd: number): string {
  const buffer = Buffer.alloc(100);
  return buffer.toString('utf8', 0, readSync(fd, buffer));
}

test('CLIENT-22: a terminal has the size that it is given, and passes everything in raw mode', () => {
  const { master, slave } = openTerminal({ rows: 10, columns: 20 });
  expect(terminalSize(slave)).toEqual({ rows: 10, columns: 20 });
  resize(master, { rows: 30, columns: 40 });
  expect(terminalSize(slave)).toEqual({ rows: 30, columns: 40 });
  writeSync(slave, 'a\n');
  expect(text(master)).toBe('a\r\n');
  const restore = rawMode(slave);
  writeSync(slave, 'b\n');
  expect(text(master)).toBe('b\n');
  writeSync(master, '\u0003');
  expect(text(slave)).toBe('\u0003');
  restore();
  writeSync(slave, 'c\n');
  expect(text(master)).toContain('c\r\n');
  for (const fd of [master, slave]) closeSync(fd);
  const { read, write } = openPipe();
  expect(terminalSize(read)).toBeUndefined();
  expect(() => {
    resize(read, { rows: 1, columns: 1 });
  }).toThrow(expect.objectContaining({ code: 'ENOTTY' }));
  for (const fd of [read, write]) closeSync(fd);
});

test('CLIENT-23: a descriptor is watched until that is stopped', async () => {
  const { read, write } = openPipe();
  let seen = '';
  await new Promise<void>((resolve) => {
    const watching = watch(read, () => {
      seen += text(read);
      if (seen === 'once') writeSync(write, ', twice');
      if (!seen.endsWith('twice')) return;
      watching.stop();
      watching.stop();
      resolve();
    });
    writeSync(write, 'once');
  });
  expect(seen).toBe('once, twice');
  closeSync(read);
  expect(() => fstatSync(read)).toThrow();
  closeSync(write);
  expect(() => watch(9999, () => undefined)).toThrow(expect.objectContaining({ code: 'EBADF' }));
});

test('CLIENT-24: errors of waiting, signals and files have the name of their errno', () => {
  const { read, write } = openPipe();
  expect(() => {
    seekToEnd(read);
  }).toThrow(expect.objectContaining({ code: 'ESPIPE' }));
  for (const fd of [read, write]) closeSync(fd);
  expect(() => wait(9999)).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'waitid' }));
  expect(() => {
    signal(9999, 9);
  }).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'pidfd_send_signal' }));
});

test('CLIENT-25: a launch that cannot be right is refused before anything is written', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'launcher-'));
  writeFileSync(join(dir, 'create'), '');
  const wrong: Partial<Record<keyof LaunchSpec, unknown>>[] = [
    { object: '{}' },
    { object: '{"spawn":false}' },
    { join: { pid: 1 } },
    { argv: ['a\0b'] },
    { program: '' },
    { stdio: [-1] },
    { umask: 0o1000 },
    { user: { uid: -1, gid: 0 } },
    { file: 'destroy' },
    { unknown: 1 } as object,
    { file: 'spawn', join: { pid: 1 }, root: { directory: '/' } },
  ];
  for (const part of wrong)
    await expect(launch({ ...SPEC, ...part } as LaunchSpec, dir), JSON.stringify(part)).rejects.toThrow(
      expect.objectContaining({ name: 'ZodError' }),
    );
  // Nothing answers an order here: no process is made.
  await expect(launch(SPEC, dir)).rejects.toThrow(LaunchError);
  await expect(launch(SPEC, dir)).rejects.toThrow(
    expect.objectContaining({ stage: 'write', code: 'EINVAL', what: join(dir, 'create') }),
  );
  await expect(launch(SPEC, join(dir, 'none'))).rejects.toThrow(
    expect.objectContaining({ stage: 'open', code: 'ENOENT', errno: 2, what: join(dir, 'none/create') }),
  );
  rmSync(dir, { recursive: true });
});
