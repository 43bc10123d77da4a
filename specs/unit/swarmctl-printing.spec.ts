/** The output of swarmctl with names that agents have chosen. */
import { expect, test } from '@playwright/test';
import { listCommand } from '../../client/cli/actions/agents.js';
import { doctorCommand } from '../../client/cli/actions/doctor.js';
import { explainCommand } from '../../client/cli/actions/explain.js';
import { report } from '../../client/cli/actions/learn.js';
import { statsCommand } from '../../client/cli/actions/top.js';
import { eventsCommand } from '../../client/cli/actions/watch.js';
import { clock, explain, filled, jsonOf, print, styled, visible } from '../../client/cli/output.js';
import { START, draw } from '../../client/cli/top/draw.js';
import { Looker } from '../../client/cli/top/rows.js';
import { Denials } from '../../client/explain/denials.js';
import { learn } from '../../client/learn.js';
import { agentOf, eventOf, machineOf, printed, violationOf } from '../support/cli/machine.js';

/** The output on standard output and standard error. */
async function said(work: () => unknown): Promise<string> {
  const { stderr } = process;
  const write = stderr.write.bind(stderr);
  let text = '';
  stderr.write = (piece: string | Uint8Array) => {
    text += piece.toString();
    return true;
  };
  try {
    const out = await printed(async () => Promise.resolve(work()));
    return out + text;
  } finally {
    stderr.write = write;
  }
}

/** Everything that prints what an agent has chosen, for an agent all of whose names are this one. */
function commands(name: string): Readonly<Record<string, () => unknown>> {
  const denied = { comm: name, kind: 'execve', action: 'report' };
  const events = [
    eventOf(1, { event: 'created', agent: 7, name }),
    violationOf(2, { ...denied, file: `/t/${name}` }),
    violationOf(3, { ...denied, file: name }),
    violationOf(4, { comm: name, kind: 'device', device: 'c 10:229 rw' }),
    violationOf(5, { comm: name, kind: 'syscall', syscall: name }),
    eventOf(6, { event: 'oom', agent: 7, comm: name }),
    eventOf(7, { event: name, agent: 7, what: name }),
    eventOf(8, { event: 'suppressed', agent: 7, count: 2, kind: name }),
  ];
  const machine = machineOf([agentOf(7, { name, cgroup: name })], events);
  const denials = new Denials();
  for (const event of events)
    if (event.event === 'violation' || event.event === 'suppressed') denials.add(event);
  const end = { violations: 4, audited: 0, oom: false, memoryPeak: undefined };
  return {
    explain: () => explainCommand(machine, '7', {}),
    'explain, gone': () => explainCommand(machineOf([], events), '7', {}),
    'explain --json': () => explainCommand(machine, '7', { json: true }),
    events: () => eventsCommand(machine, {}),
    'events --json': () => eventsCommand(machine, { json: true }),
    'events --format': () => eventsCommand(machine, { format: '{{.comm}} {{.file}} {{json .}}' }),
    ls: () => listCommand(machine, {}),
    'ls --json': () => listCommand(machine, { json: true }),
    'ls --format': () => listCommand(machine, { format: '{{.name}} {{.usage}}' }),
    stats: () => statsCommand(machine, [], {}),
    'stats --json': () => statsCommand(machine, [], { json: true }),
    learn: () => {
      report(learn({ given: {}, denials, end, pidsPeak: 1, lost: 0 }, 0), 0);
    },
    top: async () => {
      const looker = new Looker(machine);
      await looker.look();
      print(draw(looker.rows, { rows: 9, columns: 100 }, START).lines.join('\n'));
    },
    error: () => {
      explain(new Error(`no agent is called ${name}`.replaceAll('\n', ' ')));
    },
  };
}

const CONTROLS = [
  ...Array.from({ length: 32 }, (_, byte) => byte),
  ...Array.from({ length: 33 }, (_, n) => 127 + n),
];

/** Characters that turn the direction of writing, have no width, or end a line. */
const HIDDEN = [
  ...[0xad, 0x61c, 0x200b, 0x200d, 0x200f, 0x2028, 0x2029],
  ...[0x202e, 0x2066, 0x2069, 0x3164, 0xfe0f, 0xfeff, 0xe0041],
];

test('CLI-83: whatever bytes an agent puts into names, a terminal gets none that it obeys, and no line more', async () => {
  const lines = new Map<string, Set<number>>();
  for (const byte of CONTROLS)
    for (const [command, work] of Object.entries(
      commands(`a${Buffer.from(String.fromCharCode(byte)).toString('latin1')}z`),
    )) {
      const text = await said(work);
      expect(text, command).not.toBe('');
      // A newline ends a line of our own.
      expect
        .soft(text.replaceAll('\n', ''), `${command}, ${byte}`)
        .not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
      lines.set(command, (lines.get(command) ?? new Set()).add(text.split('\n').length));
    }
  // None has made a line of its own: each byte as many as all others.
  for (const [command, counts] of lines) expect.soft([...counts], command).toHaveLength(1);
});

test('CLI-84: a path with control characters is proposed as JSON, and not as an option', async () => {
  const path = '/t/a\u001b[2Jz\n';
  const event = violationOf(1, { kind: 'execve', file: path });
  const text = await printed(() => explainCommand(machineOf([], [event]), '7', {}));
  expect(text).not.toContain('swarmctl run');
  expect(text).not.toContain('--exec-path /');
  const [json = ''] = /^ {2}\{.*\}$/m.exec(text) ?? [];
  expect(JSON.parse(json)).toEqual({ exec_paths: [path] });
});

test('CLI-97: a template shows fields of what is printed, and nothing that every object has', async () => {
  const machine = machineOf([agentOf(7, { name: 'web' })]);
  const names = [
    'constructor',
    'toString',
    '__proto__',
    'usage.constructor',
    'usage.valueOf.name',
    'name.length',
  ];
  for (const name of names)
    expect
      .soft(await printed(() => listCommand(machine, { format: `{{.id}}|{{.${name}}}|` })), name)
      .toBe('7||\n');
  expect(filled('{{json .constructor}}', {})).toBe('null');
  expect(filled('{{.constructor}}', { constructor: 'mine' })).toBe('mine');
  expect(filled('{{.usage.pids}} {{.members.0}}', agentOf(7))).toBe('1 1007');
});

test('CLI-106: no name makes a terminal turn the direction of writing, or hide a character of it', async () => {
  for (const code of HIDDEN) {
    const character = String.fromCodePoint(code);
    for (const [command, work] of Object.entries(
      commands(Buffer.from(`a${character}z`).toString('latin1')),
    )) {
      const text = await said(work);
      expect.soft(text, `${command}, ${code.toString(16)}`).not.toContain(character);
    }
    const path = `/t/a${character}z`;
    const file = Buffer.from(path).toString('latin1');
    const event = violationOf(1, { kind: 'execve', file });
    const text = await printed(() => explainCommand(machineOf([], [event]), '7', {}));
    expect.soft(text).not.toContain('--exec-path /');
    const [json = ''] = /^ {2}\{.*\}$/m.exec(text) ?? [];
    expect.soft(JSON.parse(json), text).toEqual({ exec_paths: [path] });
    expect
      .soft(visible(path))
      .toBe(`/t/a${code < 0x100 ? String.raw`\x` + code.toString(16) : `\\u{${code.toString(16)}}`}z`);
  }
  // What is seen stays as it is.
  expect(visible('straße 東京 🦀 é')).toBe('straße 東京 🦀 é');
  expect(jsonOf({ a: 'straße 東京 🦀' }, 2)).toBe('{\n  "a": "straße 東京 🦀"\n}');
});

test('CLI-110: there is colour on a stream that is a terminal, unless NO_COLOR is set, whatever the other streams are', () => {
  const stream = (isTTY: boolean) => ({ isTTY });
  const { NO_COLOR, FORCE_COLOR } = process.env;
  try {
    // Playwright sets it for its workers.
    delete process.env['FORCE_COLOR'];
    delete process.env['NO_COLOR'];
    expect(styled('red', 'text', stream(true))).toBe('\x1b[31mtext\x1b[39m');
    expect(styled('red', 'text', stream(false))).toBe('text');
    process.env['NO_COLOR'] = '1';
    expect(styled('red', 'text', stream(true))).toBe('text');
    // As no-color.org has it: an empty value asks for nothing.
    process.env['NO_COLOR'] = '';
    expect(styled('red', 'text', stream(true))).toBe('\x1b[31mtext\x1b[39m');
  } finally {
    delete process.env['NO_COLOR'];
    Object.assign(process.env, NO_COLOR === undefined ? {} : { NO_COLOR });
    Object.assign(process.env, FORCE_COLOR === undefined ? {} : { FORCE_COLOR });
  }
});

test('CLI-114: explain and doctor print the fields that a template asks for', async ({}, info) => {
  // Explain: the whole of what it tells, once.
  const events = [violationOf(1, { kind: 'execve', path: '/usr/bin/id' })];
  const machine = machineOf([agentOf(7, { name: 'web', violations: 1 })], events);
  const explained = (format: string) => printed(() => explainCommand(machine, '7', { format }));
  expect(await explained('{{.id}} {{.name}} {{.state}} {{.unkept}}')).toBe('7 web running 0\n');
  expect(JSON.parse(await explained('{{json .}}'))).toEqual(
    JSON.parse(await printed(() => explainCommand(machine, '7', { json: true }))),
  );
  expect(await printed(() => explainCommand(machineOf([]), undefined, { format: '{{.id}}' }))).toBe('');

  // Doctor: each check.
  const root = info.outputPath('none');
  const doctor = async (options: object) => {
    let status: number | undefined;
    const text = await printed(async () => {
      status = await Promise.resolve(doctorCommand({ root, ...options }));
    });
    return { text, status };
  };
  const { text: json, status } = await doctor({ json: true });
  const { checks } = JSON.parse(json) as { checks: { id: string; verdict: string }[] };
  const lines = (from: typeof checks) => from.map(({ id, verdict }) => `${id}: ${verdict}\n`).join('');
  const format = '{{.id}}: {{.verdict}}';
  expect(await doctor({ format })).toEqual({ text: lines(checks), status });
  expect(checks.some(({ verdict }) => verdict === 'ok')).toBe(true);
  expect(await doctor({ format, quiet: true })).toEqual({
    text: lines(checks.filter(({ verdict }) => verdict !== 'ok')),
    status,
  });
});

test('CLI-116: ls prints when each agent that runs was born', async () => {
  const minutes = 3;
  const born = agentOf(7, { name: 'web', usage: { runtime_usec: minutes * 60_000_000 } });
  const idle = agentOf(8, {
    name: 'kept',
    state: 'registered',
    members: [],
    usage: { runtime_usec: 5_000_000 },
  });
  const from = clock(new Date(Date.now() - minutes * 60_000));
  const [titles = '', first = '', second = ''] = (
    await printed(() => listCommand(machineOf([born, idle]), {}))
  ).split('\n');
  const to = clock(new Date(Date.now() - minutes * 60_000));
  const end = titles.indexOf('START') + 'START'.length;
  const cell = (line: string) => line.slice(0, end).split(' ').at(-1);
  expect([from, to]).toContain(cell(first));
  expect(cell(second)).toBe('-');
  const now = new Date(2026, 11, 1, 14, 30);
  expect(clock(new Date(2026, 11, 1, 9, 5), now)).toBe('09:05');
  expect(clock(new Date(2026, 10, 30, 23, 59), now)).toBe('2026-11-30');
  expect(clock(new Date(2025, 11, 1, 14, 30), now)).toBe('2025-12-01');
});
