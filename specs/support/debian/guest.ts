/** A guest that is a Debian 13 machine: what our packages depend on is installed, and so are the kernel's headers. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import { SYSTEMD_INIT, SYSTEMD_PACKAGES } from '../systemd.js';
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

/** Brings a directory of the host to a guest, but for some of what is in it. */
async function uploadTree(guest: BootedGuest, host: string, inside: string, excluded: readonly string[]) {
  const dir = await mkdtemp(join(tmpdir(), 'tree-'));
  try {
    const archive = join(dir, 'tree.tar.gz');
    await execa('tar', ['-C', host, ...excluded.map((name) => `--exclude=./${name}`), '-czf', archive, '.']);
    await guest.upload(archive, '/root/tree.tar.gz');
  } finally {
    await rm(dir, { recursive: true });
  }
  await guest.sh(`mkdir -p /${inside} && tar -C /${inside} -xzf /root/tree.tar.gz && rm /root/tree.tar.gz`, {
    timeoutMs: 600_000,
  });
}

/**
 * Brings the headers and modules of its kernel to a guest, where their packages put them. Without any module of the
 * kernel's DKMS would take the index of modules away, together with the last of its own.
 */
export async function installKernel(guest: BootedGuest, kernel: Kernel): Promise<void> {
  const { headers, kdir, release, modules } = kernel;
  for (const { host, inside } of headers) await uploadTree(guest, host, inside, []);
  const inside = `usr/lib/modules/${release}`;
  await uploadTree(guest, modules, inside, ['build', 'source', 'vmlinuz*', 'System.map']);
  await guest.sh(`ln -sfn ${kdir} /${inside}/build && depmod`, { timeoutMs: 600_000 });
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
