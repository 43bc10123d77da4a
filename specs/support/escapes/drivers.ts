/** Modules of the kernel that attempts need and the guest's root does not have. */
import { join } from 'node:path';
import { execa } from 'execa';
import type { Kernel } from '../../../harness/kernels/kernel.js';
import type { BootedGuest } from '../../../harness/guest/guest.js';

/** In loading order. */
const MODULES = [
  'net/vmw_vsock/vsock',
  'net/vmw_vsock/vmw_vsock_virtio_transport_common',
  'net/vmw_vsock/vsock_loopback',
  'fs/binfmt_misc',
];

/** Loads them, once. */
export async function loadDrivers(guest: BootedGuest, kernel: Kernel): Promise<void> {
  if ((await guest.exec('grep -q ^vsock_loopback /proc/modules')).code === 0) return;
  for (const name of MODULES) {
    const path = join(kernel.modules, 'kernel', `${name}.ko.xz`);
    const { stdout } = await execa('xz', ['-dc', path], { encoding: 'buffer' });
    await guest.writeFile('/run/driver.ko', Buffer.from(stdout));
    await guest.sh('insmod /run/driver.ko; rm /run/driver.ko');
  }
}
