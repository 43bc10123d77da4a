/** Modules of the guest's kernel that specs need and the guest's root does not have. */
import { join } from 'node:path';
import type { BootedGuest } from '../../harness/guest/guest.js';
import type { Kernel } from '../../harness/kernels/kernel.js';
import { readModuleFile } from '../../harness/kernels/module-file.js';

/**
 * Loads a module of the guest's kernel.
 * @param name its path below the kernel's modules, without an ending
 */
export async function insert(guest: BootedGuest, kernel: Kernel, name: string): Promise<void> {
  const path = join(kernel.modules, 'kernel', `${name}.ko.xz`);
  await guest.writeFile('/run/inserted.ko', await readModuleFile(path));
  await guest.sh('insmod /run/inserted.ko; rm /run/inserted.ko');
}
