/** A kernel of our own: image, modules and headers, built from a source that has no image. */
import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { kernelBuildRoot, runInRoot } from '../archive/tool-root.js';
import type { Root } from '../archive/tool-root.js';
import { cached } from '../util/cache.js';
import { step } from '../util/progress.js';
import { harness } from '../util/config.js';
import type { Kernel } from './kernel.js';

export interface BuildOptions {
  /** The release of the source when it is configured with the fragments. */
  release: string;
  /** Identifies the part of the source that the result depends on. */
  sourceKey: readonly string[];
  /** The files of vm-images/kernels that are merged into tinyconfig. */
  fragments: readonly string[];
  /** Puts a tarball of the source into a directory, and says under which path there. */
  fetch: (dir: string) => Promise<string>;
}

const inKernels = (name: string) => join(harness().kernels, name);

const SCRIPTS = ['build.sh', 'kept.sh', 'prune.sh'];

async function build(root: Root, { release, fragments, fetch }: BuildOptions, dir: string): Promise<void> {
  for (const name of ['work', 'in', 'source']) await mkdir(join(dir, name));
  const archive = join('/source', await fetch(join(dir, 'source')));
  for (const name of [...SCRIPTS, ...fragments]) await cp(inKernels(name), join(dir, 'in', name));
  const command = ['sh', '/in/build.sh', archive, release, ...fragments.map((name) => `/in/${name}`)];
  const { exitCode, output } = await runInRoot(root, command, {
    binds: [
      ...['in', 'work', 'source'].map((inside) => ({ host: join(dir, inside), inside })),
      { host: dir, inside: 'out' },
    ],
  });
  if (exitCode !== 0) throw new Error(`${release} could not be built:\n${output.slice(-4000)}`);
  for (const name of ['work', 'in', 'source']) await rm(join(dir, name), { recursive: true, force: true });
}

/**
 * A kernel that is built here, from the cache if it was built before of the same source, with the same
 * options and by the same compiler; otherwise it takes from a quarter of an hour to an hour.
 * @throws with the options that the configuration does not keep, or the end of what the build printed.
 */
export async function buildOwn(options: BuildOptions): Promise<Omit<Kernel, 'name' | 'arch'>> {
  const { release, sourceKey, fragments } = options;
  const root = await kernelBuildRoot();
  const compiler = await runInRoot(root, ['gcc-14', '--version']);
  const texts = await Promise.all(
    [...SCRIPTS, ...fragments].map((name) => readFile(inKernels(name), 'utf8')),
  );
  const dir = await cached({
    kind: 'built',
    label: release,
    key: [...sourceKey, root.id, compiler.stdout, ...texts],
    keep: 2,
    build: (dir) => step(`Building kernel ${release}`, () => build(root, options, dir)),
  });
  const inside = `usr/src/linux-headers-${release}`;
  return {
    release,
    image: join(dir, 'vmlinuz'),
    modules: join(dir, 'modules'),
    headers: [{ host: join(dir, 'headers'), inside }],
    kdir: `/${inside}`,
    builtTogether: true,
  };
}
