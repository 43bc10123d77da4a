/** SPECIFICATION.md against the specs there are. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { z } from 'zod';
import { runnable } from '../../harness/kernels/catalogue.js';
import { repository } from '../../harness.config.js';
import { runEnvironment } from '../../harness/util/run.js';

const spec = z.object({ title: z.string(), file: z.string() });
interface Listed {
  specs?: z.infer<typeof spec>[] | undefined;
  suites?: Listed[] | undefined;
}
const suite: z.ZodType<Listed> = z.lazy(() =>
  z.object({ specs: z.array(spec).optional(), suites: z.array(suite).optional() }),
);

/** Every test as Playwright lists it: its file below specs/ and its title. */
async function listed(): Promise<string[]> {
  const cli = 'node_modules/@playwright/test/cli.js';
  const { stdout } = await execa('node', [cli, 'test', '--list', '--reporter=json'], {
    cwd: repository,
    env: runEnvironment({
      suites: ['unit', 'harness', 'vm', 'debug', 'kcsan', 'kernels', 'long', 'scale'],
      kernels: await runnable(new Map()),
    }),
  });
  const flat = ({ specs = [], suites = [] }: Listed): z.infer<typeof spec>[] => [
    ...specs,
    ...suites.flatMap(flat),
  ];
  const specs = flat(suite.parse(JSON.parse(stdout))).filter(({ file }) => file.endsWith('.spec.ts'));
  const names = specs.map(
    ({ file, title }) => `${file.replace(/^(?:specs\/)?(.*)\.spec\.ts$/, '$1')}: ${title}`,
  );
  return [...new Set(names)];
}

/** The second column of every table of SPECIFICATION.md. */
async function promised(): Promise<string[]> {
  const text = await readFile(join(repository, 'SPECIFICATION.md'), 'utf8');
  return [
    ...text.matchAll(/^\| [^|]+ \| ((?:unit|harness|vm|debug|kcsan|long|scale|kernels|report)\/[^|]+) \|$/gm),
  ].map(([, name]) => name ?? '');
}

function pattern(name: string): RegExp {
  const parts = name.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`);
}

test('every promise names a spec, and every spec has a promise', async () => {
  const specs = await listed();
  const promises = await promised();
  expect(specs.length).toBeGreaterThan(50);
  const unproven = promises.filter((name) => !specs.some((each) => pattern(name).test(each)));
  expect(unproven, 'promises without a spec').toEqual([]);
  const unpromised = specs.filter((each) => !promises.some((name) => pattern(name).test(each)));
  expect(unpromised, 'specs without a promise').toEqual([]);
});
