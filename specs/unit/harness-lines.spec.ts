/** The commands that the harness gives to guests, in a shell of this machine. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { insmodCommand, listsModule, moduleName, writeLine } from '../../harness/guest/lines.js';
import { shellLine } from '../../harness/guest/ssh.js';

test('HARNESS-30: a module whose file has a hyphen in its name is found under the name that the kernel lists', () => {
  const modules = 'my_mod 16384 0 - Live 0x0\nother 16384 1 my_other, Live 0x0\n';
  expect(moduleName('my-mod')).toBe('my_mod');
  expect(listsModule(modules, 'my-mod')).toBe(true);
  expect(listsModule(modules, 'my_mod')).toBe(true);
  expect(listsModule(modules, 'my')).toBe(false);
  expect(listsModule(modules, 'my_other')).toBe(false);
});

test('HARNESS-31: a file with any name is written whole', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'lines-'));
  try {
    for (const name of ['two words', "it's; touch other", '$HOME', '(1)*']) {
      const path = join(dir, name);
      await execa('sh', ['-c', writeLine(path, '750')], { input: name });
      expect(await readFile(path, 'utf8')).toBe(name);
      expect((await stat(path)).mode & 0o777).toBe(0o750);
    }
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('HARNESS-31: insmod gets each parameter of a module as one argument, in the syntax of the kernel', async () => {
  const words = insmodCommand('/root/my-mod.ko', { count: 3, text: 'two words', odd: '$(x);&*' });
  expect(words).toEqual(['insmod', '/root/my-mod.ko', 'count=3', 'text="two words"', 'odd=$(x);&*']);
  const { stdout } = await execa('sh', ['-c', `printf '%s\\n' ${shellLine(words.slice(2))}`]);
  expect(stdout).toBe('count=3\ntext="two words"\nodd=$(x);&*');
  expect(() => insmodCommand('/root/my-mod.ko', { text: 'two "words"' })).toThrow(/quotation marks: text=/);
});
