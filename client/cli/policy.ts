/** The options of swarmctl that make a policy. */
import { Option } from '@commander-js/extra-typings';
import { REFUSALS, namesOf } from '../abi/names.js';
import type { Action, Capability } from '../abi/names.js';
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
