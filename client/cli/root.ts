/** The options of swarmctl that give an agent a root file system of its own. */
import { InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { SwarmError } from '../error.js';
import type { RootSpec } from '../native/launcher.js';
import { size } from './values.js';

type Bind = NonNullable<RootSpec['binds']>[number];
type Tmpfs = NonNullable<RootSpec['tmpfs']>[number];

/** The parsed options that a root is made of. */
export interface RootOptions {
  readonly rootfs?: string | undefined;
  readonly readOnly?: true | undefined;
  readonly overlay?: true | undefined;
  readonly bind?: readonly Bind[] | undefined;
  readonly tmpfs?: readonly Tmpfs[] | undefined;
}

/** SOURCE[:TARGET][:ro], as docker's -v. */
function bind(value: string, before: readonly Bind[] | undefined): readonly Bind[] {
  const parts = value.split(':');
  const last = parts.at(-1);
  const readOnly = last === 'ro';
  if (last === 'ro' || last === 'rw') parts.pop();
  const [source = '', target = source, ...rest] = parts;
  // A source is a path of the machine where agents run; located.ts makes it absolute there.
  if (source === '' || !target.startsWith('/') || rest.length > 0)
    throw new InvalidArgumentError('A bind is SOURCE:TARGET or SOURCE:TARGET:ro, and TARGET begins with /.');
  return [...(before ?? []), { source, target, readOnly, recursive: true }];
}

/** TARGET[:size=64m,mode=1777], as docker's --tmpfs. */
function tmpfs(value: string, before: readonly Tmpfs[] | undefined): readonly Tmpfs[] {
  const [target = '', options, ...rest] = value.split(':');
  const given = options === undefined ? [] : options.split(',').map(tmpfsOption);
  const twice = new Set(given.map(([name]) => name)).size < given.length;
  if (!target.startsWith('/') || rest.length > 0 || twice) throw new InvalidArgumentError(TMPFS);
  return [...(before ?? []), { target, ...(Object.fromEntries(given) as Pick<Tmpfs, 'size' | 'mode'>) }];
}

const TMPFS = 'A tmpfs is TARGET or TARGET:size=64m,mode=1777.';

/** `size=64m` or `mode=1777`. */
function tmpfsOption(text: string): ['size' | 'mode', number] {
  const [, name, value = ''] = /^(size|mode)=(.+)$/.exec(text) ?? [];
  if (name === 'mode' && /^[0-7]{1,4}$/.test(value)) return [name, parseInt(value, 8)];
  if (name !== 'size') throw new InvalidArgumentError(TMPFS);
  return [name, size(value)];
}

/** The options. */
export const ROOT = {
  rootfs: new Option(
    '--rootfs <directory>',
    'a directory that becomes its root; its files belong to the agent',
  ),
  readOnly: new Option('--read-only', 'nothing in its root can be changed'),
  overlay: new Option('--overlay', 'what it changes in its root is kept in memory, and gone with it'),
  bind: new Option(
    '--bind <source:target[:ro]>',
    'a file or directory of this machine in its root',
  ).argParser(bind),
  tmpfs: new Option('--tmpfs <target[:size=64m]>', 'an empty file system in memory in its root').argParser(
    tmpfs,
  ),
} as const;

/**
 * The root that the options ask for, with absolute paths; undefined if it is the machine's.
 * @throws {SwarmError} if there are options for a root, and no root.
 */
export function rootOf({ rootfs, readOnly, overlay, bind, tmpfs }: RootOptions): RootSpec | undefined {
  if (rootfs === undefined) {
    const asked = [readOnly && 'read-only', overlay && 'overlay', bind && 'bind', tmpfs && 'tmpfs'].find(
      Boolean,
    );
    if (asked === undefined) return undefined;
    throw new SwarmError('EINVAL', `--${asked} needs --rootfs`, {
      hint: "without a root of its own an agent sees this machine's files, and cannot change what only root may",
    });
  }
  return {
    directory: rootfs,
    ...(readOnly === true ? { readOnly } : {}),
    ...(overlay === true ? { overlay: 'tmpfs' as const } : {}),
    ...(bind === undefined ? {} : { binds: bind }),
    ...(tmpfs === undefined ? {} : { tmpfs }),
  };
}
