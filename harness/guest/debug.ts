/** A recorded guest under gdb: every run of it is the same. */
import { existsSync } from 'node:fs';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { step } from '../util/progress.js';
import { guestKeys } from './keys.js';
import { Machine } from './machine.js';
import type { Kept } from './recording.js';
import { SshConnection } from './ssh.js';
import { symbolFile } from './symbols.js';
import { harness } from '../util/config.js';

const BOOT_MS = 300_000;

/** The recorded kernel's names of functions, as it lists them itself when it is booted without being recorded. */
async function readSymbols({ tools, hardware }: Kept): Promise<Buffer> {
  const machine = await Machine.start(tools, hardware);
  try {
    await machine.whileAlive(machine.ready, 'booting for the symbols', BOOT_MS);
    const { privateKey } = await guestKeys();
    const ssh = await SshConnection.connect(await machine.sshPort(), privateKey);
    const { stdout } = await machine.whileAlive(
      ssh.exec('cat /proc/kallsyms', { timeoutMs: BOOT_MS }),
      'reading the symbols',
      BOOT_MS,
    );
    ssh.close();
    return symbolFile(stdout);
  } finally {
    await machine.stop();
  }
}

/** The symbols of a recording, read once and kept beside it; if that fails, undefined, and the reason is printed. */
async function symbolsOf(recording: Kept): Promise<string | undefined> {
  const path = join(recording.dir, 'vmlinux.symbols');
  if (existsSync(path)) return path;
  try {
    const symbols = await step('Reading the symbols of the kernel', () => readSymbols(recording));
    await writeFile(`${path}.partial`, symbols);
    await rename(`${path}.partial`, path);
    return path;
  } catch (error) {
    console.error(`without symbols: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/**
 * Replays a recording that waits for gdb before its first instruction, and runs gdb if it is installed.
 * @param more arguments of gdb
 * @param echo is given the console as it is printed
 * @returns gdb's exit status, or 0 once the replay has ended.
 */
export async function debug(
  recording: Kept,
  more: readonly string[],
  echo: (text: string) => void,
): Promise<number> {
  const { tools, hardware, log } = recording;
  const symbols = await symbolsOf(recording);
  const dir = await mkdtemp(join(tmpdir(), `${harness().name}-gdb-`));
  const socket = join(dir, 'gdb');
  const stub = ['-S', '-gdb', `unix:${socket},server=on,wait=off`];
  const machine = await Machine.start(tools, hardware, {
    ...{ tape: { mode: 'replay', log }, echo, more: stub },
  });
  const files = symbols ? [symbols] : [];
  const attach = ['-ex', 'set architecture i386:x86-64', '-ex', `target remote ${socket}`];
  console.error(['gdb', ...files, ...attach.map((word) => (word === '-ex' ? word : `'${word}'`))].join(' '));
  // Ctrl-C is gdb's.
  const ignore = () => undefined;
  process.on('SIGINT', ignore);
  try {
    const gdb = await execa('gdb', ['-q', ...files, ...attach, ...more], { stdio: 'inherit', reject: false });
    if (gdb.code !== 'ENOENT') return gdb.exitCode ?? 1;
    console.error('gdb is not installed here; the replay waits for one');
    process.off('SIGINT', ignore);
    while (!(await machine.exited(60_000)));
    return 0;
  } finally {
    process.off('SIGINT', ignore);
    await machine.stop();
    await rm(dir, { recursive: true, force: true });
  }
}
