import type { Answer } from '../../client/client.js';
import { quoted } from '../../client/client.js';
import { expect, test } from '../support/fixtures.js';
import { load } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

test.use({ clearAgents: true });

const READBACK = 65536;
/** With every byte of its message escaped. */
const LONGEST_ANSWER = 1312;
const REFUSED = '{"x":1}';

const upFrom = (first: number, count: number) => Array.from({ length: count }, (_, index) => first + index);

/** The answers to objects that were all accepted, the first of them under this id. */
const created = (first: number, count: number): Answer[] =>
  upFrom(first, count).map((id) => ({ kind: 'created', id }));

/** The id that the next agent will get. */
async function nextId(guest: LoadedGuest): Promise<number> {
  return (await guest.swarm.create({})) + 1;
}

test('ORDER-01: one object makes one agent', async ({ loaded }) => {
  const before = await loaded.swarm.status();
  const { writes, answers } = await loaded.swarm.write('{}');
  expect([writes, answers.map(({ kind }) => kind)]).toEqual([[2], ['created']]);
  const after = { ...before, active: before.active + 1, created: before.created + 1 };
  expect(await loaded.swarm.status()).toEqual(after);
  await loaded.sh(`echo '{}' >/proc/swarm/create`);
  expect((await loaded.swarm.status()).created, 'by echo').toBe(after.created + 1);
});

const THREE = [
  { cpu_quota: 11 },
  { cpu_quota: 12, name: 'b' },
  { cpu_quota: 13, syscalls: { fork: 'deny' } },
];
const [A, B, C] = THREE.map((object) => JSON.stringify(object)) as [string, string, string];
for (const [layout, text] of Object.entries({
  'one a line': `${A}\n${B}\n${C}\n`,
  'one a line with carriage returns': `${A}\r\n${B}\r\n${C}\r\n`,
  'several a line': `${A} ${B}\t${C}\n`,
  'nothing between them': `${A}${B}${C}`,
  'any white space': `\r\n\t ${A}\n \t${B.replaceAll(':', '\t:\r\n ')}\t\n${C.replaceAll(',', '\n,\t')}\n\n `,
  'over several lines': THREE.map((object) => JSON.stringify(object, null, 2)).join('\n'),
})) {
  test(`ORDER-02: three objects make three agents: ${layout}`, async ({ loaded }) => {
    const next = await nextId(loaded);
    expect(await loaded.swarm.write(text)).toEqual({ writes: [text.length], answers: created(next, 3) });
    const { writes, answers } = await loaded.swarm.write(text, 1);
    expect(writes, 'byte by byte').toEqual(Array(text.length).fill(1));
    expect(answers, 'byte by byte').toEqual(created(next + 3, 3));
    const agents = (await loaded.swarm.agents()).filter(({ id }) => id >= next);
    expect(agents.map(({ cpu }) => cpu)).toEqual(['11%', '12%', '13%', '11%', '12%', '13%']);
  });
}

for (const [text, answer] of [
  [
    '{"memory_limit":65536,"devices":["c 1:3 rwm"],"syscalls":{"setns":"kill"},"n\\u0061me":"a.B_c-9"}',
    'created',
  ],
  [
    '{"name":"a", "devices":["}]\\"{\\\\"], "cpu_quota":1}',
    '{"error":"EINVAL","field":"devices","offset":24,',
  ],
  ['{"cpu_quota":1, "name":"\\ud83d"}', '{"error":"EINVAL","field":"name","offset":24,'],
] as const) {
  test(`ORDER-03: cut at any byte between two writes the answer is the same: ${text}`, async ({ loaded }) => {
    const before = (await loaded.swarm.status()).created;
    const { stdout } = await loaded.exec(
      `text=${quoted(text)}; exec 3<>/proc/swarm/create 2>/dev/null
      for ((at = 0; at < ${text.length}; at++)); do printf %s "\${text:0:at}" >&3; printf %s "\${text:at}" >&3; done
      cat <&3`,
    );
    const answers = stdout
      .trimEnd()
      .replaceAll(/^\{"id":\d+\}$/gm, 'created')
      .split('\n');
    expect(answers).toHaveLength(text.length);
    expect([...new Set(answers)]).toEqual([expect.stringContaining(answer)]);
    expect((await loaded.swarm.status()).created - before).toBe(answer === 'created' ? text.length : 0);
  });
}

test('ORDER-04: a refused object among others, byte by byte, fails the write that ends it', async ({
  loaded,
}) => {
  const text = `${A}\n{"cpu_quota":99999}\n${B}`;
  const failing = text.indexOf('}', A.length);
  const next = await nextId(loaded);
  const { writes, answers } = await loaded.swarm.write(text, 1);
  expect(writes).toEqual(upFrom(0, text.length).map((at) => (at === failing ? 'EINVAL' : 1)));
  const refused = expect.objectContaining({ field: 'cpu_quota', offset: 13 });
  expect(answers).toEqual([...created(next, 1), refused, ...created(next + 1, 1)]);
});

test('ORDER-05: a write returns the bytes up to the last object that succeeded and answers to each', async ({
  loaded,
}) => {
  const rows: [text: string, returned: number | 'EINVAL', outcome: string][] = [
    ['{} {} \n', 7, 'created created'],
    [`{} ${REFUSED}`, 2, 'created refused'],
    [`{} ${REFUSED} {}`, 13, 'created refused created'],
    [`\n {}  {}${REFUSED}\n${REFUSED}\n`, 8, 'created created refused refused'],
    [REFUSED, 'EINVAL', 'refused'],
    [`${REFUSED} {} {}`, 'EINVAL', 'refused'],
    [`\t\n${REFUSED}\n{}\n{}\n`, 'EINVAL', 'refused'],
    ['garbage\n{}\n', 'EINVAL', 'refused'],
    ['{} garbage {}\n{}', 16, 'created refused created'],
    ['{} {"name":', 11, 'created'],
    [`{} ${REFUSED} {"name":`, 2, 'created refused'],
    [' \t\r\n', 4, ''],
  ];
  for (const [text, returned, outcome] of rows) {
    const before = (await loaded.swarm.status()).created;
    const { writes, answers } = await loaded.swarm.write(text);
    const name = JSON.stringify(text);
    expect([writes, answers.map(({ kind }) => kind).join(' ')], name).toEqual([[returned], outcome]);
    const count = answers.filter(({ kind }) => kind === 'created').length;
    expect((await loaded.swarm.status()).created - before, name).toBe(count);
  }
});

test('ORDER-06: ids rise by one and are never used again', async ({ loaded }) => {
  const first = await nextId(loaded);
  expect(await loaded.swarm.create({})).toBe(first);
  expect(await loaded.swarm.destroy(first)).toEqual([`${first}\n`.length]);
  expect(await loaded.swarm.create({}), 'after the end of the newest').toBe(first + 1);
  await loaded.swarm.write(REFUSED);
  await loaded.swarm.write('{"pid":4194304}');
  expect(await loaded.swarm.create({}), 'after refused objects').toBe(first + 2);
  await loaded.swarm.run({}, 'true');
  expect(await loaded.swarm.create({}), 'after one that has ended by itself').toBe(first + 4);
});

test('ORDER-07: 2,000 objects in one write make 2,000 agents', async ({ loaded }) => {
  const next = await nextId(loaded);
  const text = '{"name":"one-of-many","cpu_quota":7}\n'.repeat(2000);
  expect(await loaded.swarm.write(text)).toEqual({ writes: [text.length], answers: created(next, 2000) });
  const agents = (await loaded.swarm.agents()).filter(({ cpu }) => cpu === '7%');
  expect(agents.map(({ id }) => id)).toEqual(upFrom(next, 2000));
});

test('ORDER-08: the read-back holds 64 KiB; then a write answers EAGAIN and does nothing', async ({
  loaded,
}) => {
  const { writes, answers } = await loaded.swarm.write(REFUSED.repeat(1200), REFUSED.length);
  const taken = answers.length;
  expect(writes).toEqual(upFrom(0, 1200).map((index) => (index < taken ? 'EINVAL' : 'EAGAIN')));
  const bytes = answers
    .map((answer) => JSON.stringify({ ...answer, kind: undefined }).length + '\n'.length)
    .reduce((sum, length) => sum + length, 0);
  expect(bytes).toBeLessThanOrEqual(READBACK);
  expect(bytes, 'less is free than the longest answer needs').toBeGreaterThan(READBACK - LONGEST_ANSWER);
});

test('ORDER-09: a write ends where the read-back is full, having created what it tells of', async ({
  loaded,
}) => {
  const before = (await loaded.swarm.status()).created;
  const { writes, answers } = await loaded.swarm.write('{}'.repeat(9000));
  expect(answers.length).toBeGreaterThan(READBACK / 16);
  expect(writes).toEqual([2 * answers.length]);
  expect((await loaded.swarm.status()).created - before).toBe(answers.length);
});

test('ORDER-10: a full descriptor goes on once it is read; one that only writes never fills', async ({
  loaded,
}) => {
  const next = await nextId(loaded);
  const { stdout, stderr } = await loaded.exec(
    `exec 3<>/proc/swarm/create 4>/proc/swarm/create
    for ((i = 0; i < 1200; i++)); do printf '${REFUSED}' >&3; printf '${REFUSED}' >&4; done 2>/dev/null
    printf '{}' >&3
    wc -c <&3
    printf '{}{}' >&3
    cat <&3
    printf '{}' >&4`,
  );
  const [length, ...answers] = stdout.trim().split('\n');
  expect(Number(length)).toBeGreaterThan(READBACK - LONGEST_ANSWER);
  expect(answers).toEqual([`{"id":${next}}`, `{"id":${next + 1}}`]);
  expect(stderr, 'one write failed').toMatch(/^[^\n]*Resource temporarily unavailable\n$/);
  expect(await nextId(loaded)).toBe(next + 4);
});

test('ORDER-11: a shell reads the answers line by line', async ({ loaded }) => {
  const next = await nextId(loaded);
  const read = 'while read -r line <&3; do echo "$line"; done';
  const lines = await loaded.sh(`exec 3<>/proc/swarm/create; printf '{}{}{}' >&3; ${read}`);
  expect(lines.split('\n')).toEqual(upFrom(next, 3).map((id) => `{"id":${id}}`));
});

test('ORDER-12: an unfinished object at close is discarded and logged', async ({ loaded }) => {
  const next = await nextId(loaded);
  await loaded.sh('dmesg -C');
  expect(await loaded.swarm.write('{} {"name":"x"')).toEqual({ writes: [14], answers: created(next, 1) });
  expect(await loaded.sh('dmesg')).toMatch(
    /swarm_guard: create: closed in the middle .* its 11 bytes were discarded/,
  );
  const rest = await loaded.swarm.write(',"cpu_quota":25}');
  expect(rest.writes, 'what follows on another descriptor').toEqual(['EINVAL']);
  expect(await nextId(loaded)).toBe(next + 2);
  await loaded.sh('dmesg -C');
  await loaded.swarm.write('{} \n');
  expect(await loaded.sh('dmesg'), 'nothing unfinished').not.toContain('closed in the middle');
});

test('ORDER-13: agents shows each limit in its unit, line by line', async ({ loaded }) => {
  const rows = {
    '{"memory_limit":268435456,"cpu_quota":25,"namespace_flags":63}':
      'Memory: 256MB, CPU: 25%, Namespaces: 0x3F',
    '{}': 'Memory: max, CPU: max, Namespaces: 0x7F',
    '{"memory_limit":0,"cpu_quota":0,"namespace_flags":127}': 'Memory: max, CPU: max, Namespaces: 0x7F',
    '{"memory_limit":65536,"cpu_quota":1,"namespace_flags":255}': 'Memory: 64KB, CPU: 1%, Namespaces: 0xFF',
    '{"memory_limit":65537,"cpu_quota":200}': 'Memory: 65537B, CPU: 200%, Namespaces: 0x7F',
    '{"memory_limit":196608,"namespace_flags":32}': 'Memory: 192KB, CPU: max, Namespaces: 0x20',
    '{"memory_limit":1048575}': 'Memory: 1048575B, CPU: max, Namespaces: 0x7F',
    '{"memory_limit":1048576}': 'Memory: 1MB, CPU: max, Namespaces: 0x7F',
    '{"memory_limit":1049600}': 'Memory: 1025KB, CPU: max, Namespaces: 0x7F',
    '{"memory_limit":1099511627776}': 'Memory: 1048576MB, CPU: max, Namespaces: 0x7F',
    '{"memory_limit":18446744073709551615}': 'Memory: 18446744073709551615B, CPU: max, Namespaces: 0x7F',
    '{"namespace_flags":5,"privileged":true}': 'Memory: max, CPU: max, Namespaces: 0x05',
    '{"namespace_flags":0,"privileged":true}': 'Memory: max, CPU: max, Namespaces: 0x00',
  };
  const objects = Object.keys(rows);
  const next = await nextId(loaded);
  expect((await loaded.swarm.write(objects.join('\n'))).answers).toEqual(created(next, objects.length));
  const { stdout } = await loaded.exec(`tail -n ${objects.length} /proc/swarm/agents`);
  expect(stdout).toBe(
    Object.values(rows)
      .map((shown, index) => `ID: ${next + index}, PID: 0, ${shown}\n`)
      .join(''),
  );
});

test('ORDER-14: every key is accepted, to the edge of its range, and equal names are', async ({ loaded }) => {
  const objects = [
    ...['a', '0', '.', '_', '-', 'A-Za-z0-9._-', 'x'.repeat(31), 'a'].map((name) => ({ name })),
    { devices: [] },
    { devices: ['a', 'c *:* r', 'b 8:0 wm', 'c 4095:1048575 mwr', ...Array<string>(12).fill('c 1:3 r')] },
    { syscalls: { fork: 'allow', thread: 'deny', execve: 'kill', unshare: 'audit', setns: 'allow' } },
    { syscalls: {}, exec_paths: [], persist: true, privileged: true, spawn: false, pids_limit: 4194304 },
  ];
  const next = await nextId(loaded);
  const { answers } = await loaded.swarm.write(objects.map((object) => JSON.stringify(object)).join('\n'));
  expect(answers).toEqual(created(next, objects.length));
});

test('ORDER-18: with max_agents active the next is refused; after a destroy there is room', async ({
  booted,
  module,
}) => {
  const guest = await load(booted, module.ko, { max_agents: 3 });
  const message: unknown = expect.stringMatching(/^3 agents are active, which is max_agents; /);
  const full = { kind: 'refused', error: 'ENOSPC', field: '', offset: 0, message };
  expect(await guest.swarm.write('{}{}{}{}{}')).toEqual({
    writes: [6],
    answers: [...created(1, 3), full, full],
  });
  for (const object of ['{}', '{"spawn":true}']) {
    expect(await guest.swarm.write(object)).toEqual({ writes: ['ENOSPC'], answers: [full] });
  }
  expect(await guest.swarm.status()).toEqual({ active: 3, created: 3, destroyed: 0, violations: 0 });
  await guest.swarm.destroy(2);
  expect(await guest.swarm.write('{}{}')).toEqual({ writes: [2], answers: [...created(4, 1), full] });
  expect((await guest.swarm.agents()).map(({ id }) => id)).toEqual([1, 3, 4]);
});
