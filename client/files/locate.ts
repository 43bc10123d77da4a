/** Looking up on this machine what the options of a command name. */
import { constants, statSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { SwarmError } from '../error.js';

/** The files and processes to look up on the machine of the agents. */
export interface Wanted {
  /** Device files. */
  readonly devices?: readonly string[];
  /** Paths, which may be relative to the working directory of whoever serves there: at home, by SSH. */
  readonly paths?: readonly string[];
  /** Names of programs, of which one is needed. */
  readonly programs?: readonly string[];
  /** Processes of that machine, which may have another root than whoever serves there. */
  readonly processes?: readonly number[];
}

/** The results, in the order of the questions. */
export interface Located {
  /** The devices as rules name them: `c 10:229`. */
  readonly devices: readonly string[];
  /** Absolute paths. */
  readonly paths: readonly string[];
  /** The path of the first of the programs that PATH has; undefined if it has none. */
  readonly program?: string | undefined;
  /**
   * For each of the processes, true if it has a root of its own and false if it has not; null for one that is gone, or
   * that the process which serves there may not look at. Undefined if the machine has an earlier version of this package.
   */
  readonly rooted?: readonly (boolean | null)[] | undefined;
}

function numbers(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw new SwarmError('ENOENT', `there is no ${path} where the agent is`, { field: 'devices' });
  if (!stat.isCharacterDevice() && !stat.isBlockDevice())
    throw new SwarmError('EINVAL', `${path} is no device where the agent is`, { field: 'devices' });
  // As makedev(3) has them: https://man7.org/linux/man-pages/man3/makedev.3.html
  const major = ((stat.rdev >>> 8) & 0xfff) | 0;
  const minor = (stat.rdev & 0xff) | ((stat.rdev >>> 12) & 0xfff00);
  return `${stat.isBlockDevice() ? 'b' : 'c'} ${major}:${minor}`;
}

async function search(names: readonly string[]): Promise<string | undefined> {
  const places = (process.env['PATH'] ?? '/usr/bin').split(delimiter);
  for (const path of names.flatMap((name) => places.map((place) => join(place, name)))) {
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}

function isRooted(pid: number): boolean | null {
  try {
    const [its, ours] = [statSync(`/proc/${pid}/root/`), statSync('/')];
    return its.dev !== ours.dev || its.ino !== ours.ino;
  } catch {
    return null;
  }
}

/**
 * Looks things up on this machine.
 * @throws {SwarmError} ENOENT if there is no such device file, EINVAL if it is none.
 */
export async function locate(wanted: Wanted): Promise<Located> {
  const { devices = [], paths = [], programs = [], processes = [] } = wanted;
  const program = await search(programs);
  return {
    devices: devices.map(numbers),
    paths: paths.map((path) => resolve(path)),
    ...(program === undefined ? {} : { program }),
    rooted: processes.map(isRooted),
  };
}
