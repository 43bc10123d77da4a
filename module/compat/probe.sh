#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# probe.sh KDIR build|table VARIABLE=VALUE...: ask the kernel in KDIR the questions in
# probes/ and write the answers to generated/have.h; with "table", print them too. The
# variables are those that kbuild is given to build the module, CC among them.
#
# A question is a file. NAME.c is answered with yes when it compiles, NAME.sym
# when the symbol on its last line is exported to modules. The first comment says
# what is asked. Answers are kept until a probe, the kernel, the compiler or another of
# the variables changes.
set -eu

kdir=$1
print=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
out=$here/generated
header=$out/have.h

questions() { for probe in "$here"/probes/*.c "$here"/probes/*.sym; do echo "$probe"; done | sort; }
name_of() { basename "$1" | sed 's/\..*//'; }
macro_of() { echo "SWARM_HAVE_$(name_of "$1" | tr '[:lower:]' '[:upper:]')"; }

key() {
	questions | xargs cat
	echo "$kdir" "$@"
	for file in include/config/kernel.release include/config/auto.conf .config Module.symvers; do
		[ ! -e "$kdir/$file" ] || cksum "$kdir/$file"
	done
	for variable; do
		case $variable in
		# A launcher such as ccache may stand before the compiler.
		CC=*) ${variable#CC=} --version ;;
		esac
	done
}

# Compile all probes in one run of the kernel's build system.
compile() {
	work=$out/work
	rm -rf "$work"
	mkdir -p "$work"
	cp "$here"/probes/*.c "$work"
	{
		printf 'obj-m :='
		for probe in "$work"/*.c; do printf ' %s.o' "$(name_of "$probe")"; done
		printf '\n'
	} >"$work/Kbuild"
	# Failing is an answer; -k goes on to the next one.
	${MAKE:-make} -s -k -C "$kdir" "$@" M="$work" $(for probe in "$work"/*.c; do echo "$(name_of "$probe").o"; done) \
		>"$out/log" 2>&1 || true
}

exported() {
	awk -F '\t' -v symbol="$1" '$2 == symbol { found = 1 } END { exit !found }' "$kdir/Module.symvers"
}

answered() {
	case $1 in
	*.c) [ -f "$out/work/$(name_of "$1").o" ] ;;
	*) exported "$(tail -n 1 "$1")" ;;
	esac
}

write_header() {
	echo "/* Answers to the questions in compat/probes, for one kernel. Made by compat/probe.sh. */"
	questions | while read -r probe; do
		if answered "$probe"; then
			echo "#define $(macro_of "$probe") 1"
		else
			echo "/* $(macro_of "$probe") is not set */"
		fi
	done
}

mkdir -p "$out"
key=$(key "$@" | cksum)
if [ ! -f "$header" ] || [ "$(cat "$out/key" 2>/dev/null)" != "$key" ]; then
	compile "$@"
	# A probe that always compiles: if it does not, the answers mean nothing.
	if [ ! -f "$out/work/always.o" ]; then
		echo "compat: nothing can be compiled against $kdir:" >&2
		head -n 20 "$out/log" >&2
		exit 1
	fi
	write_header >"$header.new"
	mv "$header.new" "$header"
	echo "$key" >"$out/key"
	rm -rf "$out/work"
fi

[ "$print" = table ] || exit 0
echo "kernel $(cat "$kdir/include/config/kernel.release")"
questions | while read -r probe; do
	answer=no
	! grep -q "^#define $(macro_of "$probe") 1" "$header" || answer=yes
	question=$(grep -v SPDX "$probe" | head -n 1 | sed 's,^/\* ,,; s, \*/$,,; s,^# ,,')
	printf '%-4s %-28s %s\n' "$answer" "$(name_of "$probe")" "$question"
done
