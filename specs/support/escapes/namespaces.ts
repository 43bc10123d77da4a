/** Attempts on namespaces, cgroups and mounts. */
import { NAMESPACE_FDS } from './attempt.js';
import type { Attempt } from './attempt.js';

const ELSEWHERE = 'mkdir -p /sys/fs/cgroup/elsewhere';
const GONE = 'rmdir /sys/fs/cgroup/elsewhere';
/** Root's mounting of cgroup2 in the first cgroup namespace changes the options of all of it. */
const OPTIONS = 'mount -o remount,nsdelegate,memory_recursiveprot /sys/fs/cgroup';
const MOVED = 'grep -q . /sys/fs/cgroup/elsewhere/cgroup.procs';
const LIMITED = { pids_limit: 100 };
const PRIVILEGED = { namespace_flags: 95, privileged: true };
/** … and without a cgroup namespace, so that every cgroup is in sight. */
const UNCONFINED = { namespace_flags: 31, privileged: true };
const MOUNTS = 'mounts=$(cat /proc/mounts); mkdir m; chmod 777 m';
const REMOUNTED = '[ "$(cat /proc/mounts)" != "$mounts" ]';

export const namespaces: readonly Attempt[] = [
  {
    id: 'setns-proc',
    title: 'setns by /proc/PID/ns of a process outside, each kind',
    before: 'read -r address pid <<<"$(outside victim | figures)"; echo "pid=$pid" >vars',
    inside: 'escape --hold setns-proc $pid',
    hold: true,
    escaped: 'outside separate',
    after: 'kill $pid',
    ours: [
      { outcome: 'denied', by: 'own procfs' },
      {
        outcome: 'denied',
        by: 'kernel: ptrace access to the process',
        policy: { proc: false },
        when: "the launcher's /proc",
      },
      { outcome: 'denied', by: 'setns rule', counted: { setns: 8 }, policy: PRIVILEGED },
    ],
  },
  {
    id: 'setns-pidfd',
    title: 'setns by pidfd of a process outside, each kind',
    before: 'read -r address pid <<<"$(outside victim | figures)"; echo "pid=$pid" >vars',
    inside: 'escape --hold setns-pidfd $pid',
    hold: true,
    escaped: 'outside separate',
    after: 'kill $pid',
    ours: [
      { outcome: 'denied', by: 'pid namespace' },
      {
        outcome: 'denied',
        by: 'setns rule',
        counted: { setns: 8 },
        policy: { namespace_flags: 126 },
      },
    ],
  },
  {
    id: 'setns-inherited',
    title: "setns by inherited descriptors of the launcher's namespaces",
    under: NAMESPACE_FDS,
    inside: 'escape --hold setns-fd 5 6 7 8 9 10 11 12',
    hold: true,
    escaped: 'outside separate',
    ours: [
      { outcome: 'denied', by: 'setns rule', counted: { setns: 8 } },
      { outcome: 'denied', by: 'setns rule', counted: { setns: 8 }, policy: PRIVILEGED },
    ],
  },
  {
    id: 'unshare',
    title: 'unshare of each kind of namespace',
    inside: 'escape --hold unshare',
    hold: true,
    escaped: 'outside separate',
    ours: [
      { outcome: 'denied', by: 'unshare rule', counted: { unshare: 8 } },
      { outcome: 'denied', by: 'unshare rule', counted: { unshare: 8 }, policy: PRIVILEGED },
    ],
  },
  {
    id: 'clone3',
    title: 'clone3 with each kind of namespace',
    inside: 'escape --hold clone3',
    hold: true,
    escaped: 'outside separate',
    ours: [{ outcome: 'denied', by: 'unshare rule', counted: { unshare: 8 } }],
  },
  {
    id: 'open-tree-namespace',
    title: 'a mount namespace by open_tree(OPEN_TREE_NAMESPACE)',
    inside: 'escape --hold open-tree',
    hold: true,
    escaped: 'outside holds mnt:',
    ours: [
      { outcome: 'denied', by: 'unshare rule', counted: { unshare: 1 }, unknown: /^open_tree EINVAL$/m },
    ],
  },
  {
    id: 'open-tree-attr-namespace',
    title: 'a mount namespace by open_tree_attr(OPEN_TREE_NAMESPACE)',
    inside: 'escape --hold open-tree-attr',
    hold: true,
    escaped: 'outside holds mnt:',
    ours: [
      {
        outcome: 'denied',
        by: 'unshare rule',
        counted: { unshare: 1 },
        unknown: /^open_tree_attr (EINVAL|ENOSYS)$/m,
      },
    ],
  },
  {
    id: 'unshare-empty',
    title: 'an empty mount namespace by unshare(UNSHARE_EMPTY_MNTNS)',
    inside: 'escape --hold unshare-empty',
    hold: true,
    escaped: 'outside separate',
    ours: [
      { outcome: 'denied', by: 'unshare rule', counted: { unshare: 1 }, unknown: /^unshare_empty EINVAL$/m },
    ],
  },
  {
    id: 'fsmount-namespace',
    title: 'a mount namespace by fsmount(FSMOUNT_NAMESPACE)',
    inside: 'escape --hold fsmount',
    hold: true,
    escaped: 'outside holds mnt:',
    ours: [{ outcome: 'denied', by: 'unshare rule', counted: { unshare: 1 }, unknown: /^fsmount EINVAL$/m }],
  },
  {
    id: 'into-cgroup',
    title: 'clone3 with CLONE_INTO_CGROUP into a cgroup outside',
    before: ELSEWHERE,
    inside: 'escape --hold into-cgroup /sys/fs/cgroup/elsewhere',
    hold: true,
    escaped: MOVED,
    after: GONE,
    ours: [
      { outcome: 'denied', by: 'unshare rule', counted: { unshare: 1 }, policy: LIMITED },
      {
        outcome: 'denied',
        by: 'unshare rule',
        counted: { unshare: 1 },
        policy: { ...PRIVILEGED, ...LIMITED },
      },
    ],
  },
  {
    id: 'into-cgroup-inherited',
    title: '… by an inherited descriptor of that cgroup',
    before: ELSEWHERE,
    under: 'exec 9</sys/fs/cgroup/elsewhere',
    inside: 'escape --hold into-cgroup /proc/self/fd/9',
    hold: true,
    escaped: MOVED,
    after: GONE,
    ours: [{ outcome: 'denied', by: 'unshare rule', counted: { unshare: 1 }, policy: LIMITED }],
  },
  {
    id: 'cgroup-procs',
    title: "writing a cgroup.procs outside, in the launcher's mount and in a fresh one",
    before: `${ELSEWHERE}; mkdir m; chmod 777 m`,
    inside:
      'escape write /sys/fs/cgroup/cgroup.procs 0; escape mount none m cgroup2\n' +
      'escape write m/elsewhere/cgroup.procs 0; escape --hold write /sys/fs/cgroup/elsewhere/cgroup.procs 0',
    hold: true,
    escaped: MOVED,
    after: `${GONE}; ${OPTIONS}`,
    ours: [
      { outcome: 'denied', by: 'own user ids', policy: LIMITED },
      { outcome: 'denied', by: 'cgroup namespace', policy: { ...PRIVILEGED, ...LIMITED } },
      { outcome: 'gap', section: 'Privileged agents', policy: { ...UNCONFINED, ...LIMITED } },
    ],
  },
  {
    id: 'cgroup-procs-inherited',
    title: '… by an inherited descriptor that root opened',
    before: ELSEWHERE,
    under: 'exec 9>/sys/fs/cgroup/elsewhere/cgroup.procs',
    inside: 'escape --hold write-fd 9 0',
    hold: true,
    escaped: MOVED,
    after: GONE,
    ours: [{ outcome: 'gap', section: 'Descriptors that are passed in', policy: LIMITED }],
  },
  {
    id: 'own-limit',
    title: 'raising its own limit',
    before: 'mkdir m; chmod 777 m',
    inside:
      'escape mount none m cgroup2\n' +
      'for file in /sys/fs/cgroup/swarm/*/*/pids.max /sys/fs/cgroup/pids.max m/pids.max; do escape write $file max; done\n' +
      'escape --hold write /sys/fs/cgroup/pids.max max',
    hold: true,
    escaped:
      'holder=$(outside holders | tail -n 1); ! grep -q 100 "/sys/fs/cgroup$(cut -d: -f3 /proc/$holder/cgroup)/pids.max"',
    after: OPTIONS,
    ours: [
      { outcome: 'denied', by: 'own user ids, cgroup namespace', policy: LIMITED },
      { outcome: 'denied', by: 'cgroup namespace', policy: { ...PRIVILEGED, ...LIMITED } },
      { outcome: 'gap', section: 'Privileged agents', policy: { ...UNCONFINED, ...LIMITED } },
    ],
    without: ['bwrap', 'unshare'],
  },
  {
    id: 'remount-cgroup',
    title: "remounting the launcher's cgroup file system with other options",
    before: MOUNTS,
    inside: 'escape mount none /sys/fs/cgroup cgroup2 20 memory_localevents; escape mount none m cgroup2',
    escaped: REMOUNTED,
    after: OPTIONS,
    ours: [{ outcome: 'denied', by: 'user namespace, cgroup namespace' }],
  },
  {
    id: 'remount-proc',
    title: "remounting the launcher's procfs with other options",
    before: MOUNTS,
    inside: 'escape mount proc /proc proc 20 hidepid=2; escape mount proc m proc 0 hidepid=2',
    escaped: REMOUNTED,
    after: 'mount -o remount,hidepid=0 /proc',
    ours: [
      { outcome: 'denied', by: 'own procfs' },
      { outcome: 'denied', by: 'user namespace', policy: { proc: false }, when: "the launcher's /proc" },
    ],
  },
  {
    id: 'propagation',
    title: 'a mount that propagates to the launcher',
    before: `mount --make-rshared /; ${MOUNTS}`,
    inside: 'escape mount tmpfs m tmpfs',
    escaped: REMOUNTED,
    after: 'umount -q m; mount --make-rprivate /',
    ours: [
      { outcome: 'denied', by: 'birth: its mounts are private' },
      { outcome: 'denied', by: 'birth: they are slaves', policy: { propagation: 'slave' }, when: 'slave' },
      { outcome: 'denied', by: 'birth: its mounts are private', policy: PRIVILEGED },
      {
        outcome: 'denied',
        by: 'birth: they are slaves',
        policy: { ...PRIVILEGED, propagation: 'slave' },
        when: 'privileged, slave',
      },
      { outcome: 'gap', section: 'Privileged agents', policy: { ...PRIVILEGED, namespace_flags: 91 } },
    ],
  },
  {
    id: 'uncover',
    title: 'unmounting what covers a file',
    before: 'mkdir -m 755 covered; echo $MARK >covered/secret; mount -t tmpfs none covered',
    inside: 'umount covered; umount -l covered; escape copy covered/secret loot',
    escaped: 'grep -q $MARK loot 2>/dev/null',
    after: 'umount covered',
    ours: [{ outcome: 'denied', by: 'user namespace: its mounts are locked' }],
  },
  {
    id: 'release-agent',
    title: 'a cgroup v1 hierarchy with a release_agent',
    before: 'mkdir m; chmod 777 m',
    inside: 'escape --hold mount none m cgroup 0 none,name=escape,release_agent=/srv/escape/helper',
    hold: true,
    escaped: 'grep -qs name=escape /proc/[0-9]*/mountinfo',
    ours: [{ outcome: 'denied', by: 'user namespace, cgroup namespace' }],
  },
];
