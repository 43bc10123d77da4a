#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# check-core.sh OBJECT NM OBJDUMP: what objtool does not see of the policy core.
# An undefined symbol is a panic, or another part of the Rust library, that
# survived optimisation. The kernel may use no floating-point or vector registers.
object=$1 nm=$2 objdump=$3

fail() {
	echo "check-core: $object: $*" >&2
	rm -f "$object"
	exit 1
}

undefined=$("$nm" -u "$object" | awk '{ print $2 }' |
	grep -v -x -E '__x86_return_thunk|__x86_indirect_thunk_[a-z0-9]+|mem(cpy|set|cmp|move)')
[ -z "$undefined" ] || fail "a panic survived, or the Rust library is used:" $undefined
! "$objdump" -d --no-show-raw-insn "$object" | grep -q -E '%[xyz]mm|%st\>|[[:space:],{]([qdsh][0-9]+([],}]|$)|v[0-9]+\.)' ||
	fail "uses floating-point or vector registers"
