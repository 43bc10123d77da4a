#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# run.sh: the tests that need no kernel; `make test` runs it. CC chooses the compiler.
# Everything is built in a directory of its own, which goes when this ends.
cd "$(dirname "$0")/.." || exit 1

cc=${CC:-gcc}
warnings='-Wall -Wextra -Werror'
sanitize='-fsanitize=address,undefined -fno-sanitize-recover=all'
passed=0 failed='' skipped=''

out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
trap 'exit 1' HUP INT TERM

# step NAME COMMAND...
step() {
	name=$1
	shift
	echo "# $name"
	if "$@"; then
		passed=$((passed + 1))
	else
		failed="$failed; $name"
	fi
}

skip() {
	echo "# $1: skipped, $2"
	skipped="$skipped; $1 ($2)"
}

can_sanitize() {
	echo 'int main(void) { return 0; }' >"$out/empty.c"
	# shellcheck disable=SC2086
	"$cc" $sanitize -o "$out/empty" "$out/empty.c" 2>/dev/null && "$out/empty" 2>/dev/null
}

# build_and_run PROGRAM FLAGS...: tests/PROGRAM.c
build_and_run() {
	program=$1
	shift
	# shellcheck disable=SC2086
	"$cc" $warnings -g -O1 -o "$out/$program" "tests/$program.c" "$@" -lpthread &&
		"$out/$program"
}

# core DIRECTORY: the policy core as a static library, optimised as in the module;
# LTO leaves out the parts of the Rust library that would need its unwinder
core() {
	CARGO_TARGET_DIR="$out/$1" CARGO_PROFILE_RELEASE_PANIC=abort \
		CARGO_PROFILE_RELEASE_LTO=true cargo rustc --offline --quiet --release --lib --features standalone \
		--crate-type staticlib
}

# The same with checks: a panic hangs, and the test says so.
checked_core() {
	CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true \
		CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true core "$1"
}

test_core() {
	core core && build_and_run test_core "$out/core/release/libswarm_policy.a"
}

# test_checked_core FLAGS...
test_checked_core() {
	checked_core checked &&
		build_and_run test_core "$@" "$out/checked/release/libswarm_policy.a"
}

cargo_test() {
	CARGO_TARGET_DIR="$out/tests" cargo test --offline --quiet
}

step 'test_main' build_and_run test_main
if can_sanitize; then
	# shellcheck disable=SC2086
	step 'test_main with sanitizers' build_and_run test_main $sanitize
else
	skip 'test_main with sanitizers' "$cc has none"
	sanitize=
fi
step 'test_core' test_core
# shellcheck disable=SC2086
step 'test_core with checks in the core' test_checked_core $sanitize
step 'cargo test' cargo_test

summary="module tests: $passed passed"
[ -z "$skipped" ] || summary="$summary, skipped: ${skipped#; }"
if [ -n "$failed" ]; then
	echo "$summary, FAILED: ${failed#; }"
	exit 1
fi
echo "$summary, none failed"
