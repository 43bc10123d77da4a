#!/bin/sh
# kept.sh FRAGMENT CONFIG: has every option of FRAGMENT come out in CONFIG as it is written?
#
# The kernel's configuration drops an option without a word where another that it
# depends on is not set, and a debug kernel without what finds errors finds none.
# Prints those that differ and fails if there are any.
set -eu
status=0
while read -r line; do
	case $line in
	CONFIG_*=n) grep -q "^${line%=n}=" "$2" || continue ;;
	CONFIG_*) ! grep -qxF "$line" "$2" || continue ;;
	*) continue ;;
	esac
	echo "the kernel's configuration does not keep $line" >&2
	status=1
done <"$1"
exit $status
