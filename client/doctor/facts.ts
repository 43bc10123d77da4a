/** The doctor's view of a machine: its files. */
import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { codeOf } from '../error.js';

/**
 * Readers of the machine's files, for the checks. None of them throws: a file that is missing, or may not be read,
 * yields undefined.
 */
export interface Facts {
  /** The text of a file. */
  readonly read: (path: string) => string | undefined;
  /** The text of a file that gzip has compressed. */
  readonly unzipped: (path: string) => string | undefined;
  /** The bytes of a file. */
  readonly bytes: (path: string) => Buffer | undefined;
  /** The names in a directory. */
  readonly list: (path: string) => readonly string[] | undefined;
  /** The target of a symbolic link. */
  readonly link: (path: string) => string | undefined;
  /** Is there such a file? */
  readonly exists: (path: string) => boolean;
  /** The records of the kernel's log, oldest first: `6,339,5140900,-;text`. */
  readonly log: () => readonly string[] | undefined;
  /** The paths that this process was not allowed to read, since the last call. */
  readonly unseen: () => readonly string[];
}

/** A record of /dev/kmsg is at most this long (PRINTKRB_RECORD_MAX, CONSOLE_EXT_LOG_MAX: kernel/printk). */
const RECORD = 8192;

/** Reads what /dev/kmsg holds. Each read returns one record; EAGAIN says that there is no more now. */
function records(path: string): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (fstatSync(fd).isFile()) return readFileSync(fd, 'utf8');
    const buffer = Buffer.alloc(RECORD);
    let text = '';
    for (;;) {
      try {
        const length = readSync(fd, buffer);
        if (length === 0) return text;
        text += buffer.toString('utf8', 0, length);
      } catch (error) {
        // EPIPE: records were overwritten meanwhile, and the next read goes on behind them.
        if (codeOf(error) === 'EPIPE') continue;
        if (codeOf(error) === 'EAGAIN') return text;
        throw error;
      }
    }
  } finally {
    closeSync(fd);
  }
}

/**
 * The facts of a machine.
 * @param root the directory that its files are below: `/` for this machine
 */
export function factsOf(root = '/'): Facts {
  let refused: string[] = [];
  const seen = <T>(path: string, look: (path: string) => T): T | undefined => {
    try {
      return look(join(root, path));
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EACCES' || code === 'EPERM') refused.push(path);
      return undefined;
    }
  };
  return {
    read: (path) => seen(path, (real) => readFileSync(real, 'utf8')),
    unzipped: (path) => seen(path, (real) => gunzipSync(readFileSync(real)).toString()),
    bytes: (path) => seen(path, (real) => readFileSync(real)),
    list: (path) => seen(path, (real) => readdirSync(real)),
    link: (path) => seen(path, (real) => readlinkSync(real)),
    exists: (path) => existsSync(join(root, path)),
    log: () =>
      seen('/dev/kmsg', records)
        ?.split('\n')
        .filter((line) => /^\d/.test(line)),
    unseen: () => {
      const paths = [...new Set(refused)];
      refused = [];
      return paths;
    },
  };
}

/** The number in a file; undefined if there is none. */
export function numberIn(facts: Facts, path: string): number | undefined {
  const text = facts.read(path)?.trim() ?? '';
  return /^-?\d+$/.test(text) ? Number(text) : undefined;
}

/** The number in the file of a sysctl: `kernel.pid_max`. */
export function sysctl(facts: Facts, name: string): number | undefined {
  return numberIn(facts, `/proc/sys/${name.replaceAll('.', '/')}`);
}

/** The number on the line `key value` or `key: value` of a text. */
export function field(text: string | undefined, key: string): number | undefined {
  const line = text?.split('\n').find((each) => each.split(/[:\s]/, 1)[0] === key);
  const [, value] = /[:\s]\s*(\d+)/.exec(line ?? '') ?? [];
  return value === undefined ? undefined : Number(value);
}

/** The release of the running kernel: `7.3.4+deb13-cloud-amd64`. */
export function release(facts: Facts): string {
  return facts.read('/proc/sys/kernel/osrelease')?.trim() ?? 'unknown';
}

/** A parameter of the loaded module, or what it is by default. */
export function parameter(facts: Facts, name: string, byDefault: string): string {
  return facts.read(`/sys/module/swarm_guard/parameters/${name}`)?.trim() ?? byDefault;
}

/** Is the module loaded? Its files in /proc are there before its initialization is over. */
export function isLoaded(facts: Facts): boolean {
  const state = facts.read('/sys/module/swarm_guard/initstate')?.trim();
  return facts.exists('/proc/swarm/status') && (state === undefined || state === 'live');
}
