#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# preflight.sh check KDIR: is everything there to build for this kernel?
# preflight.sh tools KDIR: print the variables that kbuild is to be given, CC=... and more
#
# CC and LLVM, where they are set, are what the user has chosen; RUSTC is the Rust
# compiler, CROSS_COMPILE what the names of a cross-compiler begin with. Everything is
# read by the shell itself, so that nothing has to be there before it is looked for.
set -eu

kdir=$2
release_file=$kdir/include/config/kernel.release
rustc=${RUSTC:-rustc}

fail() {
	echo "swarm_guard: $*" >&2
	exit 1
}

# A check that cannot be made is no check that was passed.
unchecked() {
	echo "swarm_guard: not checked: $*" >&2
}

here() {
	command -v "$1" >/dev/null 2>&1
}

# What the kernel is configured with, as far as it matters here. kbuild goes by auto.conf;
# packages of headers need not have .config, and a tree that is not prepared has nothing else.
config_file=
for file in "$kdir/include/config/auto.conf" "$kdir/.config"; do
	if [ -r "$file" ]; then
		config_file=$file
		break
	fi
done
text='' gcc_version='' clang_version='' is_clang='' is_arm64='' linker='' objtool='' btf=''
if [ -n "$config_file" ]; then
	while IFS= read -r line || [ -n "$line" ]; do
		case $line in
		# With quotation marks in .config alone.
		CONFIG_CC_VERSION_TEXT=*) text=${line#*=} text=${text#\"} text=${text%\"} ;;
		CONFIG_CC_IS_CLANG=y) is_clang=y ;;
		CONFIG_GCC_VERSION=*) gcc_version=${line#*=} ;;
		CONFIG_CLANG_VERSION=*) clang_version=${line#*=} ;;
		CONFIG_LD_IS_BFD=y) linker=bfd ;;
		CONFIG_LD_IS_LLD=y) linker=lld ;;
		CONFIG_ARM64=y) is_arm64=y ;;
		CONFIG_OBJTOOL=y) objtool=y ;;
		CONFIG_DEBUG_INFO_BTF_MODULES=y) btf=y ;;
		esac
	done <"$config_file"
fi
# "Debian clang version 19.1.7 (3+b1)" names no program, as "gcc-14 (Debian 14.2.0-19) 14.2.0" does.
case $text in
*"clang version "*) is_clang=y ;;
esac

# major_of VERSION: 14 of 140200, and nothing of 0.
major_of() {
	[ "${#1}" -le 4 ] || echo "${1%????}"
}

# The first of these programs that is here, or else the first.
first_of() {
	for candidate; do
		if here "$candidate"; then
			echo "$candidate"
			return
		fi
	done
	echo "$1"
}

# clang_major PROGRAM: the major version of a clang.
clang_major() {
	version=$("$1" --version 2>/dev/null) || return 0
	version=${version#*clang version }
	echo "${version%%.*}"
}

# What is added to the names of clang and its tools: nothing, or -19 where the kernel's
# major version is here by that name only.
llvm_suffix() {
	major=$(major_of "$clang_version")
	[ -n "$major" ] && here "clang-$major" || return 0
	here clang && [ "$(clang_major clang)" = "$major" ] || echo "-$major"
}

# llvm_program NAME LLVM: a program of LLVM's, named as kbuild does for that value of LLVM.
llvm_program() {
	case $2 in
	*/) echo "$2$1" ;;
	-*) echo "$1$2" ;;
	*) echo "$1" ;;
	esac
}

# The compiler that the kernel was built with, of the same major version if it is here.
gcc_for_kernel() {
	cross=${CROSS_COMPILE:-}
	name=${text%% *}
	name=${name:-${cross}gcc}
	# The kernel may have been built where its compiler is no cross-compiler.
	case $name in
	"$cross"*) ;;
	*) name=$cross$name ;;
	esac
	major=$(major_of "$gcc_version")
	case $name in
	*-[0-9]*) set -- "$name" ${major:+"${cross}gcc-$major"} ;;
	*) set -- ${major:+"${cross}gcc-$major"} "$name" ;;
	esac
	found=$(first_of "$@" "${cross}gcc" "${cross}cc")
	here "$found" && echo "$found" || echo "$name"
}

# Sets compiler to the C compiler and llvm to the value of LLVM.
choose() {
	llvm=${LLVM:-}
	compiler=${CC:-}
	if [ -z "$llvm" ] && [ -z "$compiler" ] && [ -n "$is_clang" ]; then
		suffix=$(llvm_suffix)
		# A kernel may be built by clang and linked by GNU ld.
		[ "$linker" = bfd ] || llvm=${suffix:-1}
		compiler=clang$suffix
	fi
	[ -n "$compiler" ] || [ -z "$llvm" ] || compiler=$(llvm_program clang "$llvm")
	[ -n "$compiler" ] || compiler=$(gcc_for_kernel)
}

tools() {
	choose
	echo "CC='$compiler'${llvm:+ LLVM='$llvm'}${RUSTC:+ RUSTC='$RUSTC'}"
}

check_release() {
	if [ ! -f "$release_file" ]; then
		running=$(uname -r 2>/dev/null) || running='$(uname -r)'
		fail "no kernel headers in $kdir.
  Install those of the running kernel:  apt-get install linux-headers-$running
  or name a tree that is prepared for building modules:  make KDIR=/path/to/tree"
	fi
	release=
	read -r release <"$release_file" || true
	major=${release%%.*}
	minor=
	[ "$major" = "$release" ] || minor=${release#*.}
	minor=${minor%%[!0-9]*}
	case $major.$minor in
	*[!0-9.]* | .* | *.)
		unchecked "whether the kernel is 6.14 or later: $release_file says \"$release\""
		;;
	*)
		codename=stable
		[ "$((major * 1000 + minor))" -ge 6014 ] || {
			[ ! -r /etc/os-release ] || codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-stable}")
			fail "kernel $release is too old: SwarmGuard needs 6.14 or later.
  Debian has newer kernels in its backports:  apt-get install -t $codename-backports linux-image-amd64 linux-headers-amd64"
		}
		;;
	esac
}

check_prepared() {
	if [ -z "$config_file" ]; then
		unchecked "what the kernel in $kdir was built with: neither include/config/auto.conf nor .config can be read"
		return
	fi
	if [ "$config_file" = "$kdir/.config" ] || { [ -n "$objtool" ] && [ ! -x "$kdir/tools/objtool/objtool" ]; }; then
		fail "$kdir is configured, but not prepared for building modules.  make -C $kdir modules_prepare"
	fi
	# What is asked of it is answered with no where it is not there.
	[ -r "$kdir/Module.symvers" ] ||
		fail "$kdir has no Module.symvers, which names what the kernel exports.  make -C $kdir modules"
	[ -n "$text" ] || unchecked "which compiler the kernel in $kdir was built with: $config_file does not say it"
}

check_compiler() {
	choose
	# A launcher such as ccache stands before the compiler.
	for program in $compiler; do
		here "$program" || case $program in
		*clang*) fail "no C compiler ($program), which the kernel was built with.  apt-get install $program lld llvm" ;;
		*) fail "no C compiler ($program).  apt-get install ${program#*-linux-gnu-}" ;;
		esac
		break
	done
	if [ -n "$llvm" ]; then
		for name in ld.lld llvm-ar llvm-nm llvm-objcopy llvm-objdump llvm-strip; do
			program=$(llvm_program $name "$llvm")
			package=llvm
			[ $name != ld.lld ] || package=lld
			case $llvm in
			-*) package=$package$llvm ;;
			esac
			here "$program" || fail "no $program, which the kernel was built with.  apt-get install $package"
		done
	fi
}

check_pahole() {
	# kbuild goes on without it where there is no vmlinux to compare with.
	[ -z "$btf" ] || [ ! -f "$kdir/vmlinux" ] || here pahole ||
		fail "no pahole, which describes the module's types as the kernel's are.  apt-get install pahole"
}

check_rust() {
	here "$rustc" || fail "no Rust compiler ($rustc), which the policy core needs.  apt-get install rustc"
	# Kernel code of arm64 uses no vector registers, which the compiler's own library does.
	if [ -n "$is_arm64" ]; then
		sysroot=$("$rustc" --print sysroot) || fail "the Rust compiler ($rustc) does not run"
		[ -f "$sysroot/lib/rustlib/src/rust/library/core/src/lib.rs" ] ||
			fail "no source of the Rust library, which the policy core needs on arm64.  apt-get install rust-src"
	elif [ -z "$config_file" ]; then
		unchecked "whether the source of the Rust library is needed, as it is on arm64"
	fi
}

check() {
	check_release
	check_prepared
	check_compiler
	check_pahole
	check_rust
}

case $1 in
check) check ;;
tools) tools ;;
*) fail "preflight.sh check KDIR, or preflight.sh tools KDIR" ;;
esac
