/** The errors of /proc/swarm, by the name of their errno. */
import { OBJECT_MAX } from './limits.js';

/** The errors of any file, and of a fork of an armed thread. */
export const ERRORS = {
  EINVAL:
    'malformed, unknown, repeated, wrong type or out of range; or the write comes from a kernel worker (io_uring)',
  E2BIG: `an object of over ${OBJECT_MAX} bytes`,
  ENOSPC:
    'a limit leaves no room, and the message names it: `max_agents`; memory cgroup ids; ranges of user ids; a sysctl (`user.max_*_namespaces`, `kernel.pid_max`, `kernel.threads-max`, `kernel.keys.*`); `cgroup.max.descendants`, `cgroup.max.depth` or `pids.max` of a cgroup above the agents; `memory_limit` or `pids_limit`, for a process that has more already',
  EPERM: 'not allowed to the writer or the reader, or a process that may not be adopted',
  ESRCH: 'no such agent or process',
  EBADF: '`pidfd` is no descriptor of a process',
  EBUSY:
    'the process belongs to an agent already or is still being forked, the thread is armed already, or the agent is still being born',
  ECANCELED:
    '(of fork, vfork, clone and clone3) the agent that the thread was armed for has been destroyed; the thread is disarmed',
  ENODEV: '(of open) the module is being loaded; try again',
  EOPNOTSUPP:
    'the kernel, or the administrator, does not offer what is asked for, or cgroup v2 refuses a cgroup for another reason, whose number is in the message',
  EAGAIN: 'the read-back is full: read first; or no event yet for a reader that does not wait',
  ENODATA: 'nothing was asked yet of `inspect`',
  EINTR: 'a signal ended the call while it waited',
  ENOMEM: 'out of memory',
} as const;

/** The errors of a write to attach. */
export const ATTACH_ERRORS = {
  EINVAL: 'malformed',
  E2BIG: ERRORS.E2BIG,
  EBADF: ERRORS.EBADF,
  ESRCH:
    'no such process; or no such agent, one that is being destroyed, or one that has no process (registered, also by `persist`)',
  EBUSY:
    "the process belongs to an agent already, or is still being forked; cgroup v2 does not move it, for instance because the agent's cgroup was removed; the agent's first process is still to be forked or being born; or a thousand of the agent's oldest processes are exiting",
  ENOSPC:
    "the process has more memory than `memory_limit` already, or more threads than `pids.max` of the agent's cgroup or of one above leaves room for; see [create](create.md)",
  EPERM:
    'the process is in another namespace or has an id from outside: a violation of the agent; it is process 1 or a kernel thread; or the writer may not',
  EINTR: ERRORS.EINTR,
  ENOMEM: ERRORS.ENOMEM,
} as const satisfies Partial<Record<keyof typeof ERRORS, string>>;

/** The errors of a write to spawn. */
export const SPAWN_ERRORS = {
  EINVAL: 'malformed',
  E2BIG: ERRORS.E2BIG,
  ESRCH: 'no such agent, or one that is being destroyed',
  EBUSY:
    'the thread is armed already; another thread is armed for the agent; or the last process of the agent has just exited',
  EPERM:
    'the writer may not; the thread is chrooted; or `fs.suid_dumpable` is 1, with which a running agent could trace the process',
  ENOSPC: 'a limit leaves no room, as for `spawn` in [create](create.md)',
  EOPNOTSUPP: ERRORS.EOPNOTSUPP,
  EINTR: ERRORS.EINTR,
  ENOMEM: ERRORS.ENOMEM,
} as const satisfies Partial<Record<keyof typeof ERRORS, string>>;
