/** The kernel's own checker of style, parser of results and memory model, which packaged headers come without. */
import { join } from 'node:path';
import { cached } from '../../harness/util/cache.js';
import { step } from '../../harness/util/progress.js';
import { sourcePackage, unpackSource } from '../../harness/build/kernel-source.js';

const CHECKPATCH = ['checkpatch.pl', 'spelling.txt', 'const_structs.checkpatch'];
const PARTS = [...CHECKPATCH.map((name) => `scripts/${name}`), 'tools/testing/kunit', 'tools/memory-model'];

export interface KernelScripts {
  /** The directory of checkpatch.pl, with its lists beside it. */
  readonly checkpatch: string;
  /** The directory of kunit.py. */
  readonly kunit: string;
  /** The directory of linux-kernel.cat, the model that litmus tests are checked against. */
  readonly memoryModel: string;
}

/** Scripts of the newest kernel; downloaded with the source if they are not in the cache (170 MB). */
export async function kernelScripts(): Promise<KernelScripts> {
  const source = await sourcePackage();
  const dir = await cached({
    kind: 'kernel-scripts',
    label: source.name,
    key: [source.sha256, ...PARTS],
    keep: 2,
    build: (dir) => step(`Fetching scripts of ${source.name}`, () => unpackSource(source, PARTS, dir)),
  });
  return {
    checkpatch: join(dir, 'linux/scripts'),
    kunit: join(dir, 'linux/tools/testing/kunit'),
    memoryModel: join(dir, 'linux/tools/memory-model'),
  };
}
