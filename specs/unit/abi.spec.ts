/**
 * The interface as client/abi has it, against the policy core that runs in the kernel. Properties use assert: Playwright's expect notes every call, and there are very many.
 */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { expect, test } from '@playwright/test';
import fc from 'fast-check';
import { z } from 'zod';
import { agentId } from '../../client/abi/agent.js';
import { CALLS, DENIED_CALL_NAMES } from '../../client/abi/calls.js';
import { DEFAULT_CAPABILITIES, DEFAULT_DEVICES } from '../../client/abi/defaults.js';
import { jsonSchema } from '../../client/abi/json-schema.js';
import * as limits from '../../client/abi/limits.js';
import * as names from '../../client/abi/names.js';
import {
  attachRequest,
  createRequest,
  destroyRequest,
  spawnRequest,
  updateRequest,
} from '../../client/abi/request.js';
import type { AgentRequest, UpdateRequest } from '../../client/abi/request.js';
import { FAMILIES } from '../../client/abi/sockets.js';
import { PolicyCore } from '../../client/native/core/policy.js';
import { changed, drawn, properties } from '../support/abi/draw.js';
import { readPublished } from '../support/abi/published.js';
import type { Published } from '../support/abi/published.js';
import { buildNative } from '../support/native.js';

let core: PolicyCore;
let published: Published;

test.beforeAll(async () => {
  test.setTimeout(600_000);
  core = PolicyCore.load(await buildNative());
  published = await readPublished();
});

const CPUS = 4;
const RUNS = 1000;
/** The keys about which the published schema tells what their values alone do not: exclusion, and repetition. */
const PROCESS = ['pid', 'pidfd', 'after_exec', 'capabilities'];
const EINVAL = 22;
const E2BIG = 7;

const { namesOf } = names;
const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const parse = (value: unknown) => core.parse(bytesOf(value), CPUS);

/** The top-level keys that a schema finds at fault. */
function atFault(error: z.ZodError): unknown[] {
  return error.issues.flatMap((issue) =>
    issue.path.length === 0 && issue.code === 'unrecognized_keys' ? issue.keys : issue.path.slice(0, 1),
  );
}

/** Both accept an object of create. */
function expectAccepted(value: unknown): void {
  expect(createRequest.safeParse(value).error, JSON.stringify(value)).toBeUndefined();
  expect(published.create(value), JSON.stringify(value)).toBe(true);
  expect(parse(value), JSON.stringify(value)).toMatchObject({ kind: 'accepted' });
}

/** All three refuse an object of create for the same key; the core says what it has expected, at that byte. */
function expectRefused(value: object, key: string, at: unknown, message: RegExp | string): void {
  const text = JSON.stringify(value);
  const refused = createRequest.safeParse(value);
  expect(refused.success, text).toBe(false);
  if (refused.error) expect(atFault(refused.error), text).toContain(key);
  expect(published.create(value), text).toBe(false);
  const offset = text.lastIndexOf(JSON.stringify(at));
  const answered = parse(value);
  expect(answered, text).toMatchObject({ kind: 'refused', errno: EINVAL, field: key, offset });
  if (answered.kind === 'refused') expect(answered.message, text).toMatch(message);
}

test('ABI-01: every name that the core has is in the schema, and every one of the schema in the core, by the same numbers', () => {
  const { keys, ...lists } = core.names();
  // No number of a key is seen outside, so these may stand in any order.
  expect(keys.sort()).toEqual(Object.keys(createRequest.shape).sort());
  expect(lists).toEqual({
    attachKeys: Object.keys(attachRequest.shape),
    targetKeys: Object.keys(spawnRequest.shape),
    updateKeys: Object.keys(updateRequest.shape),
    actions: namesOf(names.ACTIONS),
    capabilities: namesOf(names.CAPABILITIES),
    networks: namesOf(names.NETWORKS),
    propagations: namesOf(names.PROPAGATIONS),
    kinds: namesOf(names.KINDS),
    outcomes: namesOf(names.OUTCOMES),
    origins: namesOf(names.ORIGINS),
    reasons: namesOf(names.REASONS),
    states: namesOf(names.STATES),
    events: namesOf(names.EVENTS),
    freezes: namesOf(names.FREEZES),
    namespaces: namesOf(names.NAMESPACES),
    calls: CALLS,
    families: FAMILIES,
  });
  expect(lists.kinds.slice(0, core.limits().syscalls)).toEqual(namesOf(names.SYSCALLS));
  expect(Object.keys(properties(properties(jsonSchema('create'))['syscalls']))).toEqual(
    namesOf(names.SYSCALLS),
  );
});

test('ABI-02: numbers: both accept the least and the most of each, both refuse what is beyond, and the core names both ends', () => {
  const numbers = Object.entries(properties(jsonSchema('create'))).filter(
    ([, { type }]) => type === 'integer',
  );
  expect(numbers.map(([key]) => key)).toEqual(['cpu_quota', 'pids_limit', 'namespace_flags', 'pid', 'pidfd']);
  for (const [key, { minimum = NaN, maximum = NaN }] of numbers) {
    // Where cpu_quota ends the machine says, and no schema.
    const max = key === 'cpu_quota' ? 100 * CPUS : maximum;
    const range = `expected an integer from ${minimum} to ${max} `;
    for (const value of [minimum, max]) expectAccepted({ privileged: true, [key]: value });
    for (const value of [minimum - 1, `${minimum}`, null])
      expectRefused({ privileged: true, [key]: value }, key, value, range);
    if (key !== 'cpu_quota') expectRefused({ privileged: true, [key]: max + 1 }, key, max + 1, range);
  }
  expect(parse({ cpu_quota: 100 * CPUS + 1 })).toMatchObject({ kind: 'refused', field: 'cpu_quota' });
  expect(core.limits().namespaces).toBe(2 ** namesOf(names.NAMESPACES).length - 1);
  const bits = namesOf(names.NAMESPACES).map((name) => `${names.bitOf(name)} ${name}`);
  expectRefused({ namespace_flags: 256 }, 'namespace_flags', 256, `(bits: ${bits.join(' ')})`);

  for (const value of [0, limits.MEMORY_MIN, Number.MAX_SAFE_INTEGER])
    expectAccepted({ memory_limit: value });
  for (const value of [1, limits.MEMORY_MIN - 1])
    expectRefused({ memory_limit: value }, 'memory_limit', value, `or at least ${limits.MEMORY_MIN} (bytes)`);
  expectRefused(
    { memory_limit: -1 },
    'memory_limit',
    -1,
    'expected an integer from 0 to 18446744073709551615',
  );
  // The only number that the core takes and the schema does not: JavaScript has no exact one of this size.
  const text = '{"memory_limit":18446744073709551615}';
  expect(core.parse(new TextEncoder().encode(text), CPUS)).toMatchObject({ memory_limit: 2n ** 64n - 1n });
  expect(createRequest.safeParse(JSON.parse(text)).success).toBe(false);
});

test('ABI-03: counts and lengths: both accept as much as there may be, both refuse one more, and the core names the limit', () => {
  const { object, devices, execPaths, name } = core.limits();
  expect({ object, devices, execPaths, name }).toEqual({
    object: limits.OBJECT_MAX,
    devices: limits.DEVICES_MAX,
    execPaths: limits.EXEC_PATHS_MAX,
    name: limits.NAME_MAX,
  });
  const rules = (count: number) => Array.from({ length: count }, (_, minor) => `c 1:${minor} r`);
  expectAccepted({ devices: rules(limits.DEVICES_MAX) });
  const rule = rules(limits.DEVICES_MAX + 1).at(-1);
  expectRefused(
    { devices: rules(limits.DEVICES_MAX + 1) },
    'devices',
    rule,
    `at most ${limits.DEVICES_MAX} `,
  );
  const paths = (count: number) => Array.from({ length: count }, (_, index) => `/${index}`);
  expectAccepted({ exec_paths: paths(limits.EXEC_PATHS_MAX) });
  const path = paths(limits.EXEC_PATHS_MAX + 1).at(-1);
  expectRefused(
    { exec_paths: paths(limits.EXEC_PATHS_MAX + 1) },
    'exec_paths',
    path,
    `at most ${limits.EXEC_PATHS_MAX} `,
  );
  expectAccepted({ name: 'a'.repeat(limits.NAME_MAX) });
  for (const value of ['', 'a'.repeat(limits.NAME_MAX + 1)])
    expectRefused({ name: value }, 'name', value, `expected 1 to ${limits.NAME_MAX} of `);
  // The length of the whole is no matter of a schema.
  const long = (length: number) => ({
    exec_paths: [`/${'a'.repeat(length - '{"exec_paths":["/"]}'.length)}`],
  });
  expectAccepted(long(limits.OBJECT_MAX));
  expect(parse(long(limits.OBJECT_MAX + 1))).toMatchObject({
    errno: E2BIG,
    message: `an object may have ${limits.OBJECT_MAX} bytes at most`,
  });
});

test('ABI-04: names: both accept each value, both refuse any other, and the core lists those that there are', () => {
  const quoted = (message: string) => [...message.matchAll(/'(\w+)'/g)].map(([, name]) => name);
  const lists: [key: string, list: names.Names, of: (value: string) => object][] = [
    ...namesOf(names.SYSCALLS).map((rule): [string, names.Names, (value: string) => object] => [
      'syscalls',
      names.ACTIONS,
      (value) => ({ syscalls: { [rule]: value } }),
    ]),
    ['unlisted', names.REFUSALS, (value) => ({ unlisted: value })],
    ['propagation', names.PROPAGATIONS, (value) => ({ propagation: value })],
    ['network', names.NETWORKS, (value) => ({ network: value })],
  ];
  for (const [key, list, of] of lists) {
    for (const value of namesOf(list)) expectAccepted(of(value));
    for (const value of ['', 'denied', 'DENY', 'private ', 'report']) {
      expectRefused(of(value), key, value, 'expected ');
      const answered = parse(of(value));
      if (answered.kind === 'refused') expect(quoted(answered.message)).toEqual(namesOf(list));
    }
  }
  expectRefused({ unlisted: 'allow' }, 'unlisted', 'allow', 'expected ');
  const listed = `or ${namesOf(names.SYSCALLS).join(', ')}$`;
  for (const rule of ['device', 'Fork', ''])
    expectRefused({ syscalls: { [rule]: 'deny' } }, 'syscalls', rule, new RegExp(listed));
  for (const key of ['memory', 'Name', 'spawn_', 'id']) expectRefused({ [key]: 1 }, key, key, 'unknown key');
});

test('ABI-05: without a key both mean the same', () => {
  const empty = parse({});
  if (empty.kind === 'refused') throw new Error(empty.message);
  const fallbacks = Object.entries(properties(jsonSchema('create'))).flatMap(([key, schema]) =>
    'default' in schema ? [[key, schema.default] as const] : [],
  );
  const { devices, unlisted, sockets, ...rest } = Object.fromEntries(fallbacks);
  const actions = namesOf(names.ACTIONS);
  const understood = {
    memory_limit: Number(empty.memory_limit),
    cpu_quota: empty.cpu_quota,
    pids_limit: empty.pids_limit,
    namespace_flags: empty.namespace_flags,
    syscalls: Object.fromEntries(
      namesOf(names.SYSCALLS).map((rule, index) => [rule, actions[empty.syscalls[index] ?? 0]]),
    ),
    spawn: empty.spawn,
    persist: empty.persist,
    privileged: empty.privileged,
    after_exec: empty.after_exec,
    propagation: namesOf(names.PROPAGATIONS)[empty.propagation],
    network: namesOf(names.NETWORKS)[empty.network],
    oom_group: empty.oom_group,
    core: empty.core,
  };
  expect(understood).toEqual(rest);
  // What is not told one by one: all of it makes the same rules, byte for byte.
  const kept = { sockets, capabilities: DEFAULT_CAPABILITIES, no_new_privs: true };
  const same = parse({ devices, unlisted, proc: true, devpts: true, ...kept });
  expect(same.kind === 'accepted' && same.rules.equals(empty.rules)).toBe(true);
  const others = [
    { devices: Object.values(DEFAULT_DEVICES).slice(1) },
    { unlisted: 'kill' },
    { proc: false },
    { devpts: false },
    { sockets: ['unix'] },
    { sockets: 'all' },
    { capabilities: [...DEFAULT_CAPABILITIES, 'net_raw'] },
    { no_new_privs: false },
    { hostname: 'a' },
  ];
  for (const other of others) {
    const differs = parse(other);
    expect(differs.kind === 'accepted' && differs.rules.equals(empty.rules)).toBe(false);
  }
  expect([empty.pid, empty.name, empty.exec_paths]).toEqual([0, '', []]);
  expect(empty.calls).toEqual(Object.fromEntries(DENIED_CALL_NAMES.map((name) => [name, 1])));
});

test('ABI-06: attach and ids: both accept the least and the most, and refuse what is beyond, missing or unknown', () => {
  const { DESCRIPTOR_MAX, ID_MAX, PIDS_MAX } = limits;
  const good: { id: number; pid?: number; pidfd?: number; after_exec?: boolean; enters?: boolean }[] = [
    { id: 1, pid: 1 },
    { pid: PIDS_MAX, id: ID_MAX },
    { id: 1, pidfd: 0 },
    { pidfd: DESCRIPTOR_MAX, after_exec: true, id: 1 },
    { after_exec: false, id: 1, pid: 1 },
    { enters: true, id: 1, pid: 1 },
    { pid: 1, enters: false, after_exec: true, id: 1 },
  ];
  for (const value of good) {
    expect(attachRequest.parse(value)).toEqual(value);
    expect(published.attach(value)).toBe(true);
    expect(core.parseAttach(bytesOf(value))).toEqual({
      kind: 'accepted',
      id: BigInt(value.id),
      pid: value.pid ?? 0,
      pidfd: value.pidfd ?? -1,
      after_exec: value.after_exec ?? false,
      enters: value.enters ?? false,
    });
  }
  const bad: [value: object, field: string][] = [
    [{ id: 0, pid: 1 }, 'id'],
    [{ id: ID_MAX + 1, pid: 1 }, 'id'],
    [{ id: '7', pid: 1 }, 'id'],
    [{ id: 7, pid: 0 }, 'pid'],
    [{ id: 7, pid: PIDS_MAX + 1 }, 'pid'],
    [{ id: 7 }, 'pid'],
    [{ pid: 7 }, 'id'],
    [{ id: 7, pid: 1, name: 'a' }, 'name'],
    [{ id: 7, pidfd: -1 }, 'pidfd'],
    [{ id: 7, pidfd: DESCRIPTOR_MAX + 1 }, 'pidfd'],
    [{ id: 7, pid: 1, pidfd: 1 }, 'pidfd'],
    [{ id: 7, pid: 1, after_exec: 1 }, 'after_exec'],
    [{ id: 7, pid: 1, enters: 'yes' }, 'enters'],
  ];
  for (const [value, field] of bad) {
    const refused = attachRequest.safeParse(value);
    expect(refused.error && atFault(refused.error), JSON.stringify(value)).toContain(field);
    expect(published.attach(value), JSON.stringify(value)).toBe(false);
    expect(core.parseAttach(bytesOf(value)), JSON.stringify(value)).toMatchObject({ errno: EINVAL, field });
  }
  for (const [value, field] of [
    [{}, 'id'],
    [{ id: 0 }, 'id'],
    [{ id: ID_MAX + 1 }, 'id'],
    [{ id: 7, pid: 1 }, 'pid'],
  ] as const) {
    for (const schema of [spawnRequest, destroyRequest]) {
      const { error } = schema.safeParse(value);
      expect(error && atFault(error), JSON.stringify(value)).toContain(field);
    }
    for (const name of ['spawn', 'destroy'] as const)
      expect(published[name](value), JSON.stringify(value)).toBe(false);
    expect(core.parseTarget(bytesOf(value)), JSON.stringify(value)).toMatchObject({ errno: EINVAL, field });
  }
  for (const id of [1, ID_MAX]) {
    expect(spawnRequest.parse({ id })).toEqual(destroyRequest.parse({ id }));
    expect(published.spawn({ id }) && published.destroy({ id })).toBe(true);
    expect(core.parseTarget(bytesOf({ id }))).toEqual({ kind: 'accepted', id: BigInt(id) });
    expect(agentId.parse(id)).toBe(id);
    expect(core.parseId(new TextEncoder().encode(`${id}\n`))).toMatchObject({
      kind: 'accepted',
      id: BigInt(id),
    });
  }
  for (const id of [-1, ID_MAX + 1, 1.5]) {
    expect(agentId.safeParse(id).success).toBe(false);
    expect(core.parseId(new TextEncoder().encode(`${id}\n`))).toMatchObject({
      kind: 'refused',
      errno: EINVAL,
    });
  }
  expect(agentId.safeParse(0).success, 'a blank line, for the core').toBe(false);
});

/** The JSON Schema of create on a machine of so many CPUs. */
function schemaHere(): unknown {
  const schema = jsonSchema('create');
  const { cpu_quota, ...others } = schema.properties ?? {};
  return {
    ...schema,
    properties: { ...others, cpu_quota: { ...(cpu_quota as object), maximum: 100 * CPUS } },
  };
}

const request = drawn(schemaHere()).filter(
  (value) => createRequest.safeParse(value).success && bytesOf(value).length <= limits.OBJECT_MAX,
);

test('ABI-08: every request that is drawn from the schema is accepted by the core', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(request, (value) => {
      assert(published.create(value), JSON.stringify(published.create.errors));
      const parsed = parse(value);
      assert.equal(parsed.kind, 'accepted', inspect(parsed));
      for (const key of Object.keys(value as object)) seen.add(key);
    }),
    { numRuns: RUNS, includeErrorInReport: true },
  );
  expect([...seen].sort(), 'every key was drawn').toEqual(core.names().keys.sort());
});

/** Is this what the machine, or the size of numbers, decides and no schema? */
function undecided(value: unknown): boolean {
  const { cpu_quota, memory_limit } = value as { cpu_quota?: unknown; memory_limit?: unknown };
  return (
    (Number.isSafeInteger(cpu_quota) && Number(cpu_quota) > 100 * CPUS) ||
    (typeof memory_limit === 'number' && memory_limit > Number.MAX_SAFE_INTEGER)
  );
}

const update = drawn(jsonSchema('update')).filter(
  (value) => updateRequest.safeParse(value).success && !undecided(value),
);

test('ABI-21: an update that is drawn from the schema is accepted by the core, and changes what it names and nothing else', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(request, update, (before, value) => {
      fc.pre(bytesOf(value).length <= limits.OBJECT_MAX && !undecided(before));
      assert(published.update(value), JSON.stringify(published.update.errors));
      const parsed = core.parseUpdate(bytesOf(value), bytesOf(before), CPUS);
      assert(parsed.kind === 'accepted', inspect(parsed));
      for (const key of Object.keys(value as object)) seen.add(key);
      // The module refuses it for such an agent (NETWORK-03).
      fc.pre((before as AgentRequest).network !== 'none' || !Object.hasOwn(value as object, 'sockets'));
      const { id, frozen, exec_paths, ...rules } = value as UpdateRequest;
      assert.equal(parsed.id, BigInt(id));
      assert.equal(parsed.frozen, frozen ?? false);
      const { syscalls, devices, ...others } = before as AgentRequest;
      // What create makes of all of it at once, but for the paths, which no rule has.
      const whole = {
        ...others,
        ...rules,
        ...((rules.devices ?? devices) ? { devices: rules.devices ?? devices } : {}),
        syscalls: { ...syscalls, ...rules.syscalls },
      };
      fc.pre(bytesOf(whole).length <= limits.OBJECT_MAX);
      const expected = parse(whole);
      assert(expected.kind === 'accepted', inspect(expected));
      assert.deepEqual(parsed.after.rules, expected.rules);
      assert.equal(parsed.request.exec_paths.length, exec_paths?.length ?? 0);
    }),
    { numRuns: RUNS, includeErrorInReport: true },
  );
  expect([...seen].sort(), 'every key was drawn').toEqual(core.names().updateKeys.sort());
  const rows: [value: object, field: string][] = [
    [{ pids_limit: 5 }, 'id'],
    [{ id: 7 }, ''],
    [{ id: 7, name: 'x' }, 'name'],
    [{ id: 7, frozen: 1 }, 'frozen'],
    [{ id: 7, namespace_flags: 0 }, 'namespace_flags'],
    [{ id: 7, syscalls: { fork: 'no' } }, 'syscalls'],
  ];
  for (const [value, field] of rows) {
    expect(updateRequest.safeParse(value).success, JSON.stringify(value)).toBe(false);
    expect(published.update(value), JSON.stringify(value)).toBe(false);
    expect(core.parseUpdate(bytesOf(value)), JSON.stringify(value)).toMatchObject({ errno: EINVAL, field });
  }
});

test('ABI-09: a request that is changed in one place is refused by both for the same key, or accepted by both', () => {
  const counts = { accepted: 0, refused: 0 };
  const faults = new Set<string>();
  const pairs = request.chain((value) => changed(value)).filter((value) => !undecided(value));
  fc.assert(
    fc.property(pairs, (value) => {
      fc.pre(bytesOf(value).length <= limits.OBJECT_MAX);
      const checked = createRequest.safeParse(value);
      const parsed = parse(value);
      counts[parsed.kind] += 1;
      // A message is made only where it is shown: it takes longer than the comparison.
      if (checked.success !== (parsed.kind === 'accepted'))
        assert.fail(inspect([parsed, checked.error?.issues]));
      if (parsed.kind === 'accepted' || !checked.error) {
        assert(published.create(value), JSON.stringify(published.create.errors));
        return;
      }
      const fields = atFault(checked.error);
      assert(fields.includes(parsed.field), `${parsed.field}, not ${fields.join()}: ${parsed.message}`);
      faults.add(parsed.field);
      // Bits that keys need are all that the published schema cannot tell.
      const bits = checked.error.issues.every(
        ({ code, path }) => code === 'custom' && !PROCESS.includes(String(path[0])),
      );
      assert.equal(published.create(value), bits);
    }),
    { numRuns: 3 * RUNS, includeErrorInReport: true },
  );
  expect(Math.min(counts.accepted, counts.refused), 'changes of both kinds').toBeGreaterThan(RUNS / 4);
  expect([...faults], 'every key was at fault').toEqual(expect.arrayContaining(core.names().keys));
});

test('ABI-07: what no single key shows is refused by both: spawn with pid, and bits that keys need', () => {
  const cases: [value: object, field: string, told: boolean][] = [
    [{ spawn: true, pid: 1 }, 'pid', true],
    [{ spawn: true, pidfd: 3 }, 'pidfd', true],
    [{ pid: 1, pidfd: 3 }, 'pidfd', true],
    [{ after_exec: true }, 'after_exec', true],
    [{ after_exec: true, spawn: true }, 'after_exec', true],
    [{ namespace_flags: 95 }, 'namespace_flags', false],
    [{ namespace_flags: 95, privileged: false }, 'namespace_flags', false],
    [{ namespace_flags: 123, propagation: 'private' }, 'propagation', false],
    [{ namespace_flags: 125, network: 'own' }, 'network', false],
    [{ namespace_flags: 95, privileged: true, network: 'none' }, 'network', false],
    [{ pid: 1, network: 'none' }, 'network', false],
    [{ pidfd: 1, network: 'none' }, 'network', false],
    [{ network: 'none', sockets: 'all' }, 'sockets', false],
    [{ network: 'none', sockets: ['unix', 'inet'] }, 'sockets', false],
    [{ namespace_flags: 123, proc: true }, 'proc', false],
    [{ namespace_flags: 126, proc: true }, 'proc', false],
    [{ namespace_flags: 123, devpts: true }, 'devpts', false],
    [{ namespace_flags: 95, privileged: true, devpts: true }, 'devpts', false],
  ];
  for (const [value, field, told] of cases) {
    const refused = createRequest.safeParse(value);
    expect(refused.error && atFault(refused.error), JSON.stringify(value)).toEqual([field]);
    expect(parse(value), JSON.stringify(value)).toMatchObject({ errno: EINVAL, field });
    expect(published.create(value), JSON.stringify(value)).toBe(!told);
  }
  const half = { exec_paths: ['/\ud800'] };
  expect(createRequest.safeParse(half).error?.issues[0]?.path).toEqual(['exec_paths', 0]);
  expect(parse(half)).toMatchObject({ errno: EINVAL, field: 'exec_paths' });
});
