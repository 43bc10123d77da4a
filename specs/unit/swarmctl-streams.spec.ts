/** swarmctl as a process: streams that nobody takes, and what is not UTF-8. */
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { repository } from '../../harness.config.js';
import type { Swarm } from '../../client/swarm.js';
import { sshServer } from '../support/ssh-server.js';
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

/** A machine whose programs print five megabytes as errors, and end when all of it has been taken. */
const chatty = {
  status: () => Promise.resolve({ active: 1, created: 1, destroyed: 0, violations: 0 }),
  spawn: () => {
    const stderr = Readable.from(Array.from({ length: 80 }, () => Buffer.alloc(65_536, 'x')));
    const end = once(stderr, 'end').then(() => ({ id: 7, pid: 8, oom: false, reason: 'exit', exit: 3 }));
    return Object.assign(end, {
      started: Promise.resolve({ id: 7, pid: 8 }),
      stdin: null,
      stdout: Readable.from([]),
      stderr,
      terminal: null,
      kill: () => true,
      destroy: () => Promise.resolve(),
    });
  },
} as unknown as Swarm;

test('CLI-104: a program of another machine goes on to its end although nobody reads what it says', async ({}, info) => {
  const home = info.outputPath('home');
  const far = await sshServer(chatty, home);
  const child = execa(
    process.execPath,
    ['--import', 'tsx', 'client/cli/main.ts', '--host', far.host, 'run', 'program'],
    {
      cwd: repository,
      reject: false,
      env: { HOME: home, SSH_AUTH_SOCK: '' },
      buffer: false,
      timeout: 30_000,
    },
  );
  child.stderr.destroy();
  const { exitCode } = await child;
  far.close();
  expect(exitCode).toBe(3);
});

test('CLI-105: run -d fails if the id of the agent cannot be printed', async () => {
  const script = `
    import { runCommand } from './client/cli/actions/run.ts';
    process.stdout.on('error', () => process.exit(1));
    const parts = { started: Promise.resolve({ id: 7, pid: 8 }) };
    const spawn = () => Object.assign(new Promise(() => undefined), parts);
    await runCommand({ spawn, close: async () => undefined }, ['program'], { detach: true });`;
  for (const [to, exitCode] of [
    ['/dev/full', 1],
    ['/dev/null', 0],
  ] as const) {
    const words = [
      '-c',
      `exec "$0" --import tsx --input-type=module -e "$1" > ${to}`,
      process.execPath,
      script,
    ];
    const ran = await execa('sh', words, { cwd: repository, reject: false });
    expect({ exitCode: ran.exitCode, stderr: ran.stderr }, to).toEqual({ exitCode, stderr: '' });
  }
});

test('CLI-109: run and exec refuse variables that are not UTF-8, and do not alter them', async ({}, info) => {
  const [wrong, right] = [info.outputPath('wrong'), info.outputPath('right')];
  await writeFile(wrong, Buffer.from('A=caf\xe9\n', 'latin1'));
  await writeFile(right, 'A=café \uFFFD\n');
  const script = (line: string) => `
    import { envFile, environment } from './client/cli/values.ts';
    try { console.log(JSON.stringify(environment(${line}))); } catch (error) { console.log(error.code, error.message); }`;
  for (const [line, told] of [
    [`envFile('${wrong}')`, `EINVAL --env-file ${wrong}: it is not UTF-8`],
    [`envFile('${wrong}-none')`, `ENOENT --env-file ${wrong}-none: no such file or directory`],
    [`envFile('${right}')`, '{"A":"café \uFFFD"}'],
    ["['WRONG']", 'EINVAL --env WRONG: the value of this variable is not UTF-8'],
    ["['RIGHT', 'B=1', 'NONE']", '{"RIGHT":"\uFFFD=é","B":"1"}'],
  ] as const) {
    const set = String.raw`X=WRONG=1 WRONG="$(printf 'caf\351')" RIGHT="$(printf '\357\277\275=\303\251')"`;
    const words = ['-c', `${set} exec "$0" --import tsx --input-type=module -e "$1"`];
    const ran = await execa('sh', [...words, process.execPath, script(line)], { cwd: repository });
    expect.soft(ran.stdout, line).toBe(told);
  }
});
