/** Debian's archive, read through an apt configuration of our own, so that the system's is untouched. */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import type { Architecture } from '../util/architecture.js';
import { cacheDir } from '../util/cache.js';
import { ENCLOSED } from '../util/enclosed.js';
import { InfrastructureError } from '../util/errors.js';
import { run } from '../util/run.js';
import { configuredMirror } from './mirror.js';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** The release that roots are made from, and kernels come from. */
export const SUITE = 'trixie';

/**
 * The mirror that the system itself uses, or the one that the run names.
 * @throws if neither names one.
 */
export async function findMirror(): Promise<string> {
  const own = run().mirror;
  if (own) return own;
  const mirror = await configuredMirror('/etc/apt');
  if (mirror !== undefined) return mirror;
  throw new InfrastructureError(
    'no Debian mirror is configured in /etc/apt; set KMOD_HARNESS_MIRROR to the address of one',
  );
}

/** The mirror that is used, and how to use another one. */
async function mirrorUsed(): Promise<string> {
  return `The Debian mirror is ${await findMirror()}; KMOD_HARNESS_MIRROR names another one.`;
}

/** Describes how a program failed; execa's message holds its standard error as well. */
function explained(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Makes a root with mmdebstrap from the configured mirror.
 * @param options of mmdebstrap
 * @param suite the release, if not the one that everything else is from
 * @throws {InfrastructureError} if mmdebstrap is missing or the archive cannot be reached.
 */
export async function debootstrap(root: string, options: readonly string[], suite = SUITE): Promise<void> {
  if (!existsSync('/usr/bin/mmdebstrap'))
    throw new InfrastructureError('mmdebstrap is missing: apt-get install mmdebstrap');
  const [program = '', ...words] = ENCLOSED;
  const mirror = await source(suite);
  await execa(program, [...words, 'mmdebstrap', ...options, suite, root, mirror]).catch(
    async (error: unknown) => {
      throw new InfrastructureError(`mmdebstrap fails: ${explained(error)}\n${await mirrorUsed()}`, '', {
        cause: error,
      });
    },
  );
}

/** A line of sources.list for a suite. */
async function source(suite: string): Promise<string> {
  return `deb [signed-by=${KEYRING}] ${await findMirror()} ${suite} main`;
}

/* The indexes of arm64 are read only for kernels of that architecture, so they are kept apart. */
const aptDir = (arch: Architecture) => join(cacheDir(), arch === 'amd64' ? 'apt' : `apt-${arch}`);

function aptOptions(arch: Architecture): string[] {
  const dir = aptDir(arch);
  return [
    `Dir::Etc::sourcelist=${dir}/sources.list`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::Lists=${dir}/lists`,
    `Dir::Cache=${dir}/cache`,
    'APT::Sandbox::User=root',
    'APT::Architecture=amd64',
    ...(arch === 'amd64' ? [] : ['APT::Architectures::=amd64', `APT::Architectures::=${arch}`]),
  ].flatMap((option) => ['-o', option]);
}

/**
 * Fetches the archive's signed indexes for the suites that kernels come from.
 * @param arch the architecture whose packages are described or downloaded then; those of amd64 always are
 */
export async function aptUpdate(arch: Architecture = 'amd64'): Promise<void> {
  const dir = aptDir(arch);
  await mkdir(join(dir, 'lists/partial'), { recursive: true });
  await mkdir(join(dir, 'cache/archives/partial'), { recursive: true });
  const suites = [`${SUITE}-backports`, SUITE];
  const lines = await Promise.all(suites.map(source));
  const sources = lines.map((line) => line.replace(/^deb /, 'deb-src '));
  await writeFile(join(dir, 'sources.list'), `${[...lines, ...sources].join('\n')}\n`);
  await execa('apt-get', [...aptOptions(arch), '--error-on=any', 'update']).catch(async (error: unknown) => {
    throw new InfrastructureError(
      `the archive's indexes cannot be read: ${explained(error)}\n${await mirrorUsed()}`,
      '',
      {
        cause: error,
      },
    );
  });
}

/** A package as the archive's signed index describes it. */
export const archivePackage = z.object({
  name: z.string(),
  version: z.string(),
  size: z.number().int().positive(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type ArchivePackage = z.infer<typeof archivePackage>;

/** Names of packages that begin with `prefix`; {@link aptUpdate} must have been called. */
export async function packageNames(prefix: string, arch: Architecture = 'amd64'): Promise<string[]> {
  const { stdout } = await execa('apt-cache', [...aptOptions(arch), 'pkgnames', prefix]);
  return stdout.split('\n').filter(Boolean);
}

/**
 * The archive's index entry for the newest version of a package, or undefined if there is none.
 * @param name that of one for another architecture than amd64 ends in it, as `linux-image-arm64:arm64`
 */
export async function describe(
  name: string,
  arch: Architecture = 'amd64',
): Promise<ArchivePackage | undefined> {
  const { stdout } = await execa('apt-cache', [...aptOptions(arch), '--no-all-versions', 'show', name], {
    reject: false,
  });
  const field = (key: string) => new RegExp(`^${key}: (.*)$`, 'm').exec(stdout)?.[1];
  const parsed = archivePackage.safeParse({
    name: field('Package') && name,
    version: field('Version'),
    size: Number(field('Size')),
    sha256: field('SHA256'),
  });
  return parsed.success ? parsed.data : undefined;
}

/**
 * Downloads packages into a directory; apt checks them against the signed index.
 * @throws if the archive no longer has one of these versions.
 */
export async function download(
  packages: ArchivePackage[],
  dir: string,
  arch: Architecture = 'amd64',
): Promise<void> {
  const wanted = packages.map(({ name, version }) => `${name}=${version}`);
  const { exitCode, stderr } = await execa('apt-get', [...aptOptions(arch), 'download', ...wanted], {
    cwd: dir,
    reject: false,
  });
  if (exitCode !== 0) throw new InfrastructureError(stderr);
}

/** The upstream tarball of a source package, as the archive's signed index describes it. */
export const archiveSource = z.strictObject({
  name: z.string(),
  version: z.string(),
  file: z.string(),
  size: z.number().int().positive(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type ArchiveSource = z.infer<typeof archiveSource>;

/** Every version of a source package that the index lists, whether or not the pool still has it. */
export async function sourceVersions(name: string): Promise<ArchiveSource[]> {
  const { stdout } = await execa('apt-cache', [...aptOptions('amd64'), 'showsrc', '--only-source', name], {
    reject: false,
  });
  return stdout.split(/\n\n+/).flatMap((paragraph) => {
    const version = /^Version: (.*)$/m.exec(paragraph)?.[1];
    const tarball = /^ ([0-9a-f]{64}) (\d+) (\S+\.orig\.tar\.\w+)$/m.exec(paragraph);
    const [, sha256, size, file] = tarball ?? [];
    const parsed = archiveSource.safeParse({ name, version, file, size: Number(size), sha256 });
    return parsed.success ? [parsed.data] : [];
  });
}

/**
 * Downloads the upstream tarball of a source package; apt checks it against the signed index.
 * @throws if the pool no longer has it.
 */
export async function downloadSource({ name, version }: ArchiveSource, dir: string): Promise<void> {
  const options = ['source', '--download-only', '--tar-only', `${name}=${version}`];
  const { exitCode, stderr } = await execa('apt-get', [...aptOptions('amd64'), ...options], {
    cwd: dir,
    reject: false,
  });
  if (exitCode !== 0) throw new InfrastructureError(stderr);
}
