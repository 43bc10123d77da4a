/** Files of kernel modules, as distributions install them. */
import { readFile } from 'node:fs/promises';
import { execa } from 'execa';

/**
 * The bytes of a kernel module.
 * @param path of the file, which is unpacked if its name ends in .xz
 * @returns all of it: the kernel accepts no signature that lacks the newline at its end
 * @throws an error of the file system, or of xz
 */
export async function readModuleFile(path: string): Promise<Buffer> {
  if (!path.endsWith('.xz')) return readFile(path);
  const unpacked = await execa('xz', ['-dc', path], { encoding: 'buffer', stripFinalNewline: false });
  return Buffer.from(unpacked.stdout);
}
