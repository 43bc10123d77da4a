/** Reading a kernel's log for complaints. */

import { quoted } from '../util/errors.js';

/** Lines that a kernel prints when something in it is wrong, and never otherwise. */
const COMPLAINTS = [
  /\bWARNING: /,
  /\bBUG[: ]/,
  /\bOops\b/,
  /Kernel panic/,
  /\bK[AM]?SAN: |UBSAN: /,
  /KFENCE: /,
  /unable to handle|general protection fault|invalid opcode: /,
  /scheduling while atomic|sleeping function called from/,
  /possible (circular|recursive) locking|inconsistent lock state|suspicious RCU usage|held lock/,
  /\brcu:? .*(stall|starved)|self-detected stall/,
  /blocked for more than \d+ seconds|soft lockup|hard LOCKUP/,
  /(Poison|Padding|Redzone|Object \w+) overwritten|Slab corruption|Objects remaining in/,
  /refcount_t: /,
  /unreferenced object 0x|new suspected memory leaks/,
  /non-static key|turning off the locking correctness validator|\bODEBUG: /,
];

const complains = (line: string) => COMPLAINTS.some((pattern) => pattern.test(line));

/** The line that a warning begins with. */
const CUT_HERE = /-\[ cut here \]-/;

/** A complaint is quoted from its beginning, which says what is wrong. */
const QUOTED = { beginning: 8000, end: 2000 };

/**
 * The first complaint of a log, with what follows it; if that is long without its middle.
 * @param log what dmesg prints, or a console
 * @returns undefined if there is none.
 */
export function firstComplaint(log: string): string | undefined {
  const lines = log.split('\n');
  const at = lines.findIndex(complains);
  if (at < 0) return undefined;
  const from = at > 0 && CUT_HERE.test(lines[at - 1] ?? '') ? at - 1 : at;
  return quoted(lines.slice(from).join('\n'), QUOTED);
}

/**
 * The lines of a kernel's log that tell of an error in the kernel.
 * @param log what dmesg prints
 */
export function complaints(log: string): string[] {
  return log.split('\n').filter(complains);
}
