/** docs/escapes.md and docs/threat-model.md against the corpus of attempts to escape. */
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { PEERS } from '../support/escapes/attempt.js';
import { ATTEMPTS } from '../support/escapes/corpus.js';
import { ALL_WAYS } from '../support/escapes/reach.js';
import { THREATS, readReach, reaches, there, withCounts } from '../support/escapes/reach-table.js';
import { WHO } from '../support/escapes/reach-who.js';
import { TABLE, page, readRecord } from '../support/escapes/table.js';
import { repository } from '../../harness.config.js';

/** The ways that a default agent reaches and Docker's defaults close: docs/threat-model.md says why of each. */
const MORE_THAN_DOCKER: readonly string[] = [
  ...['statmount', 'listmount', 'proc-keys', 'personality', 'mseal', 'file_getattr'],
];

/** The rows of "What agents use up" that no spec tries, and why: what is open is said to be so by the kernel's sources. */
const TRIED_BY_NONE: Readonly<Record<string, string>> = {
  'interpreters of binfmt_misc': 'an agent has to mount, which it cannot by default',
  'disk space': 'open: nobody keeps an agent from it',
  'watches of watch_queue': 'the kernels that are tested have none',
  'debug registers': 'open; the processor of a guest may have none',
  "lines of the kernel's log": 'open: nobody keeps an agent from it',
  entropy: 'nothing to use up',
  'user ids': 'each agent has its range',
};

const threatModel = () => readFile(join(repository, 'docs/threat-model.md'), 'utf8');

test('ESCAPE-03: the table of attempts to escape is what the corpus and the recorded run say', async () => {
  const record = await readRecord();
  expect(await readFile(TABLE, 'utf8'), 'npm run docs:escapes writes it').toBe(
    page(record, await readReach()),
  );
  for (const { id, without = [] } of ATTEMPTS) {
    const run = PEERS.filter((peer) => !without.includes(peer));
    expect(Object.keys(record.results[id] ?? {}).sort(), id).toEqual([...run].sort());
  }
  expect(Object.keys(record.results).filter((id) => !ATTEMPTS.some((each) => each.id === id))).toEqual([]);
});

test('ESCAPE-04: the threat model names every attempt that succeeds, under the heading that the table links', async () => {
  const sections = (await threatModel()).split(/^###? /m);
  for (const { id, ours } of ATTEMPTS) {
    for (const each of ours) {
      if (each.outcome !== 'gap') continue;
      const section = sections.find((text) => text.startsWith(`${each.section}\n`));
      expect(section, `a section "${each.section}"`).toBeDefined();
      expect(section, `"${each.section}" names ${id}`).toContain(`\`${id}\``);
    }
  }
});

test('ESCAPE-05: every attempt that the threat model names exists', async () => {
  const text = await threatModel();
  const groups = [...text.matchAll(/\(((?:`[\w*-]+`(?:, )?)+)\)/g)].map(([, group]) => group ?? '');
  const named = groups.flatMap((group) => [...group.matchAll(/`([\w*-]+)`/g)].map(([, name]) => name ?? ''));
  expect(named.length).toBeGreaterThan(30);
  const unknown = named.filter((name) => {
    const pattern = new RegExp(`^${name.replaceAll('*', '.*')}$`);
    return !ATTEMPTS.some(({ id }) => pattern.test(id));
  });
  expect(unknown).toEqual([]);
});

test('ESCAPE-06: each row of what agents use up names a spec or an attempt that exists, or is listed as one that none tries', async () => {
  const [, table = ''] = (await threatModel()).split(/^## What agents use up$/m);
  const [, ...rows] = (table.split(/^## /m)[0] ?? '')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'));
  expect(rows.length).toBeGreaterThan(35);
  const promised = await readFile(join(repository, 'SPECIFICATION.md'), 'utf8');
  const untried: string[] = [];
  for (const row of rows) {
    const [resource = ''] = row.replace(/^\| /, '').split(' | ');
    const names = [...row.matchAll(/\b(vm\/[\w-]+|[A-Z]+-\d\d)\b/g)].map(([name]) => name);
    const attempts = [...row.matchAll(/\(`([\w-]+)`\)/g)].map(([, name]) => name);
    for (const name of names)
      if (name.startsWith('vm/')) await access(join(repository, `specs/${name}.spec.ts`));
      else expect(promised, `${name} in: ${row}`).toContain(`| ${name} | `);
    for (const name of attempts) expect(ATTEMPTS.map(({ id }) => id)).toContain(name);
    if (names.length + attempts.length === 0) untried.push(resource);
  }
  const listed = Object.keys(TRIED_BY_NONE);
  expect(untried.filter((resource) => !listed.some((start) => resource.startsWith(start)))).toEqual([]);
  expect(listed.filter((start) => !untried.some((resource) => resource.startsWith(start)))).toEqual([]);
});

test('REACH-03: the chapter and the counts of ways into the kernel are what the recorded run says', async () => {
  const record = await readReach();
  const text = await readFile(THREATS, 'utf8');
  expect(text, 'npm run docs:escapes writes it').toBe(withCounts(text, record));
  // The list, which the quick spec looks after, and the run agree on what a default agent reaches.
  const ways = there(record);
  expect(ways.filter((way) => reaches(record, 'agent', way))).toEqual(ways.filter(({ agent }) => agent));
  const names = ALL_WAYS.map(({ name }) => name).sort();
  expect(new Set(names).size).toBe(names.length);
  for (const who of WHO)
    expect(Object.keys(record.went[who] ?? {}).sort(), `${who} has tried all of them`).toEqual(names);
});

test("REACH-04: a default agent reaches fewer ways into the kernel than Docker's defaults leave", async () => {
  const record = await readReach();
  const ways = there(record);
  const of = (who: 'agent' | 'docker') =>
    ways.filter((way) => reaches(record, who, way)).map(({ name }) => name);
  expect(of('agent').length).toBeLessThan(of('docker').length);
  expect(of('agent').filter((name) => !of('docker').includes(name))).toEqual(MORE_THAN_DOCKER);
  const section = (await threatModel())
    .split(/^###? /m)
    .find((text) => text.startsWith('The shared kernel\n'));
  const heads = [...(section ?? '').matchAll(/^- ((?:`[\w-]+`(?:, )?)+):/gm)].map(([, head]) => head ?? '');
  const named = heads.flatMap((head) => head.replaceAll('`', '').split(', '));
  expect(named.sort(), 'the threat model names each').toEqual([...MORE_THAN_DOCKER].sort());
});
