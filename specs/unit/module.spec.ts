/** The module's build and the tests that need no kernel. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { z } from 'zod';
import { provideKernel } from '../../harness/kernels/provide.js';
import { repository } from '../../harness.config.js';
import { buildModule, inModule } from '../support/module.js';

test.describe.configure({ timeout: 300_000 });

test('BUILD-01: make test passes: C structures with threads, the core through its C interface, cargo test', async () => {
  const { exitCode, output } = await inModule({ command: ['make', 'test'] });
  expect(output).toMatch(/module tests: [1-9]\d* passed, none failed$/m);
  expect(output).not.toMatch(/skipped,|^not ok/m);
  expect(output).toMatch(/test result: ok\. [1-9]\d* passed; 0 failed/);
  expect(exitCode).toBe(0);
});

test('BUILD-02: the test command of the specification works as typed', async () => {
  const line = 'gcc -o test_main tests/test_main.c -lpthread && ./test_main';
  const { exitCode, output } = await inModule({ command: ['sh', '-c', line] });
  expect(output).toMatch(/^1\.\.[1-9]\d*$/m);
  expect(output).not.toMatch(/^not ok|warning:/m);
  expect(exitCode).toBe(0);
});

test('BUILD-03: sparse finds nothing, and neither does the compiler with W=1', async () => {
  const { exitCode, output } = await inModule({ command: ['make', 'check'], kernel: await provideKernel() });
  expect(output.match(/^ {2}CHECK {3}/gm)?.length).toBeGreaterThan(25);
  expect(output).not.toMatch(/warning:|error:/i);
  expect(exitCode).toBe(0);
});

test('BUILD-16: no object of the module is traced: none carries a call that -pg makes', async () => {
  const { ko } = await buildModule(await provideKernel());
  const { stdout } = await execa('readelf', ['--wide', '--symbols', ko]);
  expect(stdout).toMatch(/ FUNC +(LOCAL|GLOBAL) .* swarm_hook_clone$/m);
  // Both are undefined symbols, whatever object they came with.
  expect(stdout).not.toMatch(/__fentry__|mcount/);
});

test('BUILD-17: make probe answers every question of compat', async () => {
  const { exitCode, output } = await inModule({
    command: ['make', '-s', 'probe'],
    kernel: await provideKernel(),
  });
  expect(output).toMatch(/^yes +always +Does compiling work at all/m);
  expect(output).toMatch(/^yes +task_work_add /m);
  expect(output.match(/^(yes|no) /gm)?.length).toBeGreaterThan(4);
  expect(exitCode).toBe(0);
});

test('BUILD-19: one version everywhere, and dkms knows from which kernel on', async () => {
  const { output } = await inModule({
    command: [
      'sh',
      '-c',
      '. ./dkms.conf && echo $PACKAGE_NAME $PACKAGE_VERSION $BUILD_EXCLUSIVE_KERNEL_MIN; grep -m1 ^version Cargo.toml; grep MODULE_VERSION main.c',
    ],
  });
  expect(output).toMatch(/^swarm_guard (\S+) 6\.14\nversion = "\1"\nMODULE_VERSION\("\1"\);$/m);
  const packages = await Promise.all(
    ['package.json', 'package-lock.json', 'client/package.json', 'harness/package.json'].map((name) =>
      readFile(join(repository, name), 'utf8'),
    ),
  );
  const versioned = z.object({ version: z.string() });
  const versions = new Set(packages.map((text) => versioned.parse(JSON.parse(text)).version));
  expect([...versions].map((version) => `MODULE_VERSION("${version}");`)).toEqual([
    /^MODULE_VERSION.*$/m.exec(output)?.[0],
  ]);
});

test('BUILD-21: without headers, for an old kernel and without compilers the build says what to do', async () => {
  const missing = await inModule({ command: ['make', 'KDIR=/nowhere'] });
  expect(missing.exitCode).not.toBe(0);
  expect(missing.output).toMatch(/no kernel headers in \/nowhere.*apt-get install linux-headers-/s);

  const prepare = async (dir: string) => {
    await mkdir(join(dir, 'old/include/config'), { recursive: true });
    await writeFile(join(dir, 'old/include/config/kernel.release'), '6.13.9-amd64\n');
  };
  const old = await inModule({ command: ['make', 'KDIR=/build/src/old'], prepare });
  expect(old.exitCode).not.toBe(0);
  expect(old.output).toContain('kernel 6.13.9-amd64 is too old: SwarmGuard needs 6.14 or later');

  const kernel = await provideKernel();
  const noRust = await inModule({ command: ['make'], kernel, env: { RUSTC: 'no-such-rustc' } });
  expect(noRust.exitCode).not.toBe(0);
  expect(noRust.output).toMatch(/no Rust compiler.*apt-get install rustc/s);

  // A PATH in which there is nothing but what the check itself needs.
  const line =
    'mkdir bin && for p in sh awk sed cat uname; do ln -s $(command -v $p) bin/$p; done; PATH=/build/src/bin sh scripts/preflight.sh check $KDIR';
  const noCompiler = await inModule({ command: ['sh', '-c', line], kernel, env: { KDIR: kernel.kdir } });
  expect(noCompiler.exitCode).not.toBe(0);
  expect(noCompiler.output).toMatch(/no C compiler \(.*gcc-14\).*apt-get install gcc-14$/m);
});
