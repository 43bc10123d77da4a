/**
 * Translation of a file's path inside an agent's root to its path on the machine, where `exec_paths` are looked up.
 */
import { lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { RootSpec } from '../native/root.js';

/** The path by which a policy names a file, or why none can be told. */
export type Found = { readonly path: string } | { readonly why: string };

/** Looks for a file by the path that an agent has given. */
export type Place = (file: string) => Found;

const LIST_IT = 'list the file, or its directory and /, by --exec-path';

/** Paths that lead each process to something else. */
const OWN = /^\/(?:proc|dev\/(?:fd|stdin|stdout|stderr))(?:\/|$)/;

/** As the kernel follows links at most: MAXSYMLINKS of include/linux/namei.h. */
const LINKS_MAX = 40;

/** For an agent that sees the files of the machine. */
export const HERE: Place = (file) => {
  const path = posix.normalize(file);
  if (OWN.test(path)) return { why: `the path leads each process to another file: ${LIST_IT}` };
  // Behind a link, .. leads elsewhere than the path seems to say.
  if (file.split('/').includes('..')) return { why: `the path goes back by ..: ${LIST_IT}` };
  return { path };
};

/** For an agent with a root of its own that is not known. */
export const ELSEWHERE: Place = () => ({
  why: 'the agent has a root of its own, and exec_paths are paths of the machine: name the file there by --exec-path',
});

/** The mounts in a root, the topmost last: target and source of each; no source if its files are in memory. */
function mountsOf({ directory, dev = true, tmpfs = [], binds = [] }: RootSpec) {
  return [
    { target: '/', source: directory },
    ...[...(dev ? ['/dev'] : []), ...tmpfs.map(({ target }) => target)].map((target) => ({
      target,
      source: undefined,
    })),
    ...binds.map(({ source, target }) => ({ target, source })),
  ];
}

/** For an agent with a root of its own, on this machine. Links are followed as they are in that root. */
export function placeIn(root: RootSpec): Place {
  if (root.overlay !== undefined)
    return () => ({ why: 'its root is an overlay, and exec_paths cannot name the files of one' });
  const mounts: ReturnType<typeof mountsOf> = [];
  const outside = (inside: string): string | undefined => {
    const mount = mounts.findLast(({ target }) => {
      const below = posix.relative(target, inside);
      return below !== '..' && !below.startsWith('../');
    });
    if (mount?.source === undefined) return undefined;
    return join(realpathSync(mount.source), posix.relative(mount.target, inside));
  };
  // A target may be behind links of what is mounted before it.
  for (const { target, source } of mountsOf(root))
    mounts.push({ target: followed(target, outside, () => true) ?? target, source });
  const made = (inside: string) => mounts.some(({ target }) => `${target}/`.startsWith(`${inside}/`));
  return (file) => {
    try {
      const inside = followed(file, outside, made);
      const path = inside === undefined ? undefined : outside(inside);
      if (path !== undefined) return { path };
    } catch {
      // What is not there any more cannot be named either.
    }
    return { why: 'no file of this machine is at this path of its root' };
  };
}

/**
 * The path in a root that a path leads to, without links.
 * @param outside where a path of the root is on this machine
 * @param made whether something is mounted at a path or below it, so that it is no link
 * @returns undefined if that is no file which stays the same for every process.
 */
function followed(
  file: string,
  outside: (inside: string) => string | undefined,
  made: (inside: string) => boolean,
): string | undefined {
  const names = file.split('/');
  let links = 0;
  let at = '/';
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    const next = posix.join(at, name);
    if (OWN.test(next) && !made(next)) return undefined;
    const path = outside(next);
    if (path === undefined && !made(next)) return undefined;
    const found = path === undefined ? undefined : lstatSync(path, { throwIfNoEntry: !made(next) });
    if (path === undefined || found?.isSymbolicLink() !== true) {
      at = next;
      continue;
    }
    links += 1;
    if (links > LINKS_MAX) return undefined;
    const target = readlinkSync(path);
    if (target.startsWith('/')) at = '/';
    names.unshift(...target.split('/'));
  }
  return at;
}
