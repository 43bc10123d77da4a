/** Building kernel modules in the root with the tools. */
import { existsSync } from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { execa } from 'execa';
import { imageFacts, sha256 } from '../kernels/image.js';
import type { Kernel } from '../kernels/kernel.js';
import { runInRoot, toolRoot } from '../archive/tool-root.js';
import type { Root } from '../archive/tool-root.js';
import { ARCHITECTURES } from '../util/architecture.js';
import { cached } from '../util/cache.js';
import type { ModuleSources } from '../util/config.js';
import { BuildError } from '../util/errors.js';
import { step } from '../util/progress.js';
import { buildFailure, mustBuild } from './outcome.js';
import { copyModules, copySources, sourcesKey } from './sources.js';

/** Modules built for one kernel. */
export interface BuiltModules {
  /** The directory with the .ko files. */
  readonly dir: string;
  /** The build's output. */
  readonly log: string;
}

/** The module was built with other structures than those of the kernel that it is for. */
export class StructureError extends BuildError {}

/** The key of a kernel, as far as builds depend on it; trees of the user's may change in their place. */
export async function kernelKey({ image, headers, kdir }: Kernel): Promise<string[]> {
  const kbuild = headers.flatMap(({ host, inside }) =>
    ['.config', 'include/config/auto.conf', 'Module.symvers'].map((file) =>
      join(host, relative(inside, kdir.slice(1)), file),
    ),
  );
  const hashes = await Promise.all([image, ...kbuild.filter((file) => existsSync(file))].map(sha256));
  return [kdir, ...hashes, ...headers.map(({ host }) => host)];
}

/**
 * Compares the modules' structures, and those of drivers that were built with the same headers, with
 * the image's.
 * @throws with the list of what differs: such a module loads, and then corrupts memory.
 */
async function audit(
  script: string,
  modules: readonly string[],
  { tools, kernel, dir }: { tools: Root; kernel: Kernel; dir: string },
): Promise<void> {
  const drivers = join(kernel.modules, 'kernel/drivers/net/virtio_net.ko');
  const built = [
    ...modules.map((path) => `/build/src/${path}`),
    ...(existsSync(drivers) ? ['/modules/kernel/drivers/net/virtio_net.ko'] : []),
  ];
  const { btf } = await imageFacts(kernel.image);
  const { exitCode, output } = await runInRoot(tools, ['sh', script, kernel.kdir, ...built], {
    cwd: '/build/src',
    env: { BTF: '/btf/btf' },
    binds: [
      ...kernel.headers,
      { host: dir, inside: 'build' },
      { host: dirname(btf), inside: 'btf' },
      ...(existsSync(drivers) ? [{ host: kernel.modules, inside: 'modules' }] : []),
    ],
  });
  const failure = buildFailure(`the headers for ${kernel.release} are not those of its image`, output);
  if (exitCode !== 0) throw failure instanceof BuildError ? new StructureError(failure.message) : failure;
  await appendFile(join(dir, 'build.log'), `${output}\n`);
}

async function build(
  sources: ModuleSources,
  options: readonly string[],
  on: { tools: Root; kernel: Kernel; dir: string },
): Promise<void> {
  const { tools, kernel, dir } = on;
  const { cc, kbuild, strip } = ARCHITECTURES[kernel.arch];
  await copySources(sources.dir, join(dir, 'src'));
  const checks = ['W=1', 'CONFIG_OBJTOOL_WERROR=y'];
  const make = sources.targets
    ? ['make', '-C', '/build/src', `KDIR=${kernel.kdir}`, ...checks]
    : ['make', '-C', kernel.kdir, 'M=/build/src', 'cmd_checkdoc=', `CC=${cc}`, ...checks];
  const binds = [...kernel.headers, { host: dir, inside: 'build' }];
  const result = await runInRoot(tools, [...make, ...options, ...(sources.targets ?? ['modules'])], {
    binds,
    env: kbuild,
  });
  mustBuild(result, `building the module for ${kernel.release}`);
  if (sources.audit !== undefined && !kernel.builtTogether) await audit(sources.audit, sources.modules, on);
  await copyModules(join(dir, 'src'), sources.modules, dir);
  await appendFile(join(dir, 'build.log'), result.output);
  const modules = sources.modules.map((path) => `/build/${basename(path)}`);
  await runInRoot(tools, [strip, '--strip-debug', ...modules], { binds: [{ host: dir, inside: 'build' }] });
  await sources.also?.build({
    arch: kernel.arch,
    release: kernel.release,
    dir,
    run: (command, env) =>
      runInRoot(tools, command, {
        cwd: '/build/src',
        binds: [{ host: dir, inside: 'build' }],
        ...(env && { env }),
      }),
  });
  await execa('rm', ['-rf', 'target', 'src'], { cwd: dir });
}

/**
 * Builds modules for a kernel, with W=1 and CONFIG_OBJTOOL_WERROR=y; cached by content.
 * @param options variables of make
 * @throws with the compiler's output if there is an error or a warning; {@link StructureError} if
 * the headers are not exactly the image's.
 */
export async function buildKernelModules(
  kernel: Kernel,
  sources: ModuleSources,
  options: readonly string[] = [],
): Promise<BuiltModules> {
  const tools = await toolRoot(kernel.arch);
  const texts = await sourcesKey(sources.dir, sources.unused);
  const how = [
    ...(sources.targets ?? []),
    ...sources.modules,
    sources.audit ?? '',
    sources.also ? await readFile(sources.also.file, 'utf8') : '',
  ];
  const dir = await cached({
    kind: 'modules',
    label: kernel.release,
    key: [tools.id, ...how, ...options, ...(await kernelKey(kernel)), ...texts],
    keep: 12,
    build: (dir) =>
      step(`Building the module for ${kernel.release}`, () =>
        build(sources, options, { tools, kernel, dir }),
      ),
  });
  return { dir, log: await readFile(join(dir, 'build.log'), 'utf8') };
}
