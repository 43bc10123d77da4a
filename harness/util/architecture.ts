/** Architectures that kernels are for, by Debian's names. Everything is built on amd64. */

interface Traits {
  /** GNU's name for it: of its directory of libraries, and the prefix of its tools. */
  readonly gnu: string;
  /** Rust's name for its user space. */
  readonly rust: string;
  /** The C compiler that kernels of the archive were built with. */
  readonly cc: string;
  readonly strip: string;
  /** Variables for the kernel's makefiles. */
  readonly kbuild: Readonly<Record<string, string>>;
  /** The prefix of system calls' names in the kernel. */
  readonly syscall: string;
}

export const ARCHITECTURES = {
  amd64: {
    gnu: 'x86_64-linux-gnu',
    rust: 'x86_64-unknown-linux-gnu',
    cc: 'gcc-14',
    strip: 'strip',
    kbuild: {},
    syscall: '__x64_sys_',
  },
  arm64: {
    gnu: 'aarch64-linux-gnu',
    rust: 'aarch64-unknown-linux-gnu',
    cc: 'aarch64-linux-gnu-gcc-14',
    strip: 'aarch64-linux-gnu-strip',
    kbuild: { ARCH: 'arm64', CROSS_COMPILE: 'aarch64-linux-gnu-' },
    syscall: '__arm64_sys_',
  },
} as const satisfies Record<string, Traits>;

export type Architecture = keyof typeof ARCHITECTURES;
