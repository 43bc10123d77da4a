/** The options of the tools that take them from the command line: for running them, and for the documentation. */
const BWRAP = [
  'bwrap --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp --bind /srv/escape /srv/escape',
  '--unshare-all --die-with-parent',
].join(' ');

const UNSHARE =
  'unshare --user --map-root-user --pid --fork --kill-child --mount --mount-proc --uts --ipc --net --cgroup';

/** The command line of each, without the program. */
export const COMMAND_LINES = { bwrap: BWRAP, unshare: UNSHARE } as const;
