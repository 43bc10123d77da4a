import type { Answer } from '../../client/client.js';
import { expectNoAgentCgroups } from '../support/cgroups.js';
import { expect, test } from '../support/fixtures.js';
import { background, destroyAll } from '../support/guest.js';

/** The fault, an input with ▲ in front of the byte at fault, and the key that the answer names. */
type Row = [name: string, input: string, field?: string];

const DEEP = '{"a":'.repeat(8);
const DEVICES = Array(16).fill('"c 1:3 r"').join();
const PATHS = Array(8).fill('"/bin/true"').join();

const TABLES: Record<string, Row[]> = {
  numbers: [
    ['a fraction', '{"cpu_quota":1▲.0}', 'cpu_quota'],
    ['an exponent', '{"cpu_quota":1▲e1}', 'cpu_quota'],
    ['a negative number', '{"cpu_quota":▲-1}', 'cpu_quota'],
    ['minus zero', '{"cpu_quota":▲-0}', 'cpu_quota'],
    ['a leading zero', '{"cpu_quota":0▲1}', 'cpu_quota'],
    ['a plus sign', '{"cpu_quota":▲+1}', 'cpu_quota'],
    ['a hexadecimal number', '{"memory_limit":0▲x10000}'],
    ['a number with separators', '{"memory_limit":65536▲_000}'],
    ['no number', '{"cpu_quota":▲NaN}', 'cpu_quota'],
    ['2^64', '{"memory_limit":▲18446744073709551616}', 'memory_limit'],
    ['2^64 + 65536, which wraps to a valid value', '{"memory_limit":▲18446744073709617152}', 'memory_limit'],
    ['a byte less than the least memory', '{ "memory_limit" : ▲65535 }', 'memory_limit'],
    ['more CPU than there are CPUs', '{"cpu_quota":▲201}', 'cpu_quota'],
    ['more processes than Linux has', '{"pids_limit":▲4194305}', 'pids_limit'],
    ['a namespace bit that does not exist', '{"namespace_flags":▲256}', 'namespace_flags'],
    ['process 0', '{"pid":▲0}', 'pid'],
    ['a process beyond the last', '{"pid":▲4194305}', 'pid'],
    ['no user namespace and not privileged', '{"name":"a","namespace_flags":▲31}', 'namespace_flags'],
    ['spawn and pid', '{"pid":▲4194304,"spawn":true}', 'pid'],
  ],
  values: [
    ['a string for a number', '{"memory_limit":▲"65536"}', 'memory_limit'],
    ['null for a number', '{"cpu_quota":▲null}', 'cpu_quota'],
    ['true for a number', '{"pids_limit":▲true}', 'pids_limit'],
    ['an array for a number', '{"namespace_flags":▲[127]}', 'namespace_flags'],
    ['an object for a number', '{"pid":▲{}}', 'pid'],
    ['a number for a boolean', '{"spawn":▲1}', 'spawn'],
    ['a string for a boolean', '{"persist":▲"true"}', 'persist'],
    ['part of a boolean', '{"spawn":▲fals}', 'spawn'],
    ['more than a boolean', '{"spawn":false▲ly}'],
    ['a number for a name', '{"name":▲7}', 'name'],
    ['an empty name', '{"name":▲""}', 'name'],
    ['a name of 32 bytes', `{"name":▲"${'x'.repeat(32)}"}`, 'name'],
    ['a name with a slash', '{"name":▲"../a"}', 'name'],
    ['a name that is not ASCII', '{"name":▲"\xc3\xa9"}', 'name'],
    ['a string for devices', '{"devices":▲"c 1:3 r"}', 'devices'],
    ['a number for a device', '{"devices":["c 1:3 r",▲13]}', 'devices'],
    ['a device rule without access', '{"devices":[▲"c 1:3"]}', 'devices'],
    ['a device rule with an unknown access', '{"devices":[▲"c 1:3 rx"]}', 'devices'],
    ['a device number out of range', '{"devices":[▲"c 4096:0 r"]}', 'devices'],
    ['17 device rules', `{"devices":[${DEVICES},▲"c 1:3 r"]}`, 'devices'],
    ['no comma between device rules', '{"devices":["c 1:3 r" ▲"c 1:5 r"]}', 'devices'],
    ['a comma behind the last device rule', '{"devices":["c 1:3 r",▲]}', 'devices'],
    ['a brace that closes an array', '{"devices":["c 1:3 r"▲}}', 'devices'],
    ['an array for syscalls', '{"syscalls":▲[]}', 'syscalls'],
    ['an unknown rule', '{"syscalls":{"fork":"deny",▲"clones":"deny"}}', 'syscalls'],
    ['an unknown action', '{"syscalls":{"fork":▲"forbid"}}', 'syscalls'],
    ['a rule given twice', '{"syscalls":{"fork":"deny",▲"fork":"deny"}}', 'syscalls'],
    ['a string for paths', '{"exec_paths":▲"/bin/true"}', 'exec_paths'],
    ['a relative path', '{"exec_paths":["/bin/true",▲"bin/true"]}', 'exec_paths'],
    ['a path with a NUL byte', '{"exec_paths":[▲"/bin\\u0000"]}', 'exec_paths'],
    ['nine paths', `{"exec_paths":[${PATHS},▲"/bin/true"]}`, 'exec_paths'],
  ],
  keys: [
    ['an unknown key', '{▲"memory":65536}', 'memory'],
    ['a key in capitals', '{"name":"a",▲"Cpu_quota":25}', 'Cpu_quota'],
    ['a key that goes on behind a NUL byte', '{▲"name\\u0000x":"a"}', 'name?u0000x'],
    ['the beginning of a key', '{▲"nam":"a"}', 'nam'],
    ['an empty key', '{▲"":1}', ''],
    ['a key of 40 bytes', `{▲"${'k'.repeat(40)}":1}`, 'k'.repeat(31)],
    ['a key with quotes', '{▲"\\"":1}', '??'],
    ['a key that is not ASCII', '{▲"\xf0\x9f\x90\x9d":1}', '????'],
    ['a key given twice', '{"name":"a",▲"name":"a"}', 'name'],
    ['a key given twice, once escaped', '{"name":"a",▲"n\\u0061me":"a"}', 'name'],
    ['a key given twice, the second time wrong', '{"cpu_quota":25,"name":"a",▲"cpu_quota":[]}', 'cpu_quota'],
    ['a key without quotes', '{▲name:"a"}'],
    ['a key in single quotes', "{▲'name':'a'}"],
    ['a key and a colon without a value', '{"name":▲}', 'name'],
    ['no colon', '{"name"▲"a"}', 'name'],
  ],
  objects: [
    ['a comma behind the last value', '{"name":"a",▲}'],
    ['two commas', '{"name":"a",▲,"spawn":false}'],
    ['no comma', '{"name":"a"▲"spawn":false}'],
    ['a bracket that closes an object', '{"name":"a"▲]'],
    ['an array in an object', '{▲[]}'],
    ['a comment', '{▲/* none */}'],
    ['white space that JSON does not have', '{▲\x0b}'],
    ['a NUL byte in an object', '{"name":"a"▲\0}'],
    ['a byte order mark', '▲\xef\xbb\xbf{}'],
    ['an array of objects', '▲[{}]'],
    ['null', '▲null'],
    ['a closing brace', ' \n\t▲}{}'],
    ['white space before the object, which is not counted', '\r\n \t{"cpu_quota":▲-1}', 'cpu_quota'],
    ['objects nine deep', `${DEEP}▲{}${'}'.repeat(8)}`],
    ['a thousand opening brackets', `{${'['.repeat(7)}▲${'['.repeat(992)}`],
    ['arrays in an array', '{"devices":[▲[[[]]]]}', 'devices'],
  ],
  strings: [
    ['an escape that JSON does not have', '{"name":"\\▲x41"}', 'name'],
    ['an escape with a digit that is none', '{"name":"\\u00▲g1"}', 'name'],
    ['an escape that ends too early', '{"name":"\\u004▲"}', 'name'],
    ['the first half of a surrogate pair', '{"name":"a▲\\ud83d"}', 'name'],
    ['the second half of a surrogate pair', '{"name":"a▲\\udc1d"}', 'name'],
    ['half of a surrogate pair in a key', '{"▲\\ud83d":1}'],
    ['a continuation byte alone', '{"name":"▲\x80"}', 'name'],
    ['a byte that UTF-8 never has', '{"name":"a▲\xff"}', 'name'],
    ['an overlong slash', '{"exec_paths":["/\xe0▲\x80\xaf"]}', 'exec_paths'],
    ['a surrogate in UTF-8', '{"name":"\xed▲\xa0\xbd"}', 'name'],
    ['a character beyond the last', '{"name":"\xf4▲\x90\x80\x80"}', 'name'],
    ['a character cut short', '{"name":"\xe2\x82▲"}', 'name'],
    ['a key that is not UTF-8', '{"a\xe9▲":1}'],
    ['a NUL byte in a string', '{"name":"a▲\0b"}'],
    ['a tab in a string', '{"name":"a▲\tb"}'],
    ['a line feed in a string', '{"name":"a▲\nb"}'],
    ['a control byte in a key', '{"▲\x1fname":"a"}'],
    ['a control byte behind a backslash', '{"name":"\\▲\x01"}'],
  ],
};

const kinds = (answers: Answer[]) => answers.map(({ kind }) => kind);

for (const [what, rows] of Object.entries(TABLES)) {
  test(`ORDER-19: ${rows.length} wrong ${what} are refused, each at its byte`, async ({ loaded }) => {
    const before = await loaded.swarm.status();
    for (const [name, input, field = ''] of rows) {
      const text = input.replace('▲', '');
      const offset = input.indexOf('▲') - text.search(/[^ \t\r\n]/);
      const message: unknown = expect.stringMatching(/^[ !#-[\]-~]{8,123}$/);
      const answer = { kind: 'refused', error: 'EINVAL', field, offset, message };
      const written = await loaded.swarm.write(Buffer.from(text, 'latin1'));
      expect.soft(written, name).toEqual({ writes: ['EINVAL'], answers: [answer] });
    }
    expect(await loaded.swarm.status()).toEqual(before);
    expect(await loaded.swarm.agents()).toEqual([]);
  });
}

test('ORDER-20: what is no whole object yet is neither refused nor created', async ({ loaded }) => {
  const before = await loaded.swarm.status();
  const starts = [
    '{',
    '{"',
    '{"name',
    '{"name":"}',
    '{"name":"a\\',
    '{"name":"a\\"}',
    '{"spawn":true',
    '{{}',
  ];
  const nested = ['{"devices":["c 1:3 r"', '{"devices":[}', '{"syscalls":{"fork":"deny"}', '{"name":"\xe2'];
  for (const start of [...starts, ...nested, ' ', '\r\n\t\n']) {
    const written = await loaded.swarm.write(Buffer.from(start, 'latin1'));
    expect(written, JSON.stringify(start)).toEqual({ writes: [start.length], answers: [] });
  }
  expect(await loaded.sh('attempt write /proc/swarm/create ""'), 'a write of no bytes').toBe('write ok');
  expect(await loaded.swarm.status()).toEqual(before);
});

test('ORDER-21: an object may have 4,096 bytes; a longer one is E2BIG, whatever it holds', async ({
  loaded,
}) => {
  const padded = (length: number) => `{${' '.repeat(length - 2)}}`;
  const fits = await loaded.swarm.write(`\n${padded(4096)}`);
  expect([fits.writes, kinds(fits.answers)]).toEqual([[4097], ['created']]);
  const before = await loaded.swarm.status();
  const long = 'x'.repeat(70_000);
  const message: unknown = expect.stringContaining('4096');
  const answers = [{ kind: 'refused', error: 'E2BIG', field: '', offset: 4096, message }];
  const nested = [`{"x":"{}\\"${long}{}"}`, `{"x":[${'{},'.repeat(5000)}1]}`];
  for (const text of [padded(4097), padded(100_000), `{"name":"${long}"}`, ...nested]) {
    const name = `${text.slice(0, 12)}… of ${text.length}`;
    expect(await loaded.swarm.write(text), name).toEqual({ writes: ['E2BIG'], answers });
  }
  expect(await loaded.swarm.status()).toEqual(before);
  const among = await loaded.swarm.write(`{}${padded(20_000)}{}`);
  expect(among.writes, 'between two others').toEqual([20_004]);
  expect(kinds(among.answers)).toEqual(['created', 'refused', 'created']);
  await destroyAll(loaded);
});

test('ORDER-22: a later write on the same descriptor works after any error', async ({ loaded }) => {
  const long = `{"name":"${'x'.repeat(9000)}"}`;
  const controls = ['{"name":"a\0b"}', '{"name":"a\nb"}', '{"name":"a\\\tb"}'];
  for (const bad of ['{"x":1}', ...controls, '\xff{"', '}}', `${DEEP}{`, '["', long, long.slice(0, -2)]) {
    const { length } = bad;
    const bytes = Buffer.from(bad + '{}'.padEnd(length).repeat(2), 'latin1');
    const { writes, answers } = await loaded.swarm.write(bytes, length);
    const name = JSON.stringify(bad.slice(0, 20));
    expect(writes, name).toEqual([length > 4096 ? 'E2BIG' : 'EINVAL', length, length]);
    expect(kinds(answers), name).toEqual(['refused', 'created', 'created']);
  }
  await destroyAll(loaded);
});

test('ORDER-23: garbage among objects costs the rest of its line', async ({ loaded }) => {
  for (const bad of ['garbage', '{"name":"a\tb"}', `${DEEP}{`, '\0', '}']) {
    const { answers } = await loaded.swarm.write(`{}${bad} {}\n{}\n`);
    expect({ bad, kinds: kinds(answers) }).toEqual({ bad, kinds: ['created', 'refused', 'created'] });
  }
  await destroyAll(loaded);
});

test('ORDER-24: what cannot be done now has an error of its own and leaves nothing behind', async ({
  loaded,
}) => {
  const pid = await background(loaded, 'sleep 60');
  const before = await loaded.swarm.status();
  const rows: [name: string, error: string, pid: number][] = [
    ['a process that does not exist', 'ESRCH', 4194304],
    ['process 1', 'EPERM', 1],
    ['a kernel thread', 'EPERM', 2],
    ['a process in the initial namespaces', 'EPERM', pid],
  ];
  for (const [name, error, pid] of rows) {
    const written = await loaded.swarm.write(`{"memory_limit":1048576,"pid":${pid}}`);
    const answer: unknown = expect.objectContaining({ error, field: 'pid' });
    expect.soft(written, name).toEqual({ writes: [error], answers: [answer] });
  }
  const { active, created } = await loaded.swarm.status();
  expect([active, created]).toEqual([before.active, before.created]);
  await expectNoAgentCgroups(loaded);
  await loaded.sh(`kill ${pid}`);
});

test('ORDER-25: a thread that is armed cannot be armed again', async ({ loaded }) => {
  const before = (await loaded.swarm.status()).created;
  const { writes, answers } = await loaded.swarm.write('{"spawn":true}'.repeat(2), 14);
  expect(writes).toEqual([14, 'EBUSY']);
  expect(answers[1]).toEqual(expect.objectContaining({ error: 'EBUSY', field: 'spawn' }));
  expect((await loaded.swarm.status()).created - before).toBe(1);
});
