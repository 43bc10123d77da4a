/** The policy core that runs in the kernel (module/src), compiled to WebAssembly and called from TypeScript. */
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { OBJECT_MAX } from '../abi/limits.js';
import { SwarmError, systemError } from '../error.js';

/** The files of /proc/swarm that take orders. */
export type OrderFile = 'create' | 'spawn' | 'update' | 'attach' | 'destroy';

/** The reason why an object is refused: the fields of the line that the kernel answers. */
export interface Refusal {
  /** The errno's name: E2BIG for an object of over 4096 bytes, EINVAL for anything else. */
  readonly error: 'EINVAL' | 'E2BIG';
  /** The key at fault, empty if there is none. */
  readonly field: string;
  /** The byte at fault, in UTF-8: the first byte of the object is 0. */
  readonly offset: number;
  /** The problem, and the advice against it. */
  readonly message: string;
}

/** An object of a stream, what stands where none can be, or an object without its end; offsets are bytes of the stream. */
export type Frame =
  | { readonly kind: 'object'; readonly offset: number; readonly length: number }
  | { readonly kind: 'refused'; readonly offset: number; readonly refusal: Refusal }
  | { readonly kind: 'unended'; readonly offset: number };

/** The exports: functions of policy.h, whose pointers and sizes are numbers of 32 bits here. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** The first byte that the core does not use itself. */
  readonly __heap_base: { readonly value: number };
  swarm_frame_next(
    framer: number,
    text: number,
    length: number,
    start: number,
    taken: number,
    error: number,
  ): number;
  swarm_request_parse: ParseForCpus;
  swarm_update_parse: ParseForCpus;
  swarm_attach_parse(text: number, length: number, out: number, error: number): number;
  swarm_target_parse(text: number, length: number, out: number, error: number): number;
  swarm_id_parse(text: number, length: number, out: number, taken: number, error: number): number;
}

/** Tells the core by two of its exports; module/src/ffi.rs has all of them. */
const isCore = (exports: unknown): exports is Exports =>
  typeof exports === 'object' && exports !== null && 'memory' in exports && 'swarm_frame_next' in exports;

type ParseForCpus = (
  text: number,
  length: number,
  cpus: number,
  out: number,
  paths: number,
  pathsLength: number,
  error: number,
) => number;

/** The fields of struct swarm_policy_error. */
const ERROR = { errno: 0, offset: 4, field: 8, message: 40, size: 232 } as const;
const E2BIG = 7;

/** The fields of struct swarm_framer that are used. */
const FRAMER = { length: 0, lines: 7, size: 8 } as const;

/** Answers of swarm_frame_next(). */
const MORE = 0;
const OBJECT = 1;

/** Room for the text of an object, and one byte more: with it the core says that the object is too long. */
const TEXT_MAX = OBJECT_MAX + 1;

/** Room for what is parsed, which nothing here reads; struct swarm_update is the largest. */
const OUT_MAX = 1024;

/** The addresses of what the core is given and gives back. */
function layout(base: number) {
  let next = base;
  const room = (size: number) => {
    const address = (next + 15) & ~15;
    next = address + size;
    return address;
  };
  return {
    error: room(ERROR.size),
    framer: room(FRAMER.size),
    start: room(4),
    taken: room(4),
    out: room(OUT_MAX),
    paths: room(OBJECT_MAX),
    text: room(TEXT_MAX),
  };
}

/** The policy core. It keeps nothing from one call to the next. */
export class Policy {
  readonly #core: Exports;
  readonly #at: ReturnType<typeof layout>;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  /**
   * Compiles the core; about a millisecond.
   * @param wasm the contents of policy.wasm
   * @throws {WebAssembly.CompileError} if it is no WebAssembly, {TypeError} if it is another program.
   */
  constructor(wasm: Uint8Array<ArrayBuffer>) {
    const { exports }: { exports: unknown } = new WebAssembly.Instance(new WebAssembly.Module(wasm));
    if (!isCore(exports)) throw new TypeError('this WebAssembly is not the policy core');
    this.#core = exports;
    this.#at = layout(this.#core.__heap_base.value);
    // The core never grows its memory, so views of it stay good.
    this.#bytes = new Uint8Array(this.#core.memory.buffer);
    this.#view = new DataView(this.#core.memory.buffer);
  }

  /**
   * Parses and validates one object, from its opening to its closing brace; for destroy it may be a line.
   * @param cpus the CPUs online, which bound cpu_quota at 100 for each
   * @returns why it is refused; undefined if it is not.
   */
  parse(file: OrderFile, object: Uint8Array, cpus: number): Refusal | undefined {
    const piece = object.subarray(0, TEXT_MAX);
    this.#bytes.set(piece, this.#at.text);
    return this.#parse(file, piece, cpus) === 0 ? undefined : this.#refusal();
  }

  #parse(file: OrderFile, { length, 0: first }: Uint8Array, cpus: number): number {
    const { text, out, paths, taken, error } = this.#at;
    const core = this.#core;
    switch (file) {
      case 'create':
        return core.swarm_request_parse(text, length, cpus, out, paths, OBJECT_MAX, error);
      case 'update':
        return core.swarm_update_parse(text, length, cpus, out, paths, OBJECT_MAX, error);
      case 'attach':
        return core.swarm_attach_parse(text, length, out, error);
      case 'spawn':
        return core.swarm_target_parse(text, length, out, error);
      case 'destroy':
        return first === undefined || first === OPENING_BRACE
          ? core.swarm_target_parse(text, length, out, error)
          : core.swarm_id_parse(text, length, out, taken, error);
    }
  }

  /**
   * Cuts a stream into objects, as the kernel cuts what is written to a file.
   * @param lines a line may stand for an object, as in destroy
   */
  frames(stream: Uint8Array, lines = false): Frame[] {
    const { framer, error, start, taken, text } = this.#at;
    const found: Frame[] = [];
    let begin: number | undefined;
    this.#bytes.fill(0, framer, framer + FRAMER.size);
    this.#bytes[framer + FRAMER.lines] = lines ? 1 : 0;
    for (let at = 0; at < stream.length;) {
      const piece = stream.subarray(at, at + OBJECT_MAX);
      this.#bytes.set(piece, text);
      const frame = this.#core.swarm_frame_next(framer, text, piece.length, start, taken, error);
      const length = this.#number(framer + FRAMER.length);
      // An object that began in an earlier piece has its place already.
      if (frame !== MORE || length > 0) begin ??= at + this.#number(start);
      at += this.#number(taken);
      if (frame === MORE || begin === undefined) continue;
      found.push(
        frame === OBJECT
          ? { kind: 'object', offset: begin, length }
          : { kind: 'refused', offset: begin, refusal: this.#refusal() },
      );
      begin = undefined;
    }
    if (begin !== undefined) found.push({ kind: 'unended', offset: begin });
    return found;
  }

  #number(address: number): number {
    return this.#view.getUint32(address, true);
  }

  /** ASCII, ended by a NUL. */
  #text(address: number): string {
    const end = this.#bytes.indexOf(0, address);
    return String.fromCharCode(...this.#bytes.subarray(address, end));
  }

  #refusal(): Refusal {
    const { error } = this.#at;
    return {
      error: this.#number(error + ERROR.errno) === E2BIG ? 'E2BIG' : 'EINVAL',
      field: this.#text(error + ERROR.field),
      offset: this.#number(error + ERROR.offset),
      message: this.#text(error + ERROR.message),
    };
  }
}

const OPENING_BRACE = '{'.charCodeAt(0);

/** The places of policy.wasm: beside the compiled files, and from the sources where the package was made. */
const PLACES = ['policy.wasm', '../policy.wasm', '../dist/policy.wasm'].map((place) =>
  fileURLToPath(new URL(place, import.meta.url)),
);

let loaded: Policy | undefined;

function ownPath(): string {
  const path = PLACES.find((place) => existsSync(place));
  if (path === undefined)
    throw new SwarmError('ENOENT', `${PLACES[0] ?? ''} is missing`, { hint: 'install swarm-guard again' });
  return path;
}

/**
 * Loads the policy core, unless it is loaded.
 * @param path of policy.wasm; the package's own by default. With a path it is loaded in any case.
 * @throws {SwarmError} if there is no such file.
 */
export async function loadPolicy(path?: string): Promise<Policy> {
  if (path === undefined && loaded !== undefined) return loaded;
  const file = path ?? ownPath();
  const wasm = await readFile(file).catch((error: unknown) => {
    throw systemError(file, error, 'install swarm-guard again');
  });
  return (loaded = new Policy(wasm));
}

/**
 * The policy core, for those who do not wait: loaded from the package's file, unless {@link loadPolicy} was called.
 * @throws {SwarmError} if there is no such file.
 */
export function policy(): Policy {
  loaded ??= new Policy(readFileSync(ownPath()));
  return loaded;
}
