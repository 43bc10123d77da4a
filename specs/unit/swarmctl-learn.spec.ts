/** The file into which swarmctl learn writes a policy. */
import { chmod, mkdir, readFile, readdir, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { learnCommand } from '../../client/cli/actions/learn.js';
import { destination } from '../../client/cli/destination.js';
import { SwarmGuard } from '../../client/guard.js';
import { printed } from '../support/cli/machine.js';

test('CLI-100: learn looks at the place of the policy before the run, and never leaves a part of a policy there', async ({}, info) => {
  const directory = info.outputPath('there');
  await mkdir(directory, { recursive: true });
  const at = (name: string) => join(directory, name);
  const failure = (work: Promise<unknown>) => work.catch((error: unknown) => error);

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
