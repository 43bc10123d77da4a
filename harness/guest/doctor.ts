/** Checks whether a machine has what building modules and running guests needs. */
import { constants } from 'node:fs';
import { access, mkdir, statfs } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { execa } from 'execa';
import { findMirror } from '../archive/debian.js';
import { cacheDir } from '../util/cache.js';

/** One thing that was looked at. */
export interface Finding {
  /** The thing: a program, memory, disk space, the mirror or KVM. */
  readonly what: string;
  /** `slow` where everything works, but not as fast as it could. */
  readonly verdict: 'ok' | 'slow' | 'missing';
  /** The finding, and the advice. */
  readonly detail: string;
}

const GB = 1024 ** 3;
/** The disk space of roots, one kernel and its snapshots, in bytes. */
const DISK = 4 * GB;
/** The memory of a guest and its QEMU, in bytes. */
const MEMORY = 3 * GB;

/** Programs, with Debian's packages that have them. */
const PROGRAMS = [
  ['mmdebstrap', 'mmdebstrap'],
  ['git', 'git'],
  ['xz', 'xz-utils'],
  ['setpriv', 'util-linux'],
  ['ps', 'procps'],
] as const;

async function programs(): Promise<Finding[]> {
  return Promise.all(
    PROGRAMS.map(async ([what, name]): Promise<Finding> => {
      const { exitCode } = await execa(what, ['--version'], { reject: false, stdin: 'ignore' });
      return exitCode === 0
        ? { what, verdict: 'ok', detail: 'is installed' }
        : { what, verdict: 'missing', detail: `apt-get install ${name}` };
    }),
  );
}

async function kvm(): Promise<Finding> {
  const what = 'KVM';
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK);
    return {
      what,
      verdict: 'ok',
      detail: 'can be opened; whether it boots a stock kernel is tried with the first guest',
    };
  } catch {
    return { what, verdict: 'slow', detail: 'is not there, so guests are emulated, several times as slow' };
  }
}

async function mirror(): Promise<Finding> {
  const what = 'Debian mirror';
  try {
    return { what, verdict: 'ok', detail: await findMirror() };
  } catch (error) {
    return { what, verdict: 'missing', detail: error instanceof Error ? error.message : String(error) };
  }
}

async function disk(): Promise<Finding> {
  const dir = cacheDir();
  await mkdir(dir, { recursive: true });
  const { bavail, bsize } = await statfs(dir);
  const free = bavail * bsize;
  const detail = `${(free / GB).toFixed(1)} GiB free in ${dir}`;
  if (free >= DISK) return { what: 'disk', verdict: 'ok', detail };
  return {
    what: 'disk',
    verdict: 'missing',
    detail: `${detail}, of ${DISK / GB} that are needed; KMOD_HARNESS_CACHE names another place`,
  };
}

function root(): Finding {
  const what = 'root';
  if (process.getuid?.() === 0) return { what, verdict: 'ok', detail: 'is who runs this' };
  return {
    what,
    verdict: 'missing',
    detail: 'making a Debian root mounts file systems and changes owners: run this as root',
  };
}

function memory(): Finding {
  const detail = `${(totalmem() / GB).toFixed(1)} GiB, ${availableParallelism()} processors`;
  const enough = totalmem() >= MEMORY;
  return {
    what: 'memory',
    verdict: enough ? 'ok' : 'missing',
    detail: enough ? detail : `${detail}; a guest takes ${MEMORY / GB} GiB`,
  };
}

/** Looks at everything that the harness needs of this machine; changes nothing but for making the cache's directory. */
export async function doctor(): Promise<Finding[]> {
  return [root(), ...(await programs()), await mirror(), await disk(), memory(), await kvm()];
}
