/** The errors of /proc/swarm, by the name of their errno. */
import { OBJECT_MAX } from './limits.js';

/** The errors of any file, and of a fork of an armed thread. */
export const ERRORS = {
  EINVAL:
    'malformed, unknown, repeated, wrong type or out of range; or the write comes from a kernel worker (io_uring)',
  E2BIG: `an object of over ${OBJECT_MAX} bytes`,
  ENOSPC:
    'a limit leaves no room, and the message names it: `max_agents`; memory cgroup ids; ranges of user ids; a sysctl (`user.max_*_namespaces`, `kernel.pid_max`, `kernel.threads-max`, `kernel.keys.*`); the numbers of file systems without a device; `cgroup.max.descendants`, `cgroup.max.depth` or `pids.max` of a cgroup above the agents; `memory_limit` or `pids_limit`, for a process that has more already',
  EPERM:
    'the writer or the reader lacks the right, the process may not be adopted or attached, or the thread may not be armed',
  ESRCH: 'no such agent or process',
  EBADF: '`pidfd` is no descriptor of a process',
  EBUSY:
    'the process belongs to an agent already or is still being forked; the thread is armed already; the agent is still being born; or a live patch or another module has redirected a system call that `syscalls` has a rule on (the message names the function)',
  ECANCELED:
    '(of fork, vfork, clone and clone3) the agent that the thread was armed for has been destroyed, or its last process exited before the new process could join the agent; the thread is disarmed',
  ENODEV: '(of open) the module is being loaded; try again',
  EOPNOTSUPP:
    'the kernel lacks, or a setting switches off, something that the policy needs; or cgroup v2 refused the cgroup for another reason (the message has its errno)',
  EAGAIN:
    'there is no room for another answer until you read; or there is no event yet, for a reader that does not wait',
  ENODATA: 'no id has been written to `inspect` yet',
  EINTR: 'a signal ended the call while it waited',
  ENOMEM: 'out of memory',
} as const;

/** The errors of a write to attach. */
export const ATTACH_ERRORS = {
  EINVAL: 'malformed',
  E2BIG: ERRORS.E2BIG,
  EBADF: ERRORS.EBADF,
  ESRCH:
    'no such process, or the id of a thread that is not the first of its process; or the agent does not exist, is being destroyed or has no process',
  EBUSY:
    "the process belongs to an agent already, or is still being forked; cgroup v2 does not move it, for instance because the agent's cgroup was removed; the agent's first process has not been forked yet, or is starting; or all of the agent's oldest processes, more than a thousand, are exiting or have yet to join it: try again",
  ENOSPC:
    "the process has more memory than `memory_limit` already, or more threads than `pids.max` of the agent's cgroup or of one above leaves room for; see [create](create.md)",
  EPERM:
    "the process is not in the agent's namespaces, has prepared others for its children, has an id that they do not map, has another root directory than the agent's process, or a working directory outside that (each counts as a violation of the agent); with `enters`, it is in one of the agent's namespaces, or the agent has no pid namespace of its own; it is process 1 or a kernel thread; or the writer lacks CAP_SYS_ADMIN or belongs to an agent",
  EINTR: ERRORS.EINTR,
  ENOMEM: ERRORS.ENOMEM,
} as const satisfies Partial<Record<keyof typeof ERRORS, string>>;

/** The errors of a write to update. */
export const UPDATE_ERRORS = {
  EINVAL:
    'malformed; a path of `exec_paths` cannot be followed; or `sockets` names other families than unix, for an agent with `"network":"none"`',
  E2BIG: ERRORS.E2BIG,
  ESRCH: 'no such agent, or one that is being destroyed',
  EBUSY:
    '`frozen` was given for an agent that has no process; the agent would have to be moved to another cgroup, but one of its processes cannot be moved, or somebody else has frozen the cgroup that the agent is in; an administrator has removed the cgroup of the agent; or a live patch or another module has redirected a system call that `syscalls` names',
  EPERM: 'the writer lacks CAP_SYS_ADMIN or belongs to an agent',
  ENOSPC:
    'the agent has no `memory_limit` now, and one of its processes has more memory than the new limit; or a limit leaves no room for a cgroup, as in [create](create.md)',
  EOPNOTSUPP: ERRORS.EOPNOTSUPP,
  EINTR: ERRORS.EINTR,
  ENOMEM: ERRORS.ENOMEM,
} as const satisfies Partial<Record<keyof typeof ERRORS, string>>;

/** The errors of a write to spawn. */
export const SPAWN_ERRORS = {
  EINVAL: 'malformed',
  E2BIG: ERRORS.E2BIG,
  ESRCH: 'no such agent, or one that is being destroyed',
  EBUSY:
    "the thread is armed already; another thread is armed for the agent's first process; or the last process of the agent has just exited",
  EPERM:
    'the writer lacks CAP_SYS_ADMIN or belongs to an agent; the thread is chrooted, and the first process is to get a user or mount namespace; the thread is in the network namespace that agents with `"network":"none"` share, and the first process is to get no network namespace of its own; mounts cover parts of `/proc`, and the first process is to get a procfs of its own; or the sysctl `fs.suid_dumpable` is 1, and the agent is to get one more process, whose files in /proc would then belong to the agent',
  ENOSPC: 'a limit leaves no room, as for `spawn` in [create](create.md)',
  EOPNOTSUPP: ERRORS.EOPNOTSUPP,
  EINTR: ERRORS.EINTR,
  ENOMEM: ERRORS.ENOMEM,
} as const satisfies Partial<Record<keyof typeof ERRORS, string>>;
