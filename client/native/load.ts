/** Finding and loading the launcher's addon, when it is first used. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { SwarmError } from '../error.js';

/** A file of the addon, however it got there. */
const NAME = 'swarm_launcher.node';

/** The path of the addon that node-gyp builds, beside its sources. */
const BUILT = join('launcher/build/Release', NAME);

/** The advice if there is none. */
const BUILD =
  "it needs a compiler and Node's headers: apt-get install g++ make python3 libnode-dev (the headers come with " +
  'Node itself unless it is a package of Debian), then npm rebuild swarm-guard, which says what is missing';

/** The functions of the addon; see addon.cc and launches.cc. */
export interface Addon {
  launch(handle: number, spec: unknown): Promise<unknown>;
  cancel(handle: number): void;
  Watch: new (fd: number, ready: () => void) => { stop(): void; hold(keeps: boolean): void };
  wait(pidfd: number): unknown;
  duplicate(fd: number): unknown;
  openProcess(pid: number): unknown;
  signal(pidfd: number, signal: number): void;
  openTerminal(rows: number, columns: number): unknown;
  resize(fd: number, rows: number, columns: number): void;
  terminalSize(fd: number): unknown;
  rawMode(fd: number): Buffer;
  restoreMode(fd: number, mode: Buffer): void;
  openPipe(): unknown;
  seekToEnd(fd: number): void;
}

/**
 * The paths at which the addon is searched: SWARM_GUARD_ADDON, beside a bundle, beside its sources here, or, from
 * dist, beside those of the package.
 */
function places(): string[] {
  const named = process.env['SWARM_GUARD_ADDON'];
  if (named !== undefined && named !== '') return [named];
  const here = import.meta.dirname;
  return [join(here, NAME), join(here, BUILT), join(here, '../../native', BUILT)];
}

let loaded: Addon | undefined;

/**
 * The addon, loaded once.
 * @throws {SwarmError} ENOENT if it has not been built, ENOEXEC if not for this Node, with what to do.
 */
export function addon(): Addon {
  if (loaded) return loaded;
  const path = places().find((each) => existsSync(each));
  try {
    if (path === undefined) throw new Error(`${NAME} is in none of ${places().join(', ')}`);
    return (loaded = createRequire(import.meta.url)(path) as Addon);
  } catch (cause) {
    throw new SwarmError(
      path === undefined ? 'ENOENT' : 'ENOEXEC',
      `the launcher of swarm-guard is not built for Node ${process.version}`,
      { cause, hint: BUILD },
    );
  }
}
