/**
 * Module.symvers out of a kernel's image. Debian ships it with header packages only; the table of
 * exported symbols inside the image says the same: names, namespaces, licences and, where the kernel
 * checks them, CRCs.
 */
import { sectionsOf, stringAt } from './elf.js';
import type { Section } from './elf.js';

/* An entry is three offsets relative to themselves: of the value, the name and the namespace. */
const ENTRY = 12;

const TABLES = [
  { name: '__ksymtab', crcs: '__kcrctab', gpl: false },
  { name: '__ksymtab_gpl', crcs: '__kcrctab_gpl', gpl: true },
];

/** The file offset of an address. */
function offsetOf(sections: Section[], address: number): number {
  const holds = ({ address: start, size, empty }: Section) =>
    !empty && start > 0 && start <= address && address < start + size;
  const section = sections.find(holds);
  if (!section) throw new Error(`no section of the kernel holds address ${address.toString(16)}`);
  return section.offset + address - section.address;
}

/**
 * The text that the kernel's build would have written to Module.symvers.
 * @param vmlinux the kernel as ELF, which may be stripped
 * @throws if it exports nothing.
 */
export function symversOf(vmlinux: Buffer): string {
  const sections = sectionsOf(vmlinux);
  const byName = (name: string) => sections.find((section) => section.name === name && section.size > 0);
  /* From 7.0 on there is one table, and a byte a symbol that says whether it is for the GPL only. */
  const flags = byName('__kflagstab');
  const text = (address: number) => stringAt(vmlinux, offsetOf(sections, address));
  const lines: string[] = [];
  for (const { name, crcs, gpl } of TABLES) {
    const table = byName(name);
    const checksums = byName(crcs);
    for (let index = 0; table && index < Math.floor(table.size / ENTRY); index++) {
      const [at, address] = [table.offset + index * ENTRY, table.address + index * ENTRY];
      const symbol = text(address + 4 + vmlinux.readInt32LE(at + 4));
      const inNamespace = vmlinux.readInt32LE(at + 8);
      const namespace = inNamespace === 0 ? '' : text(address + 8 + inNamespace);
      const crc = checksums ? vmlinux.readUInt32LE(checksums.offset + 4 * index) : 0;
      const gplOnly = gpl || Boolean(flags && (vmlinux[flags.offset + index] ?? 0) & 1);
      const licence = gplOnly ? 'EXPORT_SYMBOL_GPL' : 'EXPORT_SYMBOL';
      lines.push(`0x${crc.toString(16).padStart(8, '0')}\t${symbol}\tvmlinux\t${licence}\t${namespace}\n`);
    }
  }
  if (lines.length === 0) throw new Error('the kernel exports no symbol: not a kernel with modules?');
  return lines.join('');
}
