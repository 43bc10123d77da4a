#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# style.sh KDIR: the kernel's checkpatch.pl over every C source; `make style` runs it.
# Any ERROR, WARNING or CHECK fails. CHECKPATCH=/path/to/checkpatch.pl chooses the
# script; else it is the one of KDIR, of installed kernel sources, or of the archive
# that a package linux-source-* installs.
set -eu

kdir=$1
module=$(cd "$(dirname "$0")/.." && pwd)
# LONG_LINE_STRING: what users see is never split, so that it can be searched for.
# ALLOC_WITH_SIZEOF: the kernels before 7.0 have no kmalloc_obj().
# ENOSYS: one of the names of errors that events have.
ignored=LONG_LINE_STRING,ALLOC_WITH_SIZEOF,ENOSYS
# Tests in C and the audit are programs for user space, where the kernel's macros are not to be had.
programs='^module/(tests/[^/]*|scripts/.*)$'
user_space=SPLIT_STRING,QUOTED_WHITESPACE_BEFORE_NEWLINE,CAMELCASE,PREFER_DEFINED_ATTRIBUTE_MACRO
user_space=$user_space,COMPLEX_MACRO,MACRO_ARG_REUSE,VOLATILE,EMBEDDED_FUNCTION_NAME,MULTIPLE_ASSIGNMENTS

fail() {
	echo "style: $*" >&2
	exit 1
}

# checkpatch.pl keeps a cache where it is run, and reads an rc file in $HOME.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$work/include"
ln -s "$module" "$work/module"

# Unpacks checkpatch.pl and its lists from a linux-source-*.tar.xz (some seconds).
unpack() {
	top=$(basename "$1" .tar.xz)/scripts
	tar -C "$work" --occurrence=1 -xf "$1" \
		"$top/checkpatch.pl" "$top/spelling.txt" "$top/const_structs.checkpatch" ||
		fail "cannot unpack checkpatch.pl from $1"
	echo "$work/$top/checkpatch.pl"
}

find_checkpatch() {
	if [ -n "${CHECKPATCH:-}" ]; then
		[ -f "$CHECKPATCH" ] || fail "CHECKPATCH=$CHECKPATCH: no such file"
		realpath "$CHECKPATCH"
		return
	fi
	for dir in "$kdir" "$kdir/source" "$kdir"/../linux-headers-*-common \
		/usr/lib/linux-kbuild-* /usr/src/linux-source-* /usr/src/linux; do
		if [ -f "$dir/scripts/checkpatch.pl" ]; then
			realpath "$dir/scripts/checkpatch.pl"
			return
		fi
	done
	archive=$(find /usr/src -maxdepth 1 -name 'linux-source-*.tar.xz' 2>/dev/null | sort -V | tail -n 1)
	if [ -n "$archive" ]; then
		unpack "$archive"
		return
	fi
	series=$(sed -n 's/^\([0-9]*\.[0-9]*\).*/\1/p' "$kdir/include/config/kernel.release" 2>/dev/null || true)
	fail "no checkpatch.pl.
  Debian's headers (linux-headers-*, linux-kbuild-*) come without it; its source has it:
    apt-get install linux-source${series:+-$series}
  or name the file scripts/checkpatch.pl of a kernel tree:
    make style CHECKPATCH=/path/to/checkpatch.pl"
}

sources() {
	cd "$work"
	find module/ \( -path module/compat/generated -o -path module/core -o -path module/target \
		-o -name '*.mod.c' \) -prune -o -type f -name '*.[ch]' -print | sort
}

command -v perl >/dev/null || fail "no perl.  apt-get install perl"
checkpatch=$(find_checkpatch)
# Without its lists checkpatch.pl does the rest.
[ -f "$(dirname "$checkpatch")/const_structs.checkpatch" ] || ignored=$ignored,CONST_STRUCT
files=$(sources)
count=$(echo "$files" | wc -l)

# check IGNORED FILE...: what checkpatch.pl has to say
check() {
	types=$1
	shift
	(cd "$work" && HOME=$work perl "$checkpatch" --no-tree --root="$work" --strict --terse \
		--show-types --no-summary --color=never --ignore "$types" -f "$@" 2>&1) |
		sed '/^No typos will be found - file /d; /^$/d'
}

# TRACE_EVENT() is written as everywhere in the kernel, and so are the macros that read the
# kernel's tables of system calls.
# shellcheck disable=SC2046
report=$(
	check "$ignored" $(echo "$files" | grep -v -E "$programs|^module/trace.h$|^module/compat/numbers.c$")
	check "$ignored,OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT" module/trace.h
	check "$ignored,BRACKET_SPACE,MACRO_ARG_UNUSED" module/compat/numbers.c
	check "$ignored,$user_space" $(echo "$files" | grep -E "$programs")
)

if [ -z "$report" ]; then
	echo "style: $count files, clean"
	exit
fi
echo "$report"
findings=$(echo "$report" | grep -c -E '^module/.*: (ERROR|WARNING|CHECK):') ||
	fail "$checkpatch failed"
echo "style: $count files, $findings findings"
exit 1
