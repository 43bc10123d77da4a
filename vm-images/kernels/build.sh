#!/bin/sh
# build.sh ARCHIVE RELEASE FRAGMENT...: build a kernel out of its source.
#
# For kernels that the archive has no image of. Runs in the root with the tools of the
# kernel's build (harness/kernels/build.ts). ARCHIVE is the tarball of a linux-source
# package, RELEASE what the kernel is to call itself; the fragments are merged into
# tinyconfig. Leaves in /out: vmlinuz; headers, the tree without what building modules
# does not need; modules, as they are installed.
# shellcheck disable=SC2086
set -eu
archive=$1
release=$2
shift 2
scripts=$(dirname "$0")
mkdir -p /work/tree /out/headers /out/modules/kernel
tar -C /work/tree --strip-components=1 -xf "$archive"
cd /work/tree
export KBUILD_BUILD_TIMESTAMP=2020-01-01 KBUILD_BUILD_USER=kmod KBUILD_BUILD_HOST=harness
compilers='CC=gcc-14 HOSTCC=gcc-14'

echo "configure"
make -s $compilers tinyconfig
./scripts/kconfig/merge_config.sh -m -Q .config "$@" >/dev/null
make -s $compilers olddefconfig
for fragment in "$@"; do sh "$scripts/kept.sh" "$fragment" .config; done
make -s $compilers include/config/kernel.release
[ "$(cat include/config/kernel.release)" = "$release" ] || {
	echo "the source calls itself $(cat include/config/kernel.release), not $release" >&2
	exit 1
}

# KCSAN is to watch the module alone: the kernel has data races that it lives with, each of
# which would be reported, and what is not watched is not slowed down. What a module is
# built with is left as it is.
watched=
! grep -q '^CONFIG_KCSAN=y' .config || watched=KCSAN_SANITIZE=n
# But KCSAN has to see what orders the module's accesses: it takes one for possible behind an
# unlock that it does not see (CONFIG_KCSAN_WEAK_MEMORY), and would report a race.
! grep -q '^CONFIG_KCSAN=y' .config || for ordering in spinlock mutex rwsem percpu-rwsem workqueue; do
	watched="$watched KCSAN_INSTRUMENT_BARRIERS_$ordering.o=y"
done
# KASAN watches everything but what checks, which runs at every lock and every allocation.
! grep -q '^CONFIG_KASAN=y' .config || for unwatched in lockdep kmemleak debugobjects unwind_orc extable; do
	watched="$watched KASAN_SANITIZE_$unwatched.o=n"
done

echo "build"
make -s $compilers $watched -j"$(nproc)" bzImage modules
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
sh "$scripts/prune.sh" /out/headers
