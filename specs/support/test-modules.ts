/** Small kernel modules that only specs use, in a directory with a Kbuild. */
import { cp, mkdir, readFile, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import type { Kernel } from '../../harness/kernels/kernel.js';
import { runInRoot, toolRoot } from '../../harness/archive/tool-root.js';
import { ARCHITECTURES } from '../../harness/util/architecture.js';
import { cached } from '../../harness/util/cache.js';
import { step } from '../../harness/util/progress.js';

/**
 * Builds every module of a directory for a kernel; cached by content.
 * @returns the directory with its .ko files.
 * @throws with the compiler's output where there is an error or a warning.
 */
export async function buildModulesIn(kernel: Kernel, from: string): Promise<string> {
  const name = basename(from);
  const files = (await readdir(from)).filter((file) => /^Kbuild$|\.[ch]$/.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(from, file), 'utf8')));
  const { cc, kbuild } = ARCHITECTURES[kernel.arch];
  const tools = await toolRoot(kernel.arch);
  return cached({
    kind: 'test-modules',
    label: `${name}-${kernel.release}`,
    key: [tools.id, kernel.image, ...files, ...texts],
    keep: 2,
    build: (dir) =>
      step(`Building the test modules ${name} for ${kernel.release}`, async () => {
        await mkdir(join(dir, 'src'));
        for (const file of files) await cp(join(from, file), join(dir, 'src', file));
        const command = [
          'make',
          '-C',
          kernel.kdir,
          'M=/build/src',
          'W=1',
          'cmd_checkdoc=',
          `CC=${cc}`,
          'modules',
        ];
        const binds = [...kernel.headers, { host: dir, inside: 'build' }];
        const { exitCode, output } = await runInRoot(tools, command, { binds, env: kbuild });
        if (exitCode !== 0 || /\bwarning:/i.test(output))
          throw new Error(`the test modules ${name} do not build:\n${output}`);
        for (const file of (await readdir(join(dir, 'src'))).filter((each) => each.endsWith('.ko')))
          await cp(join(dir, 'src', file), join(dir, file));
        await execa('rm', ['-rf', join(dir, 'src')]);
      }),
  });
}
