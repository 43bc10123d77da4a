/** The policy core that runs in the kernel, called from TypeScript. */
import { createRequire } from 'node:module';
import * as z from 'zod';
import { SYSCALLS, namesOf } from '../../abi/names.js';

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
  network: z.number(),
  proc: z.boolean(),
  devpts: z.boolean(),
  oom_group: z.boolean(),
  core: z.boolean(),
  capabilities: z.bigint(),
  no_new_privs: z.boolean(),
  hostname: z.string(),
  spawn: z.boolean(),
  pid: z.number(),
  pidfd: z.number(),
  after_exec: z.boolean(),
  name: z.string(),
  syscalls: z.array(z.number()).length(namesOf(SYSCALLS).length),
  calls: z.record(z.string(), z.number()),
  exec_paths: z.array(z.instanceof(Buffer)),
  rules: z.instanceof(Buffer),
});
const attach = z.strictObject({
  id: z.bigint(),
  pid: z.number(),
  pidfd: z.number(),
  after_exec: z.boolean(),
  enters: z.boolean(),
});
const update = z.strictObject({
  id: z.bigint(),
  keys: z.number(),
  frozen: z.boolean(),
  request,
  after: request,
});
const target = z.strictObject({ id: z.bigint() });
const line = z.strictObject({ id: z.bigint(), taken: z.number() });
const list = z.array(z.string());
const names = z.strictObject({
  keys: list,
  attachKeys: list,
  targetKeys: list,
  updateKeys: list,
  actions: list,
  capabilities: list,
  networks: list,
  propagations: list,
  kinds: list,
  outcomes: list,
  origins: list,
  reasons: list,
  states: list,
  events: list,
  freezes: list,
  namespaces: list,
  calls: list,
  families: list,
});
const limits = z.strictObject({
  object: z.number(),
  devices: z.number(),
  execPaths: z.number(),
  name: z.number(),
  hostname: z.number(),
  syscalls: z.number(),
  namespaces: z.number(),
  sockets: z.number(),
});
const frame = z.strictObject({ end: z.number(), error: refusal.optional() });

/** An answer of the core, or why there is none. */
type Outcome<T> = ({ kind: 'accepted' } & T) | ({ kind: 'refused' } & z.infer<typeof refusal>);

/** The core's reading of an object of create. */
export type Parsed = Outcome<z.infer<typeof request>>;

/** Every name that the core has, by list, in the order of their numbers. */
export type CoreNames = z.infer<typeof names>;

/** The limits that its C interface has. */
export type CoreLimits = z.infer<typeof limits>;

/** The end of an object in a stream, or what is wrong there. */
export type Frame = z.infer<typeof frame>;

interface Addon {
  parse(bytes: Uint8Array, cpus: number): unknown;
  parseAttach(bytes: Uint8Array): unknown;
  parseUpdate(bytes: Uint8Array, cpus: number, before: Uint8Array): unknown;
  parseTarget(bytes: Uint8Array): unknown;
  parseId(bytes: Uint8Array): unknown;
  names(): unknown;
  limits(): unknown;
  deviceAllowed(rules: Uint8Array, type: number, major: number, minor: number, access: number): unknown;
  socketAllowed(rules: Uint8Array, family: number, type: number, protocol: number): unknown;
  frames(pieces: Uint8Array[]): unknown;
}

function outcome<T>(answer: unknown, schema: z.ZodType<T>): Outcome<T> {
  const bad = refusal.safeParse(answer);
  return bad.success ? { kind: 'refused', ...bad.data } : { kind: 'accepted', ...schema.parse(answer) };
}

/** The policy core of module/src, called through the addon of client/native/core. */
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
    return outcome(this.#addon.parse(bytes, cpus), request);
  }

  /** Parses one object of attach. */
  parseAttach(bytes: Uint8Array): Outcome<z.infer<typeof attach>> {
    return outcome(this.#addon.parseAttach(bytes), attach);
  }

  /**
   * Parses one object of update, on a machine with so many processors.
   * @param before an object of create: the answer's `after` is how the core reads it, changed by the update
   */
  parseUpdate(
    bytes: Uint8Array,
    before: Uint8Array = new TextEncoder().encode('{}'),
    cpus = 4,
  ): Outcome<z.infer<typeof update>> {
    return outcome(this.#addon.parseUpdate(bytes, cpus, before), update);
  }

  /** Parses one object of spawn or destroy. */
  parseTarget(bytes: Uint8Array): Outcome<z.infer<typeof target>> {
    return outcome(this.#addon.parseTarget(bytes), target);
  }

  /** Parses the first line of what is written to destroy or inspect; a blank one is id 0. */
  parseId(bytes: Uint8Array): Outcome<z.infer<typeof line>> {
    return outcome(this.#addon.parseId(bytes), line);
  }

  /** Every name that the core has. */
  names(): CoreNames {
    return names.parse(this.#addon.names());
  }

  /** The limits that its C interface has. */
  limits(): CoreLimits {
    return limits.parse(this.#addon.limits());
  }

  /** Do the rules that {@link PolicyCore.parse} returned allow all of an access? */
  deviceAllowed(rules: Uint8Array, type: number, major: number, minor: number, access: number): boolean {
    return z.boolean().parse(this.#addon.deviceAllowed(rules, type, major, minor, access));
  }

  /** Do the rules that {@link PolicyCore.parse} returned allow a socket, as socket(2) has its arguments? */
  socketAllowed(rules: Uint8Array, family: number, type: number, protocol: number): boolean {
    return z.boolean().parse(this.#addon.socketAllowed(rules, family, type, protocol));
  }

  /** Finds the objects of a stream that comes in pieces. */
  frames(...pieces: Uint8Array[]): Frame[] {
    return z.array(frame).parse(this.#addon.frames(pieces));
  }
}
