/** The checks that the module's build makes before it begins, with made-up trees and programs. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { repository } from '../../harness.config.js';
import { copyModule } from '../support/module.js';

const compat = join(repository, 'module/compat');
const LLVM = ['ld.lld', 'llvm-ar', 'llvm-nm', 'llvm-objcopy', 'llvm-objdump', 'llvm-strip'];

let dir = '';
test.beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'swarm-guard-preflight-'));
});
test.afterEach(async () => {
  await rm(dir, { recursive: true });
});

async function write(path: string, text: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(join(dir, path)), { recursive: true });
  await writeFile(join(dir, path), text, { mode });
}

interface Made {
  /** Lines of include/config/auto.conf; none if there is no such file. */
  config?: string;
  /** More files of the tree, by their paths in it. */
  files?: Record<string, string>;
  /** The programs that are there, and what they print; nothing else is. */
  programs?: readonly string[] | Record<string, string>;
  env?: Record<string, string>;
}

/** Runs preflight.sh for a tree that is prepared and has been built in, but for what is said. */
async function preflight(what: 'check' | 'tools', { config, files = {}, programs = [], env = {} }: Made) {
  await rm(join(dir, 'tree'), { recursive: true, force: true });
  await rm(join(dir, 'bin'), { recursive: true, force: true });
  await mkdir(join(dir, 'bin'));
  const given = Array.isArray(programs)
    ? Object.fromEntries((programs as readonly string[]).map((name) => [name, '']))
    : (programs as Record<string, string>);
  for (const [name, prints] of Object.entries(given))
    await write(`bin/${name}`, `#!/bin/sh\necho '${prints}'\n`, 0o755);
  const tree = { 'include/config/kernel.release': '7.3.4-made-up\n', 'Module.symvers': '', ...files };
  for (const [path, text] of Object.entries(tree)) await write(`tree/${path}`, text);
  if (config !== undefined) await write('tree/include/config/auto.conf', config);
  const script = join(repository, 'module/scripts/preflight.sh');
  const { exitCode, stdout, stderr } = await execa('/bin/sh', [script, what, join(dir, 'tree')], {
    env: { PATH: join(dir, 'bin'), ...env },
    extendEnv: false,
    reject: false,
  });
  return { exitCode, stdout, stderr: stderr.replaceAll(join(dir, 'tree'), 'TREE') };
}

const GCC = 'CONFIG_CC_VERSION_TEXT=gcc-14 (Debian 14.2.0-19) 14.2.0\nCONFIG_GCC_VERSION=140200\n';
const CLANG =
  'CONFIG_CC_VERSION_TEXT=Debian clang version 19.1.7 (3+b1)\nCONFIG_CC_IS_CLANG=y\nCONFIG_CLANG_VERSION=190107\nCONFIG_LD_IS_LLD=y\n';

test('BUILD-08: the compiler is the one that the kernel names, whatever it calls itself', async () => {
  const clang19 = { clang: 'Debian clang version 19.1.7 (3+b1)' };
  for (const [text, programs, tools] of [
    ['gcc-14 (Debian 14.2.0-19) 14.2.0', ['gcc', 'gcc-14', 'clang'], "CC='gcc-14'"],
    [
      'x86_64-linux-gnu-gcc-14 (Debian 14.2.0-19) 14.2.0',
      ['x86_64-linux-gnu-gcc-14', 'gcc-14'],
      "CC='x86_64-linux-gnu-gcc-14'",
    ],
    ['x86_64-linux-gnu-gcc-14 (Debian 14.2.0-19) 14.2.0', ['gcc', 'gcc-14'], "CC='gcc-14'"],
    ['gcc (GCC) 14.2.1 20240910', ['gcc', 'cc'], "CC='gcc'"],
    ['gcc (GCC) 14.2.1 20240910', ['gcc', 'gcc-14'], "CC='gcc-14'"],
    ['gcc (GCC) 14.2.1 20240910', ['cc'], "CC='cc'"],
    ['gcc-14 (Debian 14.2.0-19) 14.2.0', [], "CC='gcc-14'"],
    ['clang version 19.1.7 (https://github.com/llvm/llvm-project)', clang19, "CC='clang' LLVM='1'"],
    ['Debian clang version 19.1.7 (3+b1)', clang19, "CC='clang' LLVM='1'"],
    ['Ubuntu clang version 19.1.1 (1ubuntu1)', clang19, "CC='clang' LLVM='1'"],
    ['Android (12027248, +pgo) clang version 19.0.1', clang19, "CC='clang' LLVM='1'"],
    ['Debian clang version 19.1.7 (3+b1)', ['clang-19', 'gcc'], "CC='clang-19' LLVM='-19'"],
    [
      'Debian clang version 19.1.7 (3+b1)',
      { clang: 'Debian clang version 17.0.6', 'clang-19': '' },
      "CC='clang-19' LLVM='-19'",
    ],
    ['Debian clang version 19.1.7 (3+b1)', ['gcc'], "CC='clang' LLVM='1'"],
  ] as const) {
    const versions = text.includes('clang') ? 'CONFIG_CLANG_VERSION=190107' : 'CONFIG_GCC_VERSION=140200';
    // Kernels before 5.17 have quotation marks there too.
    for (const quote of ['', '"']) {
      const config = `CONFIG_CC_VERSION_TEXT=${quote}${text}${quote}\n${versions}\n`;
      const { stdout } = await preflight('tools', { config, programs });
      expect(stdout, `${text} with ${JSON.stringify(programs)}`).toBe(tools);
    }
  }
});

test('BUILD-09: a kernel that clang built and GNU ld linked is built for in the same way', async () => {
  const config = CLANG.replace('LLD', 'BFD');
  expect((await preflight('tools', { config, programs: ['clang'] })).stdout).toBe("CC='clang'");
  expect((await preflight('check', { config, programs: ['clang', 'rustc'] })).exitCode).toBe(0);
});

test('BUILD-10: what the user says of compilers wins, and a cross-compiler is one of the prefix', async () => {
  const tools = async (config: string, env: Record<string, string>, programs: string[] = []) =>
    (await preflight('tools', { config, env, programs })).stdout;
  expect(await tools(GCC, { LLVM: '1' })).toBe("CC='clang' LLVM='1'");
  expect(await tools(GCC, { LLVM: '-18' })).toBe("CC='clang-18' LLVM='-18'");
  expect(await tools(GCC, { LLVM: '/opt/llvm/bin/' })).toBe("CC='/opt/llvm/bin/clang' LLVM='/opt/llvm/bin/'");
  expect(await tools(CLANG, { CC: 'ccache gcc' })).toBe("CC='ccache gcc'");
  expect(await tools(CLANG, { CC: 'clang-20', LLVM: '-20' })).toBe("CC='clang-20' LLVM='-20'");
  expect(await tools(GCC, { RUSTC: 'rustc-1.85' })).toBe("CC='gcc-14' RUSTC='rustc-1.85'");
  const cross = { CROSS_COMPILE: 'aarch64-linux-gnu-' };
  const both = ['gcc-14', 'aarch64-linux-gnu-gcc-14'];
  expect(await tools(GCC, cross, both)).toBe("CC='aarch64-linux-gnu-gcc-14'");
  expect(await tools(GCC.replace('=gcc', '=aarch64-linux-gnu-gcc'), cross, both)).toBe(
    "CC='aarch64-linux-gnu-gcc-14'",
  );
  expect(await tools(GCC, cross, ['gcc', 'gcc-14'])).toBe("CC='aarch64-linux-gnu-gcc-14'");
});

test('BUILD-11: headers without .config are as good as others, and a tree that is not prepared is named', async () => {
  const programs = ['gcc-14', 'rustc'];
  expect(await preflight('check', { config: GCC, programs })).toEqual({
    exitCode: 0,
    stdout: '',
    stderr: '',
  });
  const quoted = GCC.replace(/=(gcc.*)$/m, '="$1"');
  const only = await preflight('check', { files: { '.config': quoted }, programs });
  expect([only.exitCode, only.stderr]).toEqual([
    1,
    'swarm_guard: TREE is configured, but not prepared for building modules.  make -C TREE modules_prepare',
  ]);
  const objtool = await preflight('check', { config: `${GCC}CONFIG_OBJTOOL=y\n`, programs });
  expect([objtool.exitCode, objtool.stderr]).toEqual([1, only.stderr]);
  await preflight('check', { config: GCC, programs });
  await rm(join(dir, 'tree/Module.symvers'));
  const script = join(repository, 'module/scripts/preflight.sh');
  const symvers = await execa('/bin/sh', [script, 'check', join(dir, 'tree')], {
    env: { PATH: join(dir, 'bin') },
    extendEnv: false,
    reject: false,
  });
  expect([symvers.exitCode, symvers.stderr]).toEqual([1, expect.stringContaining('no Module.symvers')]);
});

test('BUILD-12: every check that cannot be made says so', async () => {
  const programs = ['gcc', 'rustc'];
  const bare = await preflight('check', { programs });
  expect([bare.exitCode, bare.stdout]).toEqual([0, '']);
  expect(bare.stderr.split('\n')).toEqual([
    'swarm_guard: not checked: what the kernel in TREE was built with: neither include/config/auto.conf nor .config can be read',
    'swarm_guard: not checked: whether the source of the Rust library is needed, as it is on arm64',
  ]);
  const nameless = await preflight('check', { config: 'CONFIG_X86=y\n', programs });
  expect([nameless.exitCode, nameless.stderr]).toEqual([
    0,
    'swarm_guard: not checked: which compiler the kernel in TREE was built with: TREE/include/config/auto.conf does not say it',
  ]);
  for (const release of ['next-20261128', '', '7', '.14', 'x.y.z']) {
    const files = { 'include/config/kernel.release': `${release}\n` };
    const { exitCode, stderr } = await preflight('check', { config: GCC, programs, files });
    expect([exitCode, stderr], release).toEqual([
      0,
      `swarm_guard: not checked: whether the kernel is 6.14 or later: TREE/include/config/kernel.release says "${release}"`,
    ]);
  }
});

test('BUILD-13: what is missing is named, with the package that has it, whatever else is missing', async () => {
  const clang19 = {
    clang: 'Debian clang version 19.1.7',
    rustc: '',
    ...Object.fromEntries(LLVM.map((each) => [each, ''])),
  };
  const without = (name: string) =>
    Object.fromEntries(Object.entries(clang19).filter(([each]) => each !== name));
  expect(await preflight('check', { config: CLANG, programs: clang19 })).toMatchObject({
    exitCode: 0,
    stderr: '',
  });
  const arm64 = `${GCC}CONFIG_ARM64=y\n`;
  for (const [made, message] of [
    [{ config: GCC }, 'no C compiler (gcc-14).  apt-get install gcc-14'],
    [
      { config: CLANG, programs: ['gcc', 'rustc'] },
      'no C compiler (clang), which the kernel was built with.  apt-get install clang lld llvm',
    ],
    [
      { config: CLANG, programs: without('ld.lld') },
      'no ld.lld, which the kernel was built with.  apt-get install lld',
    ],
    [
      { config: CLANG, programs: without('llvm-objcopy') },
      'no llvm-objcopy, which the kernel was built with.  apt-get install llvm',
    ],
    [
      { config: CLANG, programs: ['clang-19', 'rustc'] },
      'no ld.lld-19, which the kernel was built with.  apt-get install lld-19',
    ],
    [
      { config: GCC, programs: ['gcc-14'] },
      'no Rust compiler (rustc), which the policy core needs.  apt-get install rustc',
    ],
    [
      { config: arm64, programs: { 'gcc-14': '', rustc: '/no/where' } },
      'no source of the Rust library, which the policy core needs on arm64.  apt-get install rust-src',
    ],
    [
      {
        config: `${GCC}CONFIG_DEBUG_INFO_BTF_MODULES=y\n`,
        programs: ['gcc-14', 'rustc'],
        files: { vmlinux: '' },
      },
      "no pahole, which describes the module's types as the kernel's are.  apt-get install pahole",
    ],
    [
      { files: { 'include/config/kernel.release': '6.13.9-amd64\n' } },
      'kernel 6.13.9-amd64 is too old: SwarmGuard needs 6.14 or later',
    ],
  ] as const satisfies readonly (readonly [Made, string])[]) {
    const { exitCode, stdout, stderr } = await preflight('check', made);
    expect([exitCode, stdout], message).toEqual([1, '']);
    expect(stderr).toContain(`swarm_guard: ${message}`);
  }
});

test('BUILD-14: probes are compiled with what the module is built with, and anew when that is another', async () => {
  await cp(compat, join(dir, 'compat'), { recursive: true });
  await rm(join(dir, 'compat/generated'), { recursive: true, force: true });
  await write('tree/include/config/kernel.release', '7.3.4-made-up\n');
  await write('tree/include/config/auto.conf', CLANG);
  await write('tree/Module.symvers', '');
  await write(
    'bin/make',
    `#!/bin/sh\necho "$*" >>${dir}/asked; : >${dir}/compat/generated/work/always.o\n`,
    0o755,
  );
  const probe = async (version: string, ...tools: string[]) => {
    await write('bin/clang', `#!/bin/sh\necho 'clang version ${version}'\n`, 0o755);
    await write('asked', '');
    const words = [join(dir, 'compat/probe.sh'), join(dir, 'tree'), 'build', ...tools];
    await execa('sh', words, {
      env: { PATH: `${join(dir, 'bin')}:${process.env['PATH'] ?? ''}`, MAKE: 'make' },
    });
    return (await readFile(join(dir, 'asked'), 'utf8')).split('\n').filter(Boolean);
  };
  const clang = ['CC=clang', 'LLVM=1'];
  expect(await probe('19.1.7', ...clang)).toEqual([expect.stringMatching(/ CC=clang LLVM=1 M=/)]);
  expect(await probe('19.1.7', ...clang), 'the same again').toEqual([]);
  expect(await probe('19.1.8', ...clang), 'another clang').toHaveLength(1);
  expect(await probe('19.1.8', 'CC=clang'), 'another linker').toHaveLength(1);
  await write('tree/include/config/auto.conf', `${CLANG}CONFIG_KASAN=y\n`);
  expect(await probe('19.1.8', 'CC=clang'), 'another configuration').toHaveLength(1);
});

/** A tree whose kbuild says what it is asked for, and with W=1 checks comments as 6.14's does. */
const MADE_UP = `$(info asked: $(filter-out M=%,$(MAKECMDGOALS)) CC=$(CC) LLVM=$(LLVM))
ifneq ($(W),)
cmd_checkdoc = echo "warning: Function parameter 'agent' not described"
endif
%.o:
	@: >$(M)/$@
	@$(if $(cmd_checkdoc),$(cmd_checkdoc),:)
modules:
	@$(if $(cmd_checkdoc),$(cmd_checkdoc),:)
`;

test('BUILD-15: kbuild is told the compiler, for probes and module alike, and checks no comments', async () => {
  await mkdir(join(dir, 'module'));
  await copyModule(join(dir, 'module'));
  for (const name of ['clang', 'rustc', ...LLVM]) await write(`bin/${name}`, '#!/bin/sh\n', 0o755);
  await write('tree/include/config/kernel.release', '6.14.0\n');
  await write('tree/include/config/auto.conf', CLANG);
  await write('tree/Module.symvers', '');
  await write('tree/Makefile', MADE_UP);
  const make = async (...words: string[]) => {
    const { stdout, stderr } = await execa('make', ['-C', 'module', `KDIR=${dir}/tree`, 'W=1', ...words], {
      cwd: dir,
      env: { PATH: `${join(dir, 'bin')}:${process.env['PATH'] ?? ''}` },
    });
    const log = await readFile(join(dir, 'module/compat/generated/log'), 'utf8');
    expect(stdout + stderr + log).not.toContain('warning');
    return [log, stdout].map((text) => /^asked: .*(CC=.*)$/m.exec(text)?.[1]);
  };
  const suffix = 'CC=clang LLVM=1';
  expect(await make()).toEqual([suffix, suffix]);
  const other = 'CC=ccache clang LLVM=';
  await write('bin/ccache', '#!/bin/sh\n', 0o755);
  expect(await make('CC=ccache clang')).toEqual([other, other]);
});
