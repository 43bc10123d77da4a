/** The things that `inherit look` sees in an agent whose launcher ran under `inherit set`, and who looks at each row of docs/birth.md. */

/** The items that a birth resets, as the launcher has them. On arm64 there are no I/O ports. */
export const GIVEN = {
  'ioprio class': '1',
  flusher: '1',
  securebits: '0x44',
  // READ_IMPLIES_EXEC does not outlast the execve of a program that says otherwise.
  personality: '0x360000',
  port: 'open',
  death: '1',
  subreaper: '1',
  rtprio: '50',
  'nice limit': '40',
} as const;

/** The same items in an agent. */
export const RESET: Readonly<Record<keyof typeof GIVEN, string>> = {
  'ioprio class': '0',
  flusher: '0',
  securebits: '0',
  // UNAME26 stays: it is no matter of security.
  personality: '0x20000',
  port: 'denied',
  death: '0',
  subreaper: '0',
  rtprio: '0',
  'nice limit': '0',
};

/** The items that a birth keeps, as the launcher and the agent have them. */
export const KEPT = {
  umask: '027',
  slack: '12345',
  nice: '5',
  files: '333 444',
  cpus: '1',
  ignored: '1',
  blocked: '1',
  'no huge pages': '1',
  'no new privileges': '1',
  coredump_filter: '00000001',
  oom_score_adj: '200',
  policy: '3',
  slice: '5000000',
  'memory errors': '1',
  seccomp: 'EACCES',
  'no writable code': '1',
} as const;

/** Items that a birth keeps as well, which some kernels do not have: what those say then. */
export const KEPT_IF_KNOWN = {
  merging: { set: '1', unknown: '-1' },
  'memory policy': { set: 'bind:0', unknown: '?' },
  'audit session': { set: 'some', unknown: '?' },
} as const;

/** By `inherit confined`, and kept as well. */
export const LANDLOCK = { landlock: { set: 'EACCES', unknown: 'ok' } } as const;

/** The names of all items. */
export const ITEMS: readonly string[] = [GIVEN, KEPT, KEPT_IF_KNOWN, LANDLOCK].flatMap((items) =>
  Object.keys(items),
);

/** The checks of a row: items of `inherit look`, and ids of SPECIFICATION.md; or the reason why there is none. */
export type Looked = { readonly items?: readonly string[]; readonly specs?: readonly string[] } | string;

/** Nothing of ours has a part in it, so there is nothing to break. */
const KERNEL = 'every fork or execve does this';

/** The rows of docs/birth.md, by the first words of each. */
export const ROWS: Readonly<Record<string, Looked>> = {
  'user and group ids': { specs: ['BIRTH-04', 'BIRTH-06'] },
  capabilities: { specs: ['CAP-01', 'CAP-02', 'CAP-03', 'BIRTH-09'] },
  'owner of the user namespace': { specs: ['USAGE-01', 'USAGE-03'] },
  securebits: { items: ['securebits'], specs: ['BIRTH-13'] },
  no_new_privs: { items: ['no new privileges'], specs: ['CAP-01', 'CAP-06'] },
  'seccomp filters': { items: ['seccomp', 'landlock'] },
  'session and process group': { specs: ['BIRTH-09'] },
  'process, thread and session keyrings': { specs: ['BIRTH-15', 'SPAWN-17'] },
  'user keyring': { specs: ['ESCAPE-01'] },
  'audit login id': { items: ['audit session'] },
  'whether the process is dumpable': { specs: ['BIRTH-14'] },
  'personality: ADDR_NO_RANDOMIZE': { items: ['personality'] },
  'personality: the other flags': { items: ['personality'] },
  'access to I/O ports': { items: ['port'] },
  'real-time and deadline scheduling': { items: ['rtprio'], specs: ['BIRTH-09', 'BIRTH-18'] },
  SCHED_BATCH: { items: ['policy', 'slice', 'nice'] },
  SCHED_RESET_ON_FORK: KERNEL,
  'real-time I/O priority': { items: ['ioprio class'] },
  'I/O context': { specs: ['BIRTH-07'] },
  PR_SET_IO_FLUSHER: { items: ['flusher'] },
  autogroup: 'the kernel makes one for each session',
  'cookie of core scheduling': { specs: ['BIRTH-16', 'BIRTH-17'] },
  'CPU affinity': { items: ['cpus', 'memory policy', 'slack'] },
  'negative oom_score_adj': { items: ['oom_score_adj'], specs: ['BIRTH-09'] },
  'no transparent huge pages': {
    items: ['no huge pages', 'no writable code', 'coredump_filter', 'merging'],
  },
  'what a memory error': { items: ['memory errors'] },
  'permission to use large': KERNEL,
  'memory, mapped files': { specs: ['BIRTH-30'] },
  'locks on memory': KERNEL,
  'resource limits': { items: ['files', 'rtprio', 'nice limit'] },
  cgroup: { specs: ['LIFE-13'] },
  'open files': { specs: ['ESCAPE-01', 'PROCFS-10'] },
  'working directory': { items: ['umask'], specs: ['BIRTH-08', 'BIRTH-19', 'BIRTH-22', 'PROCFS-10'] },
  mounts: { specs: ['BIRTH-19', 'BIRTH-20', 'BIRTH-23', 'BIRTH-24', 'PROCFS-01', 'PROCFS-03'] },
  'host name': { specs: ['CAP-08', 'BIRTH-02'] },
  network: { specs: ['CAP-07', 'NETWORK-01', 'BIRTH-02'] },
  'namespaces whose bits are not': { specs: ['BIRTH-02'] },
  'offsets of a time namespace': { specs: ['BIRTH-42'] },
  'a pid namespace that the launcher': { specs: ['BIRTH-42'] },
  io_uring: KERNEL,
  'undo of System V semaphores': { specs: ['BIRTH-07'] },
  'record locks': { specs: ['BIRTH-41'] },
  'ignored signals': { items: ['ignored', 'blocked'] },
  'pending signals': KERNEL,
  "signal on the parent's death": { items: ['death', 'subreaper'] },
  'subreaper above': KERNEL,
  'exit signal': { specs: ['BIRTH-01'] },
  'robust futexes': KERNEL,
  'registration with membarrier': KERNEL,
  ptrace: { specs: ['BIRTH-41'] },
  'perf events': { specs: ['BIRTH-41'] },
  'name of the task': KERNEL,
};
