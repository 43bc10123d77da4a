/** Earlier results that stand, in a project like that of the harness's README; and kernels that are not run. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import '../../harness.config.js';
import { askedKernels } from '../../harness/kernels/asked.js';
import { cleanCommit, unchangedSince } from '../../harness/report/sources.js';

test('HARNESS-40: in a project in a folder of a repository, with its specs in one folder, only what changed does not stand', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'resume-'));
  const project = join(dir, 'hello');
  const git = (...words: string[]) =>
    execa('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...words], { cwd: dir });
  try {
    await mkdir(join(project, 'specs'), { recursive: true });
    await mkdir(join(project, 'module'));
    for (const file of ['specs/hello.spec.ts', 'specs/cost.spec.ts'])
      await writeFile(join(project, file), 'old');
    await git('init', '--quiet');
    const commit = async () => {
      await git('add', '.');
      await git('commit', '--quiet', '-m', 'x');
      return cleanCommit(project);
    };
    await writeFile(join(project, 'module/Kbuild'), '');
    const before = (await commit()) ?? '';
    await writeFile(join(project, 'specs/hello.spec.ts'), 'new');
    await commit();
    // What a run leaves, where nothing tells Git to ignore it.
    await mkdir(join(project, 'report'));
    await writeFile(join(project, 'report/index.html'), '');
    expect(await cleanCommit(project)).toMatch(/^[0-9a-f]{40}$/);
    await writeFile(join(project, 'module/more.c'), '');
    expect(await cleanCommit(project)).toBeUndefined();
    const stands = await unchangedSince(before, project);
    expect([stands('specs/hello.spec.ts'), stands('specs/cost.spec.ts')]).toEqual([false, true]);
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('HARNESS-41: a kernel that must be refused is not among all that are run, and this is said', async () => {
  const said: string[] = [];
  const asked = await askedKernels({ all: true }, (line) => said.push(line));
  expect(asked).not.toContain('6.12');
  expect(said).toContainEqual(expect.stringMatching(/^not run: kernel 6\.12 /));
  expect(await askedKernels({ all: true, refused: true }, () => undefined)).toContain('6.12');
});
