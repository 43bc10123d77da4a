/** The system calls of a kernel, and those of them that module/compat/syscalls.reviewed answers for. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Kernel } from '../../harness/kernels/kernel.js';
import { repository } from '../../harness.config.js';

/** The file, in the repository. */
const REVIEWED = 'module/compat/syscalls.reviewed';

/** The review of a system call by somebody who has read its source. */
export interface Review {
  readonly name: string;
  /** The letters of the questions that are answered with yes, such as `PN`. */
  readonly reaches: string;
  /** The hooked functions that decide; none where none has to. */
  readonly hooks: readonly string[];
  /** The reason why that is enough; empty if the hooks say it all. */
  readonly because: string;
}

const LINE =
  /^(?<name>[a-z_]\w*) +(?<answers>[P-][N-][X-][D-][S-])(?: {2}(?<hooks>-|[\w ]+?))?(?: {2}# (?<because>.+))?$/;

function parseLine(line: string, number: number): Review {
  const { name, answers, hooks, because = '' } = LINE.exec(line)?.groups ?? {};
  const where = `${REVIEWED}:${number}`;
  if (name === undefined || answers === undefined)
    throw new Error(`${where}: expected a name, five answers, hooks and a reason: ${line}`);
  const reaches = answers.replaceAll('-', '');
  if ((reaches === '') !== (hooks === undefined))
    throw new Error(`${where}: ${name} needs hooks, or "-", where an answer is yes, and nowhere else`);
  if (hooks === '-' && because === '') throw new Error(`${where}: ${name} is decided by no hook; say why`);
  return { name, reaches, hooks: hooks === undefined || hooks === '-' ? [] : hooks.split(' '), because };
}

/**
 * Parses the file.
 * @returns a review for each system call that it lists
 * @throws {Error} with the line that is malformed, out of alphabetical order or there twice.
 */
export function parseReviewed(text: string): Review[] {
  const reviews: Review[] = [];
  for (const [index, line] of text.trimEnd().split('\n').entries()) {
    if (line.startsWith('#')) continue;
    const review = parseLine(line, index + 1);
    const before = reviews.at(-1)?.name ?? '';
    if (before >= review.name)
      throw new Error(`${REVIEWED}:${index + 1}: ${review.name} stands behind ${before}; sort the lines`);
    reviews.push(review);
  }
  return reviews;
}

/** The reviews of the repository. */
export async function readReviewed(): Promise<Review[]> {
  return parseReviewed(await readFile(join(repository, REVIEWED), 'utf8'));
}

/** The files in which the build of a kernel puts the headers made of its tables of system calls. */
const GENERATED = ['x86', 'arm64'].flatMap((arch) =>
  ['asm', 'uapi/asm'].map((dir) => `arch/${arch}/include/generated/${dir}`),
);

async function headersIn(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch(() => []);
  return names.filter((name) => /^unistd_\w+\.h$/.test(name)).map((name) => join(dir, name));
}

/**
 * The system calls of a kernel, for every entry that it is configured with: the names in the headers that its build
 * makes of its tables, without the prefixes of 32-bit entries, and of numbers that are no call.
 * @param tree its tree, built or prepared
 * @throws {Error} if the tree has no such headers.
 */
export async function systemCalls(tree: string): Promise<Set<string>> {
  const calls = new Set<string>();
  const files = await Promise.all(GENERATED.map((dir) => headersIn(join(tree, dir))));
  for (const file of files.flat()) {
    const text = await readFile(file, 'utf8');
    for (const [, name = ''] of text.matchAll(/^#define __NR_(?:x32_|ia32_|compat32_)?(\w+) /gm))
      if (!/^(x32_)?syscalls$/.test(name)) calls.add(name);
  }
  if (calls.size === 0) throw new Error(`${tree} has no headers that name its system calls`);
  return calls;
}

/** A number that a 32-bit program enters a call under. */
export interface Numbered {
  /** As `syscalls` names the call. */
  readonly name: string;
  readonly number: number;
}

/** Names in the tables of 32-bit programs for calls that 64-bit Linux knows by another name. */
const NAMES_32: Readonly<Record<string, string>> = {
  umount: 'umount2',
  stime: 'settimeofday',
  clock_settime64: 'clock_settime',
  clock_adjtime64: 'clock_adjtime',
};

/** The table of 32-bit programs, by the architecture of the kernel. */
const TABLES_32 = {
  amd64: 'arch/x86/include/generated/uapi/asm/unistd_32.h',
  arm64: 'arch/arm64/include/generated/asm/unistd_32.h',
};

/**
 * All numbers that 32-bit programs have for some calls, in their order.
 * @param kernel whose tree is built or prepared
 * @param names as `syscalls` names the calls
 */
export async function numbersOf32(kernel: Kernel, names: readonly string[]): Promise<Numbered[]> {
  const text = await readFile(join(treeOf(kernel), TABLES_32[kernel.arch]), 'utf8');
  const numbers = [...text.matchAll(/^#define __NR_(\w+) (\d+)$/gm)].map(([, name = '', number]) => ({
    name: NAMES_32[name] ?? name,
    number: Number(number),
  }));
  return numbers.filter(({ name }) => names.includes(name));
}

/** The tree of a kernel that modules are built against, on this machine. */
export function treeOf({ headers, kdir, name }: Kernel): string {
  const bind = headers.find(({ inside }) => `/${inside}` === kdir);
  if (!bind) throw new Error(`kernel ${name}: ${kdir} is in none of its headers`);
  return bind.host;
}

/**
 * Checks that somebody has read every system call of a kernel.
 * @param name the kernel's name, for the message
 * @param tree its tree
 * @throws {Error} that names the calls which nobody has read.
 */
export async function checkReviewed(name: string, tree: string, reviews: readonly Review[]): Promise<void> {
  const known = new Set(reviews.map((review) => review.name));
  const unknown = [...(await systemCalls(tree))].filter((call) => !known.has(call)).sort();
  if (unknown.length > 0)
    throw new Error(
      `kernel ${name} has system calls that nobody has read: ${unknown.join(', ')}\nAdd them to ${REVIEWED}; its head says how.`,
    );
}
