/** Headers for a kernel that has none packaged, made from its source. */
import { createHash } from 'node:crypto';
import { cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { kernelBuildRoot, runInRoot } from '../archive/tool-root.js';
import { cached, hashOf } from '../util/cache.js';
import { step } from '../util/progress.js';
import { harness } from '../util/config.js';
import { imageFacts, sha256 } from './image.js';

export interface PrepareOptions {
  release: string;
  image: string;
  /** The configuration that the image was built with, or one as near as can be had. */
  config: string;
  /** Identifies the part of the source that the result depends on. */
  sourceKey: string;
  /** Path of the source: a tarball, or a tree. */
  source: () => Promise<string>;
}

export interface PreparedHeaders {
  /** The directory that modules are built against. */
  readonly headers: string;
  /** Holds kernel/…, the drivers that guests need. */
  readonly modules: string;
}

const inKernels = (name: string) => join(harness().kernels, name);

const SCRIPTS = ['prepare.sh', 'prune.sh'];

async function prepare({ release, image, config, source }: PrepareOptions, dir: string): Promise<void> {
  const root = await kernelBuildRoot();
  const { symvers } = await imageFacts(image);
  for (const name of ['work', 'in']) await mkdir(join(dir, name));
  await writeFile(join(dir, 'in/config'), config);
  await cp(symvers, join(dir, 'in/Module.symvers'));
  for (const name of SCRIPTS) await cp(inKernels(name), join(dir, 'in', name));
  const from = await source();
  const tree = (await stat(from)).isDirectory();
  const inside = tree ? '/source' : join('/source', basename(from));
  const { exitCode, output } = await runInRoot(root, ['sh', '/in/prepare.sh', release, inside], {
    binds: [
      { host: join(dir, 'in'), inside: 'in' },
      { host: join(dir, 'work'), inside: 'work' },
      { host: dir, inside: 'out' },
      { host: tree ? from : dirname(from), inside: 'source' },
    ],
  });
  if (exitCode !== 0)
    throw new Error(`headers for ${release} could not be prepared:\n${output.slice(-4000)}`);
  for (const name of ['work', 'in']) await rm(join(dir, name), { recursive: true, force: true });
}

/**
 * Headers and drivers for an image, from the cache if they were prepared before (about a minute).
 * @throws with the end of what the kernel's build printed where it fails.
 */
export async function prepareHeaders(options: PrepareOptions): Promise<PreparedHeaders> {
  const configHash = createHash('sha256').update(options.config).digest('hex');
  const texts = await Promise.all(SCRIPTS.map((name) => readFile(inKernels(name), 'utf8')));
  const key = [options.release, await sha256(options.image), configHash, options.sourceKey];
  const dir = await cached({
    kind: 'headers',
    label: options.release,
    key: [...key, hashOf(...texts)],
    keep: 2,
    build: (dir) => step(`Preparing headers for ${options.release}`, () => prepare(options, dir)),
  });
  return { headers: join(dir, 'headers'), modules: join(dir, 'modules') };
}
