import { cp, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { $ } from 'zx';
import { repository } from '../harness.config.js';
import { command } from './support/command.js';
import { UsageError } from '../harness/util/errors.js';
import { runEnvironment } from '../harness/util/run.js';

/** Every blob below a path. */
async function blobs(path: string): Promise<string[]> {
  const there = await stat(path).catch(() => undefined);
  if (!there) throw new UsageError(`there is no ${path}`);
  if (!there.isDirectory()) return [path];
  const names = await readdir(path, { recursive: true });
  return names.filter((name) => name.endsWith('.zip')).map((name) => join(path, name));
}

const [paths] = command('report:merge', 'Makes one report of what several shards or machines ran.')
  .argument('<path...>', 'a .zip that vm:test has left, or a directory with some')
  .parse().processedArgs;
const found = (await Promise.all(paths.map(blobs))).flat().sort();
if (found.length === 0) throw new UsageError(`there is no .zip of a run in ${paths.join(', ')}`);
const dir = await mkdtemp(join(tmpdir(), 'swarm-guard-merge-'));
try {
  // Machines name their files alike; Playwright takes one directory of files.
  for (const [index, path] of found.entries()) await cp(path, join(dir, `report-${index}.zip`));
  const reporters = ['verdicts', 'results'].map((name) =>
    join(repository, 'specs/support/merged', `${name}.ts`),
  );
  const merging = $({
    cwd: repository,
    env: { ...process.env, ...runEnvironment({ merged: true }) },
    nothrow: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })`npx playwright merge-reports --reporter=${reporters.join(',')} ${dir}`;
  merging.pipe(process.stdout);
  const { exitCode, stdout } = await merging;
  // Playwright itself is content with having merged.
  const well = /^[1-9]\d* passed, 0 failed$/m.test(stdout) && !/^\d+ infrastructure: /m.test(stdout);
  process.exitCode = exitCode === 0 && !well ? 1 : (exitCode ?? 1);
} finally {
  await rm(dir, { recursive: true, force: true });
}
