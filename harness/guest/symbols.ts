/** A kernel's symbols as a debugger reads them: an ELF file that has nothing else. */

const HEADER = 64;
const SECTION = 64;
const SYMBOL = 24;

/** The address of the kernel's image on x86-64, and all that can be said of what is there. */
const IMAGE = { address: 0xffffffff80000000n, size: 0x40000000n };

interface KernelSymbol {
  readonly address: bigint;
  readonly code: boolean;
  readonly name: string;
}

/** The lines of /proc/kallsyms that are in the kernel's image, by address. */
function parse(kallsyms: string): KernelSymbol[] {
  return [...kallsyms.matchAll(/^([0-9a-f]{16}) ([a-zA-Z]) (\S+)$/gm)]
    .map(([, address = '0', type = '', name = '']) => ({
      address: BigInt(`0x${address}`),
      code: /[tw]/i.test(type),
      name,
    }))
    .filter(({ address }) => address >= IMAGE.address && address < IMAGE.address + IMAGE.size)
    .sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
}

/** Strings one after the other, and the offset of each. */
function strings(names: readonly string[]): { data: Buffer; offsets: number[] } {
  const offsets: number[] = [];
  let size = 1;
  for (const name of names) {
    offsets.push(size);
    size += name.length + 1;
  }
  return { data: Buffer.from(`\0${names.map((name) => `${name}\0`).join('')}`, 'latin1'), offsets };
}

/**
 * Makes an ELF file for a debugger from /proc/kallsyms of a kernel that was not moved (nokaslr).
 * @throws if there are no addresses in it.
 */
export function symbolFile(kallsyms: string): Buffer {
  const symbols = parse(kallsyms);
  if (symbols.length === 0) throw new Error('no symbol of the kernel has an address');
  const names = strings(symbols.map(({ name }) => name));
  const table = Buffer.alloc((symbols.length + 1) * SYMBOL);
  symbols.forEach(({ address, code }, index) => {
    const at = (index + 1) * SYMBOL;
    const next = symbols[index + 1]?.address ?? address;
    table.writeUInt32LE(names.offsets[index] ?? 0, at);
    // Global; a function or an object; in the only section that there is.
    table.writeUInt8((1 << 4) | (code ? 2 : 1), at + 4);
    table.writeUInt16LE(1, at + 6);
    table.writeBigUInt64LE(address, at + 8);
    table.writeBigUInt64LE(next - address, at + 16);
  });
  const sections = strings(['.text', '.symtab', '.strtab', '.shstrtab']);
  const parts = [table, names.data, sections.data];
  const offsets = [HEADER, HEADER + table.length, HEADER + table.length + names.data.length];
  const headers = Buffer.alloc(5 * SECTION);
  /** Type, flags, address, offset, size, link, info, entry size. */
  const section = (
    index: number,
    fields: readonly [number, number, bigint, number, bigint, number, number],
  ) => {
    const [type, flags, address, offset, size, link, entry] = fields;
    const at = index * SECTION;
    headers.writeUInt32LE(sections.offsets[index - 1] ?? 0, at);
    headers.writeUInt32LE(type, at + 4);
    headers.writeBigUInt64LE(BigInt(flags), at + 8);
    headers.writeBigUInt64LE(address, at + 16);
    headers.writeBigUInt64LE(BigInt(offset), at + 24);
    headers.writeBigUInt64LE(size, at + 32);
    headers.writeUInt32LE(link, at + 40);
    headers.writeUInt32LE(type === 2 ? 1 : 0, at + 44);
    headers.writeBigUInt64LE(1n, at + 48);
    headers.writeBigUInt64LE(BigInt(entry), at + 56);
  };
  // NOBITS, so that whoever reads the kernel's memory asks the machine for it; allocated, executable.
  section(1, [8, 6, IMAGE.address, HEADER, IMAGE.size, 0, 0]);
  section(2, [2, 0, 0n, offsets[0] ?? 0, BigInt(table.length), 3, SYMBOL]);
  section(3, [3, 0, 0n, offsets[1] ?? 0, BigInt(names.data.length), 0, 0]);
  section(4, [3, 0, 0n, offsets[2] ?? 0, BigInt(sections.data.length), 0, 0]);
  const header = Buffer.alloc(HEADER);
  header.write('\x7fELF', 'latin1');
  // 64 bits, little-endian, version 1; an executable for x86-64.
  header.set([2, 1, 1], 4);
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(62, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BigInt(HEADER + parts.reduce((sum, { length }) => sum + length, 0)), 40);
  header.writeUInt16LE(HEADER, 52);
  header.writeUInt16LE(SECTION, 58);
  header.writeUInt16LE(5, 60);
  header.writeUInt16LE(4, 62);
  return Buffer.concat([header, ...parts, headers]);
}
