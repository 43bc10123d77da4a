/** The guest's root: one uncompressed cpio that the kernel unpacks into RAM. */
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { Kernel } from '../kernels/kernel.js';
import { readModuleFile } from '../kernels/module-file.js';
import { ARCHITECTURES } from '../util/architecture.js';
import type { Architecture } from '../util/architecture.js';
import { cached, hashOf } from '../util/cache.js';
import { buildFailure } from '../build/outcome.js';
import { InfrastructureError } from '../util/errors.js';
import { step } from '../util/progress.js';
import { harness, images } from '../util/config.js';
import { guestKeys } from './keys.js';
import { SUITE, debootstrap } from '../archive/debian.js';
import { runInRoot, toolRoot, withoutDocs } from '../archive/tool-root.js';
import type { Root } from '../archive/tool-root.js';

const PACKAGES = [
  ...['base-files', 'bash', 'coreutils', 'dash', 'dropbear-bin', 'findutils', 'grep', 'gawk', 'hostname'],
  ...['iproute2', 'kmod', 'mount', 'procps', 'sed', 'strace', 'util-linux', 'libc-bin'],
];

/** Drivers that are modules in some kernels and built in in others, in loading order. */
const MODULES = [
  ...['drivers/virtio/virtio', 'drivers/virtio/virtio_ring', 'drivers/virtio/virtio_pci_legacy_dev'],
  ...['drivers/virtio/virtio_pci_modern_dev', 'drivers/virtio/virtio_pci', 'drivers/char/virtio_console'],
  ...['net/core/failover', 'drivers/net/net_failover', 'drivers/net/virtio_net'],
];

/** Programs that every guest has. */
const OWN_PROGRAMS = join(images, 'harness');
/** The guest's first process. */
const INIT = join(images, 'harness/init');

/**
 * Files that packages bring along and no guest uses, below the libraries' directory: drivers for graphics, and what
 * those need; with the one package that uses it after all.
 */
const UNUSED = {
  'dri/*': undefined,
  'gbm/*': undefined,
  'libLLVM*': undefined,
  'libgallium*': undefined,
  'libicudata*': 'nodejs',
  'libz3*': undefined,
};

/** Options of mmdebstrap that leave out what no guest uses. */
function withoutUnused(packages: readonly string[]): string[] {
  return Object.entries(UNUSED)
    .filter(([, user]) => !user || !packages.includes(user))
    .map(([path]) => `--dpkgopt=path-exclude=/usr/lib/*/${path}`);
}

/** The name of what is cached for an architecture. */
const labelOf = (arch: Architecture, what: string) => (arch === 'amd64' ? what : `${arch}-${what}`);

/** The file by which mmdebstrap keeps documentation out of a root, and out of what dpkg installs there later. */
const EXCLUDING = 'etc/dpkg/dpkg.cfg.d/99mmdebstrap';

/** Debian packages, installed as on any machine, with apt, dpkg and what they know of the packages. */
function installedRoot(extra: readonly string[]): Promise<string> {
  const packages = [...PACKAGES, ...extra];
  return cached({
    kind: 'roots',
    label: 'installed-guest',
    key: [SUITE, ...packages],
    keep: 2,
    build: (dir) =>
      step(`Making the guest's root with ${extra.join(' ')} installed`, async () => {
        const args = ['--variant=apt', `--include=${packages.join(',')}`, ...withoutDocs];
        await debootstrap(join(dir, 'root'), args);
        await rm(join(dir, 'root', EXCLUDING));
      }),
  });
}

/** Debian packages, unpacked but not configured: nothing of them needs it, and none of them has to run here. */
function unpackedRoot(arch: Architecture, extra: readonly string[]): Promise<string> {
  const packages = [...PACKAGES, ...extra];
  const without = withoutUnused(extra);
  return cached({
    kind: 'roots',
    label: labelOf(arch, 'guest'),
    key: [SUITE, ...packages, ...(extra.length > 0 ? without : [])],
    keep: 8,
    build: (dir) =>
      step(`Making the guest's root${extra.length > 0 ? ` with ${extra.join(' ')}` : ''}`, async () => {
        const args = [
          `--architectures=${arch}`,
          '--variant=extract',
          `--include=${packages.join(',')}`,
          ...withoutDocs,
          ...without,
        ];
        await debootstrap(join(dir, 'root'), args);
      }),
  });
}

/** The C files below a directory, from there, sorted. */
async function sourcesIn(dir: string): Promise<string[]> {
  const names = await readdir(dir, { recursive: true });
  return names.filter((name) => /\.[ch]$/.test(name)).sort();
}

/**
 * The programs of a directory, linked statically, so that they run in any root; each with the parts of `lib` it uses.
 * @returns the directory with them
 */
async function buildPrograms(tools: Root, arch: Architecture, from: string): Promise<string> {
  const what = from === OWN_PROGRAMS ? 'harness' : 'guest';
  const files = await sourcesIn(from);
  const texts = await Promise.all(files.map((name) => readFile(join(from, name), 'utf8')));
  const programs = files.filter((name) => name.endsWith('.c') && dirname(name) !== 'lib');
  const flags = '-static -O2 -pthread -Wall -Wextra -Werror -ffunction-sections -Wl,--gc-sections -I/src/lib';
  const cc = `${ARCHITECTURES[arch].cc} ${flags}`;
  const commands = [
    'set -e; mkdir /out/lib; cd /out/lib',
    `[ ! -d /src/lib ] || ${cc} -c /src/lib/*.c; lib=$(ls | grep '\\.o$' || true)`,
    ...programs.map((name) => `${cc} -o /out/${basename(name, '.c')} /src/${name} $lib`),
    'rm -r /out/lib',
  ].join('\n');
  return cached({
    kind: 'programs',
    label: labelOf(arch, what),
    key: [tools.id, commands, ...files, ...texts],
    keep: 2,
    build: async (dir) => {
      const binds = [
        { host: from, inside: 'src' },
        { host: dir, inside: 'out' },
      ];
      const { exitCode, output } = await runInRoot(tools, ['sh', '-c', commands], { binds });
      if (exitCode !== 0) throw buildFailure(`the guest's programs in ${from} do not build`, output);
    },
  });
}

/** The modules that reach the network, decompressed and numbered in loading order. */
async function copyModules(kernel: Kernel, root: string): Promise<void> {
  const to = join(root, 'usr/lib/guest-modules');
  await mkdir(to, { recursive: true });
  for (const [index, name] of MODULES.entries()) {
    // As installed, or as they lie in a tree that the kernel was built in.
    const places = ['kernel', ''].map((place) => join(kernel.modules, place, `${name}.ko`));
    const from = places.flatMap((path) => [path, `${path}.xz`]).find((path) => existsSync(path));
    const file = join(to, `${index}-${name.replaceAll('/', '-')}.ko`);
    if (from !== undefined) await writeFile(file, await readModuleFile(from));
  }
}

/** Executable files, by their paths in the guest: paths on the host. */
type Files = readonly (readonly [string, string])[];

interface Contents {
  readonly kernel: Kernel;
  /** Directories of programs. */
  readonly programs: readonly string[];
  readonly files: Files;
  readonly publicKey: string;
}

/** The accounts of a root whose packages are not configured. */
async function writeAccounts(root: string): Promise<void> {
  const accounts = 'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/bin/sh\n';
  await writeFile(join(root, 'etc/passwd'), accounts);
  await writeFile(join(root, 'etc/group'), 'root:x:0:\ntty:x:5:\nnogroup:x:65534:\n');
  await writeFile(join(root, 'etc/shells'), '/bin/sh\n/bin/bash\n');
}

async function fillRoot(root: string, { kernel, programs, files, publicKey }: Contents): Promise<void> {
  for (const dir of [
    'mnt',
    'proc',
    'sys',
    'dev',
    'tmp',
    'run',
    'root/.ssh',
    'etc/dropbear',
    'usr/local/bin',
  ]) {
    await mkdir(join(root, dir), { recursive: true });
  }
  await writeFile(join(root, 'etc/hostname'), 'guest\n');
  await writeFile(join(root, 'root/.ssh/authorized_keys'), `${publicKey}\n`, { mode: 0o600 });
  for (const [inside, host] of files) {
    await mkdir(join(root, dirname(inside)), { recursive: true });
    await cp(host, join(root, inside));
    await chmod(join(root, inside), 0o755);
  }
  for (const dir of programs) await cp(dir, join(root, 'usr/local/bin'), { recursive: true });
  await copyModules(kernel, root);
}

/* Programs of amd64 do what can be done here; the loader of others finds its libraries without a cache. */
const CONFIGURE = {
  amd64: `chroot /image dropbearkey -t ed25519 -f /etc/dropbear/host_key >/dev/null
chroot /image ldconfig`,
  arm64: 'dropbearkey -t ed25519 -f /image/etc/dropbear/host_key >/dev/null',
} as const;

/* What the packages' state, and what no guest uses, takes; it is of use to apt and dpkg. */
const UNPACKED_ONLY =
  'rm -rf /image/var/cache/* /image/var/lib/apt /image/var/lib/dpkg /image/usr/share/zoneinfo /image/usr/lib/udev';

/* What is left to do once the files are in place, and the archive of it all. */
const pack = (arch: Architecture, installed: boolean) => `set -e
${installed ? '' : UNPACKED_ONLY}
chmod 700 /image/root /image/root/.ssh
[ -e /image/usr/bin/sh ] || ln -s dash /image/usr/bin/sh
[ -e /image/usr/bin/awk ] || ln -s gawk /image/usr/bin/awk
${CONFIGURE[arch]}
cd /image
find . -mindepth 1 -print0 | sort -z | cpio --null --quiet -o -H newc >/out/initrd.cpio`;

/**
 * The guest's whole root as one cpio for QEMU's -initrd.
 * @param extra Debian packages beyond the usual ones, with what they depend on
 * @param installed they are installed, and apt and dpkg work, rather than only unpacked; amd64 alone
 * @returns its path in the cache.
 */
export async function guestInitrd(
  kernel: Kernel,
  extra: readonly string[] = [],
  installed = false,
): Promise<string> {
  const tools = await toolRoot(kernel.arch);
  const commands = pack(kernel.arch, installed);
  const { guest } = harness();
  const base = installed ? await installedRoot(extra) : await unpackedRoot(kernel.arch, extra);
  const programs: string[] = [];
  for (const from of [OWN_PROGRAMS, ...(guest.programs === undefined ? [] : [guest.programs])])
    programs.push(await buildPrograms(tools, kernel.arch, from));
  const { publicKey } = await guestKeys();
  const files = [['/init', INIT] as const, ...Object.entries(guest.files ?? {})];
  const texts = await Promise.all(files.map(([, host]) => readFile(host, 'utf8')));
  const dir = await cached({
    kind: 'initrd',
    label: kernel.release,
    key: [
      base,
      ...programs,
      publicKey,
      ...files.map(([inside]) => inside),
      ...texts,
      commands,
      kernel.image,
      hashOf(...MODULES),
      // Not the functions' own texts: what starts this program may have compiled them in one way or another.
      await readFile(fileURLToPath(import.meta.url), 'utf8'),
    ],
    keep: 6,
    build: (dir) =>
      step("Packing the guest's root", async () => {
        const root = join(dir, 'root');
        await execa('cp', ['-a', join(base, 'root'), root]);
        if (!installed) await writeAccounts(root);
        await fillRoot(root, { kernel, programs, files, publicKey });
        const binds = [
          { host: root, inside: 'image' },
          { host: dir, inside: 'out' },
        ];
        const { exitCode, output } = await runInRoot(tools, ['sh', '-c', commands], { binds });
        if (exitCode !== 0) throw new InfrastructureError(`the guest's root could not be packed:\n${output}`);
        await execa('rm', ['-rf', root]);
      }),
  });
  return join(dir, 'initrd.cpio');
}
