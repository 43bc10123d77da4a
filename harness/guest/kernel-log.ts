/** Reading a kernel's log for complaints. */

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

/**
 * The lines of a kernel's log that tell of an error in the kernel.
 * @param log what dmesg prints
 */
export function complaints(log: string): string[] {
  return log.split('\n').filter((line) => COMPLAINTS.some((pattern) => pattern.test(line)));
}
