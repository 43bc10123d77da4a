/** The options of swarmctl that make a policy, and the policy that they make. */
import { readFileSync } from 'node:fs';
import { Option } from '@commander-js/extra-typings';
import { DEFAULT_CAPABILITIES, DEFAULT_DEVICES, NAMESPACES_DEFAULT } from '../abi/defaults.js';
import { CAPABILITIES, REFUSALS, bitOf, namesOf } from '../abi/names.js';
import type { Action, Capability } from '../abi/names.js';
import type { AgentRequest } from '../abi/request.js';
import { SwarmError } from '../error.js';
import { capabilities, count, cpus, device, listed, name, rule, several, size } from './values.js';

/** The parsed options that a policy is made of. */
export interface PolicyOptions {
  readonly policy?: string | undefined;
  readonly memory?: number | undefined;
  readonly cpus?: number | undefined;
  readonly pidsLimit?: number | undefined;
  readonly device?: readonly string[] | undefined;
  readonly capAdd?: readonly (Capability | 'all')[] | undefined;
  readonly capDrop?: readonly (Capability | 'all')[] | undefined;
  readonly sockets?: readonly string[] | undefined;
  readonly syscall?: Readonly<Record<string, Action>> | undefined;
  readonly execPath?: readonly string[] | undefined;
  readonly unlisted?: keyof typeof REFUSALS | undefined;
  readonly network?: 'own' | 'none' | 'host' | undefined;
  readonly name?: string | undefined;
  readonly hostname?: string | undefined;
  readonly persist?: true | undefined;
  readonly rm?: true | undefined;
  readonly privileged?: true | undefined;
}

/** Options of limits and rules, which `run` and `update` share. */
export const LIMITS = {
  memory: new Option('-m, --memory <size>', 'the most memory: 256m; 0 for no limit').argParser(size),
  cpus: new Option('--cpus <number>', 'the most CPU time, in CPUs: 0.25; 0 for no limit').argParser(cpus),
  pidsLimit: new Option('--pids-limit <number>', 'the most processes and threads; 0 for no limit').argParser(
    count,
  ),
  device: new Option(
    '--device <device>',
    'a device it may use beside the usual ones: /dev/fuse, /dev/fuse:rw or "c 10:229 rwm"',
  ).argParser(device),
  sockets: new Option(
    '--sockets <list>',
    'the sockets it may make: unix,inet,netlink/route, or all',
  ).argParser(listed),
  syscall: new Option('--syscall <name=action>', 'a rule on a system call: fork=deny, mount=allow').argParser(
    rule,
  ),
  execPath: new Option(
    '--exec-path <path>',
    'a file that it may execute, or a directory and /; without any: all',
  ).argParser(several),
  unlisted: new Option('--unlisted <action>', 'what becomes of an execve of any other file').choices(
    namesOf(REFUSALS),
  ),
} as const;

/** Options that only a new agent has. */
export const BIRTH = {
  policy: new Option('--policy <file>', 'a policy as JSON, which the other options change'),
  capAdd: new Option(
    '--cap-add <name>',
    'a capability that it keeps beside the usual ones; or ALL',
  ).argParser(capabilities),
  capDrop: new Option('--cap-drop <name>', 'a usual capability that it does not keep; or ALL').argParser(
    capabilities,
  ),
  network: new Option(
    '--network <kind>',
    'own: a network with loopback alone; none: no network, and no sockets but unix; host: the network of this machine',
  ).choices(['own', 'none', 'host'] as const),
  name: new Option('--name <name>', 'its name').argParser(name),
  hostname: new Option('-h, --hostname <name>', 'its host name'),
  persist: new Option('--persist', 'the agent stays, without a process, after its last one'),
  rm: new Option('--rm', 'the agent goes with its last process: the default, and stronger than --policy'),
  privileged: new Option(
    '--privileged',
    'no default denials: all capabilities, sockets and system calls, inside its namespaces',
  ),
} as const;

/** The object in a file. */
export function fileOf(path: string): Partial<AgentRequest> {
  const value: unknown = (() => {
    try {
      return JSON.parse(readFileSync(path, 'utf8')) as unknown;
    } catch (error) {
      throw new SwarmError('EINVAL', `--policy ${path}: ${error instanceof Error ? error.message : ''}`, {
        hint: `swarmctl check ${path} says where it is wrong`,
      });
    }
  })();
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new SwarmError('EINVAL', `--policy ${path}: a policy is an object in braces`);
  // What its keys hold is checked with the whole request.
  return value;
}

function cut(
  before: AgentRequest['capabilities'],
  add: readonly (Capability | 'all')[],
  drop: readonly (Capability | 'all')[],
): AgentRequest['capabilities'] {
  if (add.includes('all') && drop.length === 0) return 'all';
  const all = namesOf(CAPABILITIES);
  const start = add.includes('all') || before === 'all' ? all : [...(before ?? DEFAULT_CAPABILITIES)];
  const kept = drop.includes('all') ? [] : start.filter((name) => !drop.includes(name));
  const named = add.filter((name) => name !== 'all');
  return [...new Set([...kept, ...named])];
}

/** Rules of an agent that runs: what `update` may change. */
export function changes(options: PolicyOptions): Partial<AgentRequest> {
  const { memory, cpus: quota, pidsLimit, device: devices, sockets, syscall, execPath, unlisted } = options;
  return {
    ...(memory === undefined ? {} : { memory_limit: memory }),
    ...(quota === undefined ? {} : { cpu_quota: quota }),
    ...(pidsLimit === undefined ? {} : { pids_limit: pidsLimit }),
    ...(devices === undefined ? {} : { devices: [...Object.values(DEFAULT_DEVICES), ...devices] }),
    ...(sockets === undefined ? {} : { sockets: sockets.includes('all') ? 'all' : [...sockets] }),
    ...(syscall === undefined ? {} : { syscalls: syscall }),
    ...(execPath === undefined ? {} : { exec_paths: [...execPath] }),
    ...(unlisted === undefined ? {} : { unlisted }),
  };
}

/**
 * A policy with the network that --network asks for.
 * @param named whether the command line names sockets: those of a file are left out if the agent cannot have them
 */
function withNetwork(
  policy: Partial<AgentRequest>,
  network: PolicyOptions['network'],
  named: boolean,
): Partial<AgentRequest> {
  if (network === undefined) return policy;
  const flags = policy.namespace_flags ?? NAMESPACES_DEFAULT;
  const changed = { ...policy };
  delete changed.network;
  if (network === 'host') return { ...changed, namespace_flags: flags & ~bitOf('net') };
  if (network === 'none' && !named && changed.sockets?.length !== 0) delete changed.sockets;
  return { ...changed, network, namespace_flags: flags | bitOf('net') };
}

/**
 * The policy of a new agent.
 * @throws {SwarmError} if the file of --policy cannot be read. What a policy says is checked later.
 */
export function policyOf(options: PolicyOptions): Partial<AgentRequest> {
  const base = options.policy === undefined ? {} : fileOf(options.policy);
  const { capAdd = [], capDrop = [], network, name, hostname, persist, rm, privileged } = options;
  const made = changes(options);
  if (base.devices && options.device) made.devices = [...base.devices, ...options.device];
  if (base.syscalls && made.syscalls) made.syscalls = { ...base.syscalls, ...made.syscalls };
  const policy = {
    ...base,
    ...made,
    ...(capAdd.length + capDrop.length === 0
      ? {}
      : { capabilities: cut(base.capabilities, capAdd, capDrop) }),
    ...(name === undefined ? {} : { name }),
    ...(hostname === undefined ? {} : { hostname }),
    ...(persist === true ? { persist } : {}),
    ...(rm === true ? { persist: false } : {}),
    ...(privileged === true ? { privileged } : {}),
  };
  return withNetwork(policy, network, made.sockets !== undefined);
}
