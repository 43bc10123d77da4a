/** Attempts by file systems that an agent mounts itself, if its policy lets it mount. */
import type { Attempt } from './attempt.js';

const DIRECTORY = 'mkdir m; chmod 777 m';
const LOOTED = 'grep -q "$MARK" loot 2>/dev/null';
const FUSE = ['c 1:* rwm', 'c 5:* rwm', 'c 10:229 rw'];

export const filesystems: readonly Attempt[] = [
  {
    id: 'mount-overlay',
    title: "reading and changing root's files by an overlay",
    needs: '/sys/module/overlay',
    before: `${DIRECTORY}; mkdir low; echo $MARK >low/secret; chmod 600 low/secret`,
    inside:
      'escape mount none m tmpfs; mkdir m/up m/work m/on\n' +
      'escape mount none m/on overlay 0 lowerdir=/srv/escape/low,upperdir=/srv/escape/m/up,workdir=/srv/escape/m/work,userxattr\n' +
      'chmod 666 m/on/secret; escape copy m/on/secret loot; escape write m/on/secret changed',
    escaped: `${LOOTED} || ! grep -q "$MARK" low/secret`,
    ours: [{ outcome: 'denied', by: 'own user ids' }],
  },
  {
    id: 'mount-tmpfs',
    title: 'memory beyond its limit by files of a tmpfs',
    before: DIRECTORY,
    inside: 'escape mount none m tmpfs 0 size=100%\nhead -c 64M /dev/zero >m/file && echo $MARK >loot',
    escaped: LOOTED,
    ours: [{ outcome: 'denied', by: 'memory_limit', policy: { memory_limit: 16 << 20 } }],
    without: ['bwrap', 'unshare'],
  },
  {
    id: 'mount-fuse',
    title: "a FUSE of its own, which keeps a process of root's waiting that looks into it",
    before: `${DIRECTORY}; mknod -m 666 fuse c 10 229`,
    inside: 'escape --hold fuse fuse m',
    hold: true,
    escaped:
      'timeout -s KILL 3 ls /proc/$(outside holders | tail -n 1)/root/srv/escape/m/file >/dev/null 2>&1; [ $? = 137 ]',
    ours: [
      { outcome: 'denied', by: 'devices rule', counted: { device: 1 } },
      {
        outcome: 'denied',
        by: 'user namespace: who is not in it does not enter',
        policy: { devices: FUSE },
        when: '/dev/fuse listed',
      },
      {
        outcome: 'gap',
        section: 'Privileged agents',
        policy: { namespace_flags: 95, privileged: true, devices: FUSE },
        when: 'privileged, /dev/fuse listed',
      },
    ],
  },
  {
    id: 'mount-proc',
    title: 'seeing processes outside by a fresh procfs',
    before: `read -r address pid <<<"$(outside victim secret-$MARK | figures)"; ${DIRECTORY}`,
    inside: 'escape mount proc m proc; cat m/[0-9]*/cmdline >loot',
    escaped: 'grep -q secret-$MARK loot 2>/dev/null',
    after: 'kill $pid',
    ours: [
      { outcome: 'denied', by: 'pid namespace' },
      {
        outcome: 'denied',
        by: 'user namespace',
        policy: { namespace_flags: 126, proc: false },
        when: 'sharing the pid namespace',
      },
    ],
  },
  {
    id: 'mount-mqueue',
    title: "seeing root's message queues by a fresh mqueue",
    before: `mkdir q; mount -t mqueue none q; : >q/$MARK; ${DIRECTORY}`,
    inside: 'escape mount none m mqueue; ls m >loot',
    escaped: LOOTED,
    after: 'rm q/$MARK; umount q',
    ours: [
      { outcome: 'denied', by: 'ipc namespace' },
      { outcome: 'denied', by: 'user namespace', policy: { namespace_flags: 111 } },
    ],
  },
  {
    id: 'mount-binfmt',
    title: 'an interpreter for programs outside, by a binfmt_misc of its own and by that of root',
    before: `mount -t binfmt_misc none /proc/sys/fs/binfmt_misc; printf '#!/bin/sh\\necho %s >/srv/escape/ran\\n' $MARK >interpreter; printf ESCAPE >file; chmod 755 interpreter file; ${DIRECTORY}`,
    inside:
      'escape mount none m binfmt_misc; for to in m /proc/sys/fs/binfmt_misc; do\n' +
      'escape write $to/register :e:M::ESCAPE::/srv/escape/interpreter:; done',
    escaped: './file 2>/dev/null; grep -q "$MARK" ran 2>/dev/null',
    after: 'echo -1 >/proc/sys/fs/binfmt_misc/status; umount /proc/sys/fs/binfmt_misc',
    ours: [
      { outcome: 'denied', by: 'user namespace: its interpreters are for its programs' },
      { outcome: 'denied', by: 'own user ids', policy: { proc: false }, when: "the launcher's /proc" },
      {
        outcome: 'gap',
        section: 'Privileged agents',
        policy: { namespace_flags: 95, privileged: true },
      },
    ],
  },
];
