/** The kernel catalogue, its lock file and its page. */
import { mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { parseCatalogue, readCatalogue, readLock } from '../../harness/kernels/catalogue.js';
import { probe } from '../support/kernels-page.js';
import { provideKernel } from '../../harness/kernels/provide.js';
import { packTree, treeRelease, treeSource } from '../../harness/kernels/tree.js';
import { repository } from '../../harness.config.js';

test('KERNEL-15: a catalogue that names no kernel, two alike, or an unknown key is refused', () => {
  const entry = {
    name: 'a',
    series: '7.3',
    flavour: 'cloud',
    why: 'for the spec alone',
    headers: { from: 'packages' },
  };
  const parse =
    (newest: string, ...entries: object[]) =>
    () =>
      parseCatalogue(JSON.stringify({ newest, entries }));
  expect(parse('a', entry)).not.toThrow();
  expect(parse('b', entry)).toThrow(/there is no entry b/);
  expect(parse('a', entry, entry)).toThrow(/two entries have the same name/);
  expect(parse('a', { ...entry, colour: 'red' })).toThrow(/colour/);
  expect(parse('a', { ...entry, series: '7' })).toThrow(/series/);
  expect(parse('a', { ...entry, headers: { from: 'source', config: 'c' } })).toThrow(/there is no entry c/);
});

test('KERNEL-16: everything that is built here is locked: release, packages, and the source where headers are prepared', async () => {
  const [{ entries }, lock] = [await readCatalogue(), await readLock()];
  for (const { name, series, headers } of entries) {
    const locked = lock[name];
    if (headers.from !== 'tree') expect(locked, name).toBeDefined();
    if (locked) expect(locked.release.startsWith(`${series}.`), name).toBe(true);
    expect(Boolean(locked?.source), name).toBe(headers.from === 'source');
  }
  expect(Object.keys(lock).filter((name) => !entries.some((entry) => entry.name === name))).toEqual([]);
});

test('KERNEL-21: kernels built here have what specs look at in every guest, and no device that others have not', async () => {
  const own = await readFile(join(repository, 'vm-images/kernels/own.config'), 'utf8');
  // Each is merged into tinyconfig, whose allocator has no files, and whose IPv6 brings a tunnel on older series.
  const allocator = ['SLUB_TINY=n', 'SLUB_DEBUG=y'];
  const network = ['IPV6=y', 'IPV6_SIT=n', 'NETFILTER=y', 'NET_SCHED=y', 'CRYPTO_USER_API_HASH=m'];
  const containers = ['USER_NS=y', 'MEMCG=y', 'CGROUP_BPF=y', 'PROC_KCORE=y'];
  for (const line of [...allocator, ...network, ...containers])
    expect(own.split('\n')).toContain(`CONFIG_${line}`);
});

test('DEBUG-01: an option that the configuration of a kernel built here does not keep is named', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'swarm-guard-kept-'));
  const kept = async (fragment: string, config: string) => {
    await writeFile(join(dir, 'fragment'), fragment);
    await writeFile(join(dir, 'config'), config);
    const script = join(repository, 'vm-images/kernels/kept.sh');
    return execa('sh', [script, 'fragment', 'config'], { cwd: dir, reject: false });
  };
  try {
    const config = 'CONFIG_KASAN=y\n# CONFIG_SLUB_TINY is not set\nCONFIG_LSM="yama"\nCONFIG_BITS=16\n';
    expect(await kept(`# why\n\n${config}CONFIG_SLUB_TINY=n\nCONFIG_GONE=n\n`, config)).toMatchObject({
      exitCode: 0,
      stderr: '',
    });
    const lost = ['CONFIG_KASAN=n', 'CONFIG_PROVE_LOCKING=y', 'CONFIG_BITS=1', 'CONFIG_OVERLAY_FS=m'];
    const { exitCode, stderr } = await kept([...lost, 'CONFIG_LSM="yama"', ''].join('\n'), config);
    expect(exitCode).toBe(1);
    expect(stderr.split('\n')).toEqual(
      lost.map((line) => `the kernel's configuration does not keep ${line}`),
    );
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('KERNEL-09: a source of one’s own is known by what is in it, and calls itself what its files say', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'swarm-guard-source-'));
  const [tree, copy] = [join(dir, 'linux'), join(dir, 'copy')];
  const key = async (path: string) => (await treeSource(path)).key;
  try {
    await mkdir(join(tree, '.git'), { recursive: true });
    const make = '.PHONY: kernelversion\nkernelversion:\n\t@echo 6.14.3\n';
    await writeFile(join(tree, 'Makefile'), make);
    await writeFile(join(tree, 'localversion'), '-rc1\n');
    await writeFile(join(tree, 'localversion~'), '-old\n');
    await writeFile(join(tree, 'localversion-own'), '-own\n');
    expect(await treeRelease(tree)).toBe('6.14.3-rc1-own');
    await execa('cp', ['-a', tree, copy]);
    expect(await key(copy)).toBe(await key(tree));
    await writeFile(join(copy, '.git/index'), '');
    expect(await key(copy)).toBe(await key(tree));
    await utimes(join(copy, 'Makefile'), 0, 0);
    expect(await key(copy)).not.toBe(await key(tree));
    await writeFile(join(tree, 'core.o'), '');
    const link = join(dir, 'link');
    await symlink(tree, link);
    const packed = join(dir, await packTree(link, dir));
    const { stdout } = await execa('tar', ['-tf', packed]);
    expect(stdout.split('\n').sort()).toEqual(
      ['', 'Makefile', 'localversion', 'localversion-own', 'localversion~'].map((name) => `./${name}`),
    );
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('KERNEL-17: docs/kernels.md tells of every entry, and of the newest what make probe answers', async () => {
  const [{ newest, entries }, lock] = [await readCatalogue(), await readLock()];
  const rows = (await readFile(join(repository, 'docs/kernels.md'), 'utf8'))
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.slice(2, -2).split(' | '));
  for (const { name, why } of entries) {
    const [, release, reason] = rows.find(([first]) => first === name) ?? [];
    expect([name, release, reason]).toEqual([name, lock[name]?.release ?? 'not in the archive', why]);
  }
  const column = rows.find(([first]) => first === 'probe')?.indexOf(newest) ?? -1;
  const answers = await probe(await provideKernel(newest));
  expect(answers.length).toBeGreaterThan(4);
  for (const { name, yes } of answers)
    expect([name, rows.find(([first]) => first === `\`${name}\``)?.[column]]).toEqual([
      name,
      yes ? 'yes' : 'no',
    ]);
});
