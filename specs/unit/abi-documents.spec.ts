/** The interface as client/abi has it, against the documents, the module's sources and what later versions may print. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { z } from 'zod';
import { answer, answers, parseAnswer } from '../../client/abi/answer.js';
import { ERRORS } from '../../client/abi/errors.js';
import { knownEvent, parseEvent } from '../../client/abi/event.js';
import { FILES } from '../../client/abi/files.js';
import { STRICT } from '../../client/abi/form.js';
import { inspection, inspections } from '../../client/abi/inspection.js';
import { SCHEMAS } from '../../client/abi/json-schema.js';
import { NAMESPACES, SYSCALLS, namesOf } from '../../client/abi/names.js';
import { attachRequest, createRequest, updateRequest } from '../../client/abi/request.js';
import { repository } from '../../harness.config.js';
import { PAGES, documents } from '../support/abi/documents.js';
import { readPublished } from '../support/abi/published.js';
import { TABLES } from '../support/abi/tables.js';

test('ABI-10: what the kernel prints may grow: a client ignores what it does not know, the strict form refuses it', async () => {
  const published = await readPublished();
  const told =
    '{"seq":3,"time":9,"event":"destroyed","agent":1,"reason":"exit","exit":0,"violations":1,"audited":0,"oom_kills":0,"cpu_usec":1,"runtime_usec":2}';
  const event = JSON.parse(told) as object;
  const strict = knownEvent(STRICT);
  expect(parseEvent(told)).toEqual(strict.parse(event));
  const grown = { ...event, reason: 'eaten', io_bytes: 2 };
  expect(parseEvent(JSON.stringify(grown))).toEqual({ ...event, reason: 'eaten' });
  expect(published.event(grown)).toBe(true);
  for (const value of [
    { ...event, reason: 'eaten' },
    { ...event, io_bytes: 2 },
  ])
    expect(strict.safeParse(value).success).toBe(false);
  const paused = { seq: 4, time: 10, event: 'paused', agent: 7 };
  expect(published.event(paused)).toBe(true);
  expect(parseEvent(JSON.stringify(paused))).toEqual({
    ...{ seq: 4, time: 10, event: 'other', name: 'paused' },
    fields: { agent: 7 },
  });
  // But what is known has to be whole.
  const broken = Object.fromEntries(Object.entries(event).filter(([key]) => key !== 'agent'));
  expect(() => parseEvent(JSON.stringify(broken))).toThrow(z.ZodError);
  expect(published.event(broken)).toBe(false);

  expect(parseAnswer('{"id":7,"cgroup":"/swarm"}')).toEqual({ kind: 'created', id: 7 });
  expect(published.answer({ id: 7, cgroup: '/swarm' })).toBe(true);
  expect(answers(STRICT).created.safeParse({ id: 7, cgroup: '/swarm' }).success).toBe(false);
  for (const value of [{}, { id: 0 }, { error: 'EINVAL', field: '' }]) {
    expect(answer.safeParse(value).success).toBe(false);
    expect(published.answer(value)).toBe(false);
  }

  const namespaces = Object.fromEntries(namesOf(NAMESPACES).map((name) => [name, 4026531836]));
  const policy = {
    ...{ memory_limit: 0, cpu_quota: 0, pids_limit: 0, namespace_flags: 127, devices: ['a'] },
    ...{ persist: false, privileged: false, proc: true, devpts: true, oom_group: true },
    ...{ sockets: 'all', core: false },
    ...{ capabilities: ['chown'], no_new_privs: true },
    syscalls: Object.fromEntries(namesOf(SYSCALLS).map((rule) => [rule, 'deny'])),
  };
  const usage = { pids: 1, oom_kills: 0, runtime_usec: 9, cpu_usec: 8 };
  const agent = {
    ...{ id: 7, name: null, state: 'running', violations: 2, audited: 0, ids: { first: 1, count: 1 } },
    ...{ frozen: 'no', cgroup: null, namespaces, usage, policy, members: [1], joining: [], starting: [] },
  };
  expect(inspections(STRICT).parse(agent)).toEqual(agent);
  const later = [
    { ...agent, usage: { ...usage, io_bytes: 2 } },
    { ...agent, state: 'paused' },
    { ...agent, ids: { first: 1, count: 1, map: 0 } },
    { ...agent, namespaces: { ...namespaces, dream: 1 } },
    { ...agent, policy: { ...policy, networking: 'own' } },
    { ...agent, policy: { ...policy, syscalls: { ...policy.syscalls, fork: 'ask', bpf: 'deny' } } },
  ];
  for (const value of later) {
    expect(inspection.safeParse(value).error, JSON.stringify(value)).toBeUndefined();
    expect(published.inspect(value), JSON.stringify(value)).toBe(true);
    expect(inspections(STRICT).safeParse(value).success, JSON.stringify(value)).toBe(false);
  }
  expect(published.inspect({ ...agent, members: undefined })).toBe(false);
});

/** The C sources of the module. */
async function sources(): Promise<string> {
  const dir = join(repository, 'module');
  const files = (await readdir(dir)).filter((name) => name.endsWith('.c'));
  return (await Promise.all(files.map((name) => readFile(join(dir, name), 'utf8')))).join('\n');
}

test('ABI-11: every key that the module refuses for is one of create, update or attach, every errno is documented', async () => {
  const text = await sources();
  const refusals = [...text.matchAll(/swarm_refuse\(err, ([^,]+), ("\w*"|\w+\[[^\]]+\]|candidate->key),/g)];
  const calls = text.match(/swarm_refuse\(err,/g) ?? [];
  expect(refusals.length).toBeGreaterThan(40);
  expect(refusals, 'all calls are understood').toHaveLength(calls.length);
  const fields = refusals.flatMap(([, , field = '']) => /^"(\w+)"$/.exec(field)?.[1] ?? []);
  const table = /controller_fields\[NR_CONTROLLERS\] = \{([^}]+)\}/.exec(text)?.[1] ?? '';
  const controllers = [...table.matchAll(/"(\w+)"/g)].map(([, field = '']) => field);
  expect(controllers).toHaveLength(3);
  const keys = [createRequest, updateRequest, attachRequest].flatMap(({ shape }) => Object.keys(shape));
  for (const field of [...fields, ...controllers]) expect(keys).toContain(field);
  const errnos = refusals.flatMap(([, errno = '']) => errno.match(/\bE[A-Z0-9]{2,}\b/g) ?? []);
  expect(errnos.length).toBeGreaterThan(20);
  for (const errno of errnos) expect(Object.keys(ERRORS)).toContain(errno);
});

/** The arguments of a call, from what follows its opening parenthesis. */
function argumentsOf(text: string): string[] {
  const found = [''];
  let depth = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[\s\S]/g)) {
    if (token === ')' && depth === 0) break;
    if ('([{'.includes(token)) depth++;
    if (')]}'.includes(token)) depth--;
    if (token === ',' && depth === 0) found.push('');
    else found.push((found.pop() ?? '') + token);
  }
  return found.map((argument) => argument.trim());
}

/** The texts in an argument, which may choose among several. */
const textsIn = (argument: string) =>
  [...argument.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, inner = '']) => inner);

const longest = (texts: readonly string[]) => Math.max(...texts.map(({ length }) => length));

/** The length of a message of the module, with the widest value of each argument. */
function widest(format: string, values: readonly string[], strings: Record<string, number>): number {
  const WIDTHS: Record<string, number> = { u: 10, d: 11, ld: 20, llu: 20, ps: 48 };
  const rest = [...values];
  return format.replace(/%(\w*?(?:u|d|ps|s))/g, (_, kind: string) => {
    const value = rest.shift() ?? '';
    const texts = textsIn(value);
    const width = texts.length > 0 ? longest(texts) : kind === 's' ? strings[value] : WIDTHS[kind];
    if (width === undefined) throw new Error(`how wide is %${kind} of ${value} in ${format}?`);
    return '#'.repeat(width);
  }).length;
}

test('ABI-23: no message of the module is cut, with the widest values that it can have', async () => {
  const text = await sources();
  const header = (name: string) => readFile(join(repository, 'module', name), 'utf8');
  const number = (of: string, pattern: RegExp) => Number(pattern.exec(of)?.[1]);
  const room = number(await header('policy.h'), /char message\[(\d+)\];/);
  const path = number(await header('refuse.h'), /#define SWARM_PATH_SHOWN\s+(\d+)/) - 1;
  const names = textsIn(/controller_names\[NR_CONTROLLERS\] = \{([^}]+)\}/.exec(text)?.[1] ?? '');
  const sysctls = [...text.matchAll(/used_up\("([\w.-]+)"/g)].map(([, name = '']) => name);
  const files = [...text.matchAll(/fill\(full, dir, "([\w.]+)"/g)].map(([, name = '']) => name);
  const space = longest(namesOf(NAMESPACES));
  const strings = {
    'controller_names[i]': longest(names),
    'controller_names[creation->at]': longest(names),
    parent: longest(['memory', 'plain']),
    name: number(text, /const struct swarm_ready \*ready;\s+char name\[(\d+)\];/) - 1,
    above: path,
    'full.path': path,
    'creation->full.path': path,
    'creation->full.file': longest(files),
    sysctl: longest(sysctls),
    'failed->symbol': 48,
    'swarm_namespace_name(BIT(i))': space,
    'swarm_namespace_name(in & -in)': space,
    ...Object.fromEntries(
      ['foreign', 'prepared', 'shared'].map((which) => [`name_of_first(found.${which})`, space]),
    ),
  };
  const calls = text.split('swarm_refuse(err, ').slice(1).map(argumentsOf);
  expect(calls.length).toBeGreaterThan(80);
  for (const [, , format = '', ...values] of calls) {
    const formats = textsIn(format);
    expect(formats.length, format).toBeGreaterThan(0);
    for (const each of formats) expect(widest(each, values, strings), each).toBeLessThan(room);
  }
});

test('DOCS-01: the documents are what npm run docs:abi writes', async () => {
  const all = await documents();
  expect(all.size).toBeGreaterThan(SCHEMAS.length + 8);
  for (const [path, text] of all) expect(await readFile(path, 'utf8'), path).toBe(text);
  // Each table is in one of them.
  const tables = [...all.values()].join('\n').match(/<!-- abi: [\w-]+ -->/g) ?? [];
  expect(new Set(tables).size).toBe(Object.keys(TABLES).length);
});

test('DOCS-02: every page has its file with its mode, and the events that one shows are of the schema', async () => {
  const published = await readPublished();
  const pages = (await readdir(PAGES)).filter((name) => name.endsWith('.md') && name !== 'README.md');
  expect(pages.sort()).toEqual(
    Object.keys(FILES)
      .map((name) => `${name}.md`)
      .sort(),
  );
  for (const [name, { mode }] of Object.entries(FILES)) {
    const text = await readFile(join(PAGES, `${name}.md`), 'utf8');
    for (const part of ['**What:**', '**Since:**', '**Description:**', '**Example:**'])
      expect(text).toContain(part);
    expect(text).toContain(`\`/proc/swarm/${name}\`, mode 0${mode.toString(8)}`);
  }
  const shown = (await readFile(join(PAGES, 'events.md'), 'utf8')).match(/^ {4}\{.*\}$/gm) ?? [];
  expect(shown.length).toBeGreaterThan(3);
  for (const line of shown) {
    expect(knownEvent(STRICT).safeParse(JSON.parse(line)).error, line).toBeUndefined();
    expect(published.event(JSON.parse(line)), line).toBe(true);
  }
});
