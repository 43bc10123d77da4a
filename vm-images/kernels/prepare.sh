#!/bin/sh
# prepare.sh RELEASE SOURCE: make what modules are built with out of a kernel's source.
#
# For kernels whose headers are not packaged. Runs in the root with the tools of the
# kernel's build (harness/kernels/prepare.ts). SOURCE is a tarball or a tree; in /in are
# config (the image's own configuration) and Module.symvers (from the image). Leaves
# in /out: headers, the tree without what building modules does not need, and
# modules, the drivers that guests and their specs need.
# shellcheck disable=SC2086
set -eu
release=$1
source=$2
tree=/work/tree
mkdir -p $tree /out/headers /out/modules

echo "unpack"
# Not what neither Kconfig nor the build of the host's tools looks at: most of it.
unused='Documentation tools/testing tools/perf arch/[!xK]*.[chS] arch/[!xK]*.dts* sound/*.[ch] fs/[!bo]*.c'
unused="$unused drivers/gpu/*.[ch] drivers/media/*.[ch] drivers/staging/*.[ch] drivers/scsi/*.[ch]"
unused="$unused drivers/net/ethernet/*.[ch] drivers/net/wireless/*.[ch] drivers/infiniband/*.[ch]"
set -f
top=.
[ -d "$source" ] || top=$(basename "$source" .orig.tar.xz | tr _ -)
excluded='--anchored'
for each in $unused; do excluded="$excluded --exclude=$top/$each"; done
if [ -d "$source" ]; then
	tar -C "$source" $excluded --exclude=./.git -cf - . | tar -C $tree -xf -
else
	tar -C $tree --strip-components=1 $excluded -xf "$source"
fi
set +f
mkdir -p $tree/Documentation
: >$tree/Documentation/Kconfig
cd $tree

echo "configure"
# The release is part of what a module is checked by; the source may be of a neighbouring one.
printf '%s\n' "$release" | sed -E 's/^([0-9]+)\.([0-9]+)\.([0-9]+)(.*)/VERSION = \1\nPATCHLEVEL = \2\nSUBLEVEL = \3\nEXTRAVERSION = \4/' |
	while read -r name rest; do sed -i "s/^$name *=.*/$name $rest/" Makefile; done
cp /in/config .config
# Keys and Rust have no part in a structure's layout, and need what is not here.
./scripts/config --disable RUST --disable MODULE_SIG_ALL --set-str MODULE_SIG_KEY '' \
	--set-str SYSTEM_TRUSTED_KEYS '' --set-str SYSTEM_REVOCATION_KEYS '' \
	--set-str LOCALVERSION '' --disable LOCALVERSION_AUTO
export KBUILD_BUILD_TIMESTAMP=2020-01-01 KBUILD_BUILD_USER=kmod KBUILD_BUILD_HOST=harness
compilers='CC=gcc-14 HOSTCC=gcc-14'
make -s $compilers olddefconfig

echo "prepare"
make -s $compilers -j"$(nproc)" modules_prepare
cp /in/Module.symvers .
[ "$(cat include/config/kernel.release)" = "$release" ] || {
	echo "the tree calls itself $(cat include/config/kernel.release), not $release" >&2
	exit 1
}

echo "drivers"
mkdir -p /work/drivers
cp net/core/failover.c drivers/net/net_failover.c drivers/net/virtio_net.c fs/binfmt_misc.c fs/*.h /work/drivers
cp net/vmw_vsock/*vsock*.c net/vmw_vsock/virtio_transport_common.c /work/drivers
cp -r fs/overlayfs /work/drivers
cat >/work/drivers/Kbuild <<'END'
obj-m := failover.o net_failover.o virtio_net.o binfmt_misc.o overlayfs/
obj-m += vsock.o vmw_vsock_virtio_transport_common.o vsock_loopback.o
vsock-y := af_vsock.o af_vsock_tap.o vsock_addr.o
vsock-$(CONFIG_BPF_SYSCALL) += vsock_bpf.o
vmw_vsock_virtio_transport_common-y := virtio_transport_common.o
END
make -s $compilers -j"$(nproc)" M=/work/drivers modules
for driver in net/core/failover drivers/net/net_failover drivers/net/virtio_net fs/binfmt_misc fs/overlayfs/overlay \
	net/vmw_vsock/vsock net/vmw_vsock/vmw_vsock_virtio_transport_common net/vmw_vsock/vsock_loopback; do
	built=/work/drivers/$(basename $driver).ko
	[ -e "$built" ] || built=/work/drivers/overlayfs/$(basename $driver).ko
	mkdir -p "/out/modules/kernel/$(dirname $driver)"
	xz -c "$built" >"/out/modules/kernel/$driver.ko.xz"
done

echo "prune"
sh "$(dirname "$0")/prune.sh" /out/headers
