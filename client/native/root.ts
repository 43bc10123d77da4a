/** A root directory of an agent's own. */
import { posix } from 'node:path';
import * as z from 'zod';

const path = z.string().regex(/^\/[^\0]*$/, 'an absolute path');

/** A directory for what is changed, and one that the kernel needs beside it. */
const overlay = z
  .strictObject({ upper: path, work: path })
  .refine(
    ({ upper, work }) => posix.dirname(upper) === posix.dirname(work),
    'upper and work must be in one directory',
  )
  .refine(({ upper, work }) => upper !== work, 'upper and work must differ');

/** The schema of {@link RootSpec}. */
export const rootSpec = z.strictObject({
  directory: path,
  idmap: z.boolean().optional(),
  readOnly: z.boolean().optional(),
  overlay: z.union([z.literal('tmpfs'), overlay]).optional(),
  binds: z
    .array(
      z.strictObject({
        source: path,
        target: path,
        readOnly: z.boolean().optional(),
        recursive: z.boolean().optional(),
      }),
    )
    .max(128)
    .readonly()
    .optional(),
  tmpfs: z
    .array(
      z.strictObject({
        target: path,
        size: z.int().min(0).optional(),
        mode: z.int().min(0).max(0o7777).optional(),
      }),
    )
    .readonly()
    .optional(),
  masked: z.array(path).readonly().optional(),
  readOnlyPaths: z.array(path).readonly().optional(),
  dev: z.boolean().optional(),
});

/** The paths that container engines hide from their containers (moby's defaults). */
export const MASKED = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
] as const;

/** The paths that container engines make read-only in their containers (moby's defaults). */
export const READ_ONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'] as const;

/** The addon's numbers for where changes go; see launch.h. */
const OVERLAYS = { none: 0, tmpfs: 1, directory: 2 } as const;

/** A root as the addon takes it: with everything that was left out. */
export function rootOrder(root: z.infer<typeof rootSpec>): unknown {
  const { overlay, binds = [], tmpfs = [] } = root;
  const directories = typeof overlay === 'object' ? overlay : { upper: '', work: '' };
  return {
    directory: root.directory,
    idmap: root.idmap ?? true,
    readOnly: root.readOnly ?? false,
    dev: root.dev ?? true,
    overlay: overlay === undefined ? OVERLAYS.none : OVERLAYS[overlay === 'tmpfs' ? 'tmpfs' : 'directory'],
    changes: posix.dirname(directories.upper),
    upper: posix.basename(directories.upper),
    work: posix.basename(directories.work),
    binds: binds.map(({ source, target, readOnly = false, recursive = false }) => ({
      source,
      target,
      readOnly,
      recursive,
    })),
    tmpfs: tmpfs.map(({ target, size, mode = 0o1777 }) => ({
      target,
      size: size === undefined ? '' : String(size),
      mode: mode.toString(8),
    })),
    masked: root.masked ?? MASKED,
    readOnlyPaths: root.readOnlyPaths ?? READ_ONLY,
  };
}

/** A root directory of an agent's own, and what is mounted there. */
export interface RootSpec {
  /** The directory that becomes /. */
  readonly directory: string;
  /**
   * Its files belong to the agent: what is root's on disk is that of the agent's root. True by default; an agent
   * without ids of its own has no need of it. So the agent can make set-user-id files that belong to the host's
   * root: a directory above must be closed to other users of the host (mode 700), unless the root is read-only or
   * has an `overlay` in memory.
   */
  readonly idmap?: boolean;
  /** Nothing in the root can be changed, but for what is mounted there. Targets must exist, unless there is an overlay. */
  readonly readOnly?: boolean;
  /**
   * Changes go to a tmpfs, which is gone with the agent, or to the directory `upper`; `work` is an empty directory
   * beside it.
   */
  readonly overlay?: 'tmpfs' | { readonly upper: string; readonly work: string };
  /**
   * Files and directories of the host that are seen at other places. Their owners are not mapped: the agent may do
   * there what every user may.
   */
  readonly binds?: readonly {
    readonly source: string;
    readonly target: string;
    readonly readOnly?: boolean;
    /** True if the mounts below the source are mounted, too. */
    readonly recursive?: boolean;
  }[];
  /** Empty file systems in memory: bytes at most, and the mode of their root. */
  readonly tmpfs?: readonly { readonly target: string; readonly size?: number; readonly mode?: number }[];
  /** Paths that are made empty; by default those that container engines mask. */
  readonly masked?: readonly string[];
  /** Paths that cannot be written to; by default those of container engines. */
  readonly readOnlyPaths?: readonly string[];
  /** A small /dev: null, zero, full, random, urandom, tty, pts, shm and links. True by default. */
  readonly dev?: boolean;
}
