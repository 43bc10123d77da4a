/** Modules of the kernel that attempts need and the guest's root does not have. */
import type { Kernel } from '../../../harness/kernels/kernel.js';
import type { BootedGuest } from '../../../harness/guest/guest.js';
import { insert } from '../insert.js';

/** In loading order. */
const MODULES = [
  'net/vmw_vsock/vsock',
  'net/vmw_vsock/vmw_vsock_virtio_transport_common',
  'net/vmw_vsock/vsock_loopback',
  'fs/binfmt_misc',
  'fs/overlayfs/overlay',
];

/** Loads them, once. */
export async function loadDrivers(guest: BootedGuest, kernel: Kernel): Promise<void> {
  if ((await guest.exec('grep -q ^vsock_loopback /proc/modules')).code === 0) return;
  for (const name of MODULES) await insert(guest, kernel, name);
}
