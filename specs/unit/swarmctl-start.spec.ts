/** The files that swarmctl loads before it does anything: its start takes as long as that. */
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@playwright/test';
import type { Metafile } from 'esbuild';
import { execa } from 'execa';
import { z } from 'zod';
import { bundleSwarmctl } from '../support/swarmctl-bundle.js';
import { startTimes } from '../support/start-times.js';

test.describe.configure({ timeout: 120_000 });

/** V8's report on the scripts of a process: https://nodejs.org/api/cli.html#node_v8_coveragedir */
const coverage = z.object({ result: z.array(z.object({ url: z.string() })) });

/** Files of a machine without agents. */
const FILES = {
  status: 'Active agents: 0\nTotal created: 0\nTotal destroyed: 0\nPolicy violations: 0\n',
  agents: '',
  inspect: '',
};

/** Sources that only some commands need. */
const SLOW = {
  schemas: /^node_modules\/zod\//,
  requests: /^client\/abi\/request\.ts$/,
  ssh: /^(node_modules\/(ssh2|vscode-jsonrpc)\/|client\/remote\/)/,
  launcher: /^client\/native\//,
  actions: /^client\/cli\/actions\//,
} as const;

interface Loaded {
  readonly files: number;
  readonly bytes: number;
  /** The files of this repository that they were made of. */
  readonly sources: readonly string[];
  readonly stdout: string;
}

/** The files of a bundle that swarmctl loads for a line of arguments. */
async function loads(directory: string, { outputs }: Metafile, line: readonly string[]): Promise<Loaded> {
  const told = await mkdtemp(join(directory, 'told-'));
  const { stdout } = await execa(process.execPath, [join(directory, 'swarmctl.js'), ...line], {
    cwd: directory,
    extendEnv: false,
    env: { NODE_V8_COVERAGE: told },
  });
  const [name = ''] = await readdir(told);
  const { result } = coverage.parse(JSON.parse(await readFile(join(told, name), 'utf8')));
  const paths = result
    .filter(({ url }) => url.startsWith('file:'))
    .map(({ url }) => relative(directory, fileURLToPath(url)));
  const sizes = await Promise.all(paths.map(async (path) => (await stat(join(directory, path))).size));
  return {
    files: paths.length,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    sources: Object.entries(outputs).flatMap(([output, { inputs }]) =>
      paths.some((path) => output.endsWith(`/${path}`)) ? Object.keys(inputs) : [],
    ),
    stdout,
  };
}

async function inBundle(use: (load: (...line: string[]) => Promise<Loaded>) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'swarmctl-start-'));
  try {
    const metafile = await bundleSwarmctl(directory);
    await writeFile(join(directory, 'package.json'), '{"type":"module"}');
    await mkdir(join(directory, 'swarm'));
    for (const [name, text] of Object.entries(FILES)) await writeFile(join(directory, 'swarm', name), text);
    await use((...line) => loads(directory, metafile, line));
  } finally {
    await rm(directory, { recursive: true });
  }
}

const of = ({ sources }: Loaded, kind: keyof typeof SLOW) =>
  sources.filter((source) => SLOW[kind].test(source));

test('CLI-70: for its version, help and completion swarmctl loads its commands, and nothing that does their work', async () => {
  await inBundle(async (load) => {
    for (const line of [['--version'], ['--help'], ['ls', '--help'], ['completion', 'bash']]) {
      const loaded = await load(...line);
      expect(loaded.stdout, line.join(' ')).not.toBe('');
      expect(loaded.sources, line.join(' ')).toContain('client/cli/main.ts');
      for (const kind of ['schemas', 'requests', 'ssh', 'launcher', 'actions'] as const)
        expect(of(loaded, kind), `${line.join(' ')}: ${kind}`).toEqual([]);
      expect(loaded.files, line.join(' ')).toBeLessThanOrEqual(12);
      expect(loaded.bytes, line.join(' ')).toBeLessThan(90_000);
    }
  });
});

test('CLI-71: a command of swarmctl loads its own part of the bundle, which needs no package that is installed', async () => {
  await inBundle(async (load) => {
    const ls = await load('--directory', 'swarm', 'ls');
    expect(ls.stdout).toMatch(/^ *ID +NAME +STATE /);
    expect(of(ls, 'actions')).toEqual(['client/cli/actions/agents.ts']);
    expect(of(ls, 'ssh')).toEqual([]);
    expect(of(ls, 'requests')).toEqual([]);
    expect(ls.files).toBeLessThanOrEqual(20);
  });
});

test('CLI-80: swarmctl starts in less than twice the time that Node alone takes', async () => {
  test.setTimeout(120_000);
  const [, version, help] = await startTimes(15);
  console.log(version, help);
  expect(version?.ratio).toBeLessThan(2);
  expect(help?.ratio).toBeLessThan(2);
});
