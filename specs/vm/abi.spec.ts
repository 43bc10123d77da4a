/** docs/abi against the module. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repository } from '../../harness/util/repository.js';
import { expect, test } from '../fixtures.js';

const docs = join(repository, 'docs/abi');

/** The first column of a page's table rows, without those that a header begins. */
async function documented(page: string): Promise<string[]> {
  const text = await readFile(join(docs, page), 'utf8');
  return [...text.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name ?? '').sort();
}

test('every file of /proc/swarm has its page, with its mode, and every page its file', async ({ loaded }) => {
  const pages = (await readdir(docs)).filter((name) => name !== 'README.md');
  const described = await Promise.all(
    pages.map(async (page) => {
      const text = await readFile(join(docs, page), 'utf8');
      for (const part of ['**What:**', '**Since:**', '**Description:**', '**Example:**'])
        expect(text, page).toContain(part);
      return /`\/proc\/swarm\/(\w+)`, mode 0(\d{3})/.exec(text)?.slice(1).join(' ') ?? page;
    }),
  );
  const files = await loaded.sh("cd /proc/swarm && stat -c '%n %a' *");
  expect(described.sort()).toEqual(files.split('\n').sort());
});

test('every key of create is documented, and every documented one exists', async ({ loaded }) => {
  const source = await readFile(join(repository, 'module/src/policy.rs'), 'utf8');
  const list = /const KEYS: \[&\[u8\]; (\d+)\] = \[([^\]]+)\]/.exec(source);
  const keys = [...(list?.[2] ?? '').matchAll(/b"(\w+)"/g)].map(([, key]) => key ?? '').sort();
  expect(keys).toHaveLength(Number(list?.[1]));
  expect(await documented('create.md')).toEqual(keys);
  for (const key of keys) {
    // No key has an object without members as its value but for one, and that says so.
    const { answers } = await loaded.swarm.write(JSON.stringify({ [key]: [] }));
    const answer = answers[0];
    if (answer?.kind === 'refused') expect(answer.message, key).not.toContain('unknown key');
    else await loaded.swarm.destroy(answer?.id ?? 0);
  }
});

test('every parameter is documented with its default, and every documented one exists', async ({
  loaded,
}) => {
  const values = await loaded.sh('cd /sys/module/swarm_guard/parameters && grep . *');
  const text = await readFile(join(docs, 'README.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `(\w+)` \| (\S+) \|/gm)].map(
    ([, name, value]) => `${name ?? ''}:${value ?? ''}`,
  );
  expect(rows.sort()).toEqual(values.split('\n').sort());
});
