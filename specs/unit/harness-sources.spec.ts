/** The sources that a build takes. */
import { lstat, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { copyModules, copySources, sourcesKey } from '../../harness/build/sources.js';

let dir = '';
test.beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sources-'));
  await mkdir(join(dir, 'module'));
});
test.afterEach(async () => {
  await rm(dir, { recursive: true });
});

for (const tracked of [true, false]) {
  test(`HARNESS-32: sources that are removed, linked or oddly named, ${tracked ? 'in' : 'without'} a repository`, async () => {
    const [from, to] = [join(dir, 'module'), join(dir, 'copy')];
    await writeFile(join(dir, 'shared.h'), 'shared');
    await symlink('../shared.h', join(from, 'shared.h'));
    await symlink('../nowhere.h', join(from, 'nowhere.h'));
    for (const name of ['gone.c', 'größe "1".c', 'main.c']) await writeFile(join(from, name), name);
    if (tracked) {
      await execa('git', ['init', '--quiet'], { cwd: from });
      await execa('git', ['add', '.'], { cwd: from });
    }
    await rm(join(from, 'gone.c'));
    const names = ['größe "1".c', 'main.c', 'shared.h'];
    const key = await sourcesKey(from);
    expect([...key].sort()).toEqual([...names, 'größe "1".c', 'main.c', 'shared'].sort());
    await copySources(from, to);
    expect((await readdir(to)).sort()).toEqual([...names].sort());
    expect((await lstat(join(to, 'shared.h'))).isFile()).toBe(true);
    expect(await readFile(join(to, 'shared.h'), 'utf8')).toBe('shared');
  });
}

test('HARNESS-35: a module with any path is taken from where it was built', async () => {
  await writeFile(join(dir, 'module/my $(mod).ko'), 'built');
  await copyModules(dir, ['module/my $(mod).ko'], dir);
  expect(await readFile(join(dir, 'my $(mod).ko'), 'utf8')).toBe('built');
});
