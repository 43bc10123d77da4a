/** Attempts by sockets, by what the kernel starts outside, by /proc/swarm and by the 32-bit entry. */
import { HELPER, LOGGED, NAMESPACE_FDS, NODE, PEERS } from './attempt.js';
import type { Attempt } from './attempt.js';

const RAN = 'grep -q ^0 ran 2>/dev/null';
const HEARD = 'grep -q $MARK heard 2>/dev/null';

export const kernel: readonly Attempt[] = [
  {
    id: 'socket-path',
    title: 'connecting to a socket of a process outside, by its path',
    before: 'pid=$(outside listen /srv/escape/socket /srv/escape/heard | figures)',
    inside: 'escape connect /srv/escape/socket $MARK',
    escaped: HEARD,
    after: 'kill $pid 2>/dev/null',
    ours: [{ outcome: 'gap', section: 'Sockets' }],
  },
  {
    id: 'socket-abstract',
    title: 'connecting to an abstract socket of a process outside',
    before: 'pid=$(outside listen @escape /srv/escape/heard | figures)',
    inside: 'escape connect @escape $MARK',
    escaped: HEARD,
    after: 'kill $pid 2>/dev/null',
    ours: [
      { outcome: 'denied', by: 'net namespace' },
      { outcome: 'gap', section: 'Sockets', policy: { namespace_flags: 125 } },
    ],
  },
  {
    id: 'vsock',
    title: 'connecting to a vsock of a process outside',
    before: 'pid=$(outside listen vsock:7777 /srv/escape/heard | figures)',
    inside: 'escape vsock 1 7777 $MARK',
    escaped: HEARD,
    after: 'kill $pid 2>/dev/null',
    ours: [
      { outcome: 'denied', by: 'sockets', counted: { socket: 1 } },
      { outcome: 'gap', section: 'Sockets', policy: { sockets: 'all' } },
    ],
  },
  {
    id: 'autoload-socket',
    title: 'a module loaded by socket()',
    before: `${HELPER}; echo /srv/escape/helper >/proc/sys/kernel/modprobe`,
    inside: 'escape socket 30',
    escaped: RAN,
    after: 'echo /sbin/modprobe >/proc/sys/kernel/modprobe',
    ours: [
      { outcome: 'denied', by: 'sockets', counted: { socket: 1 } },
      { outcome: 'denied', by: 'autoload rule', counted: { autoload: 1 }, policy: { sockets: 'all' } },
      {
        outcome: 'gap',
        section: 'Helpers of the kernel',
        policy: { sockets: 'all', syscalls: { autoload: 'allow' } },
      },
    ],
  },
  {
    id: 'autoload-mount',
    title: 'a module loaded by mount()',
    before: `${HELPER}; mkdir m; echo /srv/escape/helper >/proc/sys/kernel/modprobe`,
    inside: 'escape mount none m nosuchfs',
    escaped: RAN,
    after: 'echo /sbin/modprobe >/proc/sys/kernel/modprobe',
    ours: [
      { outcome: 'denied', by: 'autoload rule', counted: { autoload: 1 } },
      { outcome: 'gap', section: 'Helpers of the kernel', policy: { syscalls: { autoload: 'allow' } } },
    ],
  },
  {
    id: 'core-helper',
    title: "the core dump's helper, started by a crash",
    before: `${HELPER}; core=$(cat /proc/sys/kernel/core_pattern); echo "|/srv/escape/helper %P" >/proc/sys/kernel/core_pattern; sysctl -qw kernel.core_pipe_limit=4`,
    inside: 'escape crash',
    escaped: RAN,
    after: 'echo "$core" >/proc/sys/kernel/core_pattern; sysctl -qw kernel.core_pipe_limit=0',
    ours: [
      { outcome: 'denied', by: 'core' },
      { outcome: 'gap', section: 'Helpers of the kernel', policy: { core: true } },
    ],
  },
  {
    id: 'request-key',
    title: '/sbin/request-key, started by request_key()',
    before: `${HELPER}; cp helper /sbin/request-key`,
    inside: 'escape request-key $MARK',
    escaped: RAN,
    after: 'rm /sbin/request-key',
    ours: [{ outcome: 'gap', section: 'Helpers of the kernel', byDefault: 'request_key rule' }],
  },
  {
    id: 'control',
    title: 'writing /proc/swarm/create: opened, inherited and passed',
    before: 'created=$(created); pid=$(outside pass /srv/escape/socket /proc/swarm/create | figures)',
    under: 'exec 9>/proc/swarm/create',
    inside:
      "escape write /proc/swarm/create '{}'; escape write-fd 9 '{}'; escape receive-write /srv/escape/socket '{}'",
    // Only the agent that tried has been made since.
    escaped: '[ $(created) -gt $((created + 1)) ]',
    after: 'kill $pid 2>/dev/null',
    ours: [
      { outcome: 'denied', by: 'members give no orders', counted: { control: 2 } },
      {
        outcome: 'denied',
        by: 'members give no orders',
        counted: { control: 3 },
        policy: { namespace_flags: 95, privileged: true },
      },
    ],
    without: PEERS,
  },
  {
    id: 'control-uring',
    title: '… by io_uring, by an inherited descriptor: its worker writes, or its polling thread',
    before: 'created=$(created)',
    under: 'exec 9>/proc/swarm/create',
    inside: "pass uring 9 '{}'; pass sqpoll 9 '{}'",
    // Only the agent that tried has been made since.
    escaped: '[ $(created) -gt $((created + 1)) ]',
    ours: [
      {
        outcome: 'denied',
        by: 'members give no orders',
        counted: { control: 2 },
        unknown: /"how":"uring".*"answer":"ENOSYS"/,
      },
      {
        outcome: 'denied',
        by: 'members give no orders',
        counted: { control: 2 },
        unknown: /"how":"uring".*"answer":"ENOSYS"/,
        policy: { namespace_flags: 95, privileged: true },
      },
    ],
    without: PEERS,
  },
  {
    id: 'control-read',
    title: "reading the launcher's answers and events by inherited descriptors",
    under:
      'exec 8</proc/swarm/events 9<>/proc/swarm/create; printf \'{"name":"outside"}\' >&9; handed poll 8 0',
    inside: '{ handed read 9; handed read 8; } >got; handed seek 8',
    escaped: 'grep -q -e \'"id"\' -e outside got',
    after: "sed -n 's/^ID: \\([0-9]*\\), PID: 0,.*/\\1/p' /proc/swarm/agents >/proc/swarm/destroy",
    ours: [
      { outcome: 'denied', by: 'a member reads what tells of itself', counted: { control: 1 } },
      {
        outcome: 'denied',
        by: 'a member reads what tells of itself',
        counted: { control: 1 },
        policy: { namespace_flags: 95, privileged: true },
      },
    ],
    without: PEERS,
  },
  {
    id: 'entry32-unshare',
    arch: 'amd64',
    title: '32-bit entry: unshare of each kind',
    inside: 'escape --hold unshare32',
    hold: true,
    escaped: 'outside separate',
    ours: [{ outcome: 'denied', by: 'unshare rule', counted: { unshare: 8 } }],
  },
  {
    id: 'entry32-clone',
    arch: 'amd64',
    title: '32-bit entry: clone and clone3 with each kind',
    inside: 'escape --hold clone32',
    hold: true,
    escaped: 'outside separate',
    ours: [{ outcome: 'denied', by: 'unshare rule', counted: { unshare: 8 } }],
  },
  {
    id: 'entry32-setns',
    arch: 'amd64',
    title: "32-bit entry: setns by inherited descriptors of the launcher's namespaces",
    under: NAMESPACE_FDS,
    inside: 'escape --hold setns-fd32 5 6 7 8 9 10 11 12',
    hold: true,
    escaped: 'outside separate',
    ours: [{ outcome: 'denied', by: 'setns rule', counted: { setns: 8 } }],
  },
  {
    id: 'entry32-mount',
    arch: 'amd64',
    title: '32-bit entry: open_tree, open_tree_attr and fsmount with a namespace',
    inside: 'escape fsmount32; escape open-tree-attr32; escape --hold open-tree32',
    hold: true,
    escaped: 'outside holds mnt:',
    ours: [
      {
        outcome: 'denied',
        by: 'unshare rule',
        counted: { unshare: 3 },
        unknown: /^fsmount32 EINVAL\nopen_tree_attr32 (EINVAL|ENOSYS)\nopen_tree32 EINVAL$/m,
      },
    ],
  },
  {
    id: 'entry32-device',
    arch: 'amd64',
    title: '32-bit entry: open and mknod of an unlisted device',
    before: NODE,
    inside: 'escape write32 kmsg $MARK; escape mknod32 own',
    escaped: `[ -c own ] || ${LOGGED}`,
    ours: [
      { outcome: 'denied', by: 'devices rule', counted: { device: 1 } },
      {
        outcome: 'denied',
        by: 'devices rule',
        counted: { device: 2 },
        policy: { namespace_flags: 95, privileged: true },
      },
    ],
  },
  {
    id: 'entry32-fork',
    arch: 'amd64',
    title: '32-bit entry: fork where it is denied',
    inside: 'exec escape --hold fork32',
    hold: true,
    escaped: '[ $(outside holders | wc -l) -gt 1 ]',
    ours: [
      {
        outcome: 'denied',
        by: 'fork rule',
        counted: { fork: 1 },
        policy: { syscalls: { fork: 'deny' } },
      },
    ],
    without: PEERS,
  },
];
