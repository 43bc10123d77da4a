/** docs/escapes.md and docs/threat-model.md against the corpus of attempts to escape. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { PEERS } from '../support/escapes/attempt.js';
import { ATTEMPTS } from '../support/escapes/corpus.js';
import { TABLE, page, readRecord } from '../support/escapes/table.js';
import { repository } from '../../harness.config.js';

const threatModel = () => readFile(join(repository, 'docs/threat-model.md'), 'utf8');

test('ESCAPE-03: the table of attempts to escape is what the corpus and the recorded run say', async () => {
  const record = await readRecord();
  expect(await readFile(TABLE, 'utf8'), 'npm run docs:escapes writes it').toBe(page(record));
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
