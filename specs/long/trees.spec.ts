/** A source that the archive has no image of, built and run. */
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { readLock } from '../../harness/kernels/catalogue.js';
import { provideSource } from '../../harness/kernels/source.js';
import { parseTrees } from '../../harness/kernels/tree.js';
import { changeRun } from '../../harness/util/run.js';
import { expect, test } from '../support/fixtures.js';
import { Stage } from '../support/stage.js';

test.describe.configure({ timeout: 5_400_000 });

let dir = '';
test.beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'swarm-guard-tree-'));
});
test.afterEach(async () => {
  changeRun({ trees: undefined });
  await rm(dir, { recursive: true });
});

test('KERNEL-08: --kernel-tree with a source that no kernel was built in', async () => {
  const source = (await readLock())['6.17']?.source;
  if (!source) throw new Error('the source of 6.17 is not locked');
  const tree = join(dir, 'linux');
  await mkdir(tree);
  await execa('tar', ['-C', tree, '--strip-components=1', '-xf', await provideSource(source)]);
  // Whose is it? Its own files tell, as they do of the trees of maintainers.
  const own = join(tree, 'localversion-own');
  await writeFile(own, '-own\n');
  // Always the same, so that it is built once.
  await utimes(own, 0, 0);
  changeRun({ trees: parseTrees([`6.15=${tree}`]) });

  const stage = await Stage.prepare('6.15');
  expect(stage.kernel.release).toMatch(/^6\.17\.\d+-own$/);
  const guest = await stage.loaded('source');
  try {
    const policy = { memory_limit: 1 << 26, cpu_quota: 50, pids_limit: 20, namespace_flags: 127 };
    const { stdout } = await guest.swarm.run(policy, 'uname -r; echo $$; id -u');
    expect(stdout.split('\n').filter(Boolean)).toEqual([stage.kernel.release, '1', '0']);
  } finally {
    await stage.discard();
  }
});
