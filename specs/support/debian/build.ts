/** Building the Debian packages with Debian's own tools. */
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInRoot } from '../../../harness/archive/tool-root.js';
import { packagingRoot } from '../roots.js';
import { cached } from '../../../harness/util/cache.js';
import { step } from '../../../harness/util/progress.js';
import { writeDebianSource } from './source.js';

/* The source is never uploaded, so only packages are built of it. */
const BUILD = `set -e
dpkg-buildpackage --build=binary --no-sign
cd ..
lintian --allow-root --fail-on error,warning --tag-display-limit 0 *.changes
rm -rf source`;

/** Packages, as they were built. */
export interface DebianPackages {
  /** Paths of the .deb files by the names of their packages. */
  readonly paths: ReadonlyMap<string, string>;
  /** The output of the tools. */
  readonly log: string;
}

/** Names and contents of all files below a directory. */
async function everything(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return Promise.all(
    paths.map(async (path) => `${path.slice(dir.length)}\0${await readFile(path, 'base64')}`),
  );
}

async function buildIn(dir: string, source: string): Promise<void> {
  await cp(source, join(dir, 'source'), { recursive: true });
  const { exitCode, output } = await runInRoot(await packagingRoot(), ['sh', '-c', BUILD], {
    cwd: '/build/source',
    binds: [{ host: dir, inside: 'build' }],
  });
  if (exitCode !== 0) throw new Error(`the Debian packages do not build:\n${output}`);
  await writeFile(join(dir, 'build.log'), output);
}

/** The differences from packages that are released. */
export interface PackageOptions {
  /** Their Debian revision, behind the version that package.json has; 1 by default. */
  readonly revision?: number;
  /** Changes the source, which is in this directory. */
  readonly edit?: (source: string) => Promise<void>;
}

/**
 * Builds the packages if they are not in the cache (a minute), and looks at them with lintian: an error or a warning is
 * a failure.
 * @throws with the tools' output if they do not build, or lintian complains.
 */
export async function buildDebianPackages({
  revision = 1,
  edit,
}: PackageOptions = {}): Promise<DebianPackages> {
  const source = await mkdtemp(join(tmpdir(), 'debian-source-'));
  try {
    await writeDebianSource(source, revision);
    await edit?.(source);
    const dir = await cached({
      kind: 'packages',
      label: `debian-${revision}`,
      key: [(await packagingRoot()).id, BUILD, ...(await everything(source))],
      keep: 2,
      build: (dir) => step('Building the Debian packages', () => buildIn(dir, source)),
    });
    const names = (await readdir(dir)).filter((name) => name.endsWith('.deb'));
    return {
      paths: new Map(names.map((name) => [name.replace(/_.*/, ''), join(dir, name)])),
      log: await readFile(join(dir, 'build.log'), 'utf8'),
    };
  } finally {
    await rm(source, { recursive: true });
  }
}

/**
 * Copies packages into a directory, which is made if it is missing.
 * @returns their paths there.
 */
export async function copyPackages({ paths }: DebianPackages, to: string): Promise<string[]> {
  await mkdir(to, { recursive: true });
  const copied = [...paths.values()].map((from) => ({ from, path: join(to, from.replace(/.*\//, '')) }));
  for (const { from, path } of copied) await cp(from, path);
  return copied.map(({ path }) => path);
}
