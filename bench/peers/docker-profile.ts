/** Docker's default seccomp profile, from the distribution's package of Docker's sources. */
import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { aptUpdate, describe, download } from '../../harness/archive/debian.js';
import { InfrastructureError } from '../../harness/util/errors.js';
import { cached } from '../../harness/util/cache.js';
import { step } from '../../harness/util/progress.js';

const PACKAGE = 'golang-github-docker-docker-dev';
const PROFILE = 'usr/share/gocode/src/github.com/docker/docker/profiles/seccomp/default.json';

const condition = z
  .object({ arches: z.array(z.string()), caps: z.array(z.string()), minKernel: z.string() })
  .partial();

const rule = z.object({
  names: z.array(z.string()),
  action: z.string(),
  errnoRet: z.int().optional(),
  args: z.array(z.looseObject({})).nullish(),
  includes: condition.nullish(),
  excludes: condition.nullish(),
});

const profile = z.object({
  defaultAction: z.string(),
  defaultErrnoRet: z.int().optional(),
  syscalls: z.array(rule),
});

/** A profile as Docker has it, with conditions on its rules. */
export interface DockerProfile extends z.infer<typeof profile> {
  /** The version of Docker. */
  readonly version: string;
}

/**
 * Docker's default profile.
 * @throws {InfrastructureError} if the archive does not have it.
 */
export async function dockerProfile(): Promise<DockerProfile> {
  const found = (await describe(PACKAGE)) ?? (await aptUpdate().then(() => describe(PACKAGE)));
  if (!found) throw new InfrastructureError(`the archive has no package ${PACKAGE}`);
  const dir = await cached({
    kind: 'profiles',
    label: 'docker',
    key: [found.sha256],
    build: (dir) =>
      step("Downloading Docker's default seccomp profile", async () => {
        await download([found], dir);
        for (const name of (await readdir(dir)).filter((each) => each.endsWith('.deb'))) {
          await execa('dpkg-deb', ['-x', join(dir, name), dir]);
          await rm(join(dir, name));
        }
      }),
  });
  const text = await readFile(join(dir, PROFILE), 'utf8');
  return { ...profile.parse(JSON.parse(text)), version: found.version };
}

const ARCH = 'amd64';

/** The capabilities that Docker gives a container by default. */
export const DOCKER_CAPABILITIES = [
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_RAW',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
] as const;

/**
 * A profile as an OCI runtime takes it (`linux.seccomp`), for a container on amd64: what Docker makes of it.
 * @param capabilities of the container, on which some rules depend
 * @param changes system calls to allow besides, and to deny
 */
export function ociSeccomp(
  { defaultAction, defaultErrnoRet, syscalls }: DockerProfile,
  capabilities: readonly string[] = DOCKER_CAPABILITIES,
  { allowed = [], denied = [] }: { allowed?: readonly string[]; denied?: readonly string[] } = {},
) {
  const holds = ({ includes, excludes }: z.infer<typeof rule>) =>
    (includes?.arches?.includes(ARCH) ?? true) &&
    (includes?.caps?.every((each) => capabilities.includes(each)) ?? true) &&
    !excludes?.arches?.includes(ARCH) &&
    !excludes?.caps?.some((each) => capabilities.includes(each));
  const rules = syscalls.filter(holds).map(({ names, action, errnoRet, args }) => ({
    names: names.filter((name) => !denied.includes(name)),
    action,
    ...(errnoRet === undefined ? {} : { errnoRet }),
    ...(args?.length ? { args } : {}),
  }));
  if (allowed.length > 0) rules.push({ names: [...allowed], action: 'SCMP_ACT_ALLOW' });
  return {
    defaultAction,
    defaultErrnoRet: defaultErrnoRet ?? 1,
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
    syscalls: rules.filter(({ names }) => names.length > 0),
  };
}
