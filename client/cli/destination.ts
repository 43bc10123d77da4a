/** The file of --output: looked at before the work, and changed when there is something to write. */
import { access, chmod, chown, constants, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SwarmError, codeOf, systemError } from '../error.js';
import { print } from './output.js';

/** The file that a path leads to; undefined if there is none. */
async function found(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Puts another file in the place of a file, so that a reader finds the old text or the new one, and never a part. */
async function replace(path: string, text: string): Promise<void> {
  const before = await found(path);
  const target = before ? await realpath(path) : path;
  const beside = join(dirname(target), `.swarmctl-${process.pid}`);
  try {
    await writeFile(beside, text, { flag: 'wx' });
    if (before) {
      await chown(beside, before.uid, before.gid);
      await chmod(beside, before.mode & 0o777);
    }
    await rename(beside, target);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') await rm(beside, { force: true });
    throw error;
  }
}

/**
 * A place for a text that takes long to make.
 * @param path a file, which need not be there; or a device or a pipe
 * @returns a function that writes a text and a newline to it. If that fails, it prints the text to standard output, and
 * throws a SwarmError that says so.
 * @throws {SwarmError} if nothing can be written there.
 */
export async function destination(path: string): Promise<(text: string) => Promise<void>> {
  let isFile = true;
  try {
    const file = await found(path);
    if (file?.isDirectory() === true) throw new SwarmError('EISDIR', `--output ${path}: it is a directory`);
    isFile = file?.isFile() ?? true;
    if (file) await access(path, constants.W_OK);
    if (isFile) await access(dirname(file ? await realpath(path) : path), constants.W_OK | constants.X_OK);
  } catch (error) {
    throw systemError(`--output ${path}`, error);
  }
  return async (text) => {
    try {
      await (isFile ? replace(path, `${text}\n`) : writeFile(path, `${text}\n`));
    } catch (error) {
      print(text);
      const hint = 'what was to be written there is on standard output';
      throw systemError(`--output ${path}`, error, hint);
    }
  };
}
