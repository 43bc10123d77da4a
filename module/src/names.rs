// SPDX-License-Identifier: MIT OR Apache-2.0
//! The names that users write and read: keys, and what stands for a number in JSON.
//!
//! JSON is read and written by these lists alone. The index of a name is its number in the
//! `enum` of names.h that its list is for. C code repeats a key where it names the field of an
//! error, and trace.h repeats the names that tracepoints print.

use core::ffi::CStr;

/// A name, with the NUL that ends it in C.
pub type Name = &'static CStr;

/// The keys of an object of `create`, in the order in which `parse_request` knows them.
pub const KEYS: [Name; 25] = [
    c"memory_limit",
    c"cpu_quota",
    c"pids_limit",
    c"namespace_flags",
    c"devices",
    c"syscalls",
    c"exec_paths",
    c"name",
    c"spawn",
    c"pid",
    c"persist",
    c"privileged",
    c"propagation",
    c"devpts",
    c"unlisted",
    c"pidfd",
    c"after_exec",
    c"oom_group",
    c"sockets",
    c"core",
    c"proc",
    c"capabilities",
    c"no_new_privs",
    c"hostname",
    c"network",
];

/// The keys of an object of `attach`.
pub const ATTACH_KEYS: [Name; 5] = [c"id", KEYS[9], KEYS[15], KEYS[16], c"enters"];

/// The keys of an object that names an agent, of `spawn` and `destroy`.
pub const TARGET_KEYS: [Name; 1] = [c"id"];

/// The keys of an object of `update`, in the order of `enum swarm_update_key` of names.h.
pub const UPDATE_KEYS: [Name; 11] = [
    c"id", KEYS[0], KEYS[1], KEYS[2], KEYS[4], KEYS[5], KEYS[6], KEYS[14], KEYS[17], c"frozen", KEYS[18],
];

/// The answers of a rule on a system call.
pub const ACTIONS: [Name; 4] = [c"allow", c"deny", c"kill", c"audit"];

/// Capabilities, by their numbers in the kernel, as in capabilities(7) without `CAP_`.
pub const CAPABILITIES: [Name; 41] = [
    c"chown",
    c"dac_override",
    c"dac_read_search",
    c"fowner",
    c"fsetid",
    c"kill",
    c"setgid",
    c"setuid",
    c"setpcap",
    c"linux_immutable",
    c"net_bind_service",
    c"net_broadcast",
    c"net_admin",
    c"net_raw",
    c"ipc_lock",
    c"ipc_owner",
    c"sys_module",
    c"sys_rawio",
    c"sys_chroot",
    c"sys_ptrace",
    c"sys_pacct",
    c"sys_admin",
    c"sys_boot",
    c"sys_nice",
    c"sys_resource",
    c"sys_time",
    c"sys_tty_config",
    c"mknod",
    c"lease",
    c"audit_write",
    c"audit_control",
    c"setfcap",
    c"mac_override",
    c"mac_admin",
    c"syslog",
    c"wake_alarm",
    c"block_suspend",
    c"audit_read",
    c"perfmon",
    c"bpf",
    c"checkpoint_restore",
];

/// The ways in which an agent sees mounts that the host makes later.
pub const PROPAGATIONS: [Name; 2] = [c"private", c"slave"];

/// The network namespace that an agent with the net bit has.
pub const NETWORKS: [Name; 2] = [c"own", c"none"];

/// The rules of `syscalls`.
pub const SYSCALLS: [Name; 6] = [c"fork", c"thread", c"execve", c"unshare", c"setns", c"autoload"];

/// The things that a member tries: first those that there are rules for.
pub const KINDS: [Name; 11] = [
    SYSCALLS[0],
    SYSCALLS[1],
    SYSCALLS[2],
    SYSCALLS[3],
    SYSCALLS[4],
    SYSCALLS[5],
    c"device",
    c"control",
    c"adopt",
    c"syscall",
    c"socket",
];

/// Families of sockets, by the kernel's `AF_*`; in lower case.
pub const FAMILIES: [Name; 46] = [
    c"unspec",
    c"unix",
    c"inet",
    c"ax25",
    c"ipx",
    c"appletalk",
    c"netrom",
    c"bridge",
    c"atmpvc",
    c"x25",
    c"inet6",
    c"rose",
    c"decnet",
    c"netbeui",
    c"security",
    c"key",
    c"netlink",
    c"packet",
    c"ash",
    c"econet",
    c"atmsvc",
    c"rds",
    c"sna",
    c"irda",
    c"pppox",
    c"wanpipe",
    c"llc",
    c"ib",
    c"mpls",
    c"can",
    c"tipc",
    c"bluetooth",
    c"iucv",
    c"rxrpc",
    c"isdn",
    c"phonet",
    c"ieee802154",
    c"caif",
    c"alg",
    c"nfc",
    c"vsock",
    c"kcm",
    c"qipcrtr",
    c"smc",
    c"xdp",
    c"mctp",
];

/// Types of sockets, by the kernel's `SOCK_*`; in lower case.
pub const SOCKET_TYPES: [Name; 11] = [
    c"", c"stream", c"dgram", c"raw", c"rdm", c"seqpacket", c"dccp", c"", c"", c"", c"packet",
];

/// The things done about it: the actions that are no permission, or a report alone.
pub const OUTCOMES: [Name; 4] = [ACTIONS[1], ACTIONS[2], ACTIONS[3], c"report"];

/// The ways in which a process comes to an agent, other than by a member's fork.
pub const ORIGINS: [Name; 3] = [c"spawn", c"pid", c"attach"];

/// The reasons why an agent has gone.
pub const ENDS: [Name; 4] = [c"exit", c"request", c"birth", c"unforked"];

/// The states of an agent in its life.
pub const STATES: [Name; 6] = [c"registered", c"armed", c"running", c"dying", c"gone", c"frozen"];

/// The events.
pub const EVENTS: [Name; 9] = [
    c"created",
    c"spawned",
    c"fork_failed",
    c"violation",
    c"suppressed",
    c"oom",
    c"updated",
    c"destroyed",
    c"lost",
];

/// The answers to: are an agent's processes stopped, and by whom?
pub const FREEZES: [Name; 4] = [c"no", c"freezing", c"update", c"others"];

/// Namespaces, by bit of `namespace_flags`; as in /proc/PID/ns.
pub const NAMESPACES: [Name; 8] = [c"pid", c"net", c"mnt", c"uts", c"ipc", c"user", c"cgroup", c"time"];

/// The names without their NULs. For constants: it may not be called at run time.
pub(crate) const fn bytes<const N: usize>(names: [Name; N]) -> [&'static [u8]; N] {
    let mut all: [&[u8]; N] = [&[]; N];
    let mut index = 0;
    while index < N {
        all[index] = names[index].to_bytes();
        index += 1;
    }
    all
}
