/** The tools that people would use instead, each as root usually runs it. */
import { z } from 'zod';
import type { BootedGuest } from '../../../harness/guest/guest.js';
import type { Peer } from './attempt.js';
import { COMMAND_LINES } from './command-lines.js';
import type { Runner } from './run.js';

/** The Debian packages of the peers that are not in every guest. */
export const PEER_PACKAGES = ['crun', 'runc', 'bubblewrap'] as const;

/** Processes that the container's runner has left behind. */
const LEFT = 'outside holders';

function oci(name: 'crun' | 'runc'): Runner {
  return {
    name,
    command: () => `${name} run --bundle /srv/${name} escape`,
    stop: `${name} delete --force escape`,
    left: LEFT,
  };
}

/** The command by which each peer runs a program. */
export const RUNNERS: Readonly<Record<Peer, Runner>> = {
  crun: oci('crun'),
  runc: oci('runc'),
  bwrap: {
    name: 'bwrap',
    command: (program) => `${COMMAND_LINES.bwrap} -- ${program}`,
    stop: 'kill -9 $(cat run)',
    left: LEFT,
  },
  unshare: {
    name: 'unshare',
    command: (program) => `${COMMAND_LINES.unshare} -- ${program}`,
    stop: 'kill -9 $(cat run)',
    left: LEFT,
  },
};

const config = z.looseObject({
  process: z.looseObject({ terminal: z.boolean(), args: z.array(z.string()) }),
  root: z.looseObject({ path: z.string() }),
  mounts: z.array(z.unknown()),
  linux: z.looseObject({ resources: z.looseObject({}) }),
});

/**
 * Makes the bundles of crun and runc: the configuration that `spec` writes, with the guest's root,
 * the shared directory, the program, and limits.
 */
export async function preparePeers(guest: BootedGuest): Promise<void> {
  await guest.sh(
    'mkdir -p /srv/root /srv/escape && { mountpoint -q /srv/root || mount --bind / /srv/root; }',
  );
  for (const name of ['crun', 'runc'] as const) {
    await guest.sh(`mkdir -p /srv/${name} && cd /srv/${name} && rm -f config.json && ${name} spec`);
    const spec = config.parse(JSON.parse(await guest.sh(`cat /srv/${name}/config.json`)));
    spec.process.terminal = false;
    spec.process.args = ['/bin/sh', '/srv/escape/inside'];
    spec.root.path = '/srv/root';
    spec.mounts.push({
      destination: '/srv/escape',
      type: 'bind',
      source: '/srv/escape',
      options: ['rbind', 'rw'],
    });
    Object.assign(spec.linux.resources, { memory: { limit: 16 << 20 }, pids: { limit: 100 } });
    await guest.writeFile(`/srv/${name}/config.json`, JSON.stringify(spec));
  }
}

/** The versions of the peers, as they tell them. */
export async function peerVersions(guest: BootedGuest): Promise<Record<Peer, string>> {
  const version = async (command: string) =>
    /\d+\.\d+(\.\d+)?/.exec(await guest.sh(command))?.[0] ?? 'unknown';
  return {
    crun: await version('crun --version'),
    runc: await version('runc --version'),
    bwrap: await version('bwrap --version'),
    unshare: await version('unshare --version'),
  };
}
