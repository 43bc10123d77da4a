/** SPECIFICATION.md against the tests that there are. */
import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { z } from 'zod';
import { runnable } from '../../harness/kernels/catalogue.js';
import { repository } from '../../harness.config.js';
import { runEnvironment } from '../../harness/util/run.js';
import { faults, parseRows, unlistedSerial } from '../support/specification.js';
import type { Titled } from '../support/specification.js';

const spec = z.object({ title: z.string(), file: z.string() });
interface Listed {
  specs?: z.infer<typeof spec>[] | undefined;
  suites?: Listed[] | undefined;
}
const suite: z.ZodType<Listed> = z.lazy(() =>
  z.object({ specs: z.array(spec).optional(), suites: z.array(suite).optional() }),
);

/** Every test that there is, under each title once. */
async function listed(): Promise<Titled[]> {
  const cli = 'node_modules/@playwright/test/cli.js';
  const { stdout } = await execa('node', [cli, 'test', '--list', '--reporter=json'], {
    cwd: repository,
    env: runEnvironment({
      suites: ['unit', 'harness', 'vm', 'debug', 'kcsan', 'kernels', 'long', 'scale'],
      kernels: await runnable(new Map()),
    }),
  });
  const flat = ({ specs = [], suites = [] }: Listed): Titled[] => [...specs, ...suites.flatMap(flat)];
  const all = flat(suite.parse(JSON.parse(stdout))).filter(({ file }) => file.endsWith('.spec.ts'));
  const tests = all.map(({ file, title }) => ({ file: file.replace(/^(?!specs\/)/, 'specs/'), title }));
  return [...new Map(tests.map((each) => [`${each.file}: ${each.title}`, each])).values()];
}

test('REPO-10: every promise has a test, and every test a promise', async () => {
  const page = await readFile(join(repository, 'SPECIFICATION.md'), 'utf8');
  const tests = await listed();
  expect(tests.length).toBeGreaterThan(500);
  expect(parseRows(page).rows.length).toBeGreaterThan(400);
  expect(faults(page, tests, (path) => existsSync(join(repository, path)))).toEqual([]);
});

const PAGE = `# Page

| id | promise | spec |
| --- | --- | --- |
| BIRTH-01 | A child is born. | [vm/birth](specs/vm/birth.spec.ts) |
| BIRTH-02 | A child is born twice. It is fine. | [vm/birth](specs/vm/birth.spec.ts) |
| LIFE-100 | An agent ends. | [vm/life](specs/vm/life.spec.ts) |
`;
const TESTS = [
  { file: 'specs/vm/birth.spec.ts', title: 'BIRTH-01, BIRTH-02: a child' },
  { file: 'specs/vm/birth.spec.ts', title: 'BIRTH-02: by fork' },
  { file: 'specs/vm/life.spec.ts', title: 'LIFE-100: an end' },
];
const isFile = (path: string) => TESTS.some(({ file }) => file === path);

/** The faults after a part of the page is replaced. */
const changed = (from: string, to: string) => {
  expect(PAGE).toContain(from);
  return faults(PAGE.replace(from, to), TESTS, isFile);
};
/** The faults with one test more. */
const among = (file: string, title: string) => faults(PAGE, [...TESTS, { file, title }], isFile);

test('REPO-11: whatever does not fit between the page and the tests is named', () => {
  expect(faults(PAGE, TESTS, isFile)).toEqual([]);
  expect(changed('BIRTH-01', 'BIRTH-03')).toEqual([
    'BIRTH-03 is in no title of specs/vm/birth.spec.ts',
    'BIRTH-01 has no row: specs/vm/birth.spec.ts',
  ]);
  expect(changed('[vm/life](specs/vm/life.spec.ts)', '[vm/birth](specs/vm/birth.spec.ts)')).toEqual([
    'LIFE-100 is in no title of specs/vm/birth.spec.ts',
  ]);
  expect(changed('BIRTH-02', 'BIRTH-01')).toEqual([
    'BIRTH-01 stands twice in the page',
    'BIRTH-02 has no row: specs/vm/birth.spec.ts',
  ]);
  expect(changed('[vm/life](specs/vm/life.spec.ts)', '[vm/lives](specs/vm/lives.spec.ts)')).toEqual([
    'LIFE-100 links specs/vm/lives.spec.ts, which does not exist',
    'LIFE-100 is in no title of specs/vm/lives.spec.ts',
  ]);
  expect(changed('born twice.', 'born …')).toEqual(['BIRTH-02 has an ellipsis']);
  for (const text of ['an agent ends.', 'An agent ends', '* ends.'])
    expect(changed('An agent ends.', text)).toEqual([
      'LIFE-100 is no sentence from a capital to a full stop',
    ]);
  for (const text of ['Where it ends, it is gone.', 'What runs ends.', 'Of two agents one ends.'])
    expect(changed('An agent ends.', text)).toEqual(['LIFE-100 begins with a clause']);
  expect(changed('An agent ends.', 'Every call does what it says.')).toEqual([
    'LIFE-100 does not say what it promises',
  ]);
  expect(changed('agent ends.', 'agent ends (`npm run long`).')).toEqual([
    'LIFE-100 says how it is run, as the top of the page does',
  ]);
  for (const line of [
    '| BIRTH-3 | A child. | [vm/birth](specs/vm/birth.spec.ts) |',
    '| BIRTH-03 | A child. | vm/birth: a child |',
    '| BIRTH-03 | A child. | [vm/birth](specs/vm/life.spec.ts) |',
    '| a figure | 53 | 27 ns |',
  ])
    expect(faults(`${PAGE}${line}\n`, TESTS, isFile)).toEqual([
      `no row of an id, a sentence and a link: ${line}`,
    ]);
  for (const title of ['a child', 'BIRTH-1: a child', 'BIRTH-01 a child', 'a child, BIRTH-01: born'])
    expect(among('specs/vm/birth.spec.ts', title)).toEqual([`no id: specs/vm/birth.spec.ts: ${title}`]);
  expect(among('specs/vm/life.spec.ts', 'BIRTH-02: a child')).toEqual([
    'BIRTH-02 is in several files: specs/vm/birth.spec.ts, specs/vm/life.spec.ts',
  ]);
});

test('REPO-14: the page lists the files whose tests need each other', async () => {
  const page = await readFile(join(repository, 'SPECIFICATION.md'), 'utf8');
  const files = (await readdir(join(repository, 'specs'), { recursive: true })).map(
    (file) => `specs/${file}`,
  );
  const serial = [];
  for (const file of files.filter((each) => each.endsWith('.spec.ts')))
    if (/configure\(\{[^}]*'serial'/.test(await readFile(join(repository, file), 'utf8'))) serial.push(file);
  expect(serial).toContain('specs/vm/system.spec.ts');
  expect(unlistedSerial(page, serial)).toEqual([]);
  expect(unlistedSerial(page.replace('`vm/system`', '`vm/systems`'), serial)).toEqual([
    'specs/vm/systems.spec.ts',
    'specs/vm/system.spec.ts',
  ]);
});
