/** The arrows between folders, and what nobody uses: `npm run lint:imports`. */
import { appendFile, cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { repository } from '../../harness.config.js';

/** The files that the checks read. */
const READ =
  /^((bench|client|harness|mutation|scripts|specs)\/.*\.(tsx?|json)|vm-images\/kernels\/.*\.json|[^/]*\.(ts|js|json))$/;

let copy: string;

test.beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), 'house-'));
  const { stdout } = await execa('git', ['-c', 'safe.directory=*', 'ls-files', '-co', '--exclude-standard'], {
    cwd: repository,
  });
  for (const file of stdout.split('\n').filter((each) => READ.test(each))) {
    await mkdir(dirname(join(copy, file)), { recursive: true });
    await cp(join(repository, file), join(copy, file));
  }
  await symlink(join(repository, 'node_modules'), join(copy, 'node_modules'));
});

test.afterAll(async () => {
  await rm(copy, { recursive: true, force: true });
});

/** The output of the checks, which must fail, with these lines at the ends of files of the copy. */
async function complaint(planted: Record<string, string>): Promise<string> {
  for (const [file, line] of Object.entries(planted)) await appendFile(join(copy, file), `${line}\n`);
  const { exitCode, all } = await execa('npm', ['run', 'lint:imports'], {
    cwd: copy,
    reject: false,
    all: true,
  });
  expect(exitCode, all).not.toBe(0);
  for (const file of Object.keys(planted)) await cp(join(repository, file), join(copy, file));
  return stripVTControlCharacters(all);
}

test('REPO-01: imports against the arrows are found', async () => {
  const all = await complaint({
    'harness/util/xml.ts': "import '../guest/keys.js';",
    'harness/guest/keys.ts': "import '../../client/events.js';",
    'client/events.ts': "import '../harness/util/cache.js';",
    'harness/report/junit.ts': "import '../kernels/elf.js';",
    'bench/numbers.ts': "import '../scripts/native.js';",
  });
  expect(all).toMatch(/harness-util-below: harness\/util\/xml\.ts → harness\/guest\/keys\.ts/);
  expect(all).toMatch(/harness-alone: harness\/guest\/keys\.ts/);
  expect(all).toMatch(/client-alone: client\/events\.ts/);
  expect(all).toMatch(/report-on-util: harness\/report\/junit\.ts/);
  expect(all).toMatch(/nobody-uses-scripts: bench\/numbers\.ts/);
});

test('REPO-02: an export that nobody uses is found', async () => {
  const all = await complaint({ 'harness/util/xml.ts': 'export const planted = 1;' });
  expect(all).toMatch(/Unused exports \(1\)\n.*planted .*harness\/util\/xml\.ts/);
});
