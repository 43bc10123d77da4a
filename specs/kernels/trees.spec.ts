/** Kernels that are not in the archive, run from what the user has of them. */
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { readLock } from '../../harness/kernels/catalogue.js';
import { readModuleFile } from '../../harness/kernels/module-file.js';
import { provideKernel } from '../../harness/kernels/provide.js';
import { unpack } from '../../harness/kernels/packages.js';
import { parseTrees } from '../../harness/kernels/tree.js';
import { changeRun } from '../../harness/util/run.js';
import { repository } from '../../harness.config.js';
import { Stage } from '../support/stage.js';

test.describe.configure({ timeout: 900_000 });

let dir = '';
test.beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'swarm-guard-tree-'));
});
test.afterEach(async () => {
  changeRun({ trees: undefined });
  await rm(dir, { recursive: true });
});

/** Boots what an entry is, loads the module there and has an agent born. */
async function birth(name: string): Promise<string[]> {
  const stage = await Stage.prepare(name);
  const guest = await stage.loaded('tree');
  try {
    const { stdout } = await guest.swarm.run({}, 'uname -r; echo $$');
    return stdout.split('\n').filter(Boolean);
  } finally {
    await stage.discard();
  }
}

test('KERNEL-06: --kernel-tree with a directory in which a kernel is installed', async () => {
  const { '7.2': locked } = await readLock();
  if (!locked) throw new Error('7.2 is not locked');
  changeRun({ trees: parseTrees([`6.15=${(await unpack(locked)).dir}`]) });
  expect(await birth('6.15')).toEqual([locked.release, '1']);
});

test('KERNEL-07: --kernel-tree with a tree that a kernel was built in', async () => {
  const built = await provideKernel('6.18');
  const [headers] = built.headers;
  const tree = join(dir, 'linux-6.14');
  await cp(headers?.host ?? '', tree, { recursive: true, verbatimSymlinks: true });
  await mkdir(join(tree, 'arch/x86/boot'), { recursive: true });
  await cp(built.image, join(tree, 'arch/x86/boot/bzImage'));
  for (const module of ['net/core/failover', 'drivers/net/net_failover', 'drivers/net/virtio_net']) {
    await mkdir(dirname(join(tree, module)), { recursive: true });
    const packed = join(built.modules, 'kernel', `${module}.ko.xz`);
    await writeFile(join(tree, `${module}.ko`), await readModuleFile(packed));
  }
  changeRun({ trees: parseTrees([`6.14=${tree}`]) });
  expect(await birth('6.14')).toEqual([built.release, '1']);
});

test('KERNEL-10: without a tree, or with one that is none, it is said what is needed', async () => {
  await expect(provideKernel('6.14')).rejects.toThrow(/in no form.*\n.*--kernel-tree 6\.14=PATH/);
  changeRun({ trees: parseTrees([`6.14=${dir}`]) });
  await expect(provideKernel('6.14')).rejects.toThrow(/is none of these: a kernel's source; a tree/);
  expect(() => parseTrees(['6.14'])).toThrow(/is given as NAME=PATH/);
  expect(() => parseTrees(['6.14=/no/where'])).toThrow(/there is no \/no\/where/);
});

test('KERNEL-11: vm:test runs what it is asked for, and says what it does not run and why', async () => {
  const run = (...args: string[]) =>
    execa('npx', ['tsx', 'scripts/vm-test.ts', '--list', ...args], {
      cwd: repository,
      all: true,
      reject: false,
    });
  const projects = (text: string) =>
    [...new Set([...text.matchAll(/^ +\[([^\]]+)\]/gm)].map(([, name]) => name))].sort();
  const two = await run('--kernel', '6.18', '--kernel', 'rt');
  expect(projects(two.all)).toEqual(['vm-6.18', 'vm-rt']);
  const all = await run('--all', '--grep', 'LOAD-01|KERNEL-01');
  expect(projects(all.all)).toEqual(
    expect.arrayContaining(['vm-7.3', 'vm-6.17', 'vm-plain', 'refused-6.12']),
  );
  expect(all.all).toMatch(/^not run: kernel 6\.14 \(.*--kernel-tree 6\.14=PATH runs it\)$/m);
  expect(projects((await run('--suite', 'kernels')).all)).toEqual(['kernels']);
  for (const [args, message] of [
    [['--kernel', '6.14'], /kernel 6\.14 needs --kernel-tree/],
    [['--kernel', '5.10'], /there is no kernel 5\.10; there are 7\.3,/],
    [['--suite', 'none'], /there is no suite none/],
  ] as const) {
    const { exitCode, all: text } = await run(...args);
    expect([exitCode, text]).toEqual([2, expect.stringMatching(message)]);
  }
});

test('KERNEL-14: a locked version that has left the archive is a message that says what to do', async () => {
  const { '7.3': locked } = await readLock();
  if (!locked) throw new Error('7.3 is not locked');
  const [first] = locked.packages;
  const gone = { release: '7.3.0', packages: [{ ...first, version: '7.3.0-1', sha256: '0'.repeat(64) }] };
  await expect(unpack({ ...locked, ...gone } as typeof locked)).rejects.toThrow(
    /the archive no longer has 7\.3\.0 .*run `npm run kernels:update`/,
  );
});
