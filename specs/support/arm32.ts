/**
 * A 32-bit program for arm, put together here: no compiler for it is needed. It enters system calls one after another,
 * each with six arguments that are 0, and writes a character for each: a space with the error number added.
 * Encodings: Arm Architecture Reference Manual, A32 instructions; numbers: arch/arm/tools/syscall.tbl of Linux.
 */

const BASE = 0x10000;
const HEADERS = 52 + 32;

/** MOV (immediate, A2): a 16-bit number into a register. */
const load = (register: number, value: number) =>
  (0xe3000000 | ((value >> 12) << 16) | (register << 12) | (value & 0xfff)) >>> 0;
/** MOVT (immediate): the upper 16 bits of a register. */
const loadUpper = (register: number, value: number) => (load(register, value) | 0x00400000) >>> 0;
/** SVC 0: enters the system call whose number is in r7. */
const ENTER = 0xef000000;
/** RSB r0, r0, #32: a space with the error number, which is negative in r0, added. */
const AS_CHARACTER = 0xe2600020;
/** STRB r0, [r8], #1: stores the character, and moves on. */
const STORE = 0xe4c80001;

const EXIT = 1;
const WRITE = 4;

/** The character that the program writes for ENOSYS. */
export const ARM32_ENOSYS = String.fromCharCode(32 + 38);

/** The program as an ELF file, which enters the calls of these numbers. */
export function arm32Program(numbers: readonly number[]): Buffer {
  const enter = (number: number) => [load(7, number), ENTER];
  const size = HEADERS + 4 * (2 + numbers.length * 10 + 12);
  const results = BASE + size;
  const address = (register: number) => [
    load(register, results & 0xffff),
    loadUpper(register, results >>> 16),
  ];
  const code = [
    ...address(8),
    ...numbers.flatMap((number) => [
      ...[0, 1, 2, 3, 4, 5].map((register) => load(register, 0)),
      ...enter(number),
      AS_CHARACTER,
      STORE,
    ]),
    ...[load(0, 1), ...address(1), load(2, numbers.length), ...enter(WRITE)],
    ...[load(0, 0), ...enter(EXIT)],
  ];
  const file = Buffer.alloc(size);
  // ELF header: 32 bits, little-endian, executable, EM_ARM, EABI 5; one program header behind it.
  file.write('\x7fELF\x01\x01\x01', 'latin1');
  [2, 40].forEach((half, index) => file.writeUInt16LE(half, 16 + 2 * index));
  [1, BASE + HEADERS, 52, 0, 0x05000200].forEach((word, index) => file.writeUInt32LE(word, 20 + 4 * index));
  [52, 32, 1, 40].forEach((half, index) => file.writeUInt16LE(half, 40 + 2 * index));
  // PT_LOAD: the whole file with room for the results, readable, writable and executable.
  [1, 0, BASE, BASE, size, size + numbers.length, 7, 0x1000].forEach((word, index) =>
    file.writeUInt32LE(word, 52 + 4 * index),
  );
  code.forEach((word, index) => file.writeUInt32LE(word, HEADERS + 4 * index));
  return file;
}
