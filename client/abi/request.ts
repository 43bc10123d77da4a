/** The objects written to create, spawn, update, attach and destroy. Unknown keys are errors here, as in the kernel. */
import * as z from 'zod';
import { agentId } from './agent.js';
import { CALLS, CALL_ALIASES } from './calls.js';
import {
  DEFAULT_CAPABILITIES,
  DEFAULT_DEVICES,
  DEFAULT_SOCKETS,
  NAMESPACES_ALL,
  NAMESPACES_DEFAULT,
} from './defaults.js';
import {
  DESCRIPTOR_MAX,
  DEVICES_MAX,
  EXEC_PATHS_MAX,
  HOSTNAME_MAX,
  MEMORY_MIN,
  NAME_MAX,
  OBJECT_MAX,
  PIDS_MAX,
  SOCKETS_MAX,
} from './limits.js';
import {
  ACTIONS,
  CAPABILITIES,
  NAMESPACES,
  NETWORKS,
  PROPAGATIONS,
  REFUSALS,
  SYSCALLS,
  bitOf,
  namesOf,
} from './names.js';
import type { Action, Namespace, Syscall, UpdateKey } from './names.js';
import { SOCKET, numbered } from './sockets.js';
import { alternatives, explained, listed } from './text.js';

/** 0 to 4095 and 0 to 1048575, as Linux numbers devices; up to seven digits. */
const MAJOR = String.raw`(?:\*|0{0,3}(?:[0-3]?[0-9]{1,3}|40[0-8][0-9]|409[0-5]))`;
const MINOR = String.raw`(?:\*|0?[0-9]{1,6}|10(?:[0-3][0-9]{4}|4(?:[0-7][0-9]{3}|8(?:[0-4][0-9]{2}|5(?:[0-6][0-9]|7[0-5])))))`;
/** Some of r, w and m, each once, in any order. */
const ACCESS = '(?:r(?:wm?|mw?)?|w(?:rm?|mr?)?|m(?:rw?|wr?)?)';

const device = z.string().regex(new RegExp(`^(?:a|[abc] ${MAJOR}:${MINOR} ${ACCESS})$`));

const path = z
  .string()
  .regex(/^\/[^\x00]*$/)
  .refine((text) => !/\p{Surrogate}/u.test(text), 'half of a surrogate pair');

const action = z.enum(namesOf(ACTIONS));

const capabilities = z.union([
  z.literal('all'),
  z
    .array(z.enum(namesOf(CAPABILITIES)))
    .refine((list) => new Set(list).size === list.length, 'a capability is given twice')
    .meta({ uniqueItems: true }),
]);

/** A label of a host name, as DNS has them. */
const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?';
const hostname = z
  .string()
  .max(HOSTNAME_MAX)
  .regex(new RegExp(String.raw`^${LABEL}(?:\.${LABEL})*$`));

/** A process, by number, and by a descriptor. */
const pid = z.int().min(1).max(PIDS_MAX);
const pidfd = z.int().min(0).max(DESCRIPTOR_MAX);

/** The description of a key, its title if that is shorter, and its default if that is one value. */
interface Annotations {
  readonly title?: string;
  readonly description: string;
  readonly default?: unknown;
}

/** A key that may be left out. */
function key<T extends z.ZodType>(value: T, annotations: Annotations) {
  return value.optional().meta({ ...annotations });
}

/** The default answers of the rules of `syscalls`. */
const ANSWERS = {
  fork: 'allow',
  thread: 'allow',
  execve: 'allow',
  unshare: 'deny',
  setns: 'deny',
  autoload: 'deny',
} as const satisfies Record<Syscall, Action>;

const rule = (name: Syscall) => key(action, { description: SYSCALLS[name], default: ANSWERS[name] });

/** The names that a rule of `syscalls` may have. */
const RULE_NAMES = [...namesOf(SYSCALLS), ...CALLS, ...Object.keys(CALL_ALIASES)];
const isRule = new Set(RULE_NAMES);

const syscalls = z
  .object({
    fork: rule('fork'),
    thread: rule('thread'),
    execve: rule('execve'),
    unshare: rule('unshare'),
    setns: rule('setns'),
    autoload: rule('autoload'),
  })
  .catchall(action)
  .superRefine((rules, context) => {
    const unknown = Object.keys(rules).filter((name) => !isRule.has(name));
    if (unknown.length > 0) context.addIssue({ code: 'unrecognized_keys', keys: unknown, input: rules });
    for (const [alias, name] of Object.entries(CALL_ALIASES))
      if (alias in rules && name in rules)
        context.addIssue({ code: 'custom', path: [alias], message: `the same call as ${name}` });
  })
  .meta({ propertyNames: { enum: RULE_NAMES } });

const sockets = z.union([
  z.literal('all'),
  z
    .array(z.string().regex(SOCKET))
    .refine(
      (entries) => new Set(entries.filter((entry) => entry.includes('/')).map(numbered)).size <= SOCKETS_MAX,
      `at most ${SOCKETS_MAX} entries may name a protocol`,
    ),
]);

const namespaceBits = namesOf(NAMESPACES)
  .map((name) => `${bitOf(name)} ${name}`)
  .join(', ');

const object = z.strictObject({
  memory_limit: key(z.union([z.literal(0), z.int().min(MEMORY_MIN)]), {
    description: `bytes of memory, at least ${MEMORY_MIN}; 0 for no limit`,
    default: 0,
  }),
  cpu_quota: key(z.int().min(0), {
    description: 'percent of one CPU, up to 100 for each CPU online; 0 for no limit',
    default: 0,
  }),
  pids_limit: key(z.int().min(0).max(PIDS_MAX), {
    description: `processes and threads, up to ${PIDS_MAX}; 0 for no limit`,
    default: 0,
  }),
  namespace_flags: key(z.int().min(0).max(NAMESPACES_ALL), {
    description: `the kinds of namespaces that the agent has for itself, as a sum of: ${namespaceBits}`,
    default: NAMESPACES_DEFAULT,
  }),
  devices: key(z.array(device).max(DEVICES_MAX), {
    title: `the devices that the agent may use, instead of the default: up to ${DEVICES_MAX} rules such as \`"c 1:3 rwm"\`, made of a type (\`c\` character, \`b\` block, \`a\` both), major:minor (\`*\` for any) and accesses (\`r\` read, \`w\` write, \`m\` mknod); an empty list means no device`,
    description: `the devices that the agent may use: up to ${DEVICES_MAX} rules such as \`"c 1:3 rwm"\`, made of a type (c character, b block, a both), major:minor (\`*\` for any) and accesses (r read, w write, m mknod). The rule \`"a"\` allows every device, an empty list allows none`,
    default: Object.values(DEFAULT_DEVICES),
  }),
  syscalls: key(syscalls, {
    description: `an object: each key is one of ${listed(SYSCALLS)} or the name of a system call, each value is ${alternatives(ACTIONS)}`,
    default: ANSWERS,
  }),
  exec_paths: key(z.array(path).max(EXEC_PATHS_MAX), {
    description: `the only files that the agent may execute: up to ${EXEC_PATHS_MAX} absolute paths; a path that ends in \`/\` means every file in the tree under it; an empty list means any file`,
  }),
  unlisted: key(z.enum(namesOf(REFUSALS)), {
    description: `what happens to an execve of a file outside \`exec_paths\`: ${alternatives(REFUSALS)}`,
    default: 'deny',
  }),
  name: key(z.string().regex(new RegExp(`^[A-Za-z0-9._-]{1,${NAME_MAX}}$`)), {
    description: `the agent's name: 1 to ${NAME_MAX} characters of \`A-Za-z0-9._-\``,
  }),
  spawn: key(z.boolean(), {
    title: "true: the writing thread's next fork becomes the first process",
    description:
      "true: the writing thread's next fork, vfork, clone or clone3 that makes a process becomes the first process",
    default: false,
  }),
  pid: key(pid, {
    title:
      "the running process that becomes the agent's first; this process must have left the initial namespace of each kind in `namespace_flags`",
    description: `the running process to adopt, 1 to ${PIDS_MAX}, in the writer's pid namespace`,
  }),
  pidfd: key(pidfd, {
    title: 'as `pid`, but given as a pidfd that the writer has open',
    description:
      'the process to adopt, as a pidfd that the writer has open. Unlike a number, a pidfd always means the same process',
  }),
  after_exec: key(z.boolean(), {
    title:
      "true: the adopted process's next execve is checked against `exec_paths`; after it, the rules of `syscalls` and `devices` apply too",
    description:
      "true: rules of `syscalls` and `devices` apply only after the next execve of the adopted process has completed; `exec_paths` apply to that execve already. If the process forks a child before that, the rules apply to the child only after the child's own execve",
    default: false,
  }),
  persist: key(z.boolean(), {
    title: 'true: when its last process exits, the agent is kept, and can be started again',
    description:
      'true: when its last process exits, the agent is registered again: it stays, without a process',
    default: false,
  }),
  privileged: key(z.boolean(), {
    title:
      "true: `namespace_flags` may lack the user bit; an agent that lacks it keeps its launcher's ids and is as powerful as its launcher",
    description:
      "true: allows `namespace_flags` without the user bit; such an agent keeps its launcher's ids and is as powerful as its launcher",
    default: false,
  }),
  propagation: key(z.enum(namesOf(PROPAGATIONS)), {
    title:
      '`private`: the agent does not see what the host mounts later; `slave`: it does, below mounts that the host has shared; needs the mnt bit',
    description: `${explained(PROPAGATIONS)}. Needs the mnt bit`,
    default: 'private',
  }),
  network: key(z.enum(namesOf(NETWORKS)), {
    title:
      '`own`: a network namespace of its own, with loopback up; `none`: no network at all; such an agent is much cheaper to start; needs the net bit',
    description: `${explained(NETWORKS)}. Needs the net bit; \`none\` also needs the user bit, and is not for a process that is adopted`,
    default: 'own',
  }),
  proc: key(z.boolean(), {
    title: 'true: the agent has a procfs of its own on /proc; needs the pid, mnt and user bits',
    description:
      'true: before its first process runs, the agent gets a procfs of its own on /proc, if that directory exists. This procfs shows the processes of the agent and no others. Needs the pid, mnt and user bits',
  }),
  devpts: key(z.boolean(), {
    title: 'true: the agent has terminals of its own on /dev/pts; needs the mnt and user bits',
    description:
      'true: before its first process runs, the agent gets a devpts (a file system of pseudo-terminals) of its own on /dev/pts, if that directory exists. Needs the mnt and user bits',
  }),
  oom_group: key(z.boolean(), {
    title: 'true: if the agent exceeds `memory_limit`, the kernel kills all its processes; false: only one',
    description:
      'true: exceeding `memory_limit` kills the whole agent; false: only the process that the kernel chooses',
    default: true,
  }),
  sockets: key(sockets, {
    title:
      'the sockets that the agent may make, instead of the default: a list of families such as `unix` and protocols such as `netlink/generic`, or `"all"`',
    description: `the sockets that the agent may make: \`"all"\`, or a list. An entry is a family (\`unix\`, \`alg\`: the kernel's AF_* in lower case, or a number), or a family, \`/\` and a protocol (\`netlink/generic\`, \`inet/sctp\`, or a number). At most ${SOCKETS_MAX} entries may have a protocol`,
    default: DEFAULT_SOCKETS,
  }),
  core: key(z.boolean(), {
    title:
      'true: if a process of the agent crashes, it may dump core, and the kernel may run the helper of core_pattern',
    description:
      'true: if a process of the agent crashes, it dumps core as the host is set up; false: no core file is written, and the helper of `kernel.core_pattern` does not run',
    default: false,
  }),
  capabilities: key(capabilities, {
    title:
      'the capabilities that the agent keeps from its first execve on: a list of names such as `"chown"`, or `"all"`',
    description:
      'the most that a process of the agent may have from its first completed execve on: a list of names as in capabilities(7), in lower case and without `cap_`, or `"all"`',
  }),
  no_new_privs: key(z.boolean(), {
    title: 'true: set-user-id files and file capabilities give the agent nothing',
    description:
      'true: the processes of the agent have no_new_privs from their birth on, so set-user-id files, set-group-id files and file capabilities give them nothing',
  }),
  hostname: key(hostname, {
    title: "the host name in the agent's uts namespace; needs the uts bit",
    description: `the host name in the agent's uts namespace: 1 to ${HOSTNAME_MAX} characters of \`A-Za-z0-9.-\`. Needs the uts bit`,
  }),
});

/** Defaults in words, for keys whose default is not one short value. */
export const DEFAULTS_IN_WORDS = {
  devices: Object.keys(DEFAULT_DEVICES).join(', '),
  syscalls:
    'deny for `unshare` and `setns`; unless `privileged`, deny also for `autoload` and for system calls that ordinary programs do not need, such as `mount` and `bpf`; allow for all others',
  exec_paths: 'any',
  proc: 'true with these bits; false if `privileged`',
  devpts: 'true with these bits',
  sockets: `${DEFAULT_SOCKETS.join(', ')}; "all" if \`privileged\`; unix with \`network\` \`none\``,
  core: 'false; true if `privileged`',
  capabilities: `${DEFAULT_CAPABILITIES.join(', ')}; "all" if \`privileged\``,
  no_new_privs: 'true; false if `privileged`',
  hostname: "the agent's `name`; without a name, `agent-ID`",
} as const satisfies Partial<Record<keyof AgentRequest, string>>;

/** The object that is written to create. */
export type AgentRequest = z.input<typeof object>;

/** JSON Schema of objects that have all of these keys. */
function present(...keys: string[]) {
  return { required: keys, properties: Object.fromEntries(keys.map((each) => [each, true])) };
}

/** Are these unix sockets alone, or none? */
const onlyUnix = (sockets: 'all' | readonly string[]) =>
  sockets !== 'all' && sockets.every((each) => ['unix', '1'].includes(each.split('/')[0] ?? ''));

/** Rules about several keys: the key at fault, a message, and whether a request breaks the rule. */
const CONDITIONS: readonly {
  field: keyof AgentRequest;
  message: string;
  broken: (request: AgentRequest, has: (namespace: Namespace) => boolean) => boolean;
}[] = [
  {
    field: 'pidfd',
    message: 'pid and pidfd exclude each other: one process is meant',
    broken: ({ pid, pidfd }) => pid !== undefined && pidfd !== undefined,
  },
  {
    field: 'pid',
    message: 'spawn and pid exclude each other: a process is born or adopted',
    broken: ({ spawn, pid }) => spawn === true && pid !== undefined,
  },
  {
    field: 'pidfd',
    message: 'spawn and pidfd exclude each other: a process is born or adopted',
    broken: ({ spawn, pidfd }) => spawn === true && pidfd !== undefined,
  },
  {
    field: 'after_exec',
    message: 'after_exec is about a process that is adopted: add pid or pidfd',
    broken: ({ after_exec, pid, pidfd }) => after_exec === true && pid === undefined && pidfd === undefined,
  },
  {
    field: 'namespace_flags',
    message: 'without the user bit the agent is as powerful as its launcher: add it, or privileged',
    broken: ({ privileged }, has) => !has('user') && privileged !== true,
  },
  {
    field: 'propagation',
    message: 'without the mnt bit an agent has no mounts of its own',
    broken: ({ propagation }, has) => propagation !== undefined && !has('mnt'),
  },
  {
    field: 'network',
    message: "without the net bit an agent has the host's network",
    broken: ({ network }, has) => network !== undefined && !has('net'),
  },
  {
    field: 'network',
    message: 'none needs the user bit, without which the agent has power over what others share',
    broken: ({ network }, has) => network === 'none' && has('net') && !has('user'),
  },
  {
    field: 'network',
    message: 'none is for agents that are born: a process that is adopted has a network namespace already',
    broken: ({ network, pid, pidfd }) => network === 'none' && (pid !== undefined || pidfd !== undefined),
  },
  {
    field: 'sockets',
    message:
      'without a network an agent may have unix sockets only: leave sockets out, or give ["unix"] or []',
    broken: ({ network, sockets }) => network === 'none' && sockets !== undefined && !onlyUnix(sockets),
  },
  {
    field: 'proc',
    message: 'a procfs of its own needs the pid, mnt and user bits',
    broken: ({ proc }, has) => proc === true && !(has('pid') && has('mnt') && has('user')),
  },
  {
    field: 'devpts',
    message: 'a devpts of its own needs the mnt and user bits',
    broken: ({ devpts }, has) => devpts === true && !(has('mnt') && has('user')),
  },
  {
    field: 'hostname',
    message: "without the uts bit an agent has the host's name",
    broken: ({ hostname }, has) => hostname !== undefined && !has('uts'),
  },
];

/**
 * An object of create. Only the kernel checks that it has at most {@link OBJECT_MAX} bytes, that `cpu_quota` fits
 * the number of CPUs, and that the files of `exec_paths` exist.
 */
export const createRequest = object
  .superRefine((request, context) => {
    const flags = request.namespace_flags ?? NAMESPACES_DEFAULT;
    const has = (namespace: Namespace) => (flags & bitOf(namespace)) !== 0;
    for (const { field, message, broken } of CONDITIONS)
      if (broken(request, has)) context.addIssue({ code: 'custom', path: [field], message });
  })
  .meta({
    title: 'An object written to /proc/swarm/create',
    description: `At most ${OBJECT_MAX} bytes. An object without the user bit of namespace_flags needs privileged. propagation needs the mnt bit, network the net bit, devpts the mnt and user bits, proc the pid, mnt and user bits, and hostname the uts bit. At most one of spawn, pid and pidfd may be given, and after_exec needs pid or pidfd.`,
    not: {
      anyOf: [
        present('pid', 'pidfd'),
        { required: ['spawn', 'pid'], properties: { spawn: { const: true }, pid: true } },
        { required: ['spawn', 'pidfd'], properties: { spawn: { const: true }, pidfd: true } },
        {
          required: ['after_exec'],
          properties: { after_exec: { const: true } },
          not: { anyOf: [present('pid'), present('pidfd')] },
        },
      ],
    },
  });

/** An object of attach. */
export const attachRequest = z
  .strictObject({
    id: agentId.meta({ description: 'the agent, which must have a process' }),
    pid: pid
      .optional()
      .meta({ description: `the running process that joins it, in the writer's pid namespace` }),
    pidfd: pidfd.optional().meta({
      description:
        'the process, as a pidfd that is open in the writer. Unlike a number, it never comes to mean another process',
    }),
    after_exec: z.boolean().optional().meta({
      description:
        'true: `syscalls` and `devices` rules apply only after the next execve of the process has completed; `exec_paths` apply to that execve already',
      default: false,
    }),
    enters: z.boolean().optional().meta({
      description:
        "true: the process is outside, and it, or what it forks, enters the agent's namespaces later, as `nsenter` and `runc exec` do. No rule applies before the execve that follows; see *Entering*",
      default: false,
    }),
  })
  .refine(({ pid, pidfd }) => pid !== undefined || pidfd !== undefined, {
    path: ['pid'],
    message: 'the key is missing: id and pid or pidfd are needed',
  })
  .refine(({ pid, pidfd }) => pid === undefined || pidfd === undefined, {
    path: ['pidfd'],
    message: 'pid and pidfd exclude each other: one process is meant',
  })
  .meta({
    title: 'An object written to /proc/swarm/attach',
    description: `At most ${OBJECT_MAX} bytes. One of pid and pidfd is needed.`,
    oneOf: [present('pid'), present('pidfd')],
  });

/** An object that names an agent and nothing else. */
const target = (file: string, what: string) =>
  z
    .strictObject({ id: agentId.meta({ description: what }) })
    .meta({ title: `An object written to /proc/swarm/${file}`, description: `At most ${OBJECT_MAX} bytes.` });

/** An object of spawn. */
export const spawnRequest = target('spawn', 'the agent that is to get a process');

const {
  memory_limit,
  cpu_quota,
  pids_limit,
  devices,
  syscalls: rules,
  exec_paths,
  unlisted,
  oom_group,
  sockets: families,
} = object.shape;

/** A key of create in an update: what it says replaces what the agent has, so it has no default. */
function changed<T extends z.ZodType>(value: T, description: string) {
  return value.meta({ title: undefined, default: undefined, description });
}

const UPDATED = {
  memory_limit: changed(
    memory_limit,
    'as in `create`. If the agent uses more than the new limit, the kernel reclaims memory and then kills, as when the limit is exceeded. If the agent has no memory limit now, and one of its processes has more memory than the new limit, the update is refused',
  ),
  cpu_quota: changed(cpu_quota, 'as in `create`'),
  pids_limit: changed(
    pids_limit,
    'as in `create`. If the agent has more processes and threads than the new limit, nothing is killed, but forks fail until enough of them have exited',
  ),
  devices: changed(devices, 'the new list of rules; it replaces the whole old list'),
  syscalls: changed(rules, 'the rules that change; the others stay as they are'),
  exec_paths: changed(
    exec_paths,
    'the new list of paths; it replaces the whole old list; an empty list means any file',
  ),
  unlisted: changed(unlisted, 'as in `create`'),
  oom_group: changed(oom_group, 'as in `create`'),
  frozen: z.boolean().optional().meta({
    description: 'true: stop all processes of the agent; false: let them run',
  }),
  sockets: changed(families, 'the new list of entries; it replaces the whole old list'),
} satisfies Record<UpdateKey, z.ZodType>;

/** An object of update. */
export const updateRequest = z
  .strictObject({ id: agentId.meta({ description: 'the agent that is to change' }), ...UPDATED })
  .refine((request) => Object.keys(request).length > 1, 'nothing is to be changed')
  .meta({
    title: 'An object written to /proc/swarm/update',
    description: `At most ${OBJECT_MAX} bytes. At least one key other than id is needed; what is not named stays as it is.`,
    minProperties: 2,
  });

/** The object that is written to update. */
export type UpdateRequest = z.input<typeof updateRequest>;

/** An object of destroy. */
export const destroyRequest = target('destroy', 'the agent that is to end');
