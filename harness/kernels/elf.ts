/** Sections of 64-bit little-endian ELF files, as much of the format as kernels need. */

export interface Section {
  readonly name: string;
  /** The lower 48 bits of its address in memory, which a number holds exactly; 0 if it is not loaded. */
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  /** Takes room in memory only, as .bss does. */
  readonly empty: boolean;
}

const NOBITS = 8;

/**
 * The sections of an ELF file.
 * @throws if it is none, or of another class or byte order.
 */
export function sectionsOf(elf: Buffer): Section[] {
  if (elf.length < 64 || elf.readUInt32BE(0) !== 0x7f454c46 || elf[4] !== 2 || elf[5] !== 1)
    throw new Error('not a 64-bit little-endian ELF file');
  const table = Number(elf.readBigUInt64LE(0x28));
  const [entrySize, count, namesIndex] = [0x3a, 0x3c, 0x3e].map((at) => elf.readUInt16LE(at)) as [
    number,
    number,
    number,
  ];
  const field = (index: number, at: number) => Number(elf.readBigUInt64LE(table + index * entrySize + at));
  const names = field(namesIndex, 0x18);
  return Array.from({ length: count }, (_, index) => ({
    name: stringAt(elf, names + elf.readUInt32LE(table + index * entrySize)),
    address: Number(elf.readBigUInt64LE(table + index * entrySize + 0x10) & 0xffffffffffffn),
    offset: field(index, 0x18),
    size: field(index, 0x20),
    empty: elf.readUInt32LE(table + index * entrySize + 4) === NOBITS,
  }));
}

/** The string that ends with a zero byte. */
export function stringAt(data: Buffer, offset: number): string {
  return data.toString('latin1', offset, data.indexOf(0, offset));
}

/** The bytes of a section, or undefined if there is none of that name. */
export function sectionData(elf: Buffer, name: string): Buffer | undefined {
  const found = sectionsOf(elf).find((section) => section.name === name && !section.empty);
  return found && elf.subarray(found.offset, found.offset + found.size);
}
