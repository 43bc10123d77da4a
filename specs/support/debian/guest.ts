/** A guest that is a Debian 13 machine: what our packages depend on is installed, and so are the kernel's headers. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import { SYSTEMD_INIT, SYSTEMD_PACKAGES } from '../../../harness/archive/systemd.js';
import type { BootedGuest } from '../../../harness/guest/guest.js';
import type { GuestExtras } from '../../../harness/guest/stage.js';
import type { Kernel } from '../../../harness/kernels/kernel.js';
import type { DebianPackages } from './build.js';

/**
 * There is no network in a guest, so what apt would fetch is there already. Packages are looked at, not the kernel's
 * memory: without its debugging DKMS builds twice as fast. On a busy host that takes the processors for so long that
 * the kernel would complain.
 */
export const DEBIAN_GUEST: GuestExtras = {
  packages: [
    ...SYSTEMD_PACKAGES,
    ...['dkms', 'gcc-14', 'make', 'rustc', 'pahole', 'libelf1t64', 'xz-utils', 'nodejs', 'tini', 'openssl'],
  ],
  installed: true,
  memoryMb: 6144,
  findMemoryErrors: false,
  bootMs: 600_000,
  append: `${SYSTEMD_INIT} nowatchdog rcupdate.rcu_cpu_stall_suppress=1`,
};

/** The time that DKMS may take to build the module in a guest, in ms. */
export const BUILDING = 2_400_000;

/** Brings the headers of its kernel to a guest, where their packages put them. */
export async function installHeaders(guest: BootedGuest, { headers, kdir, release }: Kernel): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'headers-'));
  try {
    const archive = join(dir, 'headers.tar.gz');
    const words = headers.map(({ host, inside }) => ['-C', host, `--transform=s,^\\.,${inside},`, '.']);
    // What every architecture has is not all needed to build for one.
    await execa('tar', ['-czf', archive, '--exclude=./vmlinux', ...words.flat()]);
    await guest.upload(archive, '/root/headers.tar.gz');
  } finally {
    await rm(dir, { recursive: true });
  }
  const modules = `/usr/lib/modules/${release}`;
  await guest.sh(
    `tar -C / -xzf /root/headers.tar.gz && rm /root/headers.tar.gz && mkdir -p ${modules} && ln -sfn ${kdir} ${modules}/build && depmod`,
    { timeoutMs: 600_000 },
  );
}

/** Brings packages to a guest; returns the directory there. */
export async function uploadPackages(guest: BootedGuest, { paths }: DebianPackages): Promise<string> {
  const [first = ''] = paths.values();
  const dir = `/srv/${basename(first, '.deb')
    .replace(/^[^_]*_/, '')
    .replace(/_.*/, '')}`;
  await guest.sh(`mkdir -p ${dir}`);
  for (const path of paths.values()) await guest.upload(path, `${dir}/${basename(path)}`);
  return dir;
}

/** Runs apt-get; any exit status is an answer. */
export function apt(guest: BootedGuest, words: string) {
  return guest.exec(`DEBIAN_FRONTEND=noninteractive apt-get -y ${words} 2>&1`, { timeoutMs: BUILDING });
}
