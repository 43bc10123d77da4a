/** A root directory of an agent's own. */
import { z } from 'zod';

const path = z.string().regex(/^\/[^\0]*$/, 'an absolute path');

/** What {@link RootSpec} is checked by. */
export const rootSpec = z.strictObject({
  directory: path,
  idmap: z.boolean().optional(),
  readOnly: z.boolean().optional(),
  overlay: z.union([z.literal('tmpfs'), z.strictObject({ upper: path, work: path })]).optional(),
  binds: z
    .array(
      z.strictObject({
        source: path,
        target: path,
        readOnly: z.boolean().optional(),
        recursive: z.boolean().optional(),
      }),
    )
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

/** A root directory of an agent's own, and what is mounted there. */
export interface RootSpec {
  /** The directory that becomes /. */
  readonly directory: string;
  /**
   * Its files belong to the agent: what is root's on disk is that of the agent's root. True by default; an agent
   * without ids of its own has no need of it.
   */
  readonly idmap?: boolean;
  /** Nothing in the directory can be changed. */
  readonly readOnly?: boolean;
  /** Changes go to a tmpfs, which is gone with the agent, or to a directory. */
  readonly overlay?: 'tmpfs' | { readonly upper: string; readonly work: string };
  /** Files and directories of the host that are seen at other places. */
  readonly binds?: readonly {
    readonly source: string;
    readonly target: string;
    readonly readOnly?: boolean;
    /** What is mounted below the source too. */
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
