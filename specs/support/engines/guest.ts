/** Guests with container engines, their images, and swarm-runtime. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GuestExtras } from '../../../harness/guest/stage.js';
import type { BootedGuest } from '../../../harness/guest/guest.js';
import { repository } from '../../../harness.config.js';
import { buildRuntime } from './runtime.js';

/** The runtimes that do the work below swarm-runtime. */
export const RUNTIMES = ['crun', 'runc'] as const;

/** Kernel parameters for an emulated guest with much to do: a busy host takes its processors away for long. */
export const PATIENT = 'nowatchdog rcupdate.rcu_cpu_stall_suppress=1';

/** A guest with podman, both runtimes, and a shell for images. */
export const PODMAN_GUEST: GuestExtras = {
  packages: ['podman', ...RUNTIMES, 'busybox-static'],
  memoryMb: 4096,
  append: PATIENT,
};

/** The root of the image that containers here use: a static busybox. */
export const IMAGE_ROOT = '/srv/image';

/** busybox by each of its names, which is all that an image needs. */
const MAKE_IMAGE = `mkdir -p ${IMAGE_ROOT}/bin ${IMAGE_ROOT}/proc ${IMAGE_ROOT}/sys ${IMAGE_ROOT}/dev ${IMAGE_ROOT}/tmp
cp "$(command -v busybox)" ${IMAGE_ROOT}/bin/busybox
for name in $(busybox --list | grep -vx busybox); do ln -sf busybox ${IMAGE_ROOT}/bin/$name; done`;

/** podman, with swarm-runtime as its only runtime, without systemd and without a layered file system. */
const CONFIGURE_PODMAN = `mkdir -p /etc/containers
printf '%s\\n' '[engine]' 'cgroup_manager = "cgroupfs"' 'events_logger = "file"' 'runtime = "swarm"' \\
  '[engine.runtimes]' 'swarm = ["/usr/bin/swarm-runtime"]' >/etc/containers/containers.conf
printf '%s\\n' '[storage]' 'driver = "vfs"' 'runroot = "/run/containers/storage"' \\
  'graphroot = "/var/lib/containers/storage"' >/etc/containers/storage.conf`;

/** Brings swarm-runtime to a guest, with the policy that is shipped. */
export async function uploadRuntime(guest: BootedGuest): Promise<void> {
  await guest.upload(await buildRuntime(), '/usr/bin/swarm-runtime', '755');
  await guest.sh('mkdir -p /etc/swarm-guard/policies');
  const policy = await readFile(join(repository, 'client/oci/container.json'), 'utf8');
  await guest.writeFile('/etc/swarm-guard/container.json', policy);
}

/** Does that, and makes the root of an image. */
export async function installRuntime(guest: BootedGuest): Promise<void> {
  await uploadRuntime(guest);
  await guest.sh(MAKE_IMAGE);
}

/** The setting by which containers may ask for single keys. */
export const KEYS_TOO = 'annotations = true\n';

/** Settles which runtime does the work. */
export async function use(
  guest: BootedGuest,
  runtime: (typeof RUNTIMES)[number],
  settings = '',
): Promise<void> {
  await guest.writeFile('/etc/swarm-guard/runtime.toml', `runtime = "/usr/bin/${runtime}"\n${settings}`);
}

/** Configures podman, and imports the image `localhost/busybox`. */
export async function installPodman(guest: BootedGuest): Promise<void> {
  await guest.sh(CONFIGURE_PODMAN);
  await guest.sh(`busybox tar -C ${IMAGE_ROOT} -c -f - . | podman import - localhost/busybox`, {
    timeoutMs: 120_000,
  });
}

/**
 * Makes a bundle, /srv/NAME, of a container that executes a program.
 * @param edit changes its configuration, as the runtime's own `spec` writes it.
 */
export async function makeBundle(
  guest: BootedGuest,
  name: string,
  args: readonly string[],
  edit: (config: Record<string, unknown>) => void = () => undefined,
): Promise<string> {
  const bundle = `/srv/${name}`;
  await guest.sh(
    `mkdir -p ${bundle} && cd ${bundle} && mkdir -p rootfs && { mountpoint -q rootfs || mount --bind ${IMAGE_ROOT} rootfs; } && rm -f config.json && crun spec`,
  );
  const config = JSON.parse(await guest.sh(`cat ${bundle}/config.json`)) as Record<string, unknown>;
  config['process'] = { ...(config['process'] as object), terminal: false, args };
  config['root'] = { path: 'rootfs' };
  edit(config);
  await guest.writeFile(`${bundle}/config.json`, JSON.stringify(config));
  return bundle;
}
