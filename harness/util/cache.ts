/** A content-addressed cache outside the repository. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { lock } from 'proper-lockfile';
import { harness } from './config.js';
import { run } from './run.js';

/** The directory of everything that is downloaded or built: as the run says, or in the user's cache directory. */
export function cacheDir(): string {
  return run().cache ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), harness().name);
}

/** A short hash of strings; equal strings have equal hashes. */
export function hashOf(...parts: string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 16);
}

/** This process's pid namespace: numbers of processes mean nothing outside their own. */
const pidNamespace = /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';

/**
 * The start time of a process, in ticks since the boot, as in /proc/PID/stat; undefined if there is no such process.
 */
function startTime(pid: string): string | undefined {
  try {
    // The second field is the program's name in parentheses, which may hold both.
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')[19];
  } catch {
    return undefined;
  }
}

/** After this long nobody builds any more, in ms: for what belongs to processes that cannot be seen from here. */
const ABANDONED = 24 * 3_600_000;

/** Says whether the process that a {@link temporaryName} names has died, as far as that can be known from here. */
async function isAbandoned(path: string, owner: RegExpExecArray): Promise<boolean> {
  const [, namespace, pid = '', started] = owner;
  if (namespace === pidNamespace) return startTime(pid) !== started;
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }));
  return Date.now() - mtimeMs > ABANDONED;
}

/** Unmounts what is mounted below a directory, the last mounted first: to remove it would reach into other file systems. */
async function unmountBelow(path: string): Promise<void> {
  const points = (await readFile('/proc/self/mounts', 'utf8'))
    .split('\n')
    .map((line) => (line.split(' ')[1] ?? '').replaceAll('\\040', ' '))
    .filter((point) => point.startsWith(`${path}/`));
  for (const point of points.reverse()) await execa('umount', [point]);
}

/** Removes what builds and guests of processes that have died left behind. */
export async function sweep(dir: string): Promise<void> {
  for (const name of existsSync(dir) ? await readdir(dir) : []) {
    const path = join(dir, name);
    const owner = /^part-(\d+)-(\d+)-(\d+)-/.exec(name);
    if (!owner || !(await isAbandoned(path, owner))) continue;
    await unmountBelow(path);
    await rm(path, { recursive: true, force: true });
  }
}

/** A name that tells which process it belongs to, for {@link sweep}: by pid namespace, number and time of start. */
export function temporaryName(): string {
  const started = startTime('self') ?? '0';
  return `part-${pidNamespace}-${process.pid}-${started}-${randomBytes(4).toString('hex')}`;
}

export interface CacheEntry {
  /** The kind of thing that is cached: the name of a subdirectory. */
  kind: string;
  /** A readable beginning of the entry's name. */
  label: string;
  /** Everything that the entry depends on. */
  key: string[];
  /** Fills a new directory. */
  build: (dir: string) => Promise<void>;
  /** The number of entries of this kind and label to keep, beside those that may be in use; all by default. */
  keep?: number;
}

/** A lock whose holder has not touched it for so long is nobody's, in ms. */
const STALE = 60_000;
/** The time for which an entry may be in use after it was asked for, by another run for instance, in ms. */
const IN_USE = 2 * 3_600_000;
/** The time between two looks of those who wait for their turn, in ms. */
const LOOK = 1000;

/**
 * Does what must not be done twice at once, on this machine and by whoever else uses the cache.
 * @param path what it is about; it need not exist
 */
async function alone<T>(path: string, work: () => Promise<T>): Promise<T> {
  const release = await lock(path, {
    realpath: false,
    stale: STALE,
    retries: { forever: true, factor: 1, minTimeout: LOOK, maxTimeout: LOOK },
    // A process that was stopped for long has lost it. That costs work, no more: entries appear whole.
    onCompromised: () => undefined,
  });
  try {
    return await work();
  } finally {
    await release().catch(() => undefined);
  }
}

/**
 * The directory of a cache entry, built if it is not there. It appears under its name only when
 * complete, so a crash leaves nothing half made; who wants it while another builds it waits.
 */
export async function cached({ kind, label, key, build, keep }: CacheEntry): Promise<string> {
  const parent = join(cacheDir(), kind);
  const path = join(parent, `${label}-${hashOf(...key)}`);
  if (!existsSync(path)) {
    await mkdir(parent, { recursive: true });
    await alone(path, async () => {
      if (!existsSync(path)) await fill(parent, path, build);
    });
    if (keep !== undefined) await prune(parent, label, keep);
  }
  const now = new Date();
  await utimes(path, now, now);
  return path;
}

/** Builds an entry under a temporary name, and gives it its own once it is complete. */
async function fill(parent: string, path: string, build: CacheEntry['build']): Promise<void> {
  await sweep(parent);
  const temporary = join(parent, temporaryName());
  try {
    await mkdir(temporary);
    await build(temporary);
    await rename(temporary, path).catch((error: unknown) => {
      if (!existsSync(path)) throw error;
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function prune(parent: string, label: string, keep: number): Promise<void> {
  const names = (await readdir(parent)).filter(
    (name) => name.startsWith(`${label}-`) && !name.endsWith('.lock'),
  );
  const ages = await Promise.all(
    names.map(async (name) => ({ name, used: (await stat(join(parent, name))).mtimeMs })),
  );
  ages.sort((a, b) => b.used - a.used);
  const unused = ages.slice(keep).filter(({ used }) => used < Date.now() - IN_USE);
  for (const { name } of unused) await rm(join(parent, name), { recursive: true, force: true });
}
