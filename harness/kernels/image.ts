/** Reads facts from a kernel's image: its types (BTF) and its exports. */
import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runInRoot, toolRoot } from '../archive/tool-root.js';
import { cached } from '../util/cache.js';
import { sectionData } from './elf.js';
import { symversOf } from './symvers.js';

/** Files made from an image. */
export interface ImageFacts {
  /** Its types, as the running kernel shows them in /sys/kernel/btf/vmlinux. */
  readonly btf: string;
  /** Its exports, as a line of Module.symvers each; a raw image does not tell where they are. */
  readonly symvers: string;
}

/** The first bytes of payloads, and the programs that unpack them. */
const COMPRESSIONS = [
  { magic: '28b52ffd', command: 'zstd -dc' },
  { magic: 'fd377a58', command: 'xz -dc --single-stream' },
  { magic: '1f8b', command: 'gzip -dc' },
];

/** The hash of a file as the archive's index writes it. */
export async function sha256(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

/** The compressed kernel inside a bzImage: Documentation/arch/x86/boot.rst says where it is. */
function payload(bzImage: Buffer): Buffer {
  if (bzImage.length < 0x250 || bzImage.readUInt32BE(0x202) !== 0x48647253) throw new Error('not a bzImage');
  const start = ((bzImage[0x1f1] ?? 0) + 1) * 512 + bzImage.readUInt32LE(0x248);
  // Its last four bytes are the size of what is in it.
  return bzImage.subarray(start, start + bzImage.readUInt32LE(0x24c) - 4);
}

/** The header of the types, of version 1, without flags and 24 bytes long; types are first, at offset 0. */
const BTF_HEADER = Buffer.from('9feb01001800000000000000', 'hex');

/** The image that arm64 boots: the kernel as it lies in memory (Documentation/arch/arm64/booting.rst). */
function isRaw(image: Buffer): boolean {
  return image.length > 64 && image.toString('latin1', 56, 60) === 'ARMd';
}

/** The types in a raw image, which has no table of its sections: where a header's sizes fit what is there. */
function rawTypes(image: Buffer): Buffer | undefined {
  for (let at = image.indexOf(BTF_HEADER); at >= 0; at = image.indexOf(BTF_HEADER, at + 1)) {
    const [types, strings, size] = [12, 16, 20].map((field) => image.readUInt32LE(at + field)) as [
      number,
      number,
      number,
    ];
    const end = at + 24 + strings + size;
    // Strings follow the types; the first is empty, and the last ends with them.
    const whole = types > 0 && types <= strings && size > 1 && end <= image.length;
    if (whole && image[at + 24 + strings] === 0 && image[end - 1] === 0) return image.subarray(at, end);
  }
  return undefined;
}

/** The kernel inside an image, as ELF; `work` is a directory for what lies between. */
async function extract(image: string, work: string): Promise<Buffer> {
  const packed = payload(await readFile(image));
  const compression = COMPRESSIONS.find(({ magic }) => packed.toString('hex', 0, 8).startsWith(magic));
  if (!compression) throw new Error(`${image} is compressed in a way that is not known here`);
  await writeFile(join(work, 'payload'), packed);
  const command = ['sh', '-c', `${compression.command} payload >vmlinux`];
  const { exitCode, output } = await runInRoot(await toolRoot(), command, {
    cwd: '/build',
    binds: [{ host: work, inside: 'build' }],
  });
  if (exitCode !== 0) throw new Error(`${image} cannot be unpacked:\n${output}`);
  const vmlinux = await readFile(join(work, 'vmlinux'));
  await rm(join(work, 'payload'));
  await rm(join(work, 'vmlinux'));
  return vmlinux;
}

/** Reads an image, or what was read from an equal one before. */
export async function imageFacts(image: string): Promise<ImageFacts> {
  const dir = await cached({
    kind: 'images',
    label: 'facts',
    key: [await sha256(image)],
    keep: 40,
    build: async (dir) => {
      const file = await readFile(image);
      const raw = isRaw(file);
      const vmlinux = raw ? file : await extract(image, dir);
      const btf = raw ? rawTypes(vmlinux) : sectionData(vmlinux, '.BTF');
      if (!btf) throw new Error(`${image} was built without CONFIG_DEBUG_INFO_BTF`);
      await writeFile(join(dir, 'btf'), btf);
      if (!raw) await writeFile(join(dir, 'Module.symvers'), symversOf(vmlinux));
    },
  });
  return { btf: join(dir, 'btf'), symvers: join(dir, 'Module.symvers') };
}
