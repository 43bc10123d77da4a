import { cp, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { repository } from '../harness.config.js';
import { command, refuse } from '../harness/util/command.js';
import { runEnvironment } from '../harness/util/run.js';

const USAGE = `npm run report:merge -- DIRECTORY|FILE.zip...

Makes one report of what several shards or machines ran.`;

/** Every blob below a path. */
async function blobs(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const names = await readdir(path, { recursive: true });
  return names.filter((name) => name.endsWith('.zip')).map((name) => join(path, name));
}

const { positionals } = command(USAGE, { allowPositionals: true });
const found = (await Promise.all(positionals.map(blobs))).flat().sort();
if (found.length === 0) refuse(`no blob of a shard is there\n\n${USAGE}`);
const dir = await mkdtemp(join(tmpdir(), 'swarm-guard-merge-'));
try {
  // Machines name their files alike; Playwright takes one directory of files.
  for (const [index, path] of found.entries()) await cp(path, join(dir, `report-${index}.zip`));
  const reporters = ['verdicts', 'results'].map((name) =>
    join(repository, 'specs/support/merged', `${name}.ts`),
  );
  const { exitCode, stdout } = await execa(
    'npx',
    ['playwright', 'merge-reports', `--reporter=${reporters.join(',')}`, dir],
    {
      cwd: repository,
      env: runEnvironment({ merged: true }),
      stdin: 'ignore',
      stdout: ['inherit', 'pipe'],
      stderr: 'inherit',
      reject: false,
    },
  );
  // Playwright itself is content with having merged.
  const well = /^[1-9]\d* passed, 0 failed$/m.test(stdout) && !/^\d+ infrastructure: /m.test(stdout);
  process.exitCode = exitCode === 0 && !well ? 1 : (exitCode ?? 1);
} finally {
  await rm(dir, { recursive: true, force: true });
}
