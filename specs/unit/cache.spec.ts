/** The cache that downloads and builds are kept in. */
import { existsSync } from 'node:fs';
import { mkdtemp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { cached, sweep } from '../../harness/util/cache.js';

let before: string | undefined;
let dir = '';

test.beforeEach(async () => {
  before = process.env['SWARMGUARD_CACHE'];
  dir = await mkdtemp(join(tmpdir(), 'swarm-guard-cache-'));
  process.env['SWARMGUARD_CACHE'] = dir;
});

test.afterEach(async () => {
  if (before === undefined) delete process.env['SWARMGUARD_CACHE'];
  else process.env['SWARMGUARD_CACHE'] = before;
  await rm(dir, { recursive: true });
});

const entry = (key: string, build: (dir: string) => Promise<void>) => ({
  kind: 'things',
  label: 'thing',
  key: [key],
  build,
});

test('what is cached is built once for each content of its key', async () => {
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

test('a build that fails leaves nothing, and two at once agree', async () => {
  await expect(cached(entry('a', () => Promise.reject(new Error('no'))))).rejects.toThrow('no');
  expect(await readdir(join(dir, 'things'))).toEqual([]);
  const build = (to: string) => writeFile(join(to, 'file'), 'x');
  const [one, two] = await Promise.all([cached(entry('a', build)), cached(entry('a', build))]);
  expect(one).toBe(two);
  expect(await readdir(join(dir, 'things'))).toHaveLength(1);
});

test('old entries go, and so does what a dead process was building', async () => {
  const build = () => Promise.resolve();
  const paths: string[] = [];
  for (const key of ['a', 'b', 'c']) paths.push(await cached({ ...entry(key, build), keep: 2 }));
  expect(paths.map((path) => existsSync(path))).toEqual([false, true, true]);
  const dead = join(dir, 'things', 'tmp-999999999-dead');
  const alive = join(dir, 'things', `tmp-${process.pid}-alive`);
  await mkdir(dead);
  await mkdir(alive);
  await sweep(join(dir, 'things'));
  expect([existsSync(dead), existsSync(alive)]).toEqual([false, true]);
});
