/** The file of --output: looked at before the work, and changed when there is something to write. */
import type { Stats } from 'node:fs';
import { access, constants, lstat, open, realpath, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { codeOf, systemError } from '../error.js';
import { print } from './output.js';

/** Errors of taking the place of a file that is mounted, or whose directory is on several devices. */
const UNMOVABLE = ['EBUSY', 'EXDEV'];

const { O_DIRECTORY, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants;

/** A flag of open(2): the descriptor only serves to find files, and needs no permission to list them. */
const O_PATH = 0o10_000_000;

/** Writes a text to a place, once. */
type Writer = (text: string) => Promise<void>;

/** An error about a place, without its path. */
function trouble(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

const changed = () => trouble('EEXIST', 'what is there has changed meanwhile');

/** The outcome of a look; undefined if there is nothing. */
async function found<T>(look: Promise<T>): Promise<T | undefined> {
  try {
    return await look;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes to an open file, and closes it. */
async function written(file: FileHandle, text: string): Promise<void> {
  try {
    await file.writeFile(text);
  } finally {
    await file.close();
  }
}

/** Makes a file beside another one, with its owner and mode, and puts it in its place. */
async function supplant(target: string, text: string): Promise<void> {
  const before = await found(lstat(target));
  if (before && !before.isFile()) throw changed();
  const beside = join(dirname(target), `.swarmctl-${process.pid}`);
  const made = await open(beside, 'wx');
  try {
    // By the open file: its name may be another file's by now.
    if (before) {
      await made.chown(before.uid, before.gid);
      await made.chmod(before.mode & 0o777);
    }
    await written(made, text);
    await rename(beside, target);
  } catch (error) {
    await made.close().catch(() => undefined);
    await rm(beside, { force: true });
    if (!before || !UNMOVABLE.includes(codeOf(error) ?? '')) throw error;
    await written(await open(target, O_WRONLY | O_TRUNC | O_NOFOLLOW), text);
  }
}

/** Writes to a device or a pipe. */
async function pour(path: string, text: string): Promise<void> {
  const to = await open(path, O_WRONLY);
  if ((await to.stat()).isFile()) {
    await to.close();
    throw changed();
  }
  await written(to, text);
}

/** Writes to a file that has lost its name, such as one behind /dev/stdout. */
async function nameless(path: string): Promise<Writer> {
  const to = await open(path, O_WRONLY);
  return (text) => written(to, text);
}

/** Does something in a directory that stays the same one, whoever changes names: at the path of an open descriptor. */
async function inDirectory<T>(path: string, work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await open(path, O_PATH | O_DIRECTORY);
  try {
    return await work(`/proc/self/fd/${directory.fd}`);
  } finally {
    await directory.close();
  }
}

/** Is it the same file? */
const same = (one: Stats | undefined, other: Stats | undefined) =>
  one?.ino === other?.ino && one?.dev === other?.dev;

/**
 * A file that is to be replaced, so that a reader finds the old text or the new one, and never a part. A file that is a
 * mount of its own is written to instead.
 *
 * Others may change names meanwhile. So the kernel follows the links, which it refuses to do for root in a directory
 * like /tmp, and the directory must be the same one later. A link that is put there later is not followed.
 */
async function replaced(path: string, file: Stats | undefined): Promise<Writer> {
  const link = (await found(lstat(path)))?.isSymbolicLink() === true;
  if (link && !file) throw trouble('ENOENT', 'it is a link to nothing');
  const target = link ? await found(realpath(path)) : path;
  if (target === undefined) return nameless(path);
  const within = <T>(work: (directory: string) => Promise<T>) => inDirectory(dirname(target), work);
  const before = await within(async (directory) => {
    if (!same(file, await found(lstat(join(directory, basename(target)))))) throw changed();
    await access(directory, constants.W_OK | constants.X_OK);
    return stat(directory);
  });
  return (text) =>
    within(async (directory) => {
      if (!same(before, await stat(directory))) throw changed();
      await supplant(join(directory, basename(target)), text);
    });
}

/** Looks at a place. Return: what writes to it. */
async function looked(path: string): Promise<Writer> {
  const file = await found(stat(path));
  if (file?.isDirectory() === true) throw trouble('EISDIR', 'it is a directory');
  if (/(^|\/)\.{0,2}$/.test(path)) throw trouble('EINVAL', 'it names no file');
  if (file) await access(path, constants.W_OK);
  return file?.isFile() === false ? (text) => pour(path, text) : replaced(path, file);
}

/**
 * A place for a text that takes long to make.
 * @param path a file, which need not be there; or a device or a pipe
 * @returns a function that writes a text and a newline to it. If that fails, it prints the text to standard output, and
 * throws a SwarmError that says so.
 * @throws {SwarmError} if nothing can be written there.
 */
export async function destination(path: string): Promise<(text: string) => Promise<void>> {
  const write = await looked(path).catch((error: unknown) => {
    throw systemError(`--output ${path}`, error);
  });
  return async (text) => {
    try {
      await write(`${text}\n`);
    } catch (error) {
      print(text);
      const hint = 'what was to be written there is on standard output';
      throw systemError(`--output ${path}`, error, hint);
    }
  };
}
