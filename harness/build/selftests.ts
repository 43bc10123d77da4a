/** The kernel's own tests, built from the distribution's source package in the root with the tools. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runInRoot, toolRoot } from '../archive/tool-root.js';
import { ARCHITECTURES } from '../util/architecture.js';
import type { Architecture } from '../util/architecture.js';
import { cached } from '../util/cache.js';
import { step } from '../util/progress.js';
import { sourcePackage, unpackSource } from './kernel-source.js';

/** The parts of the source that the tests need. */
const sources = (arch: Architecture) => [
  ...[
    'Makefile',
    'Kbuild',
    'Kconfig',
    `arch/${arch === 'amd64' ? 'x86' : arch}`,
    'include',
    'scripts',
    'usr/include',
    'samples/check-exec',
  ],
  ...['arch', 'build', 'include', 'lib', 'scripts', 'testing/selftests'].map((each) => `tools/${each}`),
];

/* -k: what needs a library that is not there stays out of the list of what is installed. */
const build = ({ cc, strip }: { cc: string; strip: string }, collections: readonly string[]) => `set -e
make -s headers
cd tools/testing/selftests
make -k CC=${cc} TARGETS="${collections.join(' ')}" install INSTALL_PATH=/build/selftests || true
find /build/selftests -type f -executable -exec ${strip} --strip-debug {} + 2>/dev/null || true
tar -C /build -Sczf /build/selftests.tar.gz selftests`;

/**
 * The kernel's own tests as the kernel's makefiles install them, run by their run_kselftest.sh; built
 * if they are not in the cache (a download of 170 MB and a minute).
 * @param collections the directories of tools/testing/selftests to build
 * @returns the path of a compressed tar archive with the directory `selftests`.
 * @throws if the archive has no source or nothing builds.
 */
export async function buildSelftests(arch: Architecture, collections: readonly string[]): Promise<string> {
  const [tools, source] = [await toolRoot(arch), await sourcePackage()];
  const [parts, commands] = [sources(arch), build(ARCHITECTURES[arch], collections)];
  const dir = await cached({
    kind: 'selftests',
    label: source.name,
    key: [tools.id, source.sha256, ...parts, commands],
    keep: 2,
    build: (dir) =>
      step(`Building the tests of ${source.name}`, async () => {
        await mkdir(join(dir, 'selftests'));
        await unpackSource(source, parts, dir);
        const { exitCode, output } = await runInRoot(tools, ['sh', '-c', commands], {
          env: ARCHITECTURES[arch].kbuild,
          cwd: '/build/linux',
          binds: [{ host: dir, inside: 'build' }],
        });
        if (exitCode !== 0) throw new Error(`the kernel's tests do not build:\n${output}`);
        for (const name of ['linux', 'selftests']) await rm(join(dir, name), { recursive: true });
      }),
  });
  return join(dir, 'selftests.tar.gz');
}
