/** The cache that downloads and builds are kept in. */
import { existsSync } from 'node:fs';
import { mkdtemp, mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { repository } from '../../harness.config.js';
import { cached, sweep, temporaryName } from '../../harness/util/cache.js';
import { changeRun } from '../../harness/util/run.js';

let dir = '';

test.beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'swarm-guard-cache-'));
  changeRun({ cache: dir });
});

test.afterEach(async () => {
  changeRun({ cache: undefined });
  await rm(dir, { recursive: true });
});

const entry = (key: string, build: (dir: string) => Promise<void>) => ({
  kind: 'things',
  label: 'thing',
  key: [key],
  build,
});

test('HARNESS-01: what is cached is built once for each content of its key', async () => {
  let builds = 0;
  const build = async (to: string) => {
    builds += 1;
    await writeFile(join(to, 'file'), `${builds}`);
  };
  const first = await cached(entry('a', build));
  expect(await cached(entry('a', build))).toBe(first);
  expect(await readFile(join(first, 'file'), 'utf8')).toBe('1');
  expect(await cached(entry('b', build))).not.toBe(first);
  expect(builds).toBe(2);
});

test('HARNESS-02: a build that fails leaves nothing, and of two at once one builds and the other waits', async () => {
  await expect(cached(entry('a', () => Promise.reject(new Error('no'))))).rejects.toThrow('no');
  expect(await readdir(join(dir, 'things'))).toEqual([]);
  let builds = 0;
  const build = async (to: string) => {
    builds += 1;
    await sleep(100);
    await writeFile(join(to, 'file'), 'x');
  };
  const [one, two] = await Promise.all([cached(entry('a', build)), cached(entry('a', build))]);
  expect(one).toBe(two);
  expect(builds).toBe(1);
  expect(await readdir(join(dir, 'things'))).toHaveLength(1);
});

test('HARNESS-03: what a builder that has died had locked is built by the next', async () => {
  const path = await cached(entry('a', () => Promise.resolve()));
  await rm(path, { recursive: true });
  await mkdir(`${path}.lock`);
  const longAgo = new Date(Date.now() - 120_000);
  await utimes(`${path}.lock`, longAgo, longAgo);
  expect(await cached(entry('a', () => Promise.resolve()))).toBe(path);
  expect(await readdir(join(dir, 'things'))).toEqual([basename(path)]);
});

test('HARNESS-04, HARNESS-28: old entries go, and so does what a dead process was building', async () => {
  const build = () => Promise.resolve();
  const paths: string[] = [];
  for (const key of ['a', 'b', 'c']) paths.push(await cached({ ...entry(key, build), keep: 2 }));
  expect(
    paths.map((path) => existsSync(path)),
    'just asked for',
  ).toEqual([true, true, true]);
  const earlier = new Date(Date.now() - 3 * 3_600_000);
  for (const path of paths.slice(0, 2)) await utimes(path, earlier, earlier);
  // Of those that nobody has asked for lately, as many as there may be.
  paths.push(await cached({ ...entry('d', build), keep: 2 }));
  expect(paths.map((path) => existsSync(path))).toEqual([false, false, true, true]);
  const own = temporaryName();
  const [, namespace = '', pid = '', started = ''] = own.split('-');
  const name = (...words: (string | number)[]) => join(dir, 'things', ['part', ...words, 'x'].join('-'));
  const dead = [name(namespace, 999999999, 1), name(namespace, pid, Number(started) - 1)];
  // The first process is another user's; what is in another pid namespace cannot be known to be dead.
  const init = /\) (.*)/s.exec(await readFile('/proc/1/stat', 'utf8'))?.[1]?.split(' ')[19] ?? '';
  const alive = [join(dir, 'things', own), name(namespace, 1, init), name(Number(namespace) + 1, pid, 1)];
  const old = name(Number(namespace) + 1, pid, 2);
  for (const path of [...dead, ...alive, old]) await mkdir(path);
  const longAgo = new Date(Date.now() - 25 * 3_600_000);
  await utimes(old, longAgo, longAgo);
  await sweep(join(dir, 'things'));
  expect([...dead, old].map((path) => existsSync(path))).toEqual([false, false, false]);
  expect(alive.map((path) => existsSync(path))).toEqual([true, true, true]);
});

test('HARNESS-26: what a dead process had mounted below what it was building is unmounted, and its files stay', async () => {
  const mine = join(dir, 'mine');
  await mkdir(mine);
  await writeFile(join(mine, 'file'), 'kept');
  const dead = join(dir, 'things', temporaryName().replace(/^part-(\d+)-(\d+)/, 'part-$1-999999999'));
  const point = join(dead, 'root/a directory');
  await mkdir(point, { recursive: true });
  await execa('mount', ['--bind', mine, point]);
  await sweep(join(dir, 'things'));
  expect(existsSync(dead)).toBe(false);
  expect(await readFile(join(mine, 'file'), 'utf8')).toBe('kept');
});

test('HARNESS-27: whoever is killed while a root is made leaves no process and nothing mounted', async () => {
  test.setTimeout(180_000);
  const root = join(dir, 'root');
  const maker = execa('npx', ['tsx', join(repository, 'specs/support/killed-root.ts'), root], {
    cwd: repository,
    reject: false,
    detached: true,
  });
  const makers = async () => {
    const { stdout } = await execa('pgrep', ['-f', root], { reject: false });
    return stdout.split('\n').filter(Boolean);
  };
  const mounts = async (pid: string) =>
    (await readFile(`/proc/${pid}/mounts`, 'utf8').catch(() => '')).includes(` ${root}/`);
  // What is mounted is seen by those who make it alone.
  await expect
    .poll(async () => (await Promise.all((await makers()).map(mounts))).includes(true), { timeout: 150_000 })
    .toBe(true);
  expect(await mounts('self')).toBe(false);
  process.kill(-(maker.pid ?? 0), 'SIGKILL');
  await maker;
  await expect.poll(makers).toEqual([]);
  await rm(root, { recursive: true });
});
