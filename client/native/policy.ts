/** The policy core that runs in the kernel, called from TypeScript. */
import { createRequire } from 'node:module';
import { z } from 'zod';

/** Actions of `syscalls`, by their numbers in the core. */
export const ACTIONS = ['allow', 'deny', 'kill', 'audit'] as const;
/** The values of `propagation`, by their numbers in the core. */
export const PROPAGATIONS = ['private', 'slave'] as const;
/** The rules of `syscalls`, in the core's order. */
export const SYSCALLS = ['fork', 'thread', 'execve', 'unshare', 'setns'] as const;

const refusal = z.strictObject({
  errno: z.number().int(),
  offset: z.number().int().nonnegative(),
  field: z.string(),
  message: z.string().min(1),
});
const request = z.strictObject({
  memory_limit: z.bigint(),
  cpu_quota: z.number(),
  pids_limit: z.number(),
  namespace_flags: z.number(),
  privileged: z.boolean(),
  persist: z.boolean(),
  propagation: z.number(),
  devpts: z.boolean(),
  spawn: z.boolean(),
  pid: z.number(),
  name: z.string(),
  syscalls: z.array(z.number()).length(SYSCALLS.length),
  exec_paths: z.array(z.instanceof(Buffer)),
  rules: z.instanceof(Buffer),
});
const frame = z.strictObject({ end: z.number(), error: refusal.optional() });

/** The core's reading of an object of create. */
export type Parsed =
  ({ kind: 'accepted' } & z.infer<typeof request>) | ({ kind: 'refused' } & z.infer<typeof refusal>);

/** The end of an object in a stream, or what is wrong there. */
export type Frame = z.infer<typeof frame>;

interface Addon {
  parse(bytes: Uint8Array, cpus: number): unknown;
  deviceAllowed(rules: Uint8Array, type: number, major: number, minor: number, access: number): unknown;
  frames(pieces: Uint8Array[]): unknown;
}

export class PolicyCore {
  readonly #addon: Addon;

  private constructor(addon: Addon) {
    this.#addon = addon;
  }

  /**
   * Loads the addon.
   * @param path from buildNative()
   * @throws if it is not built, or built for another Node, with what to do.
   */
  static load(path: string): PolicyCore {
    try {
      return new PolicyCore(createRequire(import.meta.url)(path) as Addon);
    } catch (cause) {
      throw new Error(
        `the policy core's addon cannot be loaded by Node ${process.version}; npm run native builds it`,
        { cause },
      );
    }
  }

  /** Parses one object of create, on a machine with so many processors. */
  parse(bytes: Uint8Array, cpus = 4): Parsed {
    const answer = this.#addon.parse(bytes, cpus);
    const bad = refusal.safeParse(answer);
    return bad.success ? { kind: 'refused', ...bad.data } : { kind: 'accepted', ...request.parse(answer) };
  }

  /** Do the rules that {@link PolicyCore.parse} returned allow all of an access? */
  deviceAllowed(rules: Uint8Array, type: number, major: number, minor: number, access: number): boolean {
    return z.boolean().parse(this.#addon.deviceAllowed(rules, type, major, minor, access));
  }

  /** Finds the objects of a stream that comes in pieces. */
  frames(...pieces: Uint8Array[]): Frame[] {
    return z.array(frame).parse(this.#addon.frames(pieces));
  }
}
