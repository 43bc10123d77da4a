/** containerd in a guest, with swarm-runtime as the handler `swarm`, and an image for it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GuestExtras } from '../../../harness/guest/stage.js';
import type { BootedGuest } from '../../../harness/guest/guest.js';
import { repository } from '../../../harness.config.js';
import { IMAGE_ROOT, PATIENT, RUNTIMES } from './guest.js';

/** A guest with containerd, both runtimes, and a way to its socket. */
export const CONTAINERD_GUEST: GuestExtras = {
  packages: ['containerd', ...RUNTIMES, 'busybox-static', 'socat'],
  memoryMb: 4096,
  append: PATIENT,
};

/** The image, by the name that engines have for it. */
export const IMAGE = 'localhost/busybox:latest';

/** The guest's containerd: no AppArmor, and no layered file system. What is in a file of Kubernetes' nodes comes after it. */
const CONFIGURATION = `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${IMAGE}"
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
`;

/** The drop-in for nodes with containerd 1.x. */
const DROP_IN = 'deploy/kubernetes/containerd-1.toml';

/** A whole configuration with the handler `swarm`: the drop-in as it is. */
export async function nodeConfiguration(): Promise<string> {
  return CONFIGURATION + (await readFile(join(repository, DROP_IN), 'utf8'));
}

/** An archive of an image as the OCI's image specification has it: one layer, which is the root. */
const MAKE_ARCHIVE = `set -e
rm -rf /srv/oci; mkdir -p /srv/oci/blobs/sha256; cd /srv/oci
put() { # FILE: moves it among the blobs, and sets sum and size
  sum=$(sha256sum <"$1" | cut -d ' ' -f 1); size=$(stat -c %s "$1"); mv "$1" "blobs/sha256/$sum"
}
busybox tar -C ${IMAGE_ROOT} -c -f layer .; put layer; layer=$sum layer_size=$size
printf '{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["sleep","1000000"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$layer" >config
put config; config=$sum config_size=$size
oci=application/vnd.oci.image
printf '{"schemaVersion":2,"mediaType":"%s.manifest.v1+json","config":{"mediaType":"%s.config.v1+json","digest":"sha256:%s","size":%d},"layers":[{"mediaType":"%s.layer.v1.tar","digest":"sha256:%s","size":%d}]}' $oci $oci $config $config_size $oci $layer $layer_size >manifest
put manifest
printf '{"imageLayoutVersion":"1.0.0"}' >oci-layout
printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s.manifest.v1+json","digest":"sha256:%s","size":%d,"annotations":{"io.containerd.image.name":"${IMAGE}","org.opencontainers.image.ref.name":"latest"}}]}' $oci $sum $size >index.json
busybox tar -c -f /srv/image.tar .`;

/** Starts containerd, and imports the image for pods. */
export async function startContainerd(guest: BootedGuest): Promise<void> {
  await guest.sh('mkdir -p /etc/containerd; touch /etc/hosts /etc/resolv.conf');
  // The guest has no systemd, which would make the cgroups.
  const configuration = (await nodeConfiguration()).replace('SystemdCgroup = true', 'SystemdCgroup = false');
  await guest.writeFile('/etc/containerd/config.toml', configuration);
  await guest.sh(
    `setsid containerd >/var/log/containerd.log 2>&1 </dev/null &
    for i in $(seq 200); do ctr version >/dev/null 2>&1 && exit; sleep 0.5; done; tail /var/log/containerd.log >&2; exit 1`,
    { timeoutMs: 240_000 },
  );
  await guest.sh(MAKE_ARCHIVE, { timeoutMs: 120_000 });
  await guest.sh('ctr -n k8s.io images import --local --snapshotter native /srv/image.tar', {
    timeoutMs: 240_000,
  });
}
