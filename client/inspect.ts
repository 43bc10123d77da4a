/** The answer of /proc/swarm/inspect. */
import { z } from 'zod';

const count = z.number().int().nonnegative();
const action = z.enum(['allow', 'deny', 'kill', 'audit']);

const policy = z.strictObject({
  memory_limit: count,
  cpu_quota: count,
  pids_limit: count,
  namespace_flags: count,
  devices: z.array(z.string()),
  syscalls: z.strictObject({
    fork: action,
    thread: action,
    execve: action,
    unshare: action,
    setns: action,
  }),
  persist: z.boolean(),
  privileged: z.boolean(),
  propagation: z.enum(['private', 'slave']).optional(),
  devpts: z.boolean(),
  exec_paths: z.array(z.string()).optional(),
  unlisted: z.enum(['deny', 'kill', 'audit']).optional(),
});

const namespaces = z.strictObject({
  pid: count,
  net: count,
  mnt: count,
  uts: count,
  ipc: count,
  user: count,
  cgroup: count,
  time: count,
});

/** The schema that an answer is parsed with. */
export const INSPECTION = z.strictObject({
  id: count,
  name: z.string().nullable(),
  state: z.enum(['registered', 'armed', 'running', 'dying', 'gone']),
  violations: count,
  audited: count,
  ids: z.strictObject({ first: count, count }).nullable(),
  cgroup: z.string().nullable(),
  namespaces: namespaces.nullable(),
  policy,
  members: z.array(count),
});

/** Everything about one agent. */
export type Inspection = z.infer<typeof INSPECTION>;

/**
 * Parses what inspect answers.
 * @throws if it is no such answer.
 */
export function parseInspection(text: string): Inspection {
  return INSPECTION.parse(JSON.parse(text));
}
