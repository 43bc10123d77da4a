#!/bin/sh
# unshare(1) makes namespaces and knows no limits; they come from cgroup v2, by hand.
set -e
dir=/sys/fs/cgroup/bench-unshare
mkdir -p $dir
echo 67108864 >$dir/memory.max
echo 100 >$dir/pids.max
echo '50000 100000' >$dir/cpu.max
sh -c 'echo 0 >'$dir'/cgroup.procs; exec unshare --user --map-root-user --pid --fork --kill-child --mount --mount-proc --uts --ipc --net --cgroup --time -- "$@"' sh "$@"
rmdir $dir
