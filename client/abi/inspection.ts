/** The answer of inspect. */
import * as z from 'zod';
import { agentId } from './agent.js';
import { TOLERANT, onceUsed } from './form.js';
import type { Form } from './form.js';
import {
  ACTIONS,
  CAPABILITIES,
  FREEZES,
  NAMESPACES,
  NETWORKS,
  PROPAGATIONS,
  REFUSALS,
  STATES,
  SYSCALLS,
  namesOf,
} from './names.js';
import type { Namespace, Names, Syscall } from './names.js';
import type { AgentRequest } from './request.js';
import { explained } from './text.js';

const count = z.int().min(0);

/** The keys of create that make no policy. */
type Unprinted = 'name' | 'spawn' | 'pid' | 'pidfd' | 'after_exec';

/** The same value for each name. */
function each<K extends string, T>(names: readonly K[], value: T): Record<K, T> {
  return Object.fromEntries(names.map((name) => [name, value])) as Record<K, T>;
}

/** The keys of create that are a policy. */
function policy(form: Form) {
  const oneOf = <T extends Names>(list: T) => form.oneOf(namesOf(list));
  const action = oneOf(ACTIONS);
  return form.object({
    // More than JavaScript counts exactly is no error here: others may have set it.
    memory_limit: z.number().min(0).multipleOf(1),
    cpu_quota: count,
    pids_limit: count,
    namespace_flags: count,
    devices: z.array(z.string()),
    syscalls: form.object(each<Syscall, typeof action>(namesOf(SYSCALLS), action)).catchall(action),
    persist: z.boolean(),
    privileged: z.boolean(),
    propagation: oneOf(PROPAGATIONS).optional(),
    network: oneOf(NETWORKS).optional(),
    proc: z.boolean(),
    devpts: z.boolean(),
    oom_group: z.boolean(),
    sockets: z.union([z.literal('all'), z.array(z.string())]),
    core: z.boolean(),
    capabilities: z.union([z.literal('all'), z.array(oneOf(CAPABILITIES))]),
    no_new_privs: z.boolean(),
    hostname: z.string().optional(),
    exec_paths: z.array(z.string()).optional(),
    unlisted: oneOf(REFUSALS).optional(),
  } satisfies Record<Exclude<keyof AgentRequest, Unprinted>, z.ZodType>);
}

/** The time that tasks waited for something: some of them, or all at once. */
function pressure(form: Form) {
  const waiting = form.object({ avg10: z.number().min(0), total_usec: count });
  return form.object({ some: waiting, full: waiting }).optional();
}

/** A figure that only a cgroup counts. */
const counted = (description: string) => count.optional().meta({ description });

/** The figures of what an agent uses. */
export function usages(form: Form) {
  return form.object({
    pids: count.meta({ description: 'processes and threads' }),
    oom_kills: count.meta({ description: 'processes that the kernel killed because memory ran out' }),
    runtime_usec: count.meta({
      description:
        'microseconds since the birth of its first process; if no process is left, until the end of the last one',
    }),
    cpu_usec: count.meta({ description: 'microseconds of CPU time' }),
    user_usec: counted('of these, outside the kernel; with a cgroup'),
    system_usec: counted('of these, inside the kernel; with a cgroup'),
    nr_throttled: counted('periods of 100 ms in which `cpu_quota` held it back; with any of the limits'),
    throttled_usec: counted('microseconds for which it did'),
    memory: counted('bytes of memory; with `memory_limit`'),
    memory_peak: counted('the most bytes of memory at a time; with `memory_limit`'),
    pressure: form
      .object({ cpu: pressure(form), memory: pressure(form) })
      .optional()
      .meta({
        description:
          'how long `some` of its tasks, or all of them at once (`full`), waited for `cpu` and for `memory`: `avg10`, percent of the last ten seconds, and `total_usec`, microseconds in all; with a cgroup, if the kernel measures it (PSI)',
      }),
  });
}

/** Everything about one agent. */
export function inspections(form: Form) {
  return form.object({
    id: agentId.meta({ description: "the agent's id" }),
    name: z.string().nullable().meta({ description: 'its name, or null' }),
    state: form.oneOf(namesOf(STATES)).meta({ description: explained(STATES) }),
    frozen: form.oneOf(namesOf(FREEZES)).meta({ description: explained(FREEZES) }),
    violations: count.meta({ description: 'calls denied or killed for' }),
    audited: count.meta({ description: 'calls audited, or only reported because of `enforce=0`' }),
    ids: form.object({ first: count, count }).nullable().meta({
      description: 'its range of user and group ids outside: `first` and `count`; null without one',
    }),
    cgroup: z.string().nullable().meta({
      description:
        "its cgroup, below the root of cgroup v2, in full; null without one. Do not put the path together from the agent's id: a cgroup that was made ahead (`cgroup_pool`) has a name of its own",
    }),
    namespaces: form
      .object(each<Namespace, typeof count>(namesOf(NAMESPACES), count))
      .nullable()
      .meta({
        description:
          'the inode numbers of the namespaces of the process that `agents` shows, as in /proc/PID/ns; null without a process in them',
      }),
    usage: usages(form).meta({
      description:
        'what it uses; for an agent that persists and has no process, what it used last. The table below has the figures',
    }),
    policy: policy(form).meta({
      description:
        'the keys of [create](create.md) that are its policy, with their defaults filled in; of the system calls that `syscalls` names one by one, those whose rule is not the default; `propagation` only with the mnt bit; `network` only with the net bit; `hostname` only if it was given; `exec_paths` and `unlisted` only if it has `exec_paths`, whose files are shown by the paths that the writer of the id would use now',
    }),
    members: z.array(count).meta({ description: 'the ids of its processes, oldest first' }),
    joining: z.array(count).meta({
      description:
        'those of its processes that are to join it, by `spawn` or by `enters` of `attach`, and have not executed a program inside yet',
    }),
    starting: z.array(count).meta({
      description:
        'its first process, if that was made by way of `spawn` and has not executed a program yet: its launcher may still be changing its root',
    }),
  });
}

/** Makes {@link inspection}, once. */
export const inspectionOnceUsed = onceUsed(() =>
  inspections(TOLERANT).meta({
    title: 'What /proc/swarm/inspect answers',
    description: 'Everything about one agent, as it was when its id was written.',
  }),
);

/** The answer of inspect, as a client reads it. */
export const inspection = /* @__PURE__ */ inspectionOnceUsed();

/** Everything about one agent, as docs/abi/inspect.md describes it; times are in microseconds, sizes in bytes. */
// An interface has a name in messages of the compiler and in docs/api, which the type that zod infers has not.
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface Inspection extends z.infer<typeof inspection> {}
