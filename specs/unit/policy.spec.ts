/**
 * The policy core that runs in the kernel, through its Node addon, against models. Properties use
 * assert: Playwright's expect notes every call, and there are very many.
 */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { expect, test } from '@playwright/test';
import fc from 'fast-check';
import { buildNative, nodeHeaders } from '../support/native.js';
import {
  CPUS,
  access,
  bytesOf,
  device,
  loose,
  mutate,
  mutation,
  request,
  soup,
} from '../support/requests.js';
import * as names from '../../client/abi/names.js';
import { DEFAULT_CAPABILITIES, DEFAULT_DEVICES as DEVICES_BY_NAME } from '../../client/abi/defaults.js';
import { PolicyCore } from '../../client/native/core/policy.js';
import type { Parsed } from '../../client/native/core/policy.js';
import type { AgentRequest } from '../../client/client.js';

const ACTIONS = names.namesOf(names.ACTIONS);
const CAPABILITIES = names.namesOf(names.CAPABILITIES);
const NETWORKS = names.namesOf(names.NETWORKS);
const PROPAGATIONS = names.namesOf(names.PROPAGATIONS);
const SYSCALLS = names.namesOf(names.SYSCALLS);

let core: PolicyCore;

test.beforeAll(async () => {
  test.setTimeout(600_000);
  core = PolicyCore.load(await buildNative());
});

const RUNS = 1000;

const ACCESS = { r: 2, w: 4, m: 1 } as const;
const TYPE = { b: 1, c: 2, a: 3 } as const;
const DEFAULT_DEVICES = Object.values<string>(DEVICES_BY_NAME);
/** The capabilities that an object keeps, sorted. */
function keptBy({ capabilities, privileged }: AgentRequest): string[] {
  const kept = capabilities ?? (privileged ? 'all' : DEFAULT_CAPABILITIES);
  return [...(kept === 'all' ? CAPABILITIES : kept)].sort();
}

/** The names of the bits that the core has set. */
function keptOf(bits: bigint): string[] {
  return CAPABILITIES.filter((_, number) => (bits >> BigInt(number)) & 1n).sort();
}

/** The meaning of an object, by the documentation alone. */
function meaning(object: AgentRequest) {
  return {
    memory_limit: object.memory_limit ?? 0,
    cpu_quota: object.cpu_quota ?? 0,
    pids_limit: object.pids_limit ?? 0,
    namespace_flags: object.namespace_flags ?? 127,
    privileged: object.privileged ?? false,
    persist: object.persist ?? false,
    propagation: object.propagation ?? 'private',
    network: object.network ?? 'own',
    proc: object.proc ?? (!object.privileged && ((object.namespace_flags ?? 127) & 37) === 37),
    devpts: object.devpts ?? ((object.namespace_flags ?? 127) & 36) === 36,
    oom_group: object.oom_group ?? true,
    core: object.core ?? object.privileged ?? false,
    capabilities: keptBy(object),
    no_new_privs: object.no_new_privs ?? !(object.privileged ?? false),
    hostname: object.hostname ?? '',
    spawn: object.spawn ?? false,
    pid: object.pid ?? 0,
    pidfd: object.pidfd ?? -1,
    after_exec: object.after_exec ?? false,
    name: object.name ?? '',
    syscalls: SYSCALLS.map(
      (rule) =>
        object.syscalls?.[rule] ??
        (rule === 'unshare' || rule === 'setns' || (rule === 'autoload' && !object.privileged)
          ? 'deny'
          : 'allow'),
    ),
    exec_paths: (object.exec_paths ?? []).map((each) => Buffer.from(each).toString('hex')),
  };
}

/** The core's reading of an object, in the same words. */
function understood(parsed: Parsed): ReturnType<typeof meaning> {
  if (parsed.kind === 'refused') throw new Error(`refused: ${JSON.stringify(parsed)}`);
  return {
    memory_limit: Number(parsed.memory_limit),
    cpu_quota: parsed.cpu_quota,
    pids_limit: parsed.pids_limit,
    namespace_flags: parsed.namespace_flags,
    privileged: parsed.privileged,
    persist: parsed.persist,
    propagation: PROPAGATIONS[parsed.propagation] ?? 'private',
    network: NETWORKS[parsed.network] ?? 'own',
    proc: parsed.proc,
    devpts: parsed.devpts,
    oom_group: parsed.oom_group,
    core: parsed.core,
    capabilities: keptOf(parsed.capabilities),
    no_new_privs: parsed.no_new_privs,
    hostname: parsed.hostname,
    spawn: parsed.spawn,
    pid: parsed.pid,
    pidfd: parsed.pidfd,
    after_exec: parsed.after_exec,
    name: parsed.name,
    syscalls: parsed.syscalls.map((number) => ACTIONS[number] ?? 'allow'),
    exec_paths: parsed.exec_paths.map((each) => each.toString('hex')),
  };
}

/** Does a rule in text match? Written from the kernel's documentation, without looking at the core. */
function allows(rule: string, type: 'b' | 'c', major: number, minor: number, letter: string): boolean {
  if (rule === 'a') return true;
  const [kind, devices = '', letters = ''] = rule.split(' ');
  const [majors, minors] = devices.split(':');
  const fits = (pattern: string | undefined, value: number) => pattern === '*' || Number(pattern) === value;
  return (
    (kind === 'a' || kind === type) && fits(majors, major) && fits(minors, minor) && letters.includes(letter)
  );
}

test('CORE-01: every valid object is understood as it is meant, and printed and read again is the same', () => {
  fc.assert(
    fc.property(
      request.chain((object) => fc.tuple(fc.constant(object), loose(object))),
      ([object, text]) => {
        fc.pre(bytesOf(text).length <= 4096);
        const parsed = core.parse(bytesOf(text), CPUS);
        assert.deepEqual(understood(parsed), meaning(object));
        if (parsed.kind === 'refused') return;
        const { syscalls, exec_paths, pid, pidfd, after_exec, name } = parsed;
        const printed = JSON.stringify({
          cpu_quota: parsed.cpu_quota,
          pids_limit: parsed.pids_limit,
          namespace_flags: parsed.namespace_flags,
          privileged: parsed.privileged,
          persist: parsed.persist,
          ...(object.propagation ? { propagation: PROPAGATIONS[parsed.propagation] } : {}),
          ...(object.network ? { network: NETWORKS[parsed.network] } : {}),
          proc: parsed.proc,
          devpts: parsed.devpts,
          oom_group: parsed.oom_group,
          ...(object.sockets ? { sockets: object.sockets } : {}),
          core: parsed.core,
          capabilities: keptOf(parsed.capabilities),
          no_new_privs: parsed.no_new_privs,
          ...(parsed.hostname ? { hostname: parsed.hostname } : {}),
          spawn: parsed.spawn,
          memory_limit: Number(parsed.memory_limit),
          syscalls: Object.fromEntries(SYSCALLS.map((rule, i) => [rule, ACTIONS[syscalls[i] ?? 0]])),
          exec_paths: exec_paths.map((each) => each.toString()),
          devices: object.devices ?? DEFAULT_DEVICES,
          ...(pid ? { pid } : {}),
          ...(pidfd < 0 ? {} : { pidfd }),
          after_exec,
          ...(name ? { name } : {}),
        });
        fc.pre(bytesOf(printed).length <= 4096);
        assert.deepEqual(core.parse(bytesOf(printed), CPUS), parsed);
      },
    ),
    { numRuns: RUNS },
  );
});

test('CORE-02: a changed object is refused at a byte of it, or means what JSON.parse says', () => {
  const counts = { accepted: 0, refused: 0 };
  fc.assert(
    fc.property(request, fc.array(mutation, { minLength: 1, maxLength: 2 }), (object, mutations) => {
      const text = mutations.reduce<Uint8Array>(mutate, bytesOf(JSON.stringify(object)));
      const parsed = core.parse(text, CPUS);
      counts[parsed.kind] += 1;
      if (parsed.kind === 'refused') {
        assert(parsed.offset <= text.length, `offset ${parsed.offset}`);
        assert([7, 22].includes(parsed.errno), `errno ${parsed.errno}`);
        return;
      }
      const value = JSON.parse(
        new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text),
      ) as AgentRequest;
      assert.deepEqual(understood(parsed), meaning(value));
    }),
    { numRuns: 10 * RUNS },
  );
  expect(counts.accepted, 'changes that leave an object valid').toBeGreaterThan(RUNS / 20);
  expect(counts.refused, 'changes that do not').toBeGreaterThan(RUNS / 20);
});

test('CORE-03: any bytes at all are refused within them, and frames end within them', () => {
  fc.assert(
    fc.property(soup, fc.integer({ min: 1, max: 100 }), (bytes, piece) => {
      const parsed = core.parse(bytes, CPUS);
      if (parsed.kind === 'refused') assert(parsed.offset <= bytes.length, `offset ${parsed.offset}`);
      const whole = core.frames(bytes);
      let last = 0;
      for (const { end } of whole) {
        assert(end > last, `a frame of nothing at ${end}`);
        last = end;
      }
      assert(last <= bytes.length, `a frame ends at ${last}`);
      // However the stream is cut into writes, its objects are the same.
      const pieces = Array.from({ length: Math.ceil(bytes.length / piece) }, (_, i) =>
        bytes.slice(i * piece, (i + 1) * piece),
      );
      const ends = (frames: ReturnType<PolicyCore['frames']>) =>
        frames.filter(({ error }) => !error).map(({ end }) => end);
      assert.deepEqual(ends(core.frames(...pieces)), ends(whole));
    }),
    { numRuns: RUNS },
  );
});

/** The least processor time of many runs of each, in µs: other programs of a busy machine have no part in it. */
function shortest(works: (() => unknown)[]): number[] {
  const best = works.map(() => Infinity);
  for (let round = 0; round < 15; round++) {
    for (const [i, work] of works.entries()) {
      const start = process.cpuUsage();
      work();
      const { user, system } = process.cpuUsage(start);
      best[i] = Math.min(best[i] ?? Infinity, user + system);
    }
  }
  return best;
}

test('CORE-04: eight times the bytes take eight times as long, whatever they are', () => {
  const fill = (head: string, unit: string, size: number) =>
    bytesOf(head + unit.repeat(Math.ceil(size / unit.length))).subarray(0, size);
  const worst: [head: string, unit: string][] = [
    ['', '{'],
    ['', '\n'],
    ['{"name":"', 'a'],
    ['{"name":"', '\\\\'],
    ['{"exec_paths":["/', '\\ud83d\\ude00'],
    ['{"devices":[', '"c 1:3 r",'],
    ['', '{} '],
    ['', '{"pid":1}'],
    ['{', '"name":"a",'],
  ];
  const parses = (bytes: Uint8Array) => () => {
    for (let i = 0; i < 100; i++) core.parse(bytes);
  };
  for (const [head, unit] of worst) {
    const cut = [16_384, 131_072].map((size) => fill(head, unit, size));
    // Many frames make many objects of JavaScript: their time is not the core's, and linear as well.
    const [small = 0, large = 0] = shortest(cut.map((bytes) => () => core.frames(bytes)));
    // 64 times where it were quadratic.
    expect(large / small, `frames of ${head}${unit}…`).toBeLessThan(24);
    const [short = 0, long = 0] = shortest([512, 4096].map((size) => parses(fill(head, unit, size))));
    expect(long / short, `parsing ${head}${unit}…`).toBeLessThan(24);
  }
});

test('CORE-05: device rules allow what a naive model of them allows', () => {
  const near = fc.record({
    type: fc.constantFrom('b' as const, 'c' as const),
    major: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 4095 })),
    minor: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 1_048_575 })),
    access,
  });
  const answers = { true: 0, false: 0 };
  fc.assert(
    fc.property(
      fc.option(fc.array(device, { maxLength: 16 })),
      fc.array(near, { minLength: 1 }),
      (rules, asked) => {
        const parsed = core.parse(bytesOf(JSON.stringify(rules ? { devices: rules } : {})));
        if (parsed.kind === 'refused') throw new Error(parsed.message);
        for (const { type, major, minor, access: letters } of asked) {
          const expected = Array.from(letters).every((letter) =>
            (rules ?? DEFAULT_DEVICES).some((rule) => allows(rule, type, major, minor, letter)),
          );
          const bits = Array.from(letters).reduce(
            (sum, letter) => sum | ACCESS[letter as keyof typeof ACCESS],
            0,
          );
          assert.equal(core.deviceAllowed(parsed.rules, TYPE[type], major, minor, bits), expected);
          answers[`${expected}`] += 1;
        }
      },
    ),
    { numRuns: RUNS },
  );
  expect(Math.min(answers.true, answers.false), 'both answers were asked for').toBeGreaterThan(RUNS / 10);
});

test('CORE-06: an addon that is not built, or cannot be loaded, says what to do', async ({}, info) => {
  expect(() => PolicyCore.load('/nonexistent/swarm_policy.node')).toThrow(/npm run native builds it/);
  const garbage = info.outputPath('swarm_policy.node');
  await writeFile(garbage, 'not an addon');
  expect(() => PolicyCore.load(garbage)).toThrow(/npm run native builds it/);
  expect(await nodeHeaders()).toMatch(/^\//);
});
