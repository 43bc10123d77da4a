#!/bin/sh
# bubblewrap makes namespaces and knows no limits; they come from cgroup v2, by hand.
set -e
dir=/sys/fs/cgroup/bench-bwrap
mkdir -p $dir
echo 67108864 >$dir/memory.max
echo 100 >$dir/pids.max
echo '50000 100000' >$dir/cpu.max
sh -c 'echo 0 >'$dir'/cgroup.procs; exec bwrap --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp --unshare-all --die-with-parent -- "$@"' sh "$@"
rmdir $dir
