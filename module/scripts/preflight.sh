#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# preflight.sh check KDIR: is everything there to build for this kernel?
# preflight.sh compiler KDIR: print the C compiler to use for it
set -eu

kdir=$2
release_file=$kdir/include/config/kernel.release

fail() {
	echo "swarm_guard: $*" >&2
	exit 1
}

# The compiler the kernel was built with, of the same major version if it is here.
compiler() {
	text=$(sed -n 's/^CONFIG_CC_VERSION_TEXT="\(.*\)"$/\1/p' "$kdir/.config" 2>/dev/null || true)
	name=$(echo "$text" | awk '{ print $1 }')
	major=$(sed -n 's/^CONFIG_GCC_VERSION=\([0-9]*\)....$/\1/p' "$kdir/.config" 2>/dev/null || true)
	for candidate in "$name" ${major:+gcc-$major} gcc cc; do
		if command -v "$candidate" >/dev/null 2>&1; then
			echo "$candidate"
			return
		fi
	done
	echo "${name:-gcc}"
}

check() {
	if [ ! -f "$release_file" ]; then
		running=$(uname -r)
		fail "no kernel headers in $kdir.
  Install those of the running kernel:  apt-get install linux-headers-$running
  or name a tree that is prepared for building modules:  make KDIR=/path/to/tree"
	fi
	release=$(cat "$release_file")
	version=$(echo "$release" | awk -F '[.-]' '{ print $1 * 1000 + $2 }')
	[ "$version" -ge 6014 ] || fail "kernel $release is too old: SwarmGuard needs 6.14 or later.
  Debian has newer kernels in its backports:  apt-get install -t $(. /etc/os-release 2>/dev/null && echo "${VERSION_CODENAME:-stable}")-backports linux-image-amd64 linux-headers-amd64"
	compiler=$(compiler)
	command -v "$compiler" >/dev/null 2>&1 ||
		fail "no C compiler ($compiler).  apt-get install ${compiler#*-linux-gnu-}"
	command -v "${RUSTC:-rustc}" >/dev/null 2>&1 ||
		fail "no Rust compiler (rustc), which the policy core needs.  apt-get install rustc"
	# Kernel code of arm64 uses no vector registers, which the compiler's own library does.
	! grep -q '^CONFIG_ARM64=y' "$kdir/.config" ||
		[ -f "$("${RUSTC:-rustc}" --print sysroot)/lib/rustlib/src/rust/library/core/src/lib.rs" ] ||
		fail "no source of the Rust library, which the policy core needs on arm64.  apt-get install rust-src"
}

case $1 in
check) check ;;
compiler) compiler ;;
esac
