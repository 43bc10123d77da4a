#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# audit.sh KDIR FILE.ko...: were these modules built with the structures of the
# kernel they are for? `make audit` runs it. The kernel is the running one, or
# the one whose BTF the variable BTF names (objcopy --dump-section .BTF=FILE of
# a vmlinux, or /sys/kernel/btf/vmlinux of the machine that runs it).
set -eu

kdir=$1
shift
scripts=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

fail() {
	echo "audit: $*" >&2
	exit 2
}

if [ -z "${BTF:-}" ]; then
	BTF=/sys/kernel/btf/vmlinux
	[ "$(cat "$kdir/include/config/kernel.release")" = "$(uname -r)" ] ||
		fail "$kdir is for another kernel than the running one; name that kernel's types with BTF=FILE"
	[ -f "$BTF" ] || fail "the running kernel does not show its types (CONFIG_DEBUG_INFO_BTF)"
fi
command -v pahole >/dev/null || fail "no pahole.  apt-get install pahole"
"${CC:-cc}" -O2 -o "$work/audit" "$scripts/audit.c"
verdict=0
for module; do
	pahole --btf_encode_detached="$work/module.btf" "$module" >"$work/log" 2>&1 && [ -s "$work/module.btf" ] ||
		fail "$module carries no debugging information that pahole can read; make clean, then make audit KCFLAGS=-g
$(head -n 5 "$work/log")"
	[ $# -eq 1 ] || echo "$(basename "$module"):"
	"$work/audit" "$BTF" "$work/module.btf" || verdict=$?
	rm "$work/module.btf"
done
[ "$verdict" -eq 0 ] || fail "built with other structures than the kernel's: loading it would corrupt memory.
  Install the headers of exactly this kernel, then make clean all"
