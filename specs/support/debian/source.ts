/** The source of the Debian packages: packaging/debian, and beside it what the packages are made of. */
import { chmod, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { execa } from 'execa';
import { z } from 'zod';
import { copySources } from '../../../harness/build/sources.js';
import { repository } from '../../../harness.config.js';
import { copyModule } from '../module.js';
import { buildPolicyWasm } from '../policy-wasm.js';

const described = z.object({
  name: z.string(),
  version: z.string(),
  license: z.string(),
  exports: z.object({ '.': z.object({ default: z.string() }) }),
});

const MAINTAINER = /^Maintainer: (.*)$/m;

/** The directories of the repository that are packaged as they stand. */
const DOCUMENTS = ['docs/grafana', 'docs/policies', 'docs/examples'] as const;

/** Each shell's completion, by the name that its shell looks for. */
const COMPLETIONS = { bash: 'swarmctl', zsh: '_swarmctl', fish: 'swarmctl.fish' } as const;

/** The fields of the client's package.json that packages need. */
async function clientPackage() {
  return described.parse(JSON.parse(await readFile(join(repository, 'client/package.json'), 'utf8')));
}

/** The time of the last change of the packaged files, in seconds: equal sources make equal packages. */
async function changedAt(): Promise<number> {
  const paths = ['packaging', 'module', 'client', ...DOCUMENTS];
  const words = ['-c', 'safe.directory=*', 'log', '-1', '--format=%ct', '--', ...paths];
  const { stdout } = await execa('git', words, { cwd: repository, reject: false });
  return Number(stdout) || Number(process.env['SOURCE_DATE_EPOCH'] ?? 0);
}

/** debian/changelog: one entry, of the version that package.json has. */
async function changelog(version: string, control: string): Promise<string> {
  const maintainer = MAINTAINER.exec(control)?.[1] ?? '';
  const date = new Date((await changedAt()) * 1000).toUTCString().replace('GMT', '+0000');
  return `swarm-guard (${version}) trixie; urgency=medium\n\n  * Package this version.\n\n -- ${maintainer}  ${date}\n`;
}

/**
 * Compiles and bundles the client: the library and swarmctl, each a file of its own, so that one that runs needs
 * nothing that an upgrade takes away.
 */
async function bundleClient(outdir: string): Promise<void> {
  await build({
    entryPoints: {
      index: join(repository, 'client/index.ts'),
      swarmctl: join(repository, 'client/cli/main.ts'),
    },
    outdir,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    legalComments: 'none',
    external: ['*.node'],
    banner: {
      js: "import { createRequire as $createRequire } from 'node:module'; const require = $createRequire(import.meta.url);",
    },
  });
  // Node as the distribution has it, whatever stands in PATH.
  const command = join(outdir, 'swarmctl.js');
  const text = await readFile(command, 'utf8');
  await writeFile(command, text.replace(/^#!.*/, '#!/usr/bin/node'));
  await cp(await buildPolicyWasm(), join(outdir, 'policy.wasm'));
}

async function writeClient(dir: string): Promise<void> {
  const { name, version, license, exports } = await clientPackage();
  const to = join(dir, 'client');
  await bundleClient(join(to, 'dist'));
  const description = {
    name,
    version,
    license,
    type: 'module',
    exports: { '.': exports['.'].default, './package.json': './package.json' },
  };
  await writeFile(join(to, 'package.json'), `${JSON.stringify(description, null, 2)}\n`);
  await copySources(join(repository, 'client/native/launcher'), join(to, 'native/launcher'));
  await copySources(join(repository, 'client/man'), join(to, 'man'));
  await copySources(join(repository, 'client/oci'), join(to, 'oci'));
  await mkdir(join(dir, 'completion'));
  for (const [shell, file] of Object.entries(COMPLETIONS)) {
    const { stdout } = await execa(process.execPath, [join(to, 'dist/swarmctl.js'), 'completion', shell]);
    await writeFile(join(dir, 'completion', file), `${stdout}\n`);
  }
}

/** The module as DKMS builds it: without its tests, under the package's name. */
async function writeModule(dir: string): Promise<void> {
  const to = join(dir, 'module');
  await copyModule(to);
  for (const name of ['tests', 'Cargo.toml', '.gitignore']) await rm(join(to, name), { recursive: true });
  const conf = await readFile(join(to, 'dkms.conf'), 'utf8');
  await rm(join(to, 'dkms.conf'));
  const own = conf
    .replace(/^# cp .*\n/m, '')
    .replace(/^(PACKAGE_NAME)=.*$/m, '$1="swarm-guard"')
    .replace(/^(PACKAGE_VERSION)=.*$/m, '$1="#MODULE_VERSION#"');
  await writeFile(join(dir, 'debian/swarm-guard-dkms.dkms'), own);
}

/**
 * Writes the source that dpkg-buildpackage makes the packages of.
 * @param dir an empty directory
 * @param revision of the packages, behind the version that package.json has
 */
export async function writeDebianSource(dir: string, revision: number): Promise<void> {
  const debian = join(dir, 'debian');
  await copySources(join(repository, 'packaging/debian'), debian);
  await chmod(join(debian, 'rules'), 0o755);
  const control = await readFile(join(debian, 'control'), 'utf8');
  const { version } = await clientPackage();
  await writeFile(join(debian, 'changelog'), await changelog(`${version}-${revision}`, control));
  await writeModule(dir);
  await writeClient(dir);
  for (const path of DOCUMENTS) await copySources(join(repository, path), join(dir, path));
}
