/** The documents: their links, the commands that they name, and the examples that they show. */
import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { dirname, extname, join, normalize } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { z } from 'zod';
import { repository } from '../../harness.config.js';
import { EXAMPLES } from '../support/examples.js';
import { GIVEN, ITEMS, ROWS } from '../support/inherited.js';
import { parseRows } from '../support/specification.js';

/** The text of every file that git tracks with one of these suffixes, by its path in the repository. */
async function tracked(...suffixes: string[]): Promise<Map<string, string>> {
  const { stdout } = await execa('git', ['-c', 'safe.directory=*', 'ls-files', '-co', '--exclude-standard'], {
    cwd: repository,
  });
  const paths = stdout.split('\n').filter((path) => suffixes.includes(extname(path)));
  const there = paths.filter((path) => existsSync(join(repository, path)));
  const texts = there.map(async (path) => [path, await readFile(join(repository, path), 'utf8')] as const);
  return new Map(await Promise.all(texts));
}

/** A page without what is shown as code. */
const prose = (text: string) =>
  text
    .replace(/^(```+)[^]*?^\1$/gm, '')
    .replace(/^ {4}.*$/gm, '')
    .replace(/`[^`\n]*`/g, '');

/** The anchors of a page's headings, as GitHub makes them. */
function anchors(text: string): Set<string> {
  const seen = new Map<string, number>();
  const headings = [...text.replace(/^(```+)[^]*?^\1$/gm, '').matchAll(/^#{1,6} +(.*?) *$/gm)];
  return new Set(
    headings.map(([, heading = '']) => {
      const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
      const anchor = words.replace(/[^\p{L}\p{N}_ -]/gu, '').replaceAll(' ', '-');
      const before = seen.get(anchor) ?? 0;
      seen.set(anchor, before + 1);
      return before === 0 ? anchor : `${anchor}-${before}`;
    }),
  );
}

/** The links of pages that lead to no file, or to no heading of a page. */
function broken(pages: ReadonlyMap<string, string>, isFile: (path: string) => boolean): string[] {
  return [...pages].flatMap(([page, text]) =>
    [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
      if (/^[a-z]+:/.test(link)) return [];
      const [file = '', anchor] = link.split('#');
      const path = file === '' ? page : normalize(join(dirname(page), file));
      const known = pages.get(path);
      const leads = anchor === undefined ? isFile(path) : known !== undefined && anchors(known).has(anchor);
      return leads ? [] : [`${page}: ${link}`];
    }),
  );
}

test('DOCS-04: every link and anchor of the documents leads somewhere', async () => {
  const pages = await tracked('.md');
  expect(pages.size).toBeGreaterThan(20);
  expect(broken(pages, (path) => existsSync(join(repository, path)))).toEqual([]);
});

test('DOCS-05: a link to a file or a heading that is not there is found', () => {
  const pages = new Map([
    ['a.md', '# One, two\n\n[good](b/c.md#more-1) [bad](b/d.md) [worse](#three) [code](`x`)'],
    [
      'b/c.md',
      '# More\n\n## More\n\n[good](../a.md#one-two) [bad](../a.md#one)\n\n```\n[shown](none.md)\n```\n',
    ],
  ]);
  expect(broken(pages, (path) => pages.has(path))).toEqual([
    ...['a.md: b/d.md', 'a.md: #three', 'b/c.md: ../a.md#one'],
  ]);
});

test('DOCS-06: every page that code or a comment names exists', async () => {
  const sources = await tracked('.ts', '.c', '.h', '.rs', '.sh', '.yml');
  const named = [...sources].flatMap(([source, text]) =>
    [...text.matchAll(/\b(?:docs|specs|bench|harness|module|vm-images)\/[\w/.-]+\.md\b/g)].map(
      ([page]) => [source, page] as const,
    ),
  );
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter(([, page]) => !existsSync(join(repository, page)))).toEqual([]);
});

test('DOCS-07: every npm command that the documents name exists', async () => {
  const text = await readFile(join(repository, 'package.json'), 'utf8');
  const { scripts } = z.object({ scripts: z.record(z.string(), z.string()) }).parse(JSON.parse(text));
  const named = [...(await tracked('.md'))].flatMap(([page, text]) =>
    [...text.matchAll(/npm run (?:--\w+ )?([a-z][\w:]*)/g)].map(([, name = '']) => ({ page, name })),
  );
  expect(named.length).toBeGreaterThan(30);
  expect(named.filter(({ name }) => !(name in scripts))).toEqual([]);
});

test('DOCS-08: every npm command has its row in scripts/README.md', async () => {
  const text = await readFile(join(repository, 'package.json'), 'utf8');
  const { scripts } = z.object({ scripts: z.record(z.string(), z.string()) }).parse(JSON.parse(text));
  const page = await readFile(join(repository, 'scripts/README.md'), 'utf8');
  const rows = [...page.matchAll(/^\| ((?:`[\w:]+`(?:, )?)+) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([\w:]+)`/g)].map(([, name]) => name),
  );
  expect(rows.sort()).toEqual(Object.keys(scripts).sort());
});

test('DOCS-11: the README, the page on installing and the workflow install the same packages in a container', async () => {
  const line = /apt-get update && (apt-get install -y --no-install-recommends [\w -]+\w)/;
  const read = (path: string) => readFile(join(repository, path), 'utf8');
  const command = (page: string) => /^ +docker run .*\n(?: {6}.*\n)+/m.exec(page)?.[0].replace(/\\\n */g, '');
  const [readme, install, ci] = await Promise.all(
    ['README.md', 'docs/install.md', '.github/workflows/ci.yml'].map(read),
  );
  const told = command(readme ?? '');
  expect(told).toContain('--privileged');
  expect(command(install ?? '')).toBe(told);
  expect(told).toContain(/^ +image: (\S+)$/m.exec(ci ?? '')?.[1]);
  expect(line.exec(told ?? '')?.[1]).toBe(line.exec(ci ?? '')?.[1]);
});

test('DOCS-03: the README shows the examples as they are in docs/examples, and links the others', async () => {
  const readme = await readFile(join(repository, 'README.md'), 'utf8');
  const shown = [...readme.matchAll(/^```(sh|ts|py|go|c)\n([^]*?)^```$/gm)];
  expect(shown.map(([, language]) => language)).toEqual(['sh', 'ts']);
  for (const [, language, code] of shown)
    expect(code).toBe(await readFile(join(EXAMPLES, `agent.${language ?? ''}`), 'utf8'));
  for (const name of await readdir(EXAMPLES)) {
    if (!['agent.sh', 'agent.ts'].includes(name)) expect(readme).toContain(`](docs/examples/${name})`);
  }
});

test("DOCS-10: the harness's README shows its example as it is", async () => {
  const readme = await readFile(join(repository, 'harness/README.md'), 'utf8');
  const shown = [...readme.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code = '']) => code);
  const sources = await tracked('.ts');
  const example = [...sources].filter(([path]) => path.startsWith('harness/example/'));
  expect(shown.length).toBeGreaterThan(3);
  for (const code of shown)
    expect(
      example.filter(([, text]) => text.includes(code)),
      code,
    ).toHaveLength(1);
});

test('DOCS-09: the changelog begins with what is not released yet, and then has this version or none', async () => {
  const text = await readFile(join(repository, 'package.json'), 'utf8');
  const { version } = z.object({ version: z.string() }).parse(JSON.parse(text));
  const page = await readFile(join(repository, 'CHANGELOG.md'), 'utf8');
  const [first, ...releases] = [...page.matchAll(/^## \[([^\]]+)\](?: - (\d{4}-\d{2}-\d{2}))?$/gm)];
  expect(first?.slice(1)).toEqual(['Unreleased', undefined]);
  if (releases.length > 0) expect(releases[0]?.[1]).toBe(version);
  for (const [, name, date] of releases) expect(date, `${name ?? ''} has its date`).toBeDefined();
});

test('BIRTH-40: every row of docs/birth.md names the specs that look at its items, or why none does', async () => {
  const page = await readFile(join(repository, 'docs/birth.md'), 'utf8');
  const rows = [...page.matchAll(/^\| ([^|]+) \| ([^|]+) \|$/gm)]
    .map(([, item = '', fate = '']) => ({ item, fate }))
    .filter(({ item }) => item !== 'item' && item !== '---');
  const begins = (item: string, words: string) => item === words || item.startsWith(words);
  const known = Object.keys(ROWS);
  const wordsOf = (item: string) => known.filter((words) => begins(item, words));
  expect(rows.length).toBeGreaterThan(40);
  expect(rows.map(({ item }) => item).filter((item) => wordsOf(item).length !== 1)).toEqual([]);
  expect(known.filter((words) => !rows.some(({ item }) => begins(item, words)))).toEqual([]);

  const { rows: promises } = parseRows(await readFile(join(repository, 'SPECIFICATION.md'), 'utf8'));
  const ids = new Set(promises.map(({ id }) => id));
  const looked = rows.map(({ item, fate }) => ({ item, fate, by: ROWS[wordsOf(item)[0] ?? ''] ?? {} }));
  const seen = looked.flatMap(({ item, fate, by }) =>
    typeof by === 'string' ? [] : (by.items ?? []).map((name) => ({ item, fate, name })),
  );
  expect(ITEMS.filter((name) => !seen.some((each) => each.name === name))).toEqual([]);
  for (const { item, fate, name } of seen) {
    expect(ITEMS, item).toContain(name);
    expect(fate, `${item}: ${name}`).toMatch(name in GIVEN ? /reset|dropped|which are 0|kept/ : /kept/);
  }
  for (const { item, by } of looked) {
    if (typeof by === 'string') continue;
    expect([...(by.items ?? []), ...(by.specs ?? [])], item).not.toEqual([]);
    for (const id of by.specs ?? []) expect(ids, item).toContain(id);
  }
});
