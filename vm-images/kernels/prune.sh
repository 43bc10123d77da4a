#!/bin/sh
# prune.sh DIRECTORY: copy what modules are built with of the kernel's tree we are in.
# shellcheck disable=SC2086
set -eu
to=$1
arch=arch/x86
kept=''
for path in .config Makefile Kconfig Kbuild Module.symvers include $arch/include $arch/Makefile* $arch/Kconfig* \
	$arch/entry/syscalls scripts tools/scripts tools/objtool/objtool \
	tools/bpf/resolve_btfids/resolve_btfids rust/Makefile; do
	[ ! -e "$path" ] || kept="$kept $path"
done
cp -a --parents $kept "$to"
cd "$to"
find . -name '*.o' ! -name 'module*.o' -delete
find scripts -name '*.c' ! -name module-common.c -delete
rm -rf scripts/dtc scripts/gdb scripts/coccinelle scripts/kconfig scripts/gcc-plugins include/dt-bindings
