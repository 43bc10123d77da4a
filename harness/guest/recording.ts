/**
 * Recorded runs: everything that QEMU needs to run a guest once more exactly as it ran, in a directory
 * of its own that does not depend on what becomes of the rest of the cache.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { copyFile, link, mkdir, readFile, readdir, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { execa } from 'execa';
import { z } from 'zod';
import type { Root } from '../archive/tool-root.js';
import { cacheDir, sweep, temporaryName } from '../util/cache.js';
import { complaints } from './kernel-log.js';
import { qemuCommand } from './machine.js';
import type { Hardware, Tape } from './machine.js';
import { run } from '../util/run.js';

/** The number of recordings that are kept; older ones are removed. */
const KEPT = 20;

/** The files of its own that QEMU reads for a machine like ours. */
const FIRMWARE = [
  ...['usr/share/seabios/bios-256k.bin', 'usr/share/qemu/kvmvapic.bin'],
  ...['usr/share/qemu/linuxboot_dma.bin', 'usr/share/qemu/linuxboot.bin'],
];

const metaSchema = z.strictObject({
  /** The spec that failed. */
  spec: z.string(),
  release: z.string(),
  recordedAt: z.iso.datetime(),
  /** The line of the console that tells of the failure. */
  failure: z.string(),
  append: z.string(),
  memoryMb: z.number().int(),
  /** The files beside this one, with their SHA-256. */
  files: z.record(z.string(), z.string()),
});

/** The description of a recording: the spec that failed, its kernel and guest, and hashes of the files. */
export type Meta = z.infer<typeof metaSchema>;

/** An error that says why a recording cannot be replayed. */
export class RecordingError extends Error {
  override readonly name = 'RecordingError';
}

/** The directory of recordings, a directory each: as the run says, or in the cache. */
function recordingsDir(): string {
  return run().recordings ?? join(cacheDir(), 'recordings');
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Links a file under another name, or copies it if that is on another file system. */
async function keepFile(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  const file = await realpath(from);
  await link(file, to).catch(() => copyFile(file, to));
}

/** QEMU with its libraries and firmware, laid out as in the root that it comes from. */
async function keepQemu(tools: Root, to: string): Promise<void> {
  const [, , , loader = '', ...rest] = qemuCommand(tools, 'amd64').command;
  const program = rest.find((word) => basename(word).startsWith('qemu-system-')) ?? '';
  const { stdout } = await execa(loader, [...rest.slice(0, 2), '--list', program]);
  const libraries = [...stdout.matchAll(/=> (\S+) \(/g)].map(([, path]) => path ?? '');
  const firmware = FIRMWARE.map((path) => join(tools.path, path));
  for (const path of [loader, program, ...libraries, ...firmware]) {
    const place = join(to, relative(tools.path, path));
    if (!existsSync(place)) await keepFile(path, place);
  }
}

async function filesBelow(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .sort();
}

/** The hardware that a recording's directory describes. */
const hardwareIn = (dir: string, meta: Pick<Meta, 'append' | 'memoryMb'>): Hardware => ({
  arch: 'amd64',
  image: join(dir, 'kernel'),
  initrd: join(dir, 'initrd'),
  append: meta.append,
  memoryMb: meta.memoryMb,
  cpus: 1,
  mode: 'recorded',
});

const toolsIn = (dir: string): Root => ({ path: join(dir, 'qemu'), id: dir });
const logIn = (dir: string) => join(dir, 'log');

/** A run that is being recorded; it is gone with its guest unless it is kept. */
export class Recording {
  readonly #dir: string;
  readonly #release: string;
  readonly hardware: Hardware;

  private constructor(dir: string, release: string, hardware: Hardware) {
    this.#dir = dir;
    this.#release = release;
    this.hardware = hardware;
  }

  /** Puts down what the machine is made of, before it starts: it runs from there. */
  static async begin(tools: Root, hardware: Hardware, release: string): Promise<Recording> {
    const parent = recordingsDir();
    await mkdir(parent, { recursive: true });
    await sweep(parent);
    const dir = join(parent, temporaryName());
    await keepFile(hardware.image, join(dir, 'kernel'));
    await keepFile(hardware.initrd, join(dir, 'initrd'));
    await keepQemu(tools, join(dir, 'qemu'));
    return new Recording(dir, release, hardwareIn(dir, hardware));
  }

  get tools(): Root {
    return toolsIn(this.#dir);
  }

  get tape(): Tape {
    return { mode: 'record', log: logIn(this.#dir) };
  }

  /**
   * Keeps it, once QEMU has ended.
   * @param spec what failed
   * @param console all that the guest printed
   * @returns the name to replay it by.
   */
  async keep(spec: string, console: string): Promise<string> {
    const dir = this.#dir;
    await writeFile(join(dir, 'console'), console);
    const { append, memoryMb } = this.hardware;
    const hashes = (await filesBelow(dir)).map(
      async (file) => [file, await sha256(join(dir, file))] as const,
    );
    const meta: Meta = {
      ...{ spec, release: this.#release, recordedAt: new Date().toISOString(), append, memoryMb },
      failure: complaints(console)[0] ?? console.trimEnd().split('\n').at(-1) ?? '',
      files: Object.fromEntries(await Promise.all(hashes)),
    };
    await writeFile(join(dir, 'meta.json'), `${JSON.stringify(meta, null, 2)}\n`);
    const time = meta.recordedAt.replaceAll(/[-:]|\..*/g, '');
    const id = `${time}-${randomBytes(2).toString('hex')}`;
    await rename(dir, join(recordingsDir(), id));
    for (const old of (await recordings()).slice(KEPT))
      await rm(join(recordingsDir(), old), { recursive: true, force: true });
    return id;
  }

  /** Removes it, if it was not kept. */
  async discard(): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true });
  }
}

/** The names of the recordings there are, the newest first. */
export async function recordings(): Promise<string[]> {
  const names = existsSync(recordingsDir()) ? await readdir(recordingsDir()) : [];
  return names.filter((name) => /^\d{8}T\d{6}-[0-9a-f]{4}$/.test(name)).sort((a, b) => (a < b ? 1 : -1));
}

/** A recording that is whole. */
export interface Kept {
  /** Its directory. */
  readonly dir: string;
  /** Its description. */
  readonly meta: Meta;
  /** The root with the QEMU that recorded it. */
  readonly tools: Root;
  /** The hardware of the recorded guest. */
  readonly hardware: Hardware;
  /** The path of the log that QEMU replays. */
  readonly log: string;
  /** The guest's console when it was recorded. */
  readonly console: string;
}

/** The description of a recording; its files are not checked. */
export async function readMeta(id: string): Promise<Meta> {
  const names = await recordings();
  if (!names.includes(id))
    throw new RecordingError(`there is no recording ${id}; there are ${names.join(', ') || 'none'}`);
  const text = await readFile(join(recordingsDir(), id, 'meta.json'), 'utf8').catch(() => '');
  try {
    return metaSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new RecordingError(`the recording ${id} has no meta.json that can be read`, { cause: error });
  }
}

/**
 * Opens a recording.
 * @throws {RecordingError} if there is none, or if any of its files is not what was recorded.
 */
export async function openRecording(id: string): Promise<Kept> {
  const meta = await readMeta(id);
  const dir = join(recordingsDir(), id);
  for (const [file, hash] of Object.entries(meta.files)) {
    if ((await sha256(join(dir, file)).catch(() => '')) !== hash)
      throw new RecordingError(`${file} of the recording ${id} is not what was recorded`);
  }
  const console = await readFile(join(dir, 'console'), 'utf8');
  return { dir, meta, console, tools: toolsIn(dir), hardware: hardwareIn(dir, meta), log: logIn(dir) };
}
