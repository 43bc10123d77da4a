// SPDX-License-Identifier: MIT OR Apache-2.0
//! The system calls that `syscalls` can name.
//!
//! A call has the name that the tables of 64-bit Linux give it (x86-64 and arm64), or, if
//! only 32-bit programs have it, the name in theirs. With it go all of the kernel's
//! functions that do its work: those behind the numbers that 32-bit programs have for it
//! as well, so that no other entry stays open.
//!
//! Missing on purpose: fork, execve, unshare and setns, whose rules cover more than one
//! entry, and exit, exit_group and the two sigreturns, which never return to where a
//! refusal could be told.

use crate::names::Name;
use crate::policy::Action;

/// A system call.
#[derive(Clone, Copy)]
pub struct Call {
    /// The name by which users call it.
    pub name: Name,
    /// The kernel's functions that do its work, without their prefixes, one space between two.
    pub functions: Name,
    /// Its treatment in an agent that is not privileged, unless the policy names it.
    pub default: Action,
}

const fn allowed(name: Name, functions: Name) -> Call {
    Call { name, functions, default: Action::Allow }
}

const fn denied(name: Name, functions: Name) -> Call {
    Call { name, functions, default: Action::Deny }
}

/// The rules of a policy on these calls: two bits each, an [`Action`].
pub const CALL_WORDS: usize = 12;

const PER_WORD: usize = 32;

/// Another name for a call, under which many know it.
const ALIASES: [(&[u8], &[u8]); 1] = [(b"umount", b"umount2")];

/// The calls that cannot be refused, since they do not return.
const UNRETURNING: [&[u8]; 4] = [b"exit", b"exit_group", b"rt_sigreturn", b"sigreturn"];

/// By their numbers, which nobody outside the module sees.
pub const CALLS: [Call; 367] = [
    allowed(c"accept", c"accept"),
    allowed(c"accept4", c"accept4"),
    allowed(c"access", c"access"),
    denied(c"acct", c"acct"),
    denied(c"add_key", c"add_key"),
    denied(c"adjtimex", c"adjtimex adjtimex_time32"),
    allowed(c"alarm", c"alarm"),
    allowed(c"arch_prctl", c"arch_prctl"),
    allowed(c"bind", c"bind"),
    denied(c"bpf", c"bpf"),
    allowed(c"brk", c"brk"),
    allowed(c"cachestat", c"cachestat"),
    allowed(c"capget", c"capget"),
    allowed(c"capset", c"capset"),
    allowed(c"chdir", c"chdir"),
    allowed(c"chmod", c"chmod"),
    allowed(c"chown", c"chown chown16"),
    allowed(c"chroot", c"chroot"),
    denied(c"clock_adjtime", c"clock_adjtime clock_adjtime32"),
    allowed(c"clock_getres", c"clock_getres clock_getres_time32"),
    allowed(c"clock_gettime", c"clock_gettime clock_gettime32"),
    allowed(c"clock_nanosleep", c"clock_nanosleep clock_nanosleep_time32"),
    denied(c"clock_settime", c"clock_settime clock_settime32"),
    allowed(c"clone", c"clone ia32_clone"),
    allowed(c"clone3", c"clone3"),
    allowed(c"close", c"close"),
    allowed(c"close_range", c"close_range"),
    allowed(c"connect", c"connect"),
    allowed(c"copy_file_range", c"copy_file_range"),
    allowed(c"creat", c"creat"),
    denied(c"delete_module", c"delete_module"),
    allowed(c"dup", c"dup"),
    allowed(c"dup2", c"dup2"),
    allowed(c"dup3", c"dup3"),
    allowed(c"epoll_create", c"epoll_create"),
    allowed(c"epoll_create1", c"epoll_create1"),
    allowed(c"epoll_ctl", c"epoll_ctl"),
    allowed(c"epoll_pwait", c"epoll_pwait"),
    allowed(c"epoll_pwait2", c"epoll_pwait2"),
    allowed(c"epoll_wait", c"epoll_wait"),
    allowed(c"eventfd", c"eventfd"),
    allowed(c"eventfd2", c"eventfd2"),
    allowed(c"execveat", c"execveat"),
    allowed(c"faccessat", c"faccessat"),
    allowed(c"faccessat2", c"faccessat2"),
    allowed(c"fadvise64", c"fadvise64 fadvise64_64 ia32_fadvise64 ia32_fadvise64_64 arm_fadvise64_64 aarch32_fadvise64_64"),
    allowed(c"fallocate", c"fallocate ia32_fallocate aarch32_fallocate"),
    denied(c"fanotify_init", c"fanotify_init"),
    allowed(c"fanotify_mark", c"fanotify_mark"),
    allowed(c"fchdir", c"fchdir"),
    allowed(c"fchmod", c"fchmod"),
    allowed(c"fchmodat", c"fchmodat"),
    allowed(c"fchmodat2", c"fchmodat2"),
    allowed(c"fchown", c"fchown fchown16"),
    allowed(c"fchownat", c"fchownat"),
    allowed(c"fchroot", c"fchroot"),
    allowed(c"fcntl", c"fcntl fcntl64"),
    allowed(c"fdatasync", c"fdatasync"),
    allowed(c"fgetxattr", c"fgetxattr"),
    allowed(c"file_getattr", c"file_getattr"),
    allowed(c"file_setattr", c"file_setattr"),
    denied(c"finit_module", c"finit_module"),
    allowed(c"flistxattr", c"flistxattr"),
    allowed(c"flock", c"flock"),
    allowed(c"fremovexattr", c"fremovexattr"),
    denied(c"fsconfig", c"fsconfig"),
    allowed(c"fsetxattr", c"fsetxattr"),
    denied(c"fsmount", c"fsmount"),
    denied(c"fsopen", c"fsopen"),
    denied(c"fspick", c"fspick"),
    allowed(c"fstat", c"newfstat fstat64 fstat ia32_fstat64"),
    allowed(c"fstatfs", c"fstatfs fstatfs64 aarch32_fstatfs64"),
    allowed(c"fsync", c"fsync"),
    allowed(c"ftruncate", c"ftruncate ia32_ftruncate64 ftruncate64 aarch32_ftruncate64"),
    allowed(c"futex", c"futex futex_time32"),
    allowed(c"futex_requeue", c"futex_requeue"),
    allowed(c"futex_wait", c"futex_wait"),
    allowed(c"futex_waitv", c"futex_waitv"),
    allowed(c"futex_wake", c"futex_wake"),
    allowed(c"futimesat", c"futimesat futimesat_time32"),
    denied(c"get_mempolicy", c"get_mempolicy"),
    allowed(c"get_robust_list", c"get_robust_list"),
    allowed(c"get_thread_area", c"get_thread_area"),
    allowed(c"getcpu", c"getcpu"),
    allowed(c"getcwd", c"getcwd"),
    allowed(c"getdents", c"getdents old_readdir"),
    allowed(c"getdents64", c"getdents64"),
    allowed(c"getegid", c"getegid getegid16"),
    allowed(c"geteuid", c"geteuid geteuid16"),
    allowed(c"getgid", c"getgid getgid16"),
    allowed(c"getgroups", c"getgroups getgroups16"),
    allowed(c"getitimer", c"getitimer"),
    allowed(c"getpeername", c"getpeername"),
    allowed(c"getpgid", c"getpgid"),
    allowed(c"getpgrp", c"getpgrp"),
    allowed(c"getpid", c"getpid"),
    allowed(c"getppid", c"getppid"),
    allowed(c"getpriority", c"getpriority"),
    allowed(c"getrandom", c"getrandom"),
    allowed(c"getresgid", c"getresgid getresgid16"),
    allowed(c"getresuid", c"getresuid getresuid16"),
    allowed(c"getrlimit", c"getrlimit old_getrlimit"),
    allowed(c"getrusage", c"getrusage"),
    allowed(c"getsid", c"getsid"),
    allowed(c"getsockname", c"getsockname"),
    allowed(c"getsockopt", c"getsockopt"),
    allowed(c"gettid", c"gettid"),
    allowed(c"gettimeofday", c"gettimeofday"),
    allowed(c"getuid", c"getuid getuid16"),
    allowed(c"getxattr", c"getxattr"),
    allowed(c"getxattrat", c"getxattrat"),
    denied(c"init_module", c"init_module"),
    allowed(c"inotify_add_watch", c"inotify_add_watch"),
    allowed(c"inotify_init", c"inotify_init"),
    allowed(c"inotify_init1", c"inotify_init1"),
    allowed(c"inotify_rm_watch", c"inotify_rm_watch"),
    allowed(c"io_cancel", c"io_cancel"),
    allowed(c"io_destroy", c"io_destroy"),
    allowed(c"io_getevents", c"io_getevents io_getevents_time32"),
    allowed(c"io_pgetevents", c"io_pgetevents io_pgetevents_time32 io_pgetevents_time64"),
    allowed(c"io_setup", c"io_setup"),
    allowed(c"io_submit", c"io_submit"),
    denied(c"io_uring_enter", c"io_uring_enter"),
    denied(c"io_uring_register", c"io_uring_register"),
    denied(c"io_uring_setup", c"io_uring_setup"),
    allowed(c"ioctl", c"ioctl"),
    denied(c"ioperm", c"ioperm"),
    denied(c"iopl", c"iopl"),
    allowed(c"ioprio_get", c"ioprio_get"),
    allowed(c"ioprio_set", c"ioprio_set"),
    allowed(c"ipc", c"ipc"),
    denied(c"kcmp", c"kcmp"),
    denied(c"kexec_file_load", c"kexec_file_load"),
    denied(c"kexec_load", c"kexec_load"),
    denied(c"keyctl", c"keyctl"),
    allowed(c"kill", c"kill"),
    allowed(c"landlock_add_rule", c"landlock_add_rule"),
    allowed(c"landlock_create_ruleset", c"landlock_create_ruleset"),
    allowed(c"landlock_restrict_self", c"landlock_restrict_self"),
    allowed(c"lchown", c"lchown lchown16"),
    allowed(c"lgetxattr", c"lgetxattr"),
    allowed(c"link", c"link"),
    allowed(c"linkat", c"linkat"),
    allowed(c"listen", c"listen"),
    allowed(c"listmount", c"listmount"),
    denied(c"listns", c"listns"),
    allowed(c"listxattr", c"listxattr"),
    allowed(c"listxattrat", c"listxattrat"),
    allowed(c"llistxattr", c"llistxattr"),
    allowed(c"lremovexattr", c"lremovexattr"),
    allowed(c"lseek", c"lseek llseek"),
    allowed(c"lsetxattr", c"lsetxattr"),
    denied(c"lsm_get_self_attr", c"lsm_get_self_attr"),
    denied(c"lsm_list_modules", c"lsm_list_modules"),
    denied(c"lsm_set_self_attr", c"lsm_set_self_attr"),
    allowed(c"lstat", c"newlstat lstat lstat64 ia32_lstat64"),
    allowed(c"madvise", c"madvise"),
    allowed(c"map_shadow_stack", c"map_shadow_stack"),
    denied(c"mbind", c"mbind"),
    allowed(c"membarrier", c"membarrier"),
    allowed(c"memfd_create", c"memfd_create"),
    allowed(c"memfd_secret", c"memfd_secret"),
    denied(c"migrate_pages", c"migrate_pages"),
    allowed(c"mincore", c"mincore"),
    allowed(c"mkdir", c"mkdir"),
    allowed(c"mkdirat", c"mkdirat"),
    allowed(c"mknod", c"mknod"),
    allowed(c"mknodat", c"mknodat"),
    allowed(c"mlock", c"mlock"),
    allowed(c"mlock2", c"mlock2"),
    allowed(c"mlockall", c"mlockall"),
    allowed(c"mmap", c"mmap old_mmap ia32_mmap mmap_pgoff mmap2 aarch32_mmap2"),
    allowed(c"modify_ldt", c"modify_ldt"),
    denied(c"mount", c"mount"),
    denied(c"mount_setattr", c"mount_setattr"),
    denied(c"move_mount", c"move_mount"),
    denied(c"move_pages", c"move_pages"),
    allowed(c"mprotect", c"mprotect"),
    allowed(c"mq_getsetattr", c"mq_getsetattr"),
    allowed(c"mq_notify", c"mq_notify"),
    allowed(c"mq_open", c"mq_open"),
    allowed(c"mq_timedreceive", c"mq_timedreceive mq_timedreceive_time32"),
    allowed(c"mq_timedsend", c"mq_timedsend mq_timedsend_time32"),
    allowed(c"mq_unlink", c"mq_unlink"),
    allowed(c"mremap", c"mremap"),
    allowed(c"mseal", c"mseal"),
    allowed(c"msgctl", c"msgctl old_msgctl"),
    allowed(c"msgget", c"msgget"),
    allowed(c"msgrcv", c"msgrcv"),
    allowed(c"msgsnd", c"msgsnd"),
    allowed(c"msync", c"msync"),
    allowed(c"munlock", c"munlock"),
    allowed(c"munlockall", c"munlockall"),
    allowed(c"munmap", c"munmap"),
    allowed(c"name_to_handle_at", c"name_to_handle_at"),
    allowed(c"nanosleep", c"nanosleep nanosleep_time32"),
    allowed(c"newfstatat", c"newfstatat fstatat64 ia32_fstatat64"),
    allowed(c"open", c"open"),
    denied(c"open_by_handle_at", c"open_by_handle_at"),
    denied(c"open_tree", c"open_tree"),
    denied(c"open_tree_attr", c"open_tree_attr"),
    allowed(c"openat", c"openat"),
    allowed(c"openat2", c"openat2"),
    allowed(c"pause", c"pause"),
    denied(c"perf_event_open", c"perf_event_open"),
    allowed(c"personality", c"personality arm64_personality"),
    denied(c"pidfd_getfd", c"pidfd_getfd"),
    allowed(c"pidfd_open", c"pidfd_open"),
    allowed(c"pidfd_send_signal", c"pidfd_send_signal"),
    allowed(c"pipe", c"pipe"),
    allowed(c"pipe2", c"pipe2"),
    denied(c"pivot_root", c"pivot_root"),
    allowed(c"pkey_alloc", c"pkey_alloc"),
    allowed(c"pkey_free", c"pkey_free"),
    allowed(c"pkey_mprotect", c"pkey_mprotect"),
    allowed(c"poll", c"poll"),
    allowed(c"ppoll", c"ppoll ppoll_time32 ppoll_time64"),
    allowed(c"prctl", c"prctl"),
    allowed(c"pread64", c"pread64 ia32_pread64 aarch32_pread64"),
    allowed(c"preadv", c"preadv preadv64"),
    allowed(c"preadv2", c"preadv2 preadv64v2"),
    allowed(c"prlimit64", c"prlimit64"),
    denied(c"process_madvise", c"process_madvise"),
    allowed(c"process_mrelease", c"process_mrelease"),
    allowed(c"process_vm_readv", c"process_vm_readv"),
    allowed(c"process_vm_writev", c"process_vm_writev"),
    allowed(c"pselect6", c"pselect6 pselect6_time32 pselect6_time64"),
    allowed(c"ptrace", c"ptrace"),
    allowed(c"pwrite64", c"pwrite64 ia32_pwrite64 aarch32_pwrite64"),
    allowed(c"pwritev", c"pwritev pwritev64"),
    allowed(c"pwritev2", c"pwritev2 pwritev64v2"),
    denied(c"quotactl", c"quotactl"),
    denied(c"quotactl_fd", c"quotactl_fd"),
    allowed(c"read", c"read"),
    allowed(c"readahead", c"readahead ia32_readahead aarch32_readahead"),
    allowed(c"readlink", c"readlink"),
    allowed(c"readlinkat", c"readlinkat"),
    allowed(c"readv", c"readv"),
    denied(c"reboot", c"reboot"),
    allowed(c"recvfrom", c"recvfrom recv"),
    allowed(c"recvmmsg", c"recvmmsg recvmmsg_time32 recvmmsg_time64"),
    allowed(c"recvmsg", c"recvmsg"),
    allowed(c"remap_file_pages", c"remap_file_pages"),
    allowed(c"removexattr", c"removexattr"),
    allowed(c"removexattrat", c"removexattrat"),
    allowed(c"rename", c"rename"),
    allowed(c"renameat", c"renameat"),
    allowed(c"renameat2", c"renameat2"),
    denied(c"request_key", c"request_key"),
    allowed(c"restart_syscall", c"restart_syscall"),
    allowed(c"rmdir", c"rmdir"),
    allowed(c"rseq", c"rseq"),
    allowed(c"rseq_slice_yield", c"rseq_slice_yield"),
    allowed(c"rt_sigaction", c"rt_sigaction signal sigaction"),
    allowed(c"rt_sigpending", c"rt_sigpending sigpending"),
    allowed(c"rt_sigprocmask", c"rt_sigprocmask sgetmask ssetmask sigprocmask"),
    allowed(c"rt_sigqueueinfo", c"rt_sigqueueinfo"),
    allowed(c"rt_sigsuspend", c"rt_sigsuspend sigsuspend"),
    allowed(c"rt_sigtimedwait", c"rt_sigtimedwait rt_sigtimedwait_time32 rt_sigtimedwait_time64"),
    allowed(c"rt_tgsigqueueinfo", c"rt_tgsigqueueinfo"),
    allowed(c"sched_get_priority_max", c"sched_get_priority_max"),
    allowed(c"sched_get_priority_min", c"sched_get_priority_min"),
    allowed(c"sched_getaffinity", c"sched_getaffinity"),
    allowed(c"sched_getattr", c"sched_getattr"),
    allowed(c"sched_getparam", c"sched_getparam"),
    allowed(c"sched_getscheduler", c"sched_getscheduler"),
    allowed(c"sched_rr_get_interval", c"sched_rr_get_interval sched_rr_get_interval_time32"),
    allowed(c"sched_setaffinity", c"sched_setaffinity"),
    allowed(c"sched_setattr", c"sched_setattr"),
    allowed(c"sched_setparam", c"sched_setparam"),
    allowed(c"sched_setscheduler", c"sched_setscheduler"),
    allowed(c"sched_yield", c"sched_yield"),
    allowed(c"seccomp", c"seccomp"),
    allowed(c"select", c"select old_select"),
    allowed(c"semctl", c"semctl old_semctl"),
    allowed(c"semget", c"semget"),
    allowed(c"semop", c"semop"),
    allowed(c"semtimedop", c"semtimedop semtimedop_time32"),
    allowed(c"sendfile", c"sendfile64 sendfile"),
    allowed(c"sendmmsg", c"sendmmsg"),
    allowed(c"sendmsg", c"sendmsg"),
    allowed(c"sendto", c"sendto send"),
    denied(c"set_mempolicy", c"set_mempolicy"),
    denied(c"set_mempolicy_home_node", c"set_mempolicy_home_node"),
    allowed(c"set_robust_list", c"set_robust_list"),
    allowed(c"set_thread_area", c"set_thread_area"),
    allowed(c"set_tid_address", c"set_tid_address"),
    allowed(c"setdomainname", c"setdomainname"),
    allowed(c"setfsgid", c"setfsgid setfsgid16"),
    allowed(c"setfsuid", c"setfsuid setfsuid16"),
    allowed(c"setgid", c"setgid setgid16"),
    allowed(c"setgroups", c"setgroups setgroups16"),
    allowed(c"sethostname", c"sethostname"),
    allowed(c"setitimer", c"setitimer"),
    allowed(c"setpgid", c"setpgid"),
    allowed(c"setpriority", c"setpriority nice"),
    allowed(c"setregid", c"setregid setregid16"),
    allowed(c"setresgid", c"setresgid setresgid16"),
    allowed(c"setresuid", c"setresuid setresuid16"),
    allowed(c"setreuid", c"setreuid setreuid16"),
    allowed(c"setrlimit", c"setrlimit"),
    allowed(c"setsid", c"setsid"),
    allowed(c"setsockopt", c"setsockopt"),
    denied(c"settimeofday", c"settimeofday stime32"),
    allowed(c"setuid", c"setuid setuid16"),
    allowed(c"setxattr", c"setxattr"),
    allowed(c"setxattrat", c"setxattrat"),
    allowed(c"shmat", c"shmat"),
    allowed(c"shmctl", c"shmctl old_shmctl"),
    allowed(c"shmdt", c"shmdt"),
    allowed(c"shmget", c"shmget"),
    allowed(c"shutdown", c"shutdown"),
    allowed(c"sigaltstack", c"sigaltstack"),
    allowed(c"signalfd", c"signalfd"),
    allowed(c"signalfd4", c"signalfd4"),
    allowed(c"socket", c"socket"),
    allowed(c"socketcall", c"socketcall"),
    allowed(c"socketpair", c"socketpair"),
    allowed(c"splice", c"splice"),
    allowed(c"stat", c"newstat stat stat64 ia32_stat64"),
    allowed(c"statfs", c"statfs statfs64 aarch32_statfs64"),
    allowed(c"statmount", c"statmount"),
    allowed(c"statx", c"statx"),
    denied(c"swapoff", c"swapoff"),
    denied(c"swapon", c"swapon"),
    allowed(c"symlink", c"symlink"),
    allowed(c"symlinkat", c"symlinkat"),
    allowed(c"sync", c"sync"),
    allowed(c"sync_file_range", c"sync_file_range ia32_sync_file_range sync_file_range2 aarch32_sync_file_range2"),
    allowed(c"syncfs", c"syncfs"),
    denied(c"sysfs", c"sysfs"),
    allowed(c"sysinfo", c"sysinfo"),
    denied(c"syslog", c"syslog"),
    allowed(c"tee", c"tee"),
    allowed(c"tgkill", c"tgkill"),
    allowed(c"time", c"time time32"),
    allowed(c"timer_create", c"timer_create"),
    allowed(c"timer_delete", c"timer_delete"),
    allowed(c"timer_getoverrun", c"timer_getoverrun"),
    allowed(c"timer_gettime", c"timer_gettime timer_gettime32"),
    allowed(c"timer_settime", c"timer_settime timer_settime32"),
    allowed(c"timerfd_create", c"timerfd_create"),
    allowed(c"timerfd_gettime", c"timerfd_gettime timerfd_gettime32"),
    allowed(c"timerfd_settime", c"timerfd_settime timerfd_settime32"),
    allowed(c"times", c"times"),
    allowed(c"tkill", c"tkill"),
    allowed(c"truncate", c"truncate ia32_truncate64 truncate64 aarch32_truncate64"),
    allowed(c"umask", c"umask"),
    denied(c"umount2", c"umount oldumount"),
    allowed(c"uname", c"newuname olduname uname"),
    allowed(c"unlink", c"unlink"),
    allowed(c"unlinkat", c"unlinkat"),
    allowed(c"uprobe", c"uprobe"),
    allowed(c"uretprobe", c"uretprobe"),
    denied(c"uselib", c"uselib"),
    denied(c"userfaultfd", c"userfaultfd"),
    denied(c"ustat", c"ustat"),
    allowed(c"utime", c"utime utime32"),
    allowed(c"utimensat", c"utimensat utimensat_time32"),
    allowed(c"utimes", c"utimes utimes_time32"),
    allowed(c"vfork", c"vfork"),
    denied(c"vhangup", c"vhangup"),
    allowed(c"vmsplice", c"vmsplice"),
    allowed(c"wait4", c"wait4 waitpid"),
    allowed(c"waitid", c"waitid"),
    allowed(c"write", c"write"),
    allowed(c"writev", c"writev"),
];

const _: () = assert!(CALLS.len() <= CALL_WORDS * PER_WORD);

/// The rules that hold unless a policy says otherwise.
pub const CALLS_DEFAULT: [u64; CALL_WORDS] = {
    let mut words = [0; CALL_WORDS];
    let mut call = 0;
    while call < CALLS.len() {
        words[call / PER_WORD] |= (CALLS[call].default as u64) << (call % PER_WORD * 2);
        call += 1;
    }
    words
};

/// Names without their NULs, which compare faster.
const NAMES: [&[u8]; CALLS.len()] = {
    let mut names: [&[u8]; CALLS.len()] = [&[]; CALLS.len()];
    let mut call = 0;
    while call < CALLS.len() {
        names[call] = CALLS[call].name.to_bytes();
        call += 1;
    }
    names
};

/// The number of the call of which `is` says that it is meant.
pub(crate) fn number(is: impl Fn(&[u8]) -> bool) -> Option<usize> {
    let of = |wanted: &[u8]| NAMES.iter().position(|name| name.len() == wanted.len() && name.iter().zip(wanted).all(|(a, b)| a == b));
    NAMES.iter().position(|name| is(name)).or_else(|| {
        ALIASES.iter().find(|(alias, _)| is(alias)).and_then(|(_, name)| of(name))
    })
}

/// Is it one of those that cannot be refused?
pub(crate) fn never_returns(is: impl Fn(&[u8]) -> bool) -> bool {
    UNRETURNING.iter().any(|name| is(name))
}

/// Rules on calls, or which of them a request names: two bits a call.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallRules(pub(crate) [u64; CALL_WORDS]);

impl CallRules {
    /// No call is denied, or none is named.
    pub const NONE: Self = Self([0; CALL_WORDS]);

    fn shift(call: usize) -> u32 {
        // At most 62, so that nothing is lost.
        u32::try_from(call % PER_WORD).unwrap_or(0).wrapping_mul(2)
    }

    /// The two bits of a call.
    pub fn get(&self, call: usize) -> u8 {
        let word = self.0.get(call / PER_WORD).copied().unwrap_or(0);
        (word.wrapping_shr(Self::shift(call)) & 3) as u8
    }

    pub(crate) fn set(&mut self, call: usize, bits: u8) {
        if let Some(word) = self.0.get_mut(call / PER_WORD) {
            *word &= !3u64.wrapping_shl(Self::shift(call));
            *word |= u64::from(bits & 3).wrapping_shl(Self::shift(call));
        }
    }

    /// Takes the bits of `new` wherever both bits of `mask` are set.
    pub(crate) fn replace(&mut self, new: &Self, mask: &Self) {
        for ((word, new), mask) in self.0.iter_mut().zip(new.0).zip(mask.0) {
            *word = (*word & !mask) | (new & mask);
        }
    }
}
