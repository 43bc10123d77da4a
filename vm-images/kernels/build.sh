#!/bin/sh
# build.sh ARCHIVE CONFIG RELEASE: build a kernel out of its source.
#
# For kernels that the archive has no image of. Runs in the root with the tools of the
# kernel's build (harness/kernels/build.ts). ARCHIVE is the tarball of a linux-source package,
# CONFIG what is merged into tinyconfig, RELEASE what the kernel is to call itself. Leaves in /out: vmlinuz; headers, the tree
# without what building modules does not need; modules, as they are installed.
# shellcheck disable=SC2086
set -eu
archive=$1
config=$2
release=$3
mkdir -p /work/tree /out/headers /out/modules/kernel
tar -C /work/tree --strip-components=1 -xf "$archive"
cd /work/tree
export KBUILD_BUILD_TIMESTAMP=2020-01-01 KBUILD_BUILD_USER=swarm KBUILD_BUILD_HOST=guard
compilers='CC=gcc-14 HOSTCC=gcc-14'

echo "configure"
make -s $compilers tinyconfig
./scripts/kconfig/merge_config.sh -m -Q .config "$config" >/dev/null
make -s $compilers olddefconfig
sh "$(dirname "$0")/kept.sh" "$config" .config
[ "$(make -s kernelrelease)" = "$release" ] || {
	echo "the source calls itself $(make -s kernelrelease), not $release" >&2
	exit 1
}

echo "build"
make -s $compilers -j"$(nproc)" bzImage modules
cp arch/x86/boot/bzImage /out/vmlinuz
cp .config /out/config
make -s $compilers INSTALL_MOD_PATH=/work/installed modules_install
cd /work/installed/lib/modules/*
find kernel -name '*.ko' | while read -r module; do
	mkdir -p "/out/modules/$(dirname "$module")"
	strip --strip-debug -o "/out/modules/$module" "$module"
	xz "/out/modules/$module"
done
cd /work/tree

echo "prune"
arch=arch/x86
kept=''
for path in .config Makefile Kconfig Kbuild Module.symvers include $arch/include $arch/Makefile* $arch/Kconfig* \
	$arch/entry/syscalls scripts tools/scripts tools/objtool/objtool \
	tools/bpf/resolve_btfids/resolve_btfids rust/Makefile; do
	[ ! -e "$path" ] || kept="$kept $path"
done
cp -a --parents $kept /out/headers
cd /out/headers
find . -name '*.o' ! -name 'module*.o' -delete
find scripts -name '*.c' ! -name module-common.c -delete
rm -rf scripts/dtc scripts/gdb scripts/coccinelle scripts/kconfig scripts/gcc-plugins include/dt-bindings
