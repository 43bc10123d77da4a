/** From what an agent was denied to the lines of policy that would allow it, and what they open. */
import { DEFAULT_DEVICES, DEFAULT_SOCKETS } from './abi/defaults.js';
import { DECEPTIVE, textOf } from './bytes.js';
import type { AgentRequest } from './abi/request.js';
import type { SwarmEvent } from './abi/event.js';
import { HERE } from './explain/places.js';
import type { Found, Place } from './explain/places.js';
import { mergeDevices, mergePaths, mergeSockets } from './explain/merge.js';
import { opensCall, opensDevice, opensFile, opensSocket } from './explain/opens.js';

/** The event that tells of a denial. */
export type Violation = Extract<SwarmEvent, { event: 'violation' }>;

/** The keys of a policy that can deny something to a process. */
export type Rules = Pick<AgentRequest, 'devices' | 'sockets' | 'syscalls' | 'exec_paths' | 'unlisted'>;

/** A thing that a policy would have to allow. */
export type Need =
  | { readonly of: 'device'; readonly rule: string }
  | { readonly of: 'socket'; readonly entry: string }
  | { readonly of: 'call'; readonly name: string }
  | { readonly of: 'file'; readonly path: string };

/** The change of a policy that allows one thing that was denied. */
export interface Remedy {
  /** Keys for a request of create or update. A list is a whole list, since it replaces the one that there is. */
  readonly policy: Rules;
  /** The option of swarmctl run and update: `--device "c 10:229 rw"`; empty if only the keys can say it. */
  readonly option: string;
  /** The consequence of the change, as a sentence: all that it opens. */
  readonly opens: string;
  /** The policy that is given allows it already: it has changed since. */
  readonly allowed: boolean;
}

/** Rules that allow several things, and what they are not. */
export interface Proposal {
  readonly policy: Rules;
  /** The options of swarmctl run and update that say the same. */
  readonly options: readonly string[];
  /** Do the options say all of it? */
  readonly complete: boolean;
  /** Notes on rules that had to be widened, and on rules that the options cannot express. */
  readonly notes: readonly string[];
}

/** The longest path of an event, in bytes: docs/abi/events.md, `file`. */
const FILE_MAX = 63;

/** A word, quoted for a shell if it has to be. */
function word(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return /["$`\\!]/.test(text) ? `'${text.replaceAll("'", String.raw`'\''`)}'` : `"${text}"`;
}

/** The path that a policy has for the file of an execve, or why none can be told. */
function fileOf({ file = '' }: Violation, place: Place): Found {
  const list = 'list the file, or its directory and /, by --exec-path';
  if (!file.startsWith('/')) return { why: `the event has no whole path: ${list}` };
  if (file.length >= FILE_MAX) return { why: `the event has only the beginning of the path: ${list}` };
  const path = textOf(file);
  return path === undefined ? { why: `the path is not UTF-8: ${list}` } : place(path);
}

/** The rules that denied an execve: the rule `execve`, exec_paths, or either of them. */
function ofExecve(violation: Violation, rules: Rules, place: Place): Need[] {
  const { rule } = violation;
  const { syscalls, exec_paths, unlisted } = rules;
  const found = fileOf(violation, place);
  const call: Need = { of: 'call', name: 'execve' };
  const path: Need[] = 'path' in found ? [{ of: 'file', path: found.path }] : [];
  const denies = syscalls?.execve !== undefined && syscalls.execve !== 'allow';
  const listed = (exec_paths ?? []).length > 0;
  // Where neither denies it, the policy has changed since, or is not known.
  if (!listed && (denies || syscalls?.execve === 'allow')) return [call];
  if (!denies) return path;
  // The rule is asked before exec_paths: module/hook_exec.c.
  const both = syscalls.execve === (unlisted ?? 'deny');
  return syscalls.execve === rule ? [call, ...(both ? path : [])] : path;
}

/**
 * The things that a policy would have to allow for a violation not to happen.
 * @param rules of the agent; its defaults where a key is missing
 * @param place the root in which its files are looked up
 * @returns nothing if no rule does, or if the event does not say enough: see {@link hopeless}.
 */
export function needsOf(violation: Violation, rules: Rules = {}, place = HERE): Need[] {
  const { kind, device, socket, syscall } = violation;
  switch (kind) {
    case 'device':
      return device === undefined ? [] : [{ of: 'device', rule: device }];
    case 'socket':
      return socket === undefined ? [] : [{ of: 'socket', entry: socket }];
    case 'syscall':
      return syscall === undefined ? [] : [{ of: 'call', name: syscall }];
    case 'execve':
      return ofExecve(violation, rules, place);
    case 'fork':
    case 'thread':
    case 'unshare':
    case 'setns':
    case 'autoload':
      return [{ of: 'call', name: kind }];
    case 'control':
    case 'adopt':
    default:
      return [];
  }
}

/** The reason why no line of a policy can be given for a violation; see {@link needsOf}. */
export function hopeless(violation: Violation, place = HERE): string {
  const { kind } = violation;
  if (kind === 'control') return 'no policy allows it: a process of an agent does not write to /proc/swarm';
  if (kind === 'adopt')
    return 'the process has to be in the namespaces of the agent first; or give the agent other namespace_flags';
  if (kind !== 'execve') return `this version does not know violations of kind ${kind}`;
  const found = fileOf(violation, place);
  return 'why' in found ? found.why : `no rule that is known denies ${found.path}`;
}

function devicesOf({ devices }: Rules): readonly string[] {
  return devices ?? Object.values(DEFAULT_DEVICES);
}

function socketsOf({ sockets }: Rules): 'all' | readonly string[] {
  return sockets ?? DEFAULT_SOCKETS;
}

function added(rules: Rules, needs: readonly Need[]): { policy: Rules; notes: readonly string[] } {
  const rulesOn = needs.flatMap((need) => (need.of === 'device' ? [need.rule] : []));
  const entries = needs.flatMap((need) => (need.of === 'socket' ? [need.entry] : []));
  const names = needs.flatMap((need) => (need.of === 'call' ? [need.name] : []));
  const files = needs.flatMap((need) => (need.of === 'file' ? [need.path] : []));
  const devices = rulesOn.length > 0 ? mergeDevices(devicesOf(rules), rulesOn) : undefined;
  const sockets = entries.length > 0 ? mergeSockets(socketsOf(rules), entries) : undefined;
  const paths = files.length > 0 ? mergePaths(rules.exec_paths ?? [], files) : undefined;
  return {
    policy: {
      ...(devices ? { devices: devices.list } : {}),
      ...(sockets ? { sockets: sockets.list } : {}),
      ...(names.length > 0
        ? { syscalls: Object.fromEntries([...new Set(names)].map((name) => [name, 'allow' as const])) }
        : {}),
      ...(paths ? { exec_paths: paths.list } : {}),
    },
    notes: [devices, sockets, paths].flatMap((merged) => merged?.notes ?? []),
  };
}

/** The option of a path; nothing if a terminal would obey or hide some of it, where it is printed or pasted. */
function pathOption(path: string): string[] {
  return DECEPTIVE.test(path) ? [] : [`--exec-path ${word(path)}`];
}

/** Options that say what a policy does: swarmctl adds --device to the usual ones, and takes other lists whole. */
function optionsOf({ devices, sockets, syscalls, exec_paths }: Rules): string[] {
  const usual: readonly string[] = Object.values(DEFAULT_DEVICES);
  return [
    ...(devices ?? []).filter((rule) => !usual.includes(rule)).map((rule) => `--device ${word(rule)}`),
    ...(sockets === undefined ? [] : [`--sockets ${sockets === 'all' ? 'all' : word(sockets.join(','))}`]),
    ...Object.entries(syscalls ?? {}).map(([name, action]) => `--syscall ${name}=${action}`),
    ...(exec_paths ?? []).flatMap(pathOption),
  ];
}

/**
 * Rules that allow several things at once.
 * @param rules of the agent; its defaults where a key is missing
 * @returns only the keys that change, for update; {@link merged} makes a whole policy of them.
 */
export function proposalOf(needs: readonly Need[], rules: Rules = {}): Proposal {
  const { policy, notes } = added(rules, needs);
  const usual = Object.values(DEFAULT_DEVICES);
  const { devices } = policy;
  const unprintable = (policy.exec_paths ?? []).some((path) => DECEPTIVE.test(path));
  const wider =
    devices !== undefined && !devices.includes('a') && usual.some((rule) => !devices.includes(rule));
  return {
    policy,
    options: optionsOf(policy),
    complete: !unprintable,
    notes: [
      ...notes,
      ...(wider
        ? ['--device adds to the usual devices, some of which this policy denies: use the JSON']
        : []),
      ...(unprintable
        ? [
            '--exec-path cannot name a path with control or invisible characters on a command line: use the JSON',
          ]
        : []),
    ],
  };
}

/** A policy with other rules: lists are replaced, and so are the rules of syscalls that have the same name. */
export function merged<T extends Rules>(before: T, changes: Rules): T & Rules {
  return {
    ...before,
    ...changes,
    ...(before.syscalls && changes.syscalls ? { syscalls: { ...before.syscalls, ...changes.syscalls } } : {}),
  };
}

function opens(need: Need): string {
  switch (need.of) {
    case 'device':
      return `${opensDevice(need.rule)}.`;
    case 'socket':
      return `${opensSocket(need.entry)}.`;
    case 'call':
      return `${need.name} ${opensCall(need.name)}.`;
    case 'file':
      return `${opensFile(need.path)}.`;
  }
}

function optionOf(need: Need, policy: Rules): string {
  switch (need.of) {
    case 'device':
      return `--device ${word(need.rule)}`;
    case 'file':
      return pathOption(need.path).join('');
    case 'call':
    case 'socket':
      return optionsOf(policy).join(' ');
  }
}

/** Do rules allow something already? */
function isAllowed(need: Need, rules: Rules, policy: Rules): boolean {
  if (need.of === 'call') return rules.syscalls?.[need.name] === 'allow';
  const before = { devices: devicesOf(rules), sockets: socketsOf(rules), exec_paths: rules.exec_paths ?? [] };
  return Object.entries(policy).every(
    ([key, value]) => JSON.stringify(value) === JSON.stringify(before[key as keyof typeof before]),
  );
}

/**
 * The change of a policy that allows one thing that was denied.
 * @param rules of the agent; its defaults where a key is missing
 */
export function remedyOf(need: Need, rules: Rules = {}): Remedy {
  const { policy } = added(rules, [need]);
  const sentence = opens(need);
  return {
    policy,
    option: optionOf(need, policy),
    opens: need.of === 'call' ? sentence : sentence.charAt(0).toUpperCase() + sentence.slice(1),
    allowed: isAllowed(need, rules, policy),
  };
}
