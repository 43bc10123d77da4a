/** Docker in a guest, with swarm-runtime as its default runtime. */
import type { GuestExtras } from '../../../harness/guest/stage.js';
import type { BootedGuest } from '../../../harness/guest/guest.js';
import { IMAGE_ROOT, KEYS_TOO, PATIENT, RUNTIMES } from './guest.js';

/** A guest with Docker and both runtimes. */
export const DOCKER_GUEST: GuestExtras = {
  packages: ['docker.io', 'docker-cli', ...RUNTIMES, 'busybox-static', 'iptables'],
  memoryMb: 6144,
  append: PATIENT,
};

/** A call that only the policy there denies; Docker's seccomp filter denies most other denied calls before it. */
export const DENIED = 'chmod 700 /tmp 2>/dev/null || echo denied';
/** The policy, and where swarm-runtime looks for it. */
export const POLICY = '{"syscalls":{"chmod":"deny","fchmodat":"deny","fchmodat2":"deny"}}';
export const SETTINGS = `policy = "/etc/swarm-guard/no-chmod.json"\n${KEYS_TOO}`;
/** The configuration that the guest needs: no bridge, no layered file system, no systemd. */
const CONFIGURATION = {
  bridge: 'none',
  iptables: false,
  ip6tables: false,
  'storage-driver': 'vfs',
  'exec-opts': ['native.cgroupdriver=cgroupfs'],
  runtimes: { swarm: { path: '/usr/bin/swarm-runtime' } },
  'default-runtime': 'swarm',
};

/** Its daemon, once its containerd answers: one that it starts itself has fifteen seconds, which may be too short here. */
const START = `wait_for() { for i in $(seq 400); do "$@" >/dev/null 2>&1 && return; sleep 0.5; done; tail /var/log/dockerd.log >&2; exit 1; }
pidof containerd >/dev/null || setsid containerd >>/var/log/containerd.log 2>&1 </dev/null &
wait_for ctr version
setsid dockerd --containerd /run/containerd/containerd.sock >>/var/log/dockerd.log 2>&1 </dev/null &
wait_for docker version`;

/** Starts Docker's daemon, and imports the image `busybox`. */
export async function startDocker(guest: BootedGuest): Promise<void> {
  await guest.sh('mkdir -p /etc/docker');
  await guest.writeFile('/etc/docker/daemon.json', JSON.stringify(CONFIGURATION));
  await guest.sh(START, { timeoutMs: 240_000 });
  await guest.sh(`busybox tar -C ${IMAGE_ROOT} -c -f - . | docker import - busybox`, { timeoutMs: 240_000 });
}

/** Starts Docker's daemon again, after it has been killed. */
export async function restartDocker(guest: BootedGuest): Promise<void> {
  await guest.sh(`rm -f /var/run/docker.pid; ${START}`, { timeoutMs: 240_000 });
}
