/** Attempts on privileges and resources. */
import { PEERS } from './attempt.js';
import type { Attempt } from './attempt.js';

const NO_LIMITS = ['bwrap', 'unshare'] as const;
const MEMORY = { memory_limit: 16 << 20 };

export const resources: readonly Attempt[] = [
  {
    id: 'real-time',
    title: "real-time priority, by the launcher's limit for it",
    under: 'ulimit -r 50',
    inside: 'escape --hold fifo',
    hold: true,
    escaped: "[ $(cut -d' ' -f41 /proc/$(outside holders | tail -n 1)/stat) = 1 ]",
    ours: [{ outcome: 'denied', by: 'birth: it drops what it should not inherit' }],
  },
  {
    id: 'nice',
    title: "a negative nice value, by the launcher's limit for it",
    under: 'ulimit -e 40',
    inside: 'escape --hold nice',
    hold: true,
    escaped: "[ $(cut -d' ' -f19 /proc/$(outside holders | tail -n 1)/stat) -lt 0 ]",
    ours: [{ outcome: 'denied', by: 'birth: it drops what it should not inherit' }],
  },
  {
    id: 'oom',
    title: 'a negative oom_score_adj, inherited or set',
    wrap: 'choom -n -500 --',
    inside: 'escape --hold write /proc/self/oom_score_adj -900',
    hold: true,
    escaped: '[ $(cat /proc/$(outside holders | tail -n 1)/oom_score_adj) -lt 0 ]',
    ours: [{ outcome: 'denied', by: 'birth: it drops what it should not inherit' }],
  },
  {
    id: 'hugetlb',
    title: 'memory beyond its limit by hugetlb pages, where the administrator has provided some',
    before: 'sysctl -qw vm.nr_hugepages=16',
    inside: 'escape --hold hugetlb 32',
    hold: true,
    escaped: '[ $(grep HugePages_Free /proc/meminfo | tr -dc 0-9) -lt 16 ]',
    after: 'sysctl -qw vm.nr_hugepages=0',
    ours: [{ outcome: 'gap', section: 'Resources without a limit of ours', policy: MEMORY }],
    without: NO_LIMITS,
  },
  {
    id: 'huge-pages',
    title: 'memory beyond its limit by transparent huge pages',
    // A real-time kernel has none.
    needs: '/sys/kernel/mm/transparent_hugepage',
    before: 'echo madvise >/sys/kernel/mm/transparent_hugepage/enabled',
    inside: 'escape --hold thp 64',
    hold: true,
    escaped: 'outside holders >/dev/null',
    ours: [{ outcome: 'denied', by: 'memory_limit', policy: MEMORY }],
    without: NO_LIMITS,
  },
  {
    id: 'timers',
    title: 'POSIX timers without number that stay behind',
    // In /sys a cache that has been merged with others is found, too, and then counts their objects as its own. Where
    // KASAN keeps what is freed for a while, it counts until its cache is shrunk.
    before: `cache=/sys/kernel/slab/posix_timers_cache
    objects() { echo 1 >$cache/shrink; cut -d " " -f 1 $cache/objects; }
    objects_before=$(objects) || exit 9
    timers() { [ $(objects) -gt $((objects_before + 1000)) ]; }`,
    inside: 'escape --hold timers',
    hold: true,
    // While they are held they are there; once it has been stopped they are not.
    escaped: 'timers || exit 9; stop; ! ends timers',
    ours: [{ outcome: 'denied', by: 'they end with their process' }],
  },
  {
    id: 'aio',
    title: 'all of the AIO contexts of the machine',
    inside: 'escape --hold aio',
    hold: true,
    escaped: '[ $(cat /proc/sys/fs/aio-nr) -ge $(($(cat /proc/sys/fs/aio-max-nr) / 2)) ]',
    ours: [{ outcome: 'gap', section: 'Resources without a limit of ours' }],
  },
  {
    id: 'file-max',
    title: 'all of the open files of the machine',
    before: `file_max=$(cat /proc/sys/fs/file-max)
    sysctl -qw fs.file-max=$(($(cut -f1 /proc/sys/fs/file-nr) + 3000))`,
    inside: 'escape --hold files',
    hold: true,
    // Root would get more, and nobody else.
    escaped: 'setpriv --reuid 65534 --regid 65534 --clear-groups usage files 100 </dev/null | grep -q ENFILE',
    after: 'sysctl -qw fs.file-max=$file_max',
    ours: [{ outcome: 'gap', section: 'Resources without a limit of ours' }],
  },
  {
    id: 'neighbours',
    title: 'all of the entries for IPv6 neighbours of the machine',
    inside: 'escape --hold neighbours 100000',
    hold: true,
    escaped: `escape neighbours 1 | grep -qxF '{"neighbours":0,"end":"ENOBUFS"}'`,
    ours: [
      {
        outcome: 'gap',
        section: 'Resources without a limit of ours',
        byDefault: 'no CAP_NET_ADMIN',
      },
    ],
  },
  {
    id: 'key-session',
    title: "reading a key in the launcher's session keyring",
    wrap: 'outside with-key escape $MARK',
    inside: 'escape key-session escape',
    escaped: 'grep -q $MARK loot 2>/dev/null',
    ours: [
      { outcome: 'denied', by: 'birth: a session keyring of its own' },
      {
        outcome: 'denied',
        by: 'birth: a session keyring of its own',
        policy: { namespace_flags: 95, privileged: true },
      },
    ],
  },
  {
    id: 'key-user',
    title: "reading a key in root's user keyring",
    before: 'outside user-key user-$MARK $MARK',
    inside: 'escape key-user user-$MARK',
    escaped: 'grep -q $MARK loot 2>/dev/null',
    ours: [{ outcome: 'denied', by: 'own user ids' }],
  },
  {
    id: 'bpf',
    title: 'loading a BPF program that traces the kernel',
    before: 'sysctl -qw kernel.unprivileged_bpf_disabled=2',
    inside: 'escape --hold bpf',
    hold: true,
    escaped: 'outside holds bpf-prog',
    ours: [{ outcome: 'denied', by: 'user namespace' }],
  },
  {
    id: 'perf',
    title: 'counting what happens on a whole CPU (perf_event_open)',
    before: 'sysctl -qw kernel.perf_event_paranoid=2',
    inside: 'escape --hold perf',
    hold: true,
    escaped: 'outside holds perf_event',
    ours: [{ outcome: 'denied', by: 'user namespace' }],
  },
  {
    id: 'clock',
    title: 'setting the clock',
    inside: 'escape clock',
    escaped: 'now=$(date +%s); [ $now -lt 1000000000 ]',
    after: '[ $now -gt 1000000000 ] || date -s "2026-01-01" >/dev/null',
    ours: [{ outcome: 'denied', by: 'user namespace' }],
  },
  {
    id: 'userfaultfd',
    title: 'userfaultfd that stops the kernel in its faults',
    before: 'sysctl -qw vm.unprivileged_userfaultfd=0',
    inside: 'escape --hold userfaultfd',
    hold: true,
    escaped: 'outside holds userfaultfd',
    ours: [{ outcome: 'denied', by: 'user namespace' }],
  },
  {
    id: 'userfaultfd-user',
    title: 'userfaultfd for faults of its own code',
    inside: 'escape --hold userfaultfd-user',
    hold: true,
    escaped: 'outside holds userfaultfd',
    ours: [{ outcome: 'gap', section: 'The shared kernel', byDefault: 'userfaultfd rule' }],
  },
  {
    id: 'io-uring',
    title: 'an io_uring, whose workers the kernel makes without clone',
    inside: 'escape --hold uring',
    hold: true,
    escaped: 'outside holds io_uring',
    ours: [{ outcome: 'gap', section: 'io_uring and vhost workers', byDefault: 'io_uring_setup rule' }],
  },
  {
    id: 'event-flood',
    title: 'violations without end, to overwrite the events of other agents',
    before: `echo '{"name":"outside"}' >/proc/swarm/create`,
    inside: 'exec events burst 20000 2',
    escaped:
      '! dd if=/proc/swarm/events iflag=nonblock bs=64k 2>/dev/null | grep created | tail -n 2 | grep -q outside',
    after: "sed -n 's/^ID: \\([0-9]*\\), PID: 0,.*/\\1/p' /proc/swarm/agents >/proc/swarm/destroy",
    ours: [
      {
        outcome: 'denied',
        by: 'events of the life of agents are kept apart',
        counted: { device: 20000 },
      },
    ],
    without: PEERS,
  },
];
