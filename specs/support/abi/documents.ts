/** The documents that `npm run docs:abi` writes: the JSON Schemas, and pages with tables. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SCHEMAS, jsonSchema } from '../../../client/abi/json-schema.js';
import { repository } from '../../../harness.config.js';
import { filled } from '../marked.js';
import { TABLES } from './tables.js';

/** The pages of the interface. */
export const PAGES = join(repository, 'docs/abi');

/** The path of a JSON Schema. */
export function schemaPath(name: string): string {
  return join(PAGES, `${name}.schema.json`);
}

/** The text that every document should have, by its path. */
export async function documents(): Promise<Map<string, string>> {
  const pages = (await readdir(PAGES))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(PAGES, name));
  const paths = [...pages, join(repository, 'README.md')];
  const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
  return new Map([
    ...SCHEMAS.map((name) => [schemaPath(name), `${JSON.stringify(jsonSchema(name), null, 2)}\n`] as const),
    ...paths.map(
      (path, index) => [path, filled(texts[index] ?? '', 'abi', (name) => TABLES[name]?.())] as const,
    ),
  ]);
}
