/** The client as a package: installed in an empty project, it types and parses. */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { z } from 'zod';
import { repository } from '../../harness.config.js';
import { nodeHeaders } from '../support/native.js';

test.describe.configure({ timeout: 600_000 });

const packed = z
  .array(z.object({ filename: z.string(), files: z.array(z.object({ path: z.string() })) }))
  .length(1);

/** The files that the package has: nothing that is built from others, and nothing of the specs. */
const PACKED =
  /^(dist\/.*|native\/install\.cjs|native\/launcher\/\w+\.(c|h|cc|gyp)|man\/swarmctl\.1|README\.md|package\.json)$/;

/** A user's program that uses the package; the spec looks at every line that it prints. */
const PROGRAM = `
import { checkRequest, createRequest, parseAgentLine, parseAnswer, parseEvent } from 'swarm-guard';
import type { AgentRequest } from 'swarm-guard';

const request: AgentRequest = { memory_limit: 256 * 1024 * 1024, syscalls: { fork: 'deny' } };
console.log(createRequest.safeParse(request).success, createRequest.safeParse({ memory: 1 }).success);
console.log(parseAgentLine('ID: 1, PID: 1234, Memory: 256MB, CPU: 25%, Namespaces: 0x7F').pid);
console.log(JSON.stringify(parseAnswer('{"id":7}')));
console.log(parseEvent('{"seq":1,"time":2,"event":"of a later version","agent":3}').event);
console.log(checkRequest('create', JSON.stringify(request)), checkRequest('create', '{"memory":1}')?.offset);
`;

/** The launcher's addon was compiled by the installation, and works; without its tools the package says what to do. */
async function launcherOf(dir: string): Promise<void> {
  const file = join(dir, 'node_modules/swarm-guard/dist/native/launcher.js');
  const use = `import { openTerminal, terminalSize } from ${JSON.stringify(file)};
    console.log(terminalSize(openTerminal({ rows: 7, columns: 9 }).master));`;
  const used = () =>
    execa('node', ['--input-type=module', '-e', use], { cwd: dir, reject: false, env: { FORCE_COLOR: '0' } });
  expect(await used()).toMatchObject({ stdout: '{ rows: 7, columns: 9 }', exitCode: 0 });
  await rm(join(dir, 'node_modules/swarm-guard/native/launcher/build'), { recursive: true });
  const without = await execa(process.execPath, [join(dir, 'node_modules/swarm-guard/native/install.cjs')], {
    env: { PATH: '/nowhere' },
  });
  expect(without.stderr).toContain('apt-get install g++ make python3');
  expect((await used()).stderr).toContain('apt-get install g++ make python3');
}

test('ABI-20, ABI-22: installed in an empty project, the package types, checks requests, parses what /proc/swarm tells, and compiles its launcher', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'client-package-'));
  try {
    const { stdout } = await execa('npm', ['pack', '--json', '--silent', '--pack-destination', dir], {
      cwd: join(repository, 'client'),
    });
    const [tarball] = packed.parse(JSON.parse(stdout.slice(stdout.indexOf('[\n'))));
    const paths = tarball?.files.map(({ path }) => path) ?? [];
    expect(paths).toEqual(
      expect.arrayContaining([
        'dist/index.js',
        'dist/index.d.ts',
        'dist/policy.wasm',
        'native/launcher/addon.cc',
        'native/launcher/launches.cc',
        'README.md',
      ]),
    );
    expect(paths.filter((path) => !PACKED.test(path))).toEqual([]);
    const dependencies = {
      'swarm-guard': `file:${tarball?.filename ?? ''}`,
      typescript: '5.9.3',
      '@types/node': '20.19.43',
    };
    await writeFile(
      join(dir, 'package.json'),
      JSON.stringify({ type: 'module', private: true, dependencies }),
    );
    await writeFile(join(dir, 'program.ts'), PROGRAM);
    await cp(join(repository, 'harness/example/tsconfig.json'), join(dir, 'tsconfig.json'));
    await execa('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline'], {
      cwd: dir,
      env: { npm_config_nodedir: await nodeHeaders() },
    });
    const compiled = await execa('npx', ['tsc', '--noEmit', 'false', '--outDir', 'out'], {
      cwd: dir,
      all: true,
      reject: false,
    });
    expect(compiled.exitCode, compiled.all).toBe(0);
    // Nothing is compiled on the user's machine: there is node alone.
    const program = await execa(process.execPath, ['out/program.js'], {
      cwd: dir,
      extendEnv: false,
      env: { PATH: '/nonexistent' },
    });
    expect(program.stdout.split('\n')).toEqual([
      'true false',
      '1234',
      '{"kind":"created","id":7}',
      'other',
      'undefined 1',
    ]);
    await launcherOf(dir);
    await writeFile(join(dir, 'policy.json'), '{"memory_limit": 1}');
    const swarmctl = (...line: string[]) =>
      execa(join(dir, 'node_modules/.bin/swarmctl'), line, { cwd: dir, reject: false });
    expect(await swarmctl('check', 'policy.json')).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('policy.json:1:18: memory_limit: '),
    });
    expect(await swarmctl('--directory', '/nowhere', 'status')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('hint: load the module'),
    });
  } finally {
    await rm(dir, { recursive: true });
  }
});
