/**
 * The names of the interface, each with what it means. Within a list the order is that of the
 * numbers which the policy core has for them (module/src/names.rs).
 */

/** Names, each with its meaning. */
export type Names = Readonly<Record<string, string>>;

/** The names of a list, in its order. */
export function namesOf<T extends Names>(list: T): (keyof T & string)[] {
  return Object.keys(list);
}

/** The answers of a rule on a system call. */
export const ACTIONS = {
  allow: 'the call goes ahead',
  deny: 'the call fails with EPERM',
  kill: 'the process gets SIGKILL',
  audit: 'the call goes ahead, and an event tells of it',
} as const;
/** The answer of a rule on a system call. */
export type Action = keyof typeof ACTIONS;

/** The answers for a file outside `exec_paths`, and of a rule that was violated. */
export const REFUSALS = {
  deny: ACTIONS.deny,
  kill: ACTIONS.kill,
  audit: ACTIONS.audit,
} as const;

/** The outcomes of a violation. */
export const OUTCOMES = {
  ...REFUSALS,
  report: 'the call went ahead, because the module was loaded with `enforce=0`',
} as const;

/** Properties that an adopted process keeps, whatever the policy of its agent. */
export const KEPT = {
  memory:
    'what it has used stays charged to its former cgroup, so `memory_limit` covers only what comes later',
  capabilities: 'it has those that it had',
  no_new_privs: 'it is set if it was set before',
} as const;

/** The capabilities, as in capabilities(7), in the order of their numbers. */
export const CAPABILITIES = {
  chown: 'change the owners of files',
  dac_override: 'read, write and execute files whatever their permissions',
  dac_read_search: 'read files, search directories, and open files by handle',
  fowner: 'change permissions and times of files of other users',
  fsetid: 'keep set-user-id and set-group-id bits when a file changes',
  kill: 'send signals to processes of other users',
  setgid: 'set group ids',
  setuid: 'set user ids',
  setpcap: 'drop capabilities from the bounding set, and change securebits',
  linux_immutable: 'set the immutable and append-only flags of files',
  net_bind_service: 'bind to ports below 1024',
  net_broadcast: 'broadcast and listen to multicasts',
  net_admin: 'configure networks',
  net_raw: 'use raw and packet sockets',
  ipc_lock: 'lock memory',
  ipc_owner: 'use System V IPC objects of other users',
  sys_module: 'load and unload kernel modules',
  sys_rawio: 'access I/O ports and raw devices',
  sys_chroot: 'chroot, and setns for a mount namespace',
  sys_ptrace: 'trace processes of other users',
  sys_pacct: 'switch process accounting on and off',
  sys_admin: 'mount, and administer much else',
  sys_boot: 'reboot, and load another kernel',
  sys_nice: 'raise priorities, and set those of other processes',
  sys_resource: 'exceed resource limits',
  sys_time: 'set the clock',
  sys_tty_config: 'configure terminals',
  mknod: 'make devices',
  lease: 'take leases on files of other users',
  audit_write: 'write to the audit log',
  audit_control: 'configure the audit log',
  setfcap: 'set the capabilities of files',
  mac_override: 'override mandatory access control',
  mac_admin: 'configure mandatory access control',
  syslog: 'read the kernel log, and see kernel addresses',
  wake_alarm: 'set alarms that wake the machine',
  block_suspend: 'keep the machine from suspending',
  audit_read: 'read the audit log as it is written',
  perfmon: 'use perf and other means of observation',
  bpf: 'use privileged BPF',
  checkpoint_restore: 'checkpoint and restore processes',
} as const;
/** A capability. */
export type Capability = keyof typeof CAPABILITIES;

/** The kinds of propagation of mounts that the host makes after an agent's birth. */
export const PROPAGATIONS = {
  private: 'the agent sees nothing that the host mounts or unmounts after the agent has started',
  slave: 'the agent sees such changes below mounts that are shared',
} as const;

/** The network namespaces that an agent with the net bit may have. */
export const NETWORKS = {
  own: 'a network namespace of its own, with a loopback interface that is up',
  none: 'an empty network namespace that the module owns and all such agents share, without interfaces that are up, addresses or routes; the agent may make unix sockets only, and cannot bind abstract names',
} as const;

/** The rules of `syscalls`. */
export const SYSCALLS = {
  fork: 'a new process, by any call',
  thread: 'a new thread',
  execve: 'execve and execveat',
  unshare: 'unshare, clone with new namespaces or into another cgroup, and mount calls that make a namespace',
  setns: 'setns',
  autoload: 'making the kernel load a module, or run modprobe for one',
} as const;
/** A rule of `syscalls` that is no single call. */
export type Syscall = keyof typeof SYSCALLS;

/** The kinds of violations. */
export const KINDS = {
  ...SYSCALLS,
  device: 'opening or making a device',
  control: 'writing to /proc/swarm',
  adopt: "a process was to become one of the agent's, but was not in the namespaces that the policy asks for",
  syscall: 'a system call that has a rule by its own name',
  socket: 'making a socket',
} as const;
/** The kind of a violation. */
export type Kind = keyof typeof KINDS;

/** The namespaces; the first has bit 1 of `namespace_flags`, the next 2, and so on. */
export const NAMESPACES = {
  pid: 'process ids',
  net: 'network',
  mnt: 'mounts',
  uts: 'host name',
  ipc: 'System V IPC and POSIX message queues',
  user: 'users',
  cgroup: 'cgroups',
  time: 'clocks',
} as const;
/** A kind of namespace. */
export type Namespace = keyof typeof NAMESPACES;

/** The bit of a namespace in `namespace_flags`. */
export function bitOf(namespace: Namespace): number {
  return 1 << namesOf(NAMESPACES).indexOf(namespace);
}

/** The ways in which a process joins an agent, other than by the fork of a member. */
export const ORIGINS = {
  spawn: 'forked by an armed thread',
  pid: 'adopted by the key `pid` of `create`',
  attach: 'added by a write to `attach`',
} as const;

/** The reasons why an agent is gone. */
export const REASONS = {
  exit: 'its last process exited',
  request: 'its id was written to `destroy`',
  birth: 'its first process could not be confined and was killed before it ran',
  unforked: 'the armed thread exited without forking',
} as const;

/** The states of an agent. */
export const STATES = {
  registered: 'no process; a write to `spawn` gives it one',
  armed: "a thread's next fork becomes its first process",
  running: 'it has processes',
  dying: 'destroyed, but processes are left, or a thread that was armed for it has not forked yet',
  gone: 'being removed at this moment',
  frozen: 'it has processes, and they are stopped; `frozen` says by whom',
} as const;

/** The states of freezing: are an agent's processes stopped, and by whom? */
export const FREEZES = {
  no: 'its processes run, if it has any',
  freezing: 'a write to `update` has asked for it, and some of them still run',
  update: 'a write to `update` has stopped them',
  others:
    "somebody else has stopped them, or is about to: the agent's own `cgroup.freeze` was written by hand, a cgroup above it is frozen, or, for an agent without a cgroup of its own, the cgroups that its processes are in",
} as const;

/** The keys of an update, beside `id`. */
export const UPDATE_KEYS = [
  ...(['memory_limit', 'cpu_quota', 'pids_limit', 'devices', 'syscalls', 'exec_paths', 'unlisted'] as const),
  ...(['oom_group', 'frozen', 'sockets'] as const),
] as const;
/** A key of an update. */
export type UpdateKey = (typeof UPDATE_KEYS)[number];

/** The events. */
export const EVENTS = {
  created: 'an agent was made',
  spawned: "a process became an agent's, other than by being forked inside the agent",
  fork_failed:
    'the module refused a fork of an armed thread (EINVAL), which stays armed; or the kernel failed one; or a process that was to join an agent could not, and was killed before it ran',
  violation: 'a member did what a rule denies, kills for or audits',
  suppressed:
    'there were more violations and kills for memory than `event_rate` allows to be reported one by one',
  oom: 'the kernel killed a member because memory ran out: the memory of its agent, or of the machine',
  updated: 'an agent has other limits or rules, or was stopped or let run',
  destroyed: 'an agent is gone',
  lost: 'events were overwritten before this reader came to them',
} as const;
/** The name of an event. */
export type EventName = keyof typeof EVENTS;
