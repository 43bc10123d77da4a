/** Requests checked by the client's package, in WebAssembly, against the policy core as the module has it. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import { expect, test } from '@playwright/test';
import fc from 'fast-check';
import { checkCommand } from '../../client/cli/actions/check.js';
import { PolicyCore } from '../../client/native/core/policy.js';
import { checkRequest, checkRequests, position } from '../../client/policy/check.js';
import { loadPolicy } from '../../client/policy/core.js';
import type { OrderFile, Policy, Refusal } from '../../client/policy/core.js';
import { printed } from '../support/cli/machine.js';
import { buildNative } from '../support/native.js';
import { buildPolicyWasm } from '../support/policy-wasm.js';
import { CPUS, bytesOf, texts } from '../support/requests.js';

const RUNS = 10_000;
const FILES = ['create', 'update', 'attach', 'spawn', 'destroy'] as const satisfies OrderFile[];
const ERRNOS: Record<number, 'EINVAL' | 'E2BIG'> = { 22: 'EINVAL', 7: 'E2BIG' };

let native: PolicyCore;
let policy: Policy;

test.beforeAll(async () => {
  test.setTimeout(600_000);
  native = PolicyCore.load(await buildNative());
  policy = await loadPolicy(await buildPolicyWasm());
});

/** The addon's refusal of an object, in the client's words. */
function refusalOf(answer: { errno: number; offset: number; field: string; message: string }): Refusal {
  const { errno, offset, field, message } = answer;
  const error = ERRNOS[errno];
  assert(error, `errno ${errno}`);
  return { error, field, offset, message };
}

function nativeAnswer(file: OrderFile, text: Uint8Array): Refusal | undefined {
  const parse = {
    create: () => native.parse(text, CPUS),
    update: () => native.parseUpdate(text, bytesOf('{}'), CPUS),
    attach: () => native.parseAttach(text),
    spawn: () => native.parseTarget(text),
    destroy: () =>
      text.length === 0 || text[0] === bytesOf('{')[0] ? native.parseTarget(text) : native.parseId(text),
  };
  const answer = parse[file]();
  return answer.kind === 'refused' ? refusalOf(answer) : undefined;
}

test('CLIENT-01: the package refuses what the policy core refuses, for the same reason', () => {
  const counts = Object.fromEntries(FILES.map((file) => [file, { accepted: 0, refused: 0 }]));
  const messages = new Set<string>();
  fc.assert(
    fc.property(
      fc.constantFrom(...FILES).chain((file) => fc.tuple(fc.constant(file), texts(file))),
      ([file, text]) => {
        const refusal = policy.parse(file, text, CPUS);
        assert.deepEqual(refusal, nativeAnswer(file, text));
        const count = counts[file];
        if (count) count[refusal ? 'refused' : 'accepted'] += 1;
        if (refusal) messages.add(`${refusal.field} ${refusal.message}`);
      },
    ),
    { numRuns: RUNS },
  );
  for (const [file, { accepted, refused }] of Object.entries(counts))
    expect(Math.min(accepted, refused), file).toBeGreaterThan(RUNS / 50);
  expect(messages.size).toBeGreaterThan(100);
});

test('CLIENT-02: the package finds in a stream the objects and faults that the policy core finds', () => {
  const stream = fc
    .array(fc.tuple(texts('create'), fc.constantFrom('\n', '\n', '\n', '\r\n\n', ' ', '')), { maxLength: 40 })
    .map((all) => Buffer.concat(all.flatMap(([text, space]) => [text, Buffer.from(space)])));
  const counts = { object: 0, refused: 0, unended: 0 };
  fc.assert(
    fc.property(stream, (bytes) => {
      const pieces = Array.from({ length: Math.ceil(bytes.length / 4096) }, (_, i) =>
        bytes.subarray(i * 4096, (i + 1) * 4096),
      );
      const frames = policy.frames(bytes);
      for (const { kind } of frames) counts[kind] += 1;
      // The addon tells where each one ends, and of an object without its end nothing.
      const ended = frames.filter(({ kind }) => kind !== 'unended');
      const expected = native.frames(...pieces);
      assert.deepEqual(
        ended.map((frame) =>
          frame.kind === 'object' ? frame.offset + frame.length : 'refusal' in frame ? frame.refusal : frame,
        ),
        expected.map(({ end, error }) => (error ? refusalOf(error) : end)),
      );
      let last = -1;
      for (const { offset } of frames) {
        assert(offset > last && offset < bytes.length, `a frame at ${offset} after ${last}`);
        last = offset;
      }
    }),
    { numRuns: 1000 },
  );
  expect(Math.min(counts.object, counts.refused), JSON.stringify(counts)).toBeGreaterThan(1000);
  expect(counts.unended, JSON.stringify(counts)).toBeGreaterThan(50);
});

test('CLIENT-03: a check refuses what is not one object, and says where a fault is', () => {
  const check = (file: OrderFile, text: string) => {
    const { offset, message } = checkRequest(file, text, { cpus: 2 }) ?? {};
    return message === undefined ? 'accepted' : `${offset}: ${message}`;
  };
  expect(checkRequest('create', '{"name":"web","cpu_quota":201}', { cpus: 2 })).toEqual({
    error: 'EINVAL',
    field: 'cpu_quota',
    offset: 26,
    message: 'expected an integer from 0 to 200 (percent of one CPU; 100 for each CPU online)',
  });
  expect(checkRequest('create', '{"cpu_quota":100}')).toBeUndefined();
  expect(checkRequest('create', `{"name":"${'a'.repeat(5000)}"}`)).toEqual({
    error: 'E2BIG',
    field: '',
    offset: 4096,
    message: 'an object may have 4096 bytes at most',
  });
  expect(check('create', ' \n{"name":"é"}\r\n')).toMatch(/^8: /);
  expect(check('create', '{}')).toBe('accepted');
  expect(check('create', '{} {}')).toBe('3: nothing may follow the object');
  expect(check('create', '{"x":1} {}')).toBe('1: unknown key');
  expect(check('create', '')).toBe('0: the object ends too early');
  expect(check('create', ' {"name":"a" ')).toBe('12: the object ends too early');
  expect(check('create', '[]')).toBe('0: expected an object: {');
  expect(check('spawn', '7\n')).toBe('0: expected an object: {');
  expect(check('destroy', '7\n')).toBe('accepted');
  expect(check('destroy', '7')).toMatch(/^1: a line ends with a newline/);
  expect(check('destroy', '7\n8\n')).toBe('2: nothing may follow the object');
  expect(check('destroy', '{"id":7}')).toBe('accepted');
  expect(check('attach', '{"id":7}')).toMatch(/^0: the key is missing/);
  expect(check('update', '{"id":7,"frozen":true}')).toBe('accepted');

  const text = '{"name":"ä"}\n\n  {"näme":1}\n{"cpu_quota":101} {"name":"b"}\n{"name":';
  const places = checkRequests('create', text, { cpus: 1 }).map(({ offset, refusal }) =>
    refusal ? position(text, offset + refusal.offset) : 'accepted',
  );
  expect(places).toEqual([
    { line: 1, column: 9 },
    { line: 3, column: 4 },
    { line: 4, column: 14 },
    'accepted',
    { line: 5, column: 9 },
  ]);
  expect(
    checkRequests('destroy', '7\n\n {"id":8} 0\n', {}).map(({ offset, refusal }) => [
      offset,
      refusal?.offset,
    ]),
  ).toEqual([
    [0, undefined],
    [4, undefined],
    [13, 0],
  ]);
});

test('CLI-94: swarmctl check checks bytes, shows what a terminal obeys, and goes on after a file that it cannot read', async ({}, info) => {
  const file = async (name: string, text: string | Uint8Array) => {
    const path = info.outputPath(name);
    await writeFile(path, text);
    return path;
  };
  const check = async (paths: readonly string[], json?: true) => {
    let status: number | undefined;
    const text = await printed(() => {
      status = checkCommand(paths, { for: 'create', json });
      return Promise.resolve();
    });
    return { status, lines: text.split('\n').slice(0, -1) };
  };
  const fine = await file('fine', '{"name":"web"}');
  const bytes = Buffer.from('{"exec_paths":["/t/\xff"]}', 'latin1');
  const binary = await file('binary', bytes);
  const refusal = checkRequest('create', bytes);
  expect(refusal?.message).toContain('not UTF-8');
  const raw = await check([binary], true);
  expect(raw.status).toBe(1);
  expect(raw.lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    { file: binary, ok: false, line: 1, column: (refusal?.offset ?? 0) + 1, ...refusal },
  ]);

  // The mark is below the place, whatever stands before it takes.
  const escape = await file('escape', '{"exec_paths":["/ä\u0085\u007f"],"x":"\u001b[2J"}');
  const shown = await check([escape]);
  const before = String.raw`{"exec_paths":["/ä\x85\x7f"],"x":"`;
  expect(shown).toEqual({
    status: 1,
    lines: [
      `${escape}:1:29: a control byte in a string; write a backslash, u and four hexadecimal digits`,
      String.raw`  ${before}\x1b[2J"}`,
      `  ${' '.repeat(before.length)}^`,
    ],
  });

  const empty = await file('empty', ' \n');
  const none = { file: empty, ok: false, line: 1, column: 1, error: 'EINVAL', field: '', offset: 0 };
  const missing = info.outputPath('missing');
  const all = await check([empty, missing, fine], true);
  expect(all.status).toBe(1);
  expect(all.lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    { ...none, message: 'there is no object' },
    {
      file: missing,
      ok: false,
      error: 'ENOENT',
      field: '',
      offset: 0,
      message: `${missing}: no such file or directory`,
    },
    { file: fine, ok: true, line: 1, column: 1 },
  ]);
  expect(await check([missing, fine])).toEqual({ status: 1, lines: [`${fine}:1:1: ok`] });
});

test('CLI-115: check prints the fields that a template asks for, for each object', async ({}, info) => {
  const file = info.outputPath('policies');
  await writeFile(file, '{}\n{"memory_limit": "much"}\n');
  const empty = info.outputPath('empty');
  await writeFile(empty, '');
  const checked = (quiet?: true) =>
    printed(() =>
      Promise.resolve(
        checkCommand([file, empty, `${file}.none`], {
          for: 'create',
          format: '{{.line}} {{.ok}} {{.field}} {{.error}}',
          quiet,
        }),
      ),
    );
  const wrong = '2 false memory_limit EINVAL\n1 false  EINVAL\n false  ENOENT\n';
  expect(await checked()).toBe(`1 true  \n${wrong}`);
  expect(await checked(true)).toBe(wrong);
});

test('CLIENT-83: a CPU that has come since the CPUs were counted is counted before a cpu_quota is refused', () => {
  const { cpus } = os;
  const [one] = cpus();
  assert(one);
  let asked = 0;
  const online = (count: number) => {
    os.cpus = () => {
      asked += 1;
      return Array<os.CpuInfo>(count).fill(one);
    };
    syncBuiltinESMExports();
  };
  const ask = (quota: number, given = {}) =>
    checkRequest('create', `{"memory_limit":1048576,"cpu_quota":${quota}}`, given)?.field;
  try {
    // More than any machine of an earlier test has.
    online(4000);
    expect(ask(400_000)).toBeUndefined();
    expect(ask(400_100)).toBe('cpu_quota');
    online(4001);
    asked = 0;
    expect(ask(400_000)).toBeUndefined();
    expect(asked).toBe(0);
    expect(ask(400_100)).toBeUndefined();
    expect(ask(400_200)).toBe('cpu_quota');
    // Another machine's are as they are given, and those of this one are not asked for.
    asked = 0;
    expect(ask(400_100, { cpus: 2 })).toBe('cpu_quota');
    expect(asked).toBe(0);
  } finally {
    os.cpus = cpus;
    syncBuiltinESMExports();
    // Counted again.
    ask(500_000_000);
  }
});
