/**
 * A Debian root with every tool that building and running needs: compilers, QEMU, cpio. Nothing of
 * the host's toolchain is used, so results do not depend on the host.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Architecture } from '../util/architecture.js';
import { cached } from '../util/cache.js';
import type { RunResult } from '../util/config.js';
import { ENCLOSED } from '../util/enclosed.js';
import { step } from '../util/progress.js';
import { SUITE, debootstrap } from './debian.js';

/** Everything is pinned by suite; a change here makes a new root. */
const PACKAGES = [
  ...['gcc-14', 'gcc', 'make', 'libc6-dev', 'rustc', 'cargo', 'sparse', 'libelf1t64', 'pahole'],
  ...['qemu-system-x86', 'seabios', 'kmod', 'cpio', 'xz-utils', 'zstd', 'bc', 'perl', 'gawk'],
  // The reference parser of OpenMetrics.
  'python3-prometheus-client',
  // What the kernel's own tests are built and installed with.
  ...['libcap-dev', 'rsync'],
];

/**
 * Packages that building for arm64 and running it needs beyond that: compilers, the Rust library to link with and
 * the source of its core, which kernel code is built with, QEMU, and whatever makes the keys of a guest
 * whose own programs do not run here.
 */
const ARM64_PACKAGES = [
  ...['gcc-14-aarch64-linux-gnu', 'libc6-dev-arm64-cross', 'libstd-rust-dev:arm64', 'rust-src'],
  ...['qemu-system-arm', 'dropbear-bin', 'libcap-dev:arm64'],
];

/** Packages that a kernel's own build needs; the compilers are those that Debian's kernels are built with. */
const KERNEL_BUILD_PACKAGES = [
  ...['gcc-14', 'gcc', 'make', 'libc6-dev', 'rustc', 'flex', 'bison', 'bc', 'perl', 'python3-minimal'],
  ...['libelf-dev', 'libssl-dev', 'libdw-dev', 'zlib1g-dev', 'pahole', 'kmod', 'cpio', 'rsync'],
  ...['xz-utils', 'zstd', 'gawk'],
];

/** Packages that modules are built with for a kernel that clang has built. */
const CLANG_PACKAGES = [
  ...['clang', 'lld', 'llvm', 'make', 'rustc', 'libelf1t64', 'pahole'],
  // What the policy core is fuzzed with.
  ...['cargo', 'libclang-rt-dev', 'libjson-c-dev'],
];

/** Packages that Debian packages of a module, and of a program for Node with an addon, are built and checked with. */
const PACKAGING_PACKAGES = [
  ...['build-essential', 'debhelper', 'dh-dkms', 'lintian'],
  ...['nodejs', 'libnode-dev', 'node-gyp', 'node-addon-api'],
  ...['libtomlplusplus-dev', 'nlohmann-json3-dev'],
];

const EXCLUDED = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*', '/usr/share/info/*'];

/** Options of mmdebstrap that keep documentation out of a root. */
export const withoutDocs = EXCLUDED.map((path) => `--dpkgopt=path-exclude=${path}`);

/** A directory with a Debian system in it. */
export interface Root {
  readonly path: string;
  /** Changes with its contents. */
  readonly id: string;
}

/** A root with some packages and what they depend on, made with mmdebstrap if it is not in the cache. */
async function debianRoot(
  label: string,
  what: string,
  packages: readonly string[],
  options: readonly string[] = [],
  suite = SUITE,
): Promise<Root> {
  const id = `${suite} ${packages.join(',')}`;
  const dir = await cached({
    kind: 'roots',
    label,
    key: [id],
    keep: 2,
    build: (dir) =>
      step(`Making the root with ${what}`, async () => {
        const include = `--include=${packages.join(',')}`;
        const args = ['--variant=apt', include, ...options, ...withoutDocs];
        await debootstrap(join(dir, 'root'), args, suite);
      }),
  });
  return { path: join(dir, 'root'), id };
}

/**
 * The root with the tools, made with mmdebstrap if it is not in the cache (about a minute).
 * @param arch what they build for and run; a root for arm64 has those for amd64 as well
 * @throws {InfrastructureError} if mmdebstrap is missing or the archive cannot be reached.
 */
export function toolRoot(arch: Architecture = 'amd64'): Promise<Root> {
  if (arch === 'amd64') return debianRoot('tools', 'compilers and QEMU', PACKAGES);
  const packages = [...PACKAGES, ...ARM64_PACKAGES];
  return debianRoot('arm64-tools', 'compilers and QEMU for arm64', packages, ['--architectures=amd64,arm64']);
}

/** A root that kernels' own build system runs in; needed only for kernels that have no headers packaged. */
export function kernelBuildRoot(): Promise<Root> {
  return debianRoot('kernel-build', "what the kernel's build needs", KERNEL_BUILD_PACKAGES);
}

/** A root that modules are built in for kernels that clang has built; about 40 s if it is not in the cache. */
export function clangRoot(): Promise<Root> {
  return debianRoot('clang', 'clang and its tools', CLANG_PACKAGES);
}

/**
 * A root that programs in C++ are built in.
 * @param libraries Debian packages with what they are built with, beyond the C++ library
 */
export function cxxRoot(libraries: readonly string[]): Promise<Root> {
  return debianRoot('cxx', `a C++ compiler and ${libraries.join(', ')}`, ['g++', 'make', ...libraries]);
}

/** A root that programs in Go are built in; needed only for the examples of the documents. */
export function goRoot(): Promise<Root> {
  return debianRoot('go', 'the Go compiler', ['golang-go']);
}

/** A root that Rust is compiled to WebAssembly in; about 40 s if it is not in the cache. */
export function wasmRoot(): Promise<Root> {
  return debianRoot('wasm', 'the Rust compiler for WebAssembly', ['rustc', 'libstd-rust-dev-wasm32', 'lld']);
}

/** A root that Debian packages are built in; about a minute if it is not in the cache. */
export function packagingRoot(): Promise<Root> {
  return debianRoot('packaging', 'the tools that build packages', PACKAGING_PACKAGES);
}

/**
 * A root with herd7, which checks litmus tests; from sid, since no release has it. An index of sid is valid for a
 * week, and a mirror that stands still has an older one. Its signature is checked all the same.
 */
export function herdRoot(): Promise<Root> {
  const options = ['--aptopt=Acquire::Check-Valid-Until "false"'];
  return debianRoot('herd', 'the checker of litmus tests', ['herdtools7'], options, 'sid');
}

/** A root with a web browser; needed only to look at the results' pages. */
export function browserRoot(): Promise<Root> {
  return debianRoot('browser', 'a web browser', ['chromium', 'fonts-dejavu-core']);
}

/** A directory of the host that is seen inside a root while a command runs. */
export interface Bind {
  host: string;
  inside: string;
}

export interface RunOptions {
  cwd?: string;
  env?: Readonly<Record<string, string>>;
  binds?: Bind[];
  input?: string;
}

/* In namespaces of its own: nothing stays mounted, and nothing runs on if we die. */
const ENTER = `set -e
root=$1 cwd=$2; shift 2
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
while [ "$1" != -- ]; do mount --bind "$1" "$root/$2"; shift 2; done
shift
exec chroot "$root" sh -c 'cd "$1"; shift; exec "$@"' sh "$cwd" "$@"`;

/** Runs a command inside a root, as root, with the binds mounted. Any exit status is an answer, not an exception. */
export async function runInRoot(
  root: Root,
  command: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const binds = options.binds ?? [];
  for (const { inside } of binds) await mkdir(join(root.path, inside), { recursive: true });
  const mounts = binds.flatMap(({ host, inside }) => [host, inside]);
  const [program = '', ...words] = ENCLOSED;
  const { exitCode, all, stdout } = await execa(
    program,
    [...[...words, 'sh', '-c', ENTER, 'sh', root.path, options.cwd ?? '/'], ...[...mounts, '--', ...command]],
    {
      all: true,
      reject: false,
      input: options.input ?? '',
      extendEnv: false,
      env: {
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        HOME: '/root',
        LC_ALL: 'C.UTF-8',
        ...options.env,
      },
    },
  );
  return { exitCode: exitCode ?? 1, output: all, stdout };
}
