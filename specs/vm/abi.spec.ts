/** docs/abi against the module. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EVENTS } from '../../client/events.js';
import { INSPECTION } from '../../client/inspect.js';
import { repository } from '../../harness.config.js';
import { expect, test } from '../support/fixtures.js';

const docs = join(repository, 'docs/abi');

/** The first column of the rows of a page's table: of the first one, or of the one whose header begins so. */
async function documented(page: string, header = ''): Promise<string[]> {
  const text = await readFile(join(docs, page), 'utf8');
  const start = header ? text.indexOf(`\n| ${header} |`) : 0;
  expect(start, `${page} has a table of ${header}`).toBeGreaterThanOrEqual(0);
  const table = /(?:^\| .*\n)+/m.exec(text.slice(start))?.[0] ?? '';
  return [...table.matchAll(/^\| `(\w+)` +\|/gm)].map(([, name]) => name ?? '').sort();
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
  const source = await readFile(join(repository, 'module/src/names.rs'), 'utf8');
  const list = /pub const KEYS: \[Name; (\d+)\] = \[([^\]]+)\]/.exec(source);
  const keys = [...(list?.[2] ?? '').matchAll(/c"(\w+)"/g)].map(([, key]) => key ?? '').sort();
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

test('every event, field and tracepoint is documented, and every documented one exists', async ({
  loaded,
}) => {
  expect(await documented('events.md', 'event')).toEqual(Object.keys(EVENTS).sort());
  const fields = new Set(Object.values(EVENTS).flatMap(({ shape }) => Object.keys(shape)));
  expect(await documented('events.md', 'field')).toEqual([...fields].sort());
  // The schemas are strict, so what they know is what there is: here every field but of rare events is seen.
  const events = await loaded.swarm.eventsDuring(async () => {
    await loaded.swarm.run(
      { name: 'x', syscalls: { fork: 'audit' } },
      'attempt read /dev/kmsg -- setns /proc/self/ns/uts; true',
    );
  });
  expect(events.map(({ event }) => event)).toEqual(
    expect.arrayContaining(['created', 'spawned', 'violation']),
  );
  expect(await documented('events.md', 'tracepoint')).toEqual(
    (await loaded.sh('ls -d /sys/kernel/tracing/events/swarm_guard/*/ | xargs -n1 basename'))
      .split('\n')
      .sort(),
  );
});

test('every metric is documented with its type, and every documented one exists', async ({ loaded }) => {
  const text = await loaded.swarm.metrics();
  const there = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(
    ([, name, type]) => `${name ?? ''} ${type ?? ''}`,
  );
  const page = await readFile(join(docs, 'metrics.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `(\w+)` +\| (\w+) +\|/gm)].map(
    ([, name, type]) => `${name ?? ''} ${type ?? ''}`,
  );
  expect(rows.sort()).toEqual(there.sort());
});

test('every field of inspect is documented, and every documented one exists', async ({ loaded }) => {
  expect(await documented('inspect.md', 'field')).toEqual(Object.keys(INSPECTION.shape).sort());
  const id = await loaded.swarm.create({});
  const agent = await loaded.swarm.inspect(id);
  const source = await readFile(join(repository, 'module/src/names.rs'), 'utf8');
  for (const key of Object.keys(agent.policy)) expect(source).toContain(`c"${key}"`);
  await loaded.swarm.destroy(id);
});
