/** Building the Node addons, the policy core's and the launcher, against the headers of the Node that runs. */
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { runInRoot, toolRoot } from '../../harness/archive/tool-root.js';
import { cached } from '../../harness/util/cache.js';
import { step } from '../../harness/util/progress.js';
import { repository } from '../../harness.config.js';
import { copyModule } from './module.js';

const require = createRequire(import.meta.url);
const coreDir = join(repository, 'client/native/core');
const launcherDir = join(repository, 'client/native/launcher');
const moduleDir = join(repository, 'module');

/** The C interface of the core. */
const HEADERS = ['policy.h', 'names.h'] as const;

/** The programs that build the part in C++, on the host: command and Debian package. */
const TOOLS = [
  ['g++', 'g++'],
  ['make', 'make'],
  ['python3', 'python3'],
] as const;

/**
 * The directory of the headers of the running Node: beside it, or as npm's `nodedir` says.
 * @throws if there are none, with the package to install.
 */
export async function nodeHeaders(): Promise<string> {
  const { stdout } = await execa('npm', ['config', 'get', 'nodedir'], { reject: false });
  const beside = join(dirname(process.execPath), '..');
  for (const place of [beside, stdout.trim()].filter((each) => each.startsWith('/'))) {
    const version = join(place, 'include/node/node_version.h');
    if (!existsSync(version)) continue;
    const text = await readFile(version, 'utf8');
    const major = /^#define NODE_MAJOR_VERSION (\d+)$/m.exec(text)?.[1];
    if (major === process.versions.node.split('.')[0]) return place;
  }
  throw new Error(
    `the headers of Node ${process.versions.node} are not in ${beside}/include/node: install them ` +
      '(Debian: apt-get install libnode-dev), or name the directory above include/node by npm config set nodedir',
  );
}

async function requireTools(): Promise<void> {
  const found = await Promise.all(
    TOOLS.map(async ([command, name]) => {
      const { exitCode } = await execa(command, ['--version'], { reject: false });
      return exitCode === 0 ? [] : [name];
    }),
  );
  const missing = found.flat();
  if (missing.length > 0)
    throw new Error(`the addon needs ${missing.join(' and ')}: apt-get install ${missing.join(' ')}`);
}

/* As in module/tests/run.sh. Nothing of the C library is used, so it links into any Node. */
const CORE =
  'cargo rustc --offline --quiet --release --lib --features standalone --crate-type staticlib 2>&1';

async function buildCore(dir: string): Promise<void> {
  await copyModule(join(dir, 'module'));
  const { exitCode, output } = await runInRoot(await toolRoot(), ['sh', '-c', CORE], {
    cwd: '/build/module',
    binds: [{ host: dir, inside: 'build' }],
    env: {
      CARGO_TARGET_DIR: '/build/target',
      CARGO_PROFILE_RELEASE_PANIC: 'abort',
      CARGO_PROFILE_RELEASE_LTO: 'true',
    },
  });
  if (exitCode !== 0) throw new Error(`the policy core does not build:\n${output}`);
  await cp(join(dir, 'target/release/libswarm_policy.a'), join(dir, 'libswarm_policy.a'));
  for (const name of ['target', 'module']) await rm(join(dir, name), { recursive: true });
}

/** Compiles an addon in its directory, with the variables of its binding.gyp. */
async function compile(src: string, nodedir: string, variables: readonly string[]): Promise<void> {
  const api = dirname(require.resolve('node-addon-api/package.json'));
  const gyp = join(dirname(require.resolve('node-gyp/package.json')), 'bin/node-gyp.js');
  const { exitCode, all } = await execa(
    process.execPath,
    [gyp, 'rebuild', `--nodedir=${nodedir}`, '--', `-Daddon_api=${api}`, ...variables],
    { cwd: src, reject: false, all: true },
  );
  if (exitCode !== 0) throw new Error(`the addon does not build:\n${all}`);
}

async function buildAddon(dir: string, nodedir: string): Promise<void> {
  const src = join(dir, 'src');
  await mkdir(src);
  for (const name of ['addon.cc', 'binding.gyp']) await cp(join(coreDir, name), join(src, name));
  for (const name of HEADERS) await cp(join(moduleDir, name), join(src, name));
  await buildCore(dir);
  await compile(src, nodedir, [`-Dcore=${join(dir, 'libswarm_policy.a')}`]);
  await cp(join(src, 'build/Release/swarm_policy.node'), join(dir, 'swarm_policy.node'));
  await rm(src, { recursive: true });
}

/**
 * Builds the policy core's addon if it is not in the cache.
 * @returns the path of swarm_policy.node.
 * @throws with what to install where headers or a compiler are missing.
 */
export async function buildNative(): Promise<string> {
  const nodedir = await nodeHeaders();
  const core = (await readdir(join(moduleDir, 'src'))).sort().map((name) => join(moduleDir, 'src', name));
  const files = [...core, ...['Cargo.toml', ...HEADERS].map((name) => join(moduleDir, name))];
  const own = [...['addon.cc', 'binding.gyp'].map((name) => join(coreDir, name)), import.meta.filename];
  const texts = await Promise.all([...files, ...own].map((path) => readFile(path, 'utf8')));
  const dir = await cached({
    kind: 'native',
    label: `node-${process.versions.modules}`,
    key: [(await toolRoot()).id, process.version, process.arch, ...texts],
    keep: 3,
    build: (dir) =>
      step('Building the policy core as a Node addon', async () => {
        await requireTools();
        await buildAddon(dir, nodedir);
      }),
  });
  return join(dir, 'swarm_policy.node');
}

/** The sources of the launcher, and nothing that was built beside them. */
async function launcherSources(): Promise<string[]> {
  return (await readdir(launcherDir)).filter((name) => /\.(c|h|cc|gyp)$/.test(name)).sort();
}

/**
 * Builds the launcher if it is not in the cache. A warning is an error.
 * @returns the path of swarm_launcher.node.
 * @throws with what to install where headers or a compiler are missing.
 */
export async function buildLauncher(): Promise<string> {
  const nodedir = await nodeHeaders();
  const names = await launcherSources();
  const texts = await Promise.all(names.map((name) => readFile(join(launcherDir, name), 'utf8')));
  const dir = await cached({
    kind: 'native',
    label: `launcher-${process.versions.modules}`,
    key: [process.version, process.arch, await readFile(import.meta.filename, 'utf8'), ...names, ...texts],
    keep: 3,
    build: (dir) =>
      step('Building the launcher as a Node addon', async () => {
        await requireTools();
        const src = join(dir, 'src');
        await mkdir(src);
        for (const name of names) await cp(join(launcherDir, name), join(src, name));
        await compile(src, nodedir, ['-Dstrict=-Werror']);
        await cp(join(src, 'build/Release/swarm_launcher.node'), join(dir, 'swarm_launcher.node'));
        await rm(src, { recursive: true });
      }),
  });
  return join(dir, 'swarm_launcher.node');
}
