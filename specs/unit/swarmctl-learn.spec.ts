/** The file into which swarmctl learn writes a policy. */
import {
  chmod,
  chown,
  mkdir,
  open,
  readFile,
  readdir,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { learnCommand } from '../../client/cli/actions/learn.js';
import { destination } from '../../client/cli/destination.js';
import { SwarmGuard } from '../../client/guard.js';
import { printed } from '../support/cli/machine.js';

const failure = (work: Promise<unknown>) => work.catch((error: unknown) => error);

test('CLI-100: learn looks at the place of the policy before the run, and never leaves a part of a policy there', async ({}, info) => {
  const directory = info.outputPath('there');
  await mkdir(directory, { recursive: true });
  const at = (name: string) => join(directory, name);

  // Nothing runs on this machine: the place is looked at first.
  const machine = Object.create(SwarmGuard.prototype) as SwarmGuard;
  Object.defineProperty(machine, 'metrics', { value: () => Promise.reject(new Error('it runs')) });
  for (const [output, code] of [
    [at('missing/policy'), 'ENOENT'],
    [directory, 'EISDIR'],
  ] as const) {
    const error = await failure(learnCommand(machine, ['true'], { output, margin: 0 }));
    expect
      .soft(error, output)
      .toMatchObject({ code, message: expect.stringContaining(`--output ${output}: `) });
  }
  const fine = await failure(learnCommand(machine, ['true'], { output: at('policy'), margin: 0 }));
  expect(fine).toMatchObject({ message: 'it runs' });
  expect(await readdir(directory)).toEqual([]);

  // A file is replaced as a whole, keeps its mode, and a link to it stays one.
  await (
    await destination(at('policy'))
  )('{}');
  expect(await readFile(at('policy'), 'utf8')).toBe('{}\n');
  await chmod(at('policy'), 0o640);
  await symlink('policy', at('link'));
  const { ino } = await stat(at('policy'));
  await (
    await destination(at('link'))
  )('{"core":true}');
  expect(await readFile(at('policy'), 'utf8')).toBe('{"core":true}\n');
  const after = await stat(at('policy'));
  expect([after.mode & 0o777, after.ino === ino]).toEqual([0o640, false]);
  expect((await readdir(directory)).sort()).toEqual(['link', 'policy']);

  // Devices and pipes are written to, and stay what they are.
  await execa('mkfifo', [at('pipe')]);
  const reader = execa('cat', [at('pipe')]);
  await (
    await destination(at('pipe'))
  )('{}');
  expect((await reader).stdout).toBe('{}');
  expect((await stat(at('pipe'))).isFIFO()).toBe(true);

  // What cannot be written after all is printed.
  let error: unknown;
  const full = await destination('/dev/full');
  expect(await printed(async () => (error = await failure(full('{"a":1}'))))).toBe('{"a":1}\n');
  expect(error).toMatchObject({ code: 'ENOSPC', hint: 'what was to be written there is on standard output' });
  const gone = await destination(at('sub-policy'));
  await rm(directory, { recursive: true });
  expect(await printed(async () => (error = await failure(gone('{}'))))).toBe('{}\n');
  expect(error).toMatchObject({ code: 'ENOENT' });
});

/** Lets two names of a directory change places, over and over, until it is ended; perl(1) calls renameat2(2). */
const EXCHANGING = 'my ($x, $y) = ("x", "y"); syscall SYS, -100, $x, -100, $y, 2 while 1;';

test('CLI-101: --output never gives a file to the owner of another, whoever changes names meanwhile', async ({}, info) => {
  const directory = info.outputPath('theirs');
  await mkdir(directory, { recursive: true });
  const ours = info.outputPath('ours');
  await writeFile(ours, 'secret', { mode: 0o600 });
  const call = { x64: '316', arm64: '276' }[process.arch as 'x64' | 'arm64'];
  const exchanging = execa('perl', ['-e', EXCHANGING.replace('SYS', call)], {
    cwd: directory,
    reject: false,
  });
  try {
    for (let times = 0; times < 500; times++) {
      // A write replaces the link as well as the file.
      exchanging.kill('SIGSTOP');
      for (const name of ['x', 'y']) await rm(join(directory, name), { force: true });
      await writeFile(join(directory, 'x'), '');
      await chown(join(directory, 'x'), 1000, 1000);
      await symlink(ours, join(directory, 'y'));
      exchanging.kill('SIGCONT');
      const write = await destination(join(directory, 'x')).catch(() => undefined);
      await printed(async () => write?.('{}').catch(() => undefined));
      const { uid, mode } = await stat(ours);
      expect([uid, mode & 0o777], `after ${times}`).toEqual([0, 0o600]);
    }
  } finally {
    exchanging.kill('SIGKILL');
    await exchanging;
  }
  // One that is put there later leads nowhere.
  await writeFile(ours, 'secret');
  const late = join(directory, 'late');
  const write = await destination(late);
  await symlink(ours, late);
  let error: unknown;
  expect(await printed(async () => (error = await failure(write('{}'))))).toBe('{}\n');
  expect(error).toMatchObject({ code: 'EEXIST' });
  expect(await readFile(ours, 'utf8')).toBe('secret');
});

test('CLI-102: learn refuses a place that names no file, and writes where a link leads and where a file is mounted', async ({}, info) => {
  const directory = info.outputPath('places');
  await mkdir(directory, { recursive: true });
  const at = (name: string) => join(directory, name);
  for (const path of ['', `${directory}/none/`, `${directory}/none/.`, `${directory}/none/..`])
    await expect.soft(destination(path), path).rejects.toMatchObject({
      message: expect.stringMatching(
        /^--output .*: (it names no file|it is a directory|no such file or directory)$/,
      ),
    });
  await symlink('loop', at('loop'));
  await expect.soft(destination(at('loop'))).rejects.toMatchObject({ code: 'ELOOP' });

  await mkdir(at('deep'));
  await symlink('deep/policy', at('link'));
  await symlink(at('link'), at('deep/link'));
  await expect
    .soft(destination(at('deep/link')))
    .rejects.toMatchObject({ code: 'ENOENT', message: expect.stringMatching(/link to nothing$/) });
  await writeFile(at('deep/policy'), '');
  await (
    await destination(at('deep/link'))
  )('{}');
  expect(await readFile(at('deep/policy'), 'utf8')).toBe('{}\n');
  expect([await readlink(at('link')), await readlink(at('deep/link'))]).toEqual(['deep/policy', at('link')]);

  const unlinked = await open(at('unlinked'), 'w+');
  await rm(at('unlinked'));
  await (
    await destination(`/proc/self/fd/${unlinked.fd}`)
  )('{}');
  expect(await unlinked.readFile('utf8')).toBe('{}\n');
  await unlinked.close();

  await writeFile(at('mounted'), 'longer than the policy');
  await writeFile(at('seen'), '');
  await execa('mount', ['--bind', at('mounted'), at('seen')]);
  try {
    await (
      await destination(at('seen'))
    )('{}');
    expect(await readFile(at('mounted'), 'utf8')).toBe('{}\n');
  } finally {
    await execa('umount', [at('seen')]);
  }
  expect((await readdir(directory)).sort()).toEqual(['deep', 'link', 'loop', 'mounted', 'seen']);
});
