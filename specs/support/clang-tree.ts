/** Headers of a kernel as they are where clang has built it. */
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Kernel } from '../../harness/kernels/kernel.js';
import { runInRoot } from '../../harness/archive/tool-root.js';
import { clangRoot } from './roots.js';
import { cached } from '../../harness/util/cache.js';
import { step } from '../../harness/util/progress.js';
import { kernelKey } from '../../harness/build/kernel-modules.js';
import { copyModule, moduleKey } from './module.js';

/**
 * The changes that `make LLVM=1 olddefconfig` with clang 19 makes to the configuration of the archive's 7.3, as far
 * as they matter to modules; null for an option that only gcc has.
 */
const BY_CLANG = {
  AS_IS_GNU: null,
  AS_IS_LLVM: 'y',
  AS_VERSION: '190107',
  CC_HAS_BROKEN_COUNTED_BY_REF: 'y',
  CC_HAS_MIN_FUNCTION_ALIGNMENT: null,
  CC_HAS_NAMED_AS: null,
  CC_HAS_UBSAN_ARRAY_BOUNDS: 'y',
  CC_HAS_UBSAN_BOUNDS_STRICT: null,
  CC_IMPLICIT_FALLTHROUGH: '-Wimplicit-fallthrough',
  CC_IS_CLANG: 'y',
  CC_IS_GCC: null,
  CC_NO_ARRAY_BOUNDS: null,
  CC_NO_STRINGOP_OVERFLOW: null,
  CC_OPT_INLINE_MEMSET: null,
  CC_VERSION_TEXT: 'Debian clang version 19.1.7 (3+b1)',
  CLANG_VERSION: '190107',
  FTRACE_MCOUNT_USE_CC: null,
  FTRACE_MCOUNT_USE_OBJTOOL: 'y',
  GCC_VERSION: '0',
  HAS_LTO_CLANG: 'y',
  LD_CAN_USE_KEEP_IN_OVERLAY: null,
  LD_IS_BFD: null,
  LD_IS_LLD: 'y',
  LD_VERSION: '0',
  LLD_VERSION: '190107',
  RUST: null,
  UBSAN_ARRAY_BOUNDS: 'y',
  UBSAN_BOUNDS_STRICT: null,
  USE_X86_SEG_SUPPORT: null,
} as const satisfies Record<string, string | null>;

/** A value as C has it. */
const spelled = (value: string) =>
  value === 'y' ? '1' : /^\d+$/.test(value) ? value : JSON.stringify(value);

/** Replaces lines that say what an option is by those that say it for clang. */
async function configure(file: string, known: RegExp, line: (name: string, value: string) => string) {
  const kept = (await readFile(file, 'utf8')).split('\n').filter((each) => {
    const name = known.exec(each)?.[1];
    return name === undefined || !(name in BY_CLANG);
  });
  const own = Object.entries(BY_CLANG).flatMap(([name, value]) =>
    value === null ? [] : [line(name, value)],
  );
  await writeFile(file, [...kept, ...own, ''].join('\n'));
}

/** Makes a copy of a kernel's headers in `dir` that says clang has built it, and that has no .config. */
async function clangTree(kernel: Kernel, dir: string): Promise<Kernel> {
  const place = kernel.headers.find(({ inside }) => `/${inside}` === kernel.kdir);
  if (!place) throw new Error(`${kernel.release} has no headers at ${kernel.kdir}`);
  const host = join(dir, 'headers');
  await cp(place.host, host, { recursive: true, verbatimSymlinks: true });
  await rm(join(host, '.config'));
  await configure(
    join(host, 'include/config/auto.conf'),
    /^CONFIG_(\w+)=/,
    (name, value) => `CONFIG_${name}=${value}`,
  );
  await configure(
    join(host, 'include/generated/autoconf.h'),
    /^#define CONFIG_(\w+) /,
    (name, value) => `#define CONFIG_${name} ${spelled(value)}`,
  );
  const headers = kernel.headers.map((each) => (each === place ? { ...place, host } : each));
  return { ...kernel, headers };
}

/* The end says by whom the objects were compiled and linked. */
const BUILD = `make W=1 CONFIG_OBJTOOL_WERROR=y && llvm-readelf -p .comment swarm_guard.ko && head -n 1 .swarm_guard.ko.cmd`;

/**
 * Builds the module as `make` does, with clang alone in reach, for a kernel whose headers have no .config
 * and say that clang has built it; cached by content.
 * @returns what the build printed, with the compilers and linkers that the module names at its end.
 * @throws if it fails.
 */
export async function buildWithClang(kernel: Kernel): Promise<string> {
  const root = await clangRoot();
  const dir = await cached({
    kind: 'clang-builds',
    label: kernel.release,
    key: [root.id, BUILD, JSON.stringify(BY_CLANG), ...(await kernelKey(kernel)), ...(await moduleKey())],
    keep: 2,
    build: (dir) =>
      step(`Building the module with clang for ${kernel.release}`, async () => {
        const tree = await clangTree(kernel, dir);
        await mkdir(join(dir, 'src'));
        await copyModule(join(dir, 'src'));
        const { exitCode, output } = await runInRoot(root, ['sh', '-c', BUILD], {
          cwd: '/build/src',
          binds: [...tree.headers, { host: dir, inside: 'build' }],
          env: { KDIR: kernel.kdir },
        });
        if (exitCode !== 0) throw new Error(`the module does not build with clang:\n${output}`);
        await writeFile(join(dir, 'build.log'), output);
        for (const name of ['headers', 'src']) await rm(join(dir, name), { recursive: true });
      }),
  });
  return readFile(join(dir, 'build.log'), 'utf8');
}
