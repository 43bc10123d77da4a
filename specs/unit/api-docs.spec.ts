/** The doc comments of the two packages, and docs/api, the pages that are made from those of the client. */
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { API, undocumentedExports, writeApiDocs } from '../support/api-docs.js';

test.describe.configure({ timeout: 300_000 });

/** The pages of a directory, by their paths. */
async function pages(directory: string): Promise<Map<string, string>> {
  const paths = (await readdir(directory, { recursive: true })).filter((path) => path.endsWith('.md'));
  const texts = paths
    .sort()
    .map(async (path) => [path, await readFile(join(directory, path), 'utf8')] as const);
  return new Map(await Promise.all(texts));
}

test('API-01: docs/api is as npm run docs:api writes it, and everything that the package exports has a doc comment', async () => {
  const out = await mkdtemp(join(tmpdir(), 'api-docs-'));
  try {
    expect(await writeApiDocs(out)).toEqual([]);
    const written = await pages(out);
    expect(written.size).toBeGreaterThan(50);
    expect(await pages(API)).toEqual(written);
  } finally {
    await rm(out, { recursive: true });
  }
});

test('API-02: everything that the harness exports has a doc comment', async () => {
  expect(await undocumentedExports('harness/index.ts')).toEqual([]);
});
