/** A guest in which everybody who is compared runs `reach`. */
import { z } from 'zod';
import { SYSTEMD_PACKAGES } from '../systemd.js';
import type { BootedGuest } from '../../../harness/guest/guest.js';
import type { LoadedGuest } from '../loaded-guest.js';
import { PEER_PACKAGES, preparePeers } from './peers.js';
import { commandOf } from './reach-who.js';
import type { Who } from './reach-who.js';

/** The packages that a guest needs for all of them. */
export const REACH_PACKAGES = [
  ...SYSTEMD_PACKAGES,
  ...PEER_PACKAGES,
  'docker.io',
  'docker-cli',
  'tar',
] as const;

/** Starts Docker in a guest, with an image that holds the program and an empty /tmp. */
async function prepareDocker(guest: BootedGuest): Promise<void> {
  const lines = [
    'getent group docker >/dev/null || echo docker:x:999: >>/etc/group',
    'mkdir -p /srv/image/usr/local/bin /srv/image/tmp && chmod 1777 /srv/image/tmp',
    'cp /usr/local/bin/reach /srv/image/usr/local/bin/',
    // No network: then it needs neither a bridge nor iptables. The root is in memory, which no overlay goes on.
    'setsid dockerd --bridge=none --iptables=false --ip6tables=false --storage-driver=vfs' +
      ' --exec-opt native.cgroupdriver=cgroupfs >/srv/dockerd.log 2>&1 </dev/null &',
    'for i in $(seq 120); do docker version >/dev/null 2>&1 && break; sleep 1; done',
    'docker version >/dev/null || { tail -n 30 /srv/dockerd.log >&2; exit 1; }',
    'tar -C /srv/image -c . | docker import - reach >/dev/null',
  ];
  await guest.sh(lines.join('\n'), { timeoutMs: 300_000 });
}

const config = z.looseObject({ mounts: z.array(z.unknown()) });

/** Gives the bundle of crun a /tmp, where the program makes its files: the root that `crun spec` asks for is read-only. */
async function prepareCrun(guest: BootedGuest): Promise<void> {
  const spec = config.parse(JSON.parse(await guest.sh('cat /srv/crun/config.json')));
  spec.mounts.push({ destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=1777'] });
  await guest.writeFile('/srv/crun/config.json', JSON.stringify(spec));
}

/** Prepares a guest for all who are compared. */
export async function preparePeople(guest: BootedGuest): Promise<void> {
  await preparePeers(guest);
  await prepareCrun(guest);
  await guest.writeFile('/srv/escape/inside', 'exec /usr/local/bin/reach\n');
  await prepareDocker(guest);
}

/** Runs the program as somebody; returns its output. */
export async function runAs(guest: LoadedGuest, who: Who, program: string): Promise<string> {
  if (who === 'agent') return (await guest.swarm.run({}, program)).stdout;
  return guest.sh(`cd / && ${commandOf(who, program)} </dev/null`, { timeoutMs: 600_000 });
}

/** The versions of those that have one. */
export async function versionsOf(guest: BootedGuest): Promise<Record<string, string>> {
  const version = async (command: string) =>
    /\d+(\.\d+)+/.exec(await guest.sh(command))?.[0] ?? /\d+/.exec(await guest.sh(command))?.[0] ?? 'unknown';
  return {
    docker: `${await version('docker version -f "{{.Server.Version}}"')} with runc ${await version('runc --version')}`,
    systemd: await version('systemd-run --version'),
    crun: await version('crun --version'),
    bwrap: await version('bwrap --version'),
  };
}
