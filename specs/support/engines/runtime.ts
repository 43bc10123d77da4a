/** Building swarm-runtime. */
import { cp, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runInRoot } from '../../../harness/archive/tool-root.js';
import { cxxRoot } from '../roots.js';
import { cached } from '../../../harness/util/cache.js';
import { step } from '../../../harness/util/progress.js';
import { repository } from '../../../harness.config.js';

const SOURCE = join(repository, 'client/oci');

/** The Debian packages with the libraries that it is built with: headers only. */
export const LIBRARIES = ['nlohmann-json3-dev', 'libtomlplusplus-dev'];

/**
 * Builds it if it is not in the cache (a minute).
 * @returns the path of the program, which runs in any root.
 * @throws with the compiler's output if it does not build.
 */
export async function buildRuntime(): Promise<string> {
  const root = await cxxRoot(LIBRARIES);
  const names = (await readdir(SOURCE)).filter((name) => /\.(cc|h)$|^Makefile$/.test(name)).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(SOURCE, name), 'utf8')));
  const dir = await cached({
    kind: 'programs',
    label: 'swarm-runtime',
    key: [root.id, ...names, ...texts],
    keep: 2,
    build: (dir) =>
      step('Building swarm-runtime', async () => {
        for (const name of names) await cp(join(SOURCE, name), join(dir, name));
        const binds = [{ host: dir, inside: 'build' }];
        const { exitCode, output } = await runInRoot(root, ['make', '-j2'], { cwd: '/build', binds });
        if (exitCode !== 0) throw new Error(`swarm-runtime does not build:\n${output}`);
      }),
  });
  return join(dir, 'swarm-runtime');
}
