/** The harness as a package: what its README promises to authors of other modules. */
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { z } from 'zod';
import { repository } from '../../harness.config.js';
import { cacheDir } from '../../harness/util/cache.js';

test.describe.configure({ mode: 'serial', timeout: 1_200_000 });

const harnessDir = join(repository, 'harness');
const packed = z
  .array(z.object({ filename: z.string(), files: z.array(z.object({ path: z.string() })) }))
  .length(1);

/** Words of this repository alone: the module, what it makes, and the commands of package.json. */
const OWN = String.raw`swarm|npm run (vm|kernels)|\bvm:(test|run|replay|shell)`;

let dir = '';
let project = '';

/** Runs a command in the project, with this repository's cache. */
const inProject = (command: string, args: string[]) =>
  execa(command, args, {
    cwd: project,
    all: true,
    reject: false,
    env: { KMOD_HARNESS_RUN: undefined, KMOD_HARNESS_CACHE: cacheDir(), FORCE_COLOR: '0' },
  });

test.beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'harness-package-'));
  project = join(dir, 'project');
});

test.afterAll(async () => {
  await rm(dir, { recursive: true });
});

test('HARNESS-11: the package holds what the harness needs, and nothing of SwarmGuard', async () => {
  const { stdout } = await execa('npm', ['pack', '--json', '--silent', '--pack-destination', dir], {
    cwd: harnessDir,
  });
  // What prepack prints comes first.
  const [tarball] = packed.parse(JSON.parse(stdout.slice(stdout.indexOf('[\n'))));
  const paths = tarball?.files.map(({ path }) => path) ?? [];
  expect(paths).toEqual(
    expect.arrayContaining(['dist/index.js', 'dist/index.d.ts', 'vm-images/harness/init', 'README.md']),
  );
  await execa('tar', ['-xzf', join(dir, tarball?.filename ?? '')], { cwd: dir });
  const unpacked = join(dir, 'package');
  const naming = async (...words: string[]) =>
    (await execa('grep', ['-rilE', ...words, '.'], { cwd: unpacked, reject: false })).stdout;
  expect(await naming(OWN), 'files that name it').toBe('');
  expect(await naming(String.raw`\bagents?\b`), 'files about agents').toBe('');
  // The README's commands name this tarball, files of it, and the packages of the example.
  const readme = await readFile(join(unpacked, 'README.md'), 'utf8');
  const [, installs = ''] = /^ {4}npm install --save-dev (.*)$/m.exec(readme) ?? [];
  const example = z
    .object({ devDependencies: z.record(z.string(), z.string()) })
    .parse(JSON.parse(await readFile(join(unpacked, 'example/package.json'), 'utf8')));
  expect(
    installs
      .replace(`/tmp/${tarball?.filename ?? ''}`, 'kmod-harness')
      .split(' ')
      .sort(),
  ).toEqual(Object.keys(example.devDependencies).sort());
  const named = [...readme.matchAll(/node_modules\/kmod-harness\/([\w/-]+)/g)].map(([, path = '']) => path);
  expect(named).toContain('example/module');
  for (const path of named) expect(existsSync(join(unpacked, path)), path).toBe(true);
  await cp(join(unpacked, 'example'), project, { recursive: true });
  const file = join(project, 'package.json');
  const text = await readFile(file, 'utf8');
  await writeFile(
    file,
    text.replace('"kmod-harness": "*"', `"kmod-harness": "file:../${tarball?.filename ?? ''}"`),
  );
  const installed = await inProject('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline']);
  expect(installed.exitCode, installed.all).toBe(0);
});

test('HARNESS-12: in an empty project the types of the example hold, and its specs pass in real guests', async () => {
  const types = await inProject('npx', ['tsc', '--noEmit']);
  expect(types.exitCode, types.all).toBe(0);
  const { all, exitCode } = await inProject('npx', ['playwright', 'test']);
  expect(exitCode, all).toBe(0);
  expect(all).toMatch(/\n5 passed, 0 failed$/);
  const results = await readFile(join(project, 'report/results.json'), 'utf8');
  expect(results).toContain('specs/hello.spec.ts');
  expect(await readFile(join(project, 'report/index.html'), 'utf8')).toContain(
    '<h1>hello: kernel matrix</h1>',
  );
  expect(await readFile(join(project, 'report/junit.xml'), 'utf8')).toMatch(/<testsuites? [^>]*tests="\d+"/);
  expect(await readFile(join(project, 'report/results.ktap'), 'utf8')).toMatch(/^KTAP version 1\n/);
  const doctor = await inProject('npx', ['tsx', 'doctor.ts']);
  expect(doctor.exitCode, doctor.all).toBe(0);
  expect(doctor.all).toContain('mmdebstrap');
});

test('HARNESS-13: a call of the example that costs more than its budget fails, and says how to record it', async () => {
  const file = join(project, 'budgets.json');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(/"read": \d+/, '"read": 10'));
  const { all, exitCode } = await inProject('npx', ['playwright', 'test', 'cost']);
  expect(exitCode, all).not.toBe(0);
  expect(all).toMatch(
    /"read" costs \d+ instructions on \S+, above its budget of 10; .*--update-snapshots records it/,
  );
  expect(all).toMatch(/\n1 passed, 1 failed$/);
});
