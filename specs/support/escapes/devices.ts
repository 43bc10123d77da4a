/** Attempts on devices that are not listed, and on files of root's. */
import { LOGGED, NODE } from './attempt.js';
import type { Attempt } from './attempt.js';

const PRIVILEGED = { namespace_flags: 95, privileged: true };
/** … and without a mount namespace. */
const SHARING_MOUNTS = { namespace_flags: 91, privileged: true };
/** A file system of its own, in sight of the container, whose files can be opened outside. */
const FILES = 'mkdir m; mount -t tmpfs none m; echo $MARK >m/file';
const UNMOUNT = 'umount --lazy m';
const REFUSED = 'timeout 10 cat m/file 2>&1 | grep -q "not permitted"';
const DEVICE = { outcome: 'denied', by: 'devices rule', counted: { device: 1 } } as const;

export const devices: readonly Attempt[] = [
  {
    id: 'device',
    title: 'opening an unlisted device whose node everybody may open',
    before: NODE,
    inside: 'escape write kmsg $MARK',
    escaped: LOGGED,
    ours: [DEVICE, { ...DEVICE, policy: PRIVILEGED }],
  },
  {
    id: 'device-bind',
    title: '… by a bind mount',
    before: `${NODE}; : >bound; chmod 666 bound`,
    inside: 'escape mount kmsg bound none 1000; escape write bound $MARK',
    escaped: LOGGED,
    ours: [DEVICE],
  },
  {
    id: 'device-link',
    title: '… by hard links and a symbolic link',
    before: `${NODE}; ln kmsg linked`,
    inside: 'escape link kmsg own; escape write linked $MARK; ln -s kmsg symlink; escape write symlink $MARK',
    escaped: LOGGED,
    ours: [{ ...DEVICE, counted: { device: 2 } }],
  },
  {
    id: 'device-opath',
    title: '… by O_PATH and /proc/self/fd',
    before: NODE,
    inside: 'escape opath kmsg $MARK',
    escaped: LOGGED,
    ours: [DEVICE],
  },
  {
    id: 'device-uring',
    title: '… by an io_uring worker',
    before: NODE,
    inside: 'escape uring-write kmsg $MARK',
    escaped: LOGGED,
    ours: [DEVICE],
  },
  {
    id: 'device-mknod',
    title: '… by a node of its own',
    before: 'rm -f own',
    inside: 'escape mknod own; escape write own $MARK',
    escaped: `[ -c own ] || ${LOGGED}`,
    ours: [
      { outcome: 'denied', by: 'user namespace' },
      {
        outcome: 'denied',
        by: 'devices rule',
        counted: { device: 1 },
        policy: PRIVILEGED,
      },
    ],
  },
  {
    id: 'device-devtmpfs',
    title: '… by a fresh devtmpfs',
    before: 'mkdir m',
    inside: 'escape mount dev m devtmpfs; [ ! -c m/kmsg ] || escape write m/kmsg $MARK',
    escaped: LOGGED,
    ours: [
      { outcome: 'denied', by: 'user namespace' },
      { ...DEVICE, policy: PRIVILEGED },
    ],
  },
  {
    id: 'device-peer',
    title: 'a terminal that is not listed, by TIOCGPTPEER of a master that is',
    inside: 'attempt pty-peer >peer',
    escaped: 'grep -q "pty-peer ok" peer',
    after: 'rm -f peer',
    ours: [{ ...DEVICE, policy: { devices: ['c 1:* rwm', 'c 5:2 rwm'] } }],
  },
  {
    id: 'device-inherited',
    title: '… by an inherited descriptor',
    before: NODE,
    under: 'exec 9>/dev/kmsg',
    inside: 'escape write-fd 9 $MARK',
    escaped: LOGGED,
    ours: [{ outcome: 'gap', section: 'Descriptors that are passed in' }],
  },
  {
    id: 'device-passed',
    title: '… by a descriptor passed by SCM_RIGHTS',
    before: `${NODE}; pid=$(outside pass /srv/escape/socket /srv/escape/kmsg | figures)`,
    inside: 'escape receive-write /srv/escape/socket $MARK',
    escaped: LOGGED,
    after: 'kill $pid 2>/dev/null',
    ours: [{ outcome: 'gap', section: 'Descriptors that are passed in' }],
  },
  {
    id: 'file-read',
    title: "reading root's file of mode 0600",
    before: 'umask 077; echo $MARK >/run/secret; umask 022',
    inside: 'escape copy /run/secret loot',
    escaped: 'grep -q $MARK loot 2>/dev/null',
    after: 'rm /run/secret',
    ours: [{ outcome: 'denied', by: 'own user ids' }],
  },
  {
    id: 'file-handle',
    title: '… by its handle',
    before:
      'umask 077; echo $MARK >/root/secret; umask 022; echo "handle=$(outside handle /root/secret)" >vars',
    inside: 'escape handle $handle /srv/escape',
    escaped: 'grep -q $MARK loot 2>/dev/null',
    after: 'rm /root/secret',
    ours: [{ outcome: 'denied', by: 'user namespace' }],
  },
  {
    id: 'fanotify',
    title: 'denying opens of files outside by fanotify, with a mark on their file system',
    before: FILES,
    inside: 'escape --hold fanotify filesystem m',
    hold: true,
    escaped: REFUSED,
    after: UNMOUNT,
    ours: [
      { outcome: 'denied', by: 'user namespace' },
      { outcome: 'gap', section: 'Privileged agents', policy: PRIVILEGED },
    ],
  },
  {
    id: 'fanotify-mount',
    title: '… with a mark on the mount',
    before: FILES,
    inside: 'escape --hold fanotify mount m',
    hold: true,
    escaped: REFUSED,
    after: UNMOUNT,
    ours: [
      { outcome: 'denied', by: 'user namespace' },
      { outcome: 'denied', by: 'mount namespace: its mounts are copies', policy: PRIVILEGED },
      { outcome: 'gap', section: 'Privileged agents', policy: SHARING_MOUNTS },
    ],
  },
  {
    id: 'core-pattern',
    title: 'writing core_pattern',
    before: 'core=$(cat /proc/sys/kernel/core_pattern)',
    inside: 'escape write /proc/sys/kernel/core_pattern $MARK',
    escaped: 'grep -q $MARK /proc/sys/kernel/core_pattern',
    after: 'echo "$core" >/proc/sys/kernel/core_pattern',
    ours: [
      { outcome: 'denied', by: 'own user ids' },
      { outcome: 'gap', section: 'Privileged agents', policy: PRIVILEGED },
    ],
  },
  {
    id: 'sysrq',
    title: 'writing sysrq-trigger',
    before: 'dmesg -C',
    inside: 'escape write /proc/sysrq-trigger h',
    escaped: 'dmesg | grep -q "sysrq: HELP"',
    ours: [{ outcome: 'denied', by: 'own user ids' }],
  },
];
