/** swarmctl as a process: streams that nobody takes, and arguments that are not UTF-8. */
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { bundleSwarmctl } from '../support/swarmctl-bundle.js';

test.describe.configure({ timeout: 120_000 });

/** Files of a machine without agents. */
const FILES = {
  status: 'Active agents: 0\nTotal created: 0\nTotal destroyed: 0\nPolicy violations: 0\n',
  agents: '',
  inspect: '',
};

let directory: string;

test.beforeAll(async () => {
  test.setTimeout(120_000);
  directory = await mkdtemp(join(tmpdir(), 'swarmctl-streams-'));
  await bundleSwarmctl(directory);
  await writeFile(join(directory, 'package.json'), '{"type":"module"}');
  await mkdir(join(directory, 'swarm'));
  for (const [name, text] of Object.entries(FILES)) await writeFile(join(directory, 'swarm', name), text);
});

test.afterAll(async () => {
  await rm(directory, { recursive: true });
});

/** Runs a line of shell in which $swarmctl is swarmctl. */
async function shell(line: string) {
  const { exitCode, stdout, stderr } = await execa('sh', ['-c', line], {
    cwd: directory,
    env: { swarmctl: `${process.execPath} swarmctl.js --directory swarm` },
    reject: false,
  });
  return { exitCode, stdout, stderr };
}

test('CLI-92: if what swarmctl prints cannot be written, it says so, and its exit status is 1', async () => {
  const refused = { exitCode: 1, stderr: 'swarmctl: standard output: no space left on device (ENOSPC)' };
  for (const line of ['ls', 'completion bash', '--help', '--version', 'ls --help'])
    expect.soft(await shell(`$swarmctl ${line} > /dev/full`), line).toMatchObject(refused);
  expect(await shell('$swarmctl ls')).toMatchObject({ exitCode: 0, stderr: '' });
});

test('CLI-93: swarmctl goes on although nobody reads what it says', async () => {
  const free = createServer().listen(0, '127.0.0.1');
  await once(free, 'listening');
  const { port } = free.address() as AddressInfo;
  free.close();
  await once(free, 'close');
  const child = execa(
    process.execPath,
    ['swarmctl.js', '--directory', 'missing', 'export', '--listen', `127.0.0.1:${port}`],
    { cwd: directory, reject: false, stdout: 'ignore', buffer: false },
  );
  child.stderr.destroy();
  const scrape = () => fetch(`http://127.0.0.1:${port}/metrics`).then(({ status }) => status, String);
  // The address was said before, and that the machine has no module.
  await expect.poll(scrape, { timeout: 60_000 }).toBe(503);
  expect(await scrape()).toBe(503);
  child.kill('SIGTERM');
  expect(await child).toMatchObject({ exitCode: 0 });
});

test('CLI-98: an argument that is not UTF-8 is refused, and not taken for the name of another file', async () => {
  await writeFile(join(directory, 'a\uFFFD'), '');
  const bytes = await shell(String.raw`$swarmctl check "$(printf 'a\377')"`);
  expect(bytes).toMatchObject({ exitCode: 125, stdout: '' });
  expect(bytes.stderr).toBe('swarmctl: a\uFFFD: an argument is not UTF-8 (EINVAL)');
  // The character itself is UTF-8.
  expect((await shell('$swarmctl ls --filter name=a\uFFFD')).exitCode).toBe(0);
});
