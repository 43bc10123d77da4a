/** Requests, checked as the kernel will check them, before they are written or without any kernel. */
import { cpus as listCpus } from 'node:os';
import { policy } from './core.js';
import type { Frame, OrderFile, Policy, Refusal } from './core.js';

export type { OrderFile, Refusal } from './core.js';

/** The machine that requests are for. */
export interface CheckOptions {
  /** The CPUs online on the machine that the request is for; by default those of this machine. */
  readonly cpus?: number;
}

/** One object of a text, checked. */
export interface Checked {
  /** The first byte of the object, counted from the beginning of the text in UTF-8. */
  readonly offset: number;
  /** The kernel's refusal of the object, or undefined; its offset counts from the object's first byte. */
  readonly refusal: Refusal | undefined;
}

const UNENDED_LINE = 'a line ends with a newline; without it the kernel waits for the rest';
const ONE_OBJECT = 'nothing may follow the object';

let online: number | undefined;

function counted(): number {
  return Math.max(listCpus().length, 1);
}

/** CPUs of this machine, counted once; see {@link parsed}. */
function ownCpus(): number {
  online ??= counted();
  return online;
}

function bytesOf(text: string | Uint8Array): Uint8Array {
  return typeof text === 'string' ? new TextEncoder().encode(text) : text;
}

function invalid(offset: number, message: string): Refusal {
  return { error: 'EINVAL', field: '', offset, message };
}

/**
 * Parses an object. A CPU may have come since this machine's were counted, so they are counted again before a
 * cpu_quota is refused for them.
 * @param cpus of the machine that the object is for; undefined for this one
 */
function parsed(
  core: Policy,
  file: OrderFile,
  object: Uint8Array,
  cpus: number | undefined,
): Refusal | undefined {
  const before = cpus ?? ownCpus();
  const refusal = core.parse(file, object, before);
  if (cpus !== undefined || refusal?.field !== 'cpu_quota') return refusal;
  online = counted();
  return online > before ? core.parse(file, object, online) : refusal;
}

/** Checks what the framer has found. The kernel waits for the end of an object that has none; here it is refused. */
function checkFrame(core: Policy, file: OrderFile, text: Uint8Array, frame: Frame, cpus: number | undefined) {
  if (frame.kind === 'refused') return frame.refusal;
  if (frame.kind === 'object')
    return parsed(core, file, text.subarray(frame.offset, frame.offset + frame.length), cpus);
  const rest = text.subarray(frame.offset);
  const isLine = file === 'destroy' && rest[0] !== '{'.charCodeAt(0);
  return isLine ? invalid(rest.length, UNENDED_LINE) : parsed(core, file, rest, cpus);
}

/**
 * Checks a text of any number of objects, one behind the other, as the kernel takes them from one write.
 *
 * What only the kernel knows is not checked: whether files of `exec_paths`, agents and processes exist, and what
 * the kernel supports.
 * @param file the file of /proc/swarm that the text is for
 * @returns one result for each answer of the kernel, in order, and one for an object at the end that has no end.
 * @throws if policy.wasm is missing from the package.
 */
export function checkRequests(
  file: OrderFile,
  text: string | Uint8Array,
  { cpus }: CheckOptions = {},
): Checked[] {
  const core = policy();
  const bytes = bytesOf(text);
  return core.frames(bytes, file === 'destroy').map((frame) => ({
    offset: frame.offset,
    refusal: checkFrame(core, file, bytes, frame, cpus),
  }));
}

/**
 * Checks a text that is to be one object, which may have white space around it.
 * @param file the file of /proc/swarm that the text is for
 * @returns why it is refused, in the words of the kernel; undefined if it is not. See {@link checkRequests}.
 * @throws if policy.wasm is missing from the package.
 */
export function checkRequest(
  file: OrderFile,
  text: string | Uint8Array,
  options: CheckOptions = {},
): Refusal | undefined {
  const [first, second] = checkRequests(file, text, options);
  if (first === undefined) return policy().parse(file, new Uint8Array(), options.cpus ?? ownCpus());
  if (first.refusal !== undefined || second === undefined) return first.refusal;
  return invalid(second.offset - first.offset, ONE_OBJECT);
}

/**
 * The place of a byte, for messages.
 * @param offset bytes from the beginning of the text, in UTF-8
 * @returns line and column, both from 1; columns count characters.
 */
export function position(text: string | Uint8Array, offset: number): { line: number; column: number } {
  const before = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytesOf(text).subarray(0, offset));
  const lines = before.split('\n');
  return { line: lines.length, column: Array.from(lines.at(-1) ?? '').length + 1 };
}
