/**
 * The ways into the kernel that `reach` (vm-images/guest/probe/reach.c) tries, in the order of the table. What counts
 * as reached is said there.
 */

/** A way into the kernel. */
export interface Way {
  /** Its name, as `reach` prints it. */
  readonly name: string;
  /** The attempt, in a plain sentence. */
  readonly title: string;
  /** A default agent reaches it. */
  readonly agent?: true;
  /** Shows in what the kernel's helpers were given that they ran; such a way is seen from outside alone. */
  readonly ran?: RegExp;
}

/** Ways by their names; the names of those that a default agent reaches begin with `+`. */
function ways(titles: Readonly<Record<string, string>>): Way[] {
  return Object.entries(titles).map(([name, title]) =>
    name.startsWith('+') ? { name: name.slice(1), title, agent: true } : { name, title },
  );
}

/** Sentences of one form, for names of one form. */
function each(prefix: string, names: string, title: (name: string) => string): Record<string, string> {
  return Object.fromEntries(
    names
      .split(' ')
      .map((name) => [
        name.startsWith('+') ? `+${prefix}${name.slice(1)}` : `${prefix}${name}`,
        title(name.replace('+', '')),
      ]),
  );
}

const socket = (name: string) => `Make a socket of the family ${name}.`;

export const WAYS: Readonly<Record<string, readonly Way[]>> = {
  'Families of sockets': ways({
    ...each('socket-', '+unix +inet +inet6 packet key alg rxrpc vsock xdp tipc rds kcm smc mctp', socket),
    ...each('socket-', 'can bluetooth nfc ieee802154 phonet caif qipcrtr llc ax25 netrom rose x25', socket),
    ...each('socket-', 'ipx appletalk atmpvc atmsvc pppox ib iucv', socket),
  }),
  'Protocols of IP': ways({
    'inet-icmp':
      'Make a datagram socket for ICMP. Who may, the net namespace says (`net.ipv4.ping_group_range`): by default nobody, while Docker sets it for everybody in its containers.',
    '+inet-mptcp': 'Make a socket for multipath TCP.',
    'inet-raw': 'Make a raw IP socket.',
    'inet-sctp': 'Make a socket for SCTP.',
    'inet-udplite': 'Make a socket for UDP-Lite.',
    'inet-l2tp': 'Make a socket for L2TP.',
    'inet-dccp': 'Make a socket for DCCP.',
    'inet-smc_inet': 'Make a socket for SMC as a protocol of IP.',
    '+ulp-tls': 'Put TLS on a TCP socket (TCP_ULP).',
    '+ulp-smc': 'Put SMC on a TCP socket (TCP_ULP).',
    '+udp-encap-esp': 'Have the packets of a UDP socket read as those of IPsec (UDP_ENCAP).',
  }),
  'Netlink, and what is behind it': ways({
    ...each(
      'netlink-',
      '+route usersock sock_diag xfrm selinux iscsi audit fib_lookup connector netfilter uevent generic scsi rdma crypto',
      (name) => `Make a netlink socket for ${name}.`,
    ),
    '+tc-list': 'Have traffic control list its queues.',
    'tc-qdisc': 'Ask traffic control for a new queue.',
    'tc-filter': 'Ask traffic control for a new filter.',
    'link-new': 'Ask for a new network device.',
    xfrm: 'Ask XFRM (IPsec) about its associations.',
    nft: 'Have nf_tables list its tables.',
    conntrack: 'Have connection tracking list its entries.',
    ipset: 'Ask ipset for its version.',
    genetlink: 'Ask generic netlink for a family.',
  }),
  'The crypto API': ways({
    'alg-hash': 'Bind an AF_ALG socket to a hash.',
    'alg-skcipher': 'Bind an AF_ALG socket to a cipher.',
    'alg-aead': 'Bind an AF_ALG socket to an authenticated cipher.',
    'alg-rng': 'Bind an AF_ALG socket to a random-number generator.',
  }),
  Namespaces: ways({
    ...each(
      'unshare-',
      'user mnt net pid uts ipc cgroup time',
      (name) => `Make a new ${name} namespace by unshare.`,
    ),
    'clone-user': 'Make a user namespace by clone.',
    'clone3-user': 'Make a user namespace by clone3.',
    setns: 'Enter a namespace by setns.',
    sethostname: 'Set the host name.',
    '+chroot': 'Change the root directory.',
  }),
  Mounts: ways({
    ...each(
      'mount-',
      'overlay fuse bpf tmpfs ramfs proc sysfs devpts mqueue cgroup2 cgroup binfmt_misc',
      (name) => `Mount ${name}.`,
    ),
    ...each(
      'mount-',
      'devtmpfs debugfs tracefs securityfs configfs pstore hugetlbfs',
      (name) => `Mount ${name}.`,
    ),
    'mount-bind': 'Mount a directory at another place.',
    umount2: 'Enter umount2 past its permission check.',
    pivot_root: 'Enter pivot_root past its permission check.',
    move_mount: 'Enter move_mount past its permission check.',
    open_tree: 'Copy a mount by open_tree.',
    open_tree_attr: 'Copy a mount by open_tree_attr.',
    fsopen: 'Open a context of a file system by fsopen.',
    fsconfig: 'Enter fsconfig.',
    fsmount: 'Enter fsmount past its permission check.',
    fspick: 'Enter fspick past its permission check.',
    mount_setattr: 'Enter mount_setattr past its permission check.',
    '+statmount': 'Ask about a mount by statmount.',
    '+listmount': 'List mounts by listmount.',
    listns: 'List namespaces by listns.',
  }),
  'Work without calls, programs in the kernel': ways({
    io_uring_setup: 'Make a ring by io_uring_setup.',
    io_uring_enter: 'Enter io_uring_enter.',
    io_uring_register: 'Enter io_uring_register.',
    '+io_setup': 'Make a context of AIO.',
    'bpf-map': 'Make a BPF map.',
    'bpf-filter': 'Load a BPF program that filters a socket.',
    'bpf-trace': 'Load a BPF program that traces the kernel.',
    'perf-self': 'Count events of its own process by perf_event_open.',
    'perf-cpu': 'Count events of a CPU by perf_event_open.',
    userfaultfd: 'Make a userfaultfd that stops the kernel too.',
    'userfaultfd-user': 'Make a userfaultfd for faults of its own code.',
    '+seccomp-notify': 'Install a seccomp filter with a listener.',
    '+landlock': 'Ask Landlock for its version.',
    init_module: 'Enter init_module past its permission check.',
    finit_module: 'Enter finit_module past its permission check.',
    delete_module: 'Enter delete_module past its permission check.',
    kexec_load: 'Enter kexec_load past its permission check.',
    kexec_file_load: 'Enter kexec_file_load past its permission check.',
  }),
  Keyrings: ways({
    add_key: 'Add a key.',
    'add_key-asymmetric': 'Have a certificate parsed by add_key.',
    'add_key-rxrpc': 'Have a ticket for rxrpc parsed by add_key.',
    keyctl: 'Get a keyring by keyctl.',
    request_key: 'Look for a key by request_key.',
    '+proc-keys': 'Open /proc/keys.',
  }),
  'Other processes, memory and files': ways({
    '+ptrace': 'Trace a child.',
    '+process_vm_readv': "Read a child's memory.",
    '+process_vm_writev': "Write a child's memory.",
    process_madvise: 'Give advice on memory by process_madvise.',
    pidfd_getfd: 'Copy a descriptor by pidfd_getfd.',
    kcmp: 'Compare two processes by kcmp.',
    mbind: 'Bind memory to a node by mbind.',
    set_mempolicy: 'Set a memory policy.',
    set_mempolicy_home_node: 'Enter set_mempolicy_home_node.',
    get_mempolicy: 'Ask for its memory policy.',
    migrate_pages: 'Enter migrate_pages.',
    move_pages: 'Ask where a page lies by move_pages.',
    '+memfd_create': 'Make a file in memory.',
    '+memfd_secret': 'Make a secret file in memory.',
    '+modify_ldt': 'Read its local descriptor table.',
    '+personality': 'Set READ_IMPLIES_EXEC by personality.',
    '+remap_file_pages': 'Enter remap_file_pages.',
    '+mseal': 'Seal a page by mseal.',
    '+vmsplice': 'Put a page into a pipe by vmsplice.',
    '+tee': 'Copy what is in a pipe by tee.',
    '+splice': 'Move what is in a pipe by splice.',
    '+shmget': 'Make a System V shared memory.',
    '+semget': 'Make a System V semaphore.',
    '+msgget': 'Make a System V message queue.',
    '+mq_open': 'Make a POSIX message queue.',
    '+inotify': 'Watch files by inotify.',
    fanotify_init: 'Make a fanotify group that is told of events.',
    'fanotify_init-content': 'Make a fanotify group that decides on accesses.',
    '+name_to_handle_at': 'Get the handle of a file.',
    open_by_handle_at: 'Enter open_by_handle_at past its permission check.',
    '+file_getattr': 'Enter file_getattr.',
    lsm_list_modules: 'List security modules by lsm_list_modules.',
    lsm_get_self_attr: 'Enter lsm_get_self_attr.',
    ustat: 'Enter ustat.',
    sysfs: 'Ask for the number of file systems by sysfs.',
    '+entry32': 'Enter the kernel as a 32-bit program does.',
  }),
  'The whole machine': ways({
    reboot: 'Enter reboot past its permission check.',
    acct: 'Enter acct past its permission check.',
    swapon: 'Enter swapon past its permission check.',
    swapoff: 'Enter swapoff past its permission check.',
    quotactl: 'Enter quotactl.',
    quotactl_fd: 'Enter quotactl_fd.',
    clock_settime: 'Set the clock by clock_settime.',
    settimeofday: 'Set the clock by settimeofday.',
    adjtimex: 'Read the state of the clock by adjtimex.',
    clock_adjtime: 'Read the state of the clock by clock_adjtime.',
    iopl: 'Get all I/O ports by iopl.',
    ioperm: 'Get an I/O port by ioperm.',
    syslog: 'Read the log of the kernel by syslog.',
    vhangup: 'Hang up its terminal by vhangup.',
    'real-time': 'Get real-time priority.',
    'proc-sysrq': 'Open /proc/sysrq-trigger for writing.',
    'proc-core-pattern': 'Open core_pattern for writing.',
    'proc-kcore': 'Open /proc/kcore.',
    'proc-kmsg': 'Open /proc/kmsg.',
    'proc-timer-list': 'Open /proc/timer_list.',
    'sys-power': 'Open /sys/power/state for writing.',
  }),
  Devices: ways({
    'mknod-device': 'Make the node of a device.',
    '+dev-ptmx': 'Open a terminal.',
    ...each('dev-', 'fuse kmsg mem port loop-control userfaultfd vhost-net uinput vsock hpet', (name) => {
      return `Open /dev/${name}, by a node of its own if there is none.`;
    }),
    'dev-tun': 'Open /dev/net/tun, by a node of its own if there is none.',
  }),
  'Programs that the kernel starts': [
    {
      name: 'autoload-socket',
      title: 'Have a module loaded by the family of a socket.',
      ran: /net-pf-19/,
    },
    {
      name: 'autoload-mount',
      title: 'Have a module loaded by the type of a mount.',
      ran: /fs-nosuchfs/,
    },
    {
      name: 'autoload-cipher',
      title: 'Have a module loaded by the name of a cipher.',
      ran: /crypto-nosuchhash/,
    },
    {
      name: 'autoload-netlink',
      title: 'Have a module loaded by a family of generic netlink.',
      ran: /family-nosuchfamily/,
    },
    {
      name: 'autoload-netfilter',
      title: 'Have a module loaded by a subsystem of netfilter.',
      ran: /nfnetlink-subsys-99/,
    },
    { name: 'core-helper', title: "Have the core dump's helper started by a crash.", ran: /^core /m },
  ],
};

/** Every way, in the order of the table. */
export const ALL_WAYS: readonly Way[] = Object.values(WAYS).flat();

/** The result of each way: `reached`, `reached in a user namespace of its own`, or the error that refused it. */
export type Went = Readonly<Record<string, string>>;

/** The beginning of the result of a way that was reached. */
export const REACHED = /^reached/;

/** The names of the ways that were reached. */
export function reachedOf(went: Went): string[] {
  return Object.keys(went).filter((name) => REACHED.test(went[name] ?? ''));
}
