/** The system calls that `syscalls` can name, each with the functions behind it in module/src/calls.rs. */

/** The names, as the tables of 64-bit Linux have them, or those of 32-bit programs for calls that only they have. */
export const CALLS: readonly string[] = `
  accept accept4 access acct add_key adjtimex alarm arch_prctl bind bpf brk cachestat capget capset chdir
  chmod chown chroot clock_adjtime clock_getres clock_gettime clock_nanosleep clock_settime clone clone3 close
  close_range connect copy_file_range creat delete_module dup dup2 dup3 epoll_create epoll_create1 epoll_ctl
  epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 execveat faccessat faccessat2 fadvise64 fallocate
  fanotify_init fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchownat fchroot fcntl fdatasync
  fgetxattr file_getattr file_setattr finit_module flistxattr flock fremovexattr fsconfig fsetxattr fsmount
  fsopen fspick fstat fstatfs fsync ftruncate futex futex_requeue futex_wait futex_waitv futex_wake futimesat
  get_mempolicy get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid geteuid getgid
  getgroups getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresuid
  getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid getxattr getxattrat init_module
  inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents
  io_pgetevents io_setup io_submit io_uring_enter io_uring_register io_uring_setup ioctl ioperm iopl
  ioprio_get ioprio_set ipc kcmp kexec_file_load kexec_load keyctl kill landlock_add_rule
  landlock_create_ruleset landlock_restrict_self lchown lgetxattr link linkat listen listmount listns
  listxattr listxattrat llistxattr lremovexattr lseek lsetxattr lsm_get_self_attr lsm_list_modules
  lsm_set_self_attr lstat madvise map_shadow_stack mbind membarrier memfd_create memfd_secret migrate_pages
  mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap modify_ldt mount mount_setattr move_mount
  move_pages mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink mremap mseal
  msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat open
  open_by_handle_at open_tree open_tree_attr openat openat2 pause perf_event_open personality pidfd_getfd
  pidfd_open pidfd_send_signal pipe pipe2 pivot_root pkey_alloc pkey_free pkey_mprotect poll ppoll prctl
  pread64 preadv preadv2 prlimit64 process_madvise process_mrelease process_vm_readv process_vm_writev
  pselect6 ptrace pwrite64 pwritev pwritev2 quotactl quotactl_fd read readahead readlink readlinkat readv
  reboot recvfrom recvmmsg recvmsg remap_file_pages removexattr removexattrat rename renameat renameat2
  request_key restart_syscall rmdir rseq rseq_slice_yield rt_sigaction rt_sigpending rt_sigprocmask
  rt_sigqueueinfo rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max
  sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler
  sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp
  select semctl semget semop semtimedop sendfile sendmmsg sendmsg sendto set_mempolicy set_mempolicy_home_node
  set_robust_list set_thread_area set_tid_address setdomainname setfsgid setfsuid setgid setgroups sethostname
  setitimer setpgid setpriority setregid setresgid setresuid setreuid setrlimit setsid setsockopt settimeofday
  setuid setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 socket
  socketcall socketpair splice stat statfs statmount statx swapoff swapon symlink symlinkat sync
  sync_file_range syncfs sysfs sysinfo syslog tee tgkill time timer_create timer_delete timer_getoverrun
  timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime times tkill truncate umask
  umount2 uname unlink unlinkat uprobe uretprobe uselib userfaultfd ustat utime utimensat utimes vfork vhangup
  vmsplice wait4 waitid write writev
`
  .trim()
  .split(/\s+/);

/** Another name that the kernel accepts for a call. */
export const CALL_ALIASES = { umount: 'umount2' } as const;

/** Calls that are denied by default: why, as a sentence that the name of a call begins, and what stops working. */
interface Denied {
  readonly calls: readonly string[];
  readonly why: string;
  readonly stops: string;
}

/** The calls that an agent is denied unless its policy names them or it is privileged. */
export const DENIED_CALLS: readonly Denied[] = [
  {
    calls: [
      ...['mount', 'umount2', 'pivot_root', 'move_mount', 'open_tree', 'open_tree_attr'],
      ...['fsopen', 'fsconfig', 'fsmount', 'fspick', 'mount_setattr'],
    ],
    why: 'reaches the code of every file system, and can cover what limits the agent',
    stops: 'mount, umount, containers inside the agent, FUSE mounts',
  },
  {
    calls: ['bpf', 'perf_event_open'],
    why: 'puts programs or counters into the kernel',
    stops: 'loading BPF programs and maps, perf, profilers',
  },
  {
    calls: ['userfaultfd'],
    why: 'lets a program halt the kernel in the middle of an access to memory, which makes races exploitable',
    stops: 'post-copy migration, some garbage collectors',
  },
  {
    calls: ['io_uring_setup', 'io_uring_enter', 'io_uring_register'],
    why: 'does the work of many other calls without entering them, so the rules on those calls would not apply',
    stops: 'programs that need io_uring; most use other calls instead',
  },
  {
    calls: ['keyctl', 'add_key', 'request_key'],
    why: 'changes keyrings, and makes the kernel run `/sbin/request-key`',
    stops: 'kernel keyrings: Kerberos caches in them, keyutils, fscrypt tools',
  },
  {
    calls: ['open_by_handle_at'],
    why: 'opens a file by its number, without permission for the directories above it',
    stops: 'user-space NFS servers, some backup programs',
  },
  {
    calls: ['fanotify_init'],
    why: 'watches whole mounts and file systems',
    stops: 'fatrace, virus scanners',
  },
  {
    calls: ['kexec_load', 'kexec_file_load', 'reboot'],
    why: 'starts another kernel, or stops the machine; `reboot` in a pid namespace also ends process 1 of that namespace',
    stops: 'kexec, and reboot or poweroff inside the agent',
  },
  {
    calls: ['init_module', 'finit_module', 'delete_module'],
    why: 'changes the code of the kernel',
    stops: 'insmod, rmmod, modprobe',
  },
  {
    calls: ['acct', 'swapon', 'swapoff', 'quotactl', 'quotactl_fd'],
    why: 'changes settings of the whole machine or of a file system',
    stops: 'process accounting, swap, reading and setting quotas',
  },
  {
    calls: ['clock_settime', 'settimeofday', 'adjtimex', 'clock_adjtime'],
    why: 'sets the clock of the whole machine',
    stops: 'setting the time, NTP daemons; reading the state of the clock by adjtimex too',
  },
  {
    calls: ['iopl', 'ioperm'],
    why: 'gives access to the I/O ports of the machine',
    stops: 'drivers in user space',
  },
  {
    calls: [
      ...['mbind', 'set_mempolicy', 'get_mempolicy', 'set_mempolicy_home_node', 'migrate_pages'],
      'move_pages',
    ],
    why: 'chooses the NUMA nodes on which memory lies, also the memory of other processes, or tells of them',
    stops: 'numactl, and the NUMA tuning of databases and virtual machines',
  },
  {
    calls: ['kcmp', 'pidfd_getfd', 'process_madvise'],
    why: 'reaches into other processes',
    stops: 'checkpointing (CRIU), some debuggers, hints on the memory of other processes',
  },
  {
    calls: ['syslog'],
    why: 'reads the log of the kernel, which reports on the whole machine',
    stops: 'dmesg',
  },
  {
    calls: ['ustat', 'sysfs'],
    why: 'reports on the file systems of the machine, as statfs and `/proc/filesystems` do too; it is obsolete',
    stops: 'nothing that is known',
  },
  {
    calls: ['lsm_get_self_attr', 'lsm_set_self_attr', 'lsm_list_modules'],
    why: 'reaches the security modules of the machine',
    stops: 'nothing that is known: libraries use `/proc/self/attr` instead',
  },
  {
    calls: ['listns'],
    why: 'lists the namespaces of the whole machine',
    stops: 'nothing that is known: the call is new, and lsns reads `/proc`',
  },
  {
    calls: ['uselib'],
    why: 'maps a file as a library, in formats that nothing else uses any more; it is obsolete',
    stops: 'programs for libc 4 and 5',
  },
  { calls: ['vhangup'], why: 'takes a terminal away from others', stops: 'getty and login' },
];

/** Their names. */
export const DENIED_CALL_NAMES: readonly string[] = DENIED_CALLS.flatMap(({ calls }) => calls);
