/** Objects of create by fast-check: valid ones, changed ones, and bytes that are none. */
import fc from 'fast-check';
import * as names from '../../client/abi/names.js';
import { createRequest } from '../../client/abi/request.js';
import type { AgentRequest, UpdateRequest } from '../../client/abi/request.js';
import type { OrderFile } from '../../client/policy/core.js';

const ACTIONS = names.namesOf(names.ACTIONS);
const CAPABILITIES = names.namesOf(names.CAPABILITIES);

/** The processors of the machine that valid objects are for. */
export const CPUS = 4;

/** A text in UTF-8. */
export const bytesOf = (text: string) => new TextEncoder().encode(text);

/** Letters of a device rule. */
export const access = fc.subarray(['r', 'w', 'm'], { minLength: 1 }).map((letters) => letters.join(''));
const numbers = (max: number) =>
  fc.oneof(
    fc.constant('*'),
    fc.integer({ min: 0, max: 9 }).map(String),
    fc.integer({ min: 0, max }).map(String),
  );
/** A device rule. */
export const device = fc.oneof(
  { weight: 1, arbitrary: fc.constant('a') },
  {
    weight: 9,
    arbitrary: fc
      .tuple(fc.constantFrom('a', 'b', 'c'), numbers(4095), numbers(1_048_575), access)
      .map(([type, major, minor, letters]) => `${type} ${major}:${minor} ${letters}`),
  },
);
const action = fc.constantFrom(...ACTIONS);
const path = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 30 })
  .map((text) => `/${text.replaceAll('\0', '')}`);

/** Valid objects, as large as they may be. */
export const request: fc.Arbitrary<AgentRequest> = fc
  .record(
    {
      memory_limit: fc.oneof(fc.constant(0), fc.integer({ min: 65536, max: Number.MAX_SAFE_INTEGER })),
      cpu_quota: fc.integer({ min: 0, max: 100 * CPUS }),
      pids_limit: fc.integer({ min: 0, max: 4_194_304 }),
      namespace_flags: fc.integer({ min: 0, max: 255 }),
      devices: fc.array(device, { maxLength: 16 }),
      syscalls: fc.record(
        { fork: action, thread: action, execve: action, unshare: action, setns: action, autoload: action },
        { requiredKeys: [] },
      ),
      exec_paths: fc.array(path, { maxLength: 8 }),
      name: fc.stringMatching(/^[A-Za-z0-9._-]{1,31}$/),
      spawn: fc.boolean(),
      pid: fc.integer({ min: 1, max: 4_194_304 }),
      pidfd: fc.integer({ min: 0, max: 0x7fff_ffff }),
      after_exec: fc.boolean(),
      persist: fc.boolean(),
      privileged: fc.boolean(),
      propagation: fc.constantFrom('private', 'slave'),
      network: fc.constantFrom('own', 'none'),
      proc: fc.boolean(),
      devpts: fc.boolean(),
      oom_group: fc.boolean(),
      sockets: fc.oneof(
        fc.constant('all' as const),
        fc.array(fc.constantFrom('unix', 'inet', '63', 'alg', 'netlink/route', 'inet6/132', '16/65535'), {
          maxLength: 8,
        }),
      ),
      core: fc.boolean(),
      capabilities: fc.oneof(fc.constant('all' as const), fc.uniqueArray(fc.constantFrom(...CAPABILITIES))),
      no_new_privs: fc.boolean(),
      hostname: fc.stringMatching(/^[A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?(\.[A-Za-z0-9]{1,20}){0,2}$/),
    },
    { requiredKeys: [] },
  )
  .map((object): AgentRequest => {
    const valid: AgentRequest = { ...object };
    if (valid.spawn || valid.pidfd !== undefined) delete valid.pid;
    if (valid.spawn) delete valid.pidfd;
    if (valid.pid === undefined && valid.pidfd === undefined) delete valid.after_exec;
    const flags = valid.namespace_flags ?? 127;
    if ((flags & 32) === 0) valid.privileged = true;
    if ((flags & 4) === 0) delete valid.propagation;
    if ((flags & 2) === 0) delete valid.network;
    if ((flags & 32) === 0 || valid.pid !== undefined || valid.pidfd !== undefined) delete valid.network;
    if (valid.network === 'none') delete valid.sockets;
    if ((flags & 36) !== 36) delete valid.devpts;
    if ((flags & 37) !== 37) delete valid.proc;
    if ((flags & 8) === 0) delete valid.hostname;
    return valid;
  });

/** A JSON text of a value with white space anywhere that it may be. */
export function loose(object: object): fc.Arbitrary<string> {
  return fc
    .array(fc.constantFrom('', '', ' ', '\n', '\t\r'), { minLength: 1, maxLength: 9 })
    .map((spaces) => {
      let next = 0;
      const tokens = JSON.stringify(object).match(/"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^"{}[\]:,]+/g) ?? [];
      return tokens.map((token) => token + (spaces[next++ % spaces.length] ?? '')).join('');
    });
}

/** Bytes put in, taken out, changed or doubled. */
export const mutation = fc.record({
  how: fc.constantFrom('insert', 'delete', 'replace', 'repeat', 'cut'),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  /** True: only at the beginning of a value or a key; false: anywhere. */
  begins: fc.boolean(),
  length: fc.integer({ min: 1, max: 6 }),
  bytes: fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 4 }),
    fc.constantFrom(...Array.from('0123456789 \n')).map(bytesOf),
    fc
      .constantFrom(
        ...[
          '"',
          '\\',
          '{',
          '}',
          '[',
          ']',
          ',',
          ':',
          '0',
          '9',
          '-',
          '.',
          'e',
          ' ',
          '\\u0041',
          '\\ud800',
          'null',
          'true',
          '/',
        ],
      )
      .map(bytesOf),
  ),
});

/** Changes a text. */
export function mutate(
  text: Uint8Array,
  {
    how,
    at,
    begins,
    length,
    bytes,
  }: { how: string; at: number; begins: boolean; length: number; bytes: Uint8Array },
): Uint8Array {
  const all = Array.from(text.keys());
  const places = begins
    ? all.filter((i) => i > 0 && ':,[{'.includes(String.fromCharCode(text[i - 1] ?? 0)))
    : all;
  const from = places[Math.floor(at * (places.length - 1))] ?? 0;
  const [before, piece, after] = [
    text.slice(0, from),
    text.slice(from, from + length),
    text.slice(from + length),
  ];
  switch (how) {
    case 'insert':
      return Buffer.concat([before, bytes, piece, after]);
    case 'delete':
      return Buffer.concat([before, after]);
    case 'replace':
      return Buffer.concat([before, bytes, after]);
    case 'repeat':
      return Buffer.concat([before, piece, piece, after]);
    default:
      return before;
  }
}

/** Any bytes at all, and any characters of JSON. */
export const soup = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.string({ unit: fc.constantFrom(...Array.from('{}[]":,\\ \n01tf/uabcde')), maxLength: 300 }).map(bytesOf),
);

/** The keys of create that update has too. */
const UPDATED = [
  'memory_limit',
  'cpu_quota',
  'pids_limit',
  'devices',
  'syscalls',
  'exec_paths',
  'oom_group',
  'sockets',
] as const;

const id = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
const process = fc.oneof(
  fc.record({ pid: fc.integer({ min: 1, max: 4_194_304 }) }),
  fc.record({ pidfd: fc.integer({ min: 0, max: 0x7fff_ffff }) }),
);

/** Valid objects of update, for agents of these ids. */
function update(ids: fc.Arbitrary<number>): fc.Arbitrary<UpdateRequest> {
  return fc
    .tuple(ids, request, fc.subarray([...UPDATED]), fc.option(fc.boolean()))
    .map(([id, object, keys, frozen]) => ({
      id,
      ...Object.fromEntries(keys.flatMap((key) => (key in object ? [[key, object[key]]] : []))),
      ...(frozen === null ? {} : { frozen }),
    }));
}

/** Valid texts for each file that takes orders. */
const valid = {
  create: request.chain(loose),
  update: update(id).chain(loose),
  attach: fc
    .tuple(id, process, fc.option(fc.boolean()), fc.option(fc.boolean()))
    .map(([id, which, after, enters]) => ({
      id,
      ...which,
      ...(after === null ? {} : { after_exec: after }),
      ...(enters === null ? {} : { enters }),
    }))
    .chain(loose),
  spawn: fc.record({ id }).chain(loose),
  destroy: fc.oneof(
    fc.record({ id }).chain(loose),
    fc.tuple(id, fc.constantFrom('', ' ', '\r')).map(([id, space]) => `${id}${space}`),
  ),
} as const satisfies Record<OrderFile, fc.Arbitrary<string>>;

/** Values for any key: some fit, some are of the wrong kind, too large, or name what there is not. */
const value = fc.oneof(
  fc.integer({ min: -1, max: 300 }),
  fc.constantFrom(
    65_535,
    4_194_305,
    2 ** 31,
    2 ** 53,
    2 ** 64,
    0.5,
    null,
    true,
    '',
    'all',
    'deny',
    'c 1:3 r',
  ),
  fc.array(fc.constantFrom('', 'a', 'b 1:* rr', '/bin/x', 'x\0', 'CAP_CHOWN', 'inet', 'inet/6', 7), {
    maxLength: 20,
  }),
  fc.dictionary(
    fc.constantFrom('fork', 'mount', 'bpf', 'read', 'x'),
    fc.constantFrom('allow', 'deny', 'kill', 'x', 1),
    { maxKeys: 2 },
  ),
  fc.string({ maxLength: 70 }),
);

/** Objects of create or update with one value that need not fit its key. */
function odd(id: fc.Arbitrary<number> | undefined): fc.Arbitrary<string> {
  return fc
    .tuple(
      fc.constantFrom(...Object.keys(createRequest.shape), 'unlisted', 'frozen'),
      value,
      id ?? fc.constant(0),
    )
    .map(([key, each, number]) => JSON.stringify({ ...(id ? { id: number } : {}), [key]: each }));
}

/** Good texts among changed ones, cut ones, ones that are too long, and bytes that are none. */
function amid(good: fc.Arbitrary<Uint8Array>, odd: fc.Arbitrary<string>): fc.Arbitrary<Uint8Array> {
  const changed = fc
    .tuple(good, fc.array(mutation, { minLength: 1, maxLength: 2 }))
    .map(([text, mutations]) => mutations.reduce<Uint8Array>(mutate, text));
  const long = fc.tuple(good, fc.integer({ min: 3900, max: 4200 })).map(([text, length]) =>
    // No line is that long: the framer refuses it.
    text[0] === bytesOf('{')[0]
      ? Buffer.concat([text.subarray(0, -1), Buffer.alloc(length, ' '), text.subarray(-1)])
      : text,
  );
  return fc.oneof(
    { weight: 3, arbitrary: good },
    { weight: 3, arbitrary: odd.map(bytesOf) },
    { weight: 5, arbitrary: changed },
    { weight: 1, arbitrary: long },
    { weight: 1, arbitrary: soup },
  );
}

/** Texts of any kind for a file. */
export function texts(file: OrderFile): fc.Arbitrary<Uint8Array> {
  return amid(valid[file].map(bytesOf), odd(file === 'create' ? undefined : id));
}

/** Files that every guest has. */
const EXECUTABLES = ['/bin/sh', '/bin/', '/usr/bin/env'];

/** Without what would take a process in or arm the writer, and with paths of files that there are. */
function tame<T extends AgentRequest | UpdateRequest>(object: T): T {
  const { exec_paths, ...rest } = object;
  for (const key of ['spawn', 'pid', 'pidfd', 'after_exec', 'frozen']) Reflect.deleteProperty(rest, key);
  return { ...rest, ...(exec_paths ? { exec_paths: EXECUTABLES.slice(0, exec_paths.length) } : {}) } as T;
}

/** Texts of any kind for create, whose valid ones a kernel can carry out by registering an agent. */
export const tameCreates = amid(request.map(tame).chain(loose).map(bytesOf), odd(undefined));

/** The same for update, of one agent. */
export function tameUpdates(agent: number): fc.Arbitrary<Uint8Array> {
  const id = fc.constant(agent);
  return amid(update(id).map(tame).chain(loose).map(bytesOf), odd(id));
}
