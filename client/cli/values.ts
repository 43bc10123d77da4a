/** Values of swarmctl's options. */
import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from '@commander-js/extra-typings';
import { ACTIONS, CAPABILITIES, namesOf } from '../abi/names.js';
import type { Action, Capability } from '../abi/names.js';
import { SwarmError, systemError } from '../error.js';
import { TIME_MAX } from '../signals.js';

const SIZES: Readonly<Record<string, number>> = { '': 0, b: 0, k: 1, m: 2, g: 3, t: 4 };

/** Bytes: 67108864, 64m, 1.5g. */
export function size(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([bkmgt]?)(?:i?b)?$/i.exec(text) ?? [];
  const power = SIZES[unit.toLowerCase()];
  if (number === undefined || power === undefined)
    throw new InvalidArgumentError('A size is a number of bytes, or a number and b, k, m, g or t: 64m.');
  const bytes = Math.round(Number(number) * 1024 ** power);
  // 0 often means no limit: less than a byte is no way to write it.
  if (bytes === 0 && Number(number) > 0) throw new InvalidArgumentError('A size is a byte at least, or 0.');
  if (!Number.isSafeInteger(bytes)) throw new InvalidArgumentError('A size is less than 8192t.');
  return bytes;
}

/** CPUs, as a quota in percent of one: 0.25 is 25. */
export function cpus(text: string): number {
  const quota = Math.round(Number(text) * 100);
  if (!/^\d+(\.\d+)?$/.test(text) || (Number(text) > 0 && quota === 0) || !Number.isSafeInteger(quota))
    throw new InvalidArgumentError('CPUs are a number such as 0.25 or 2, of 0.01 at least.');
  return quota;
}

/** The key of a filter, and all that is behind the first `=`. */
export function keyAndValue(filter: string): [key: string, value: string] {
  const at = filter.indexOf('=');
  return at < 0 ? [filter, ''] : [filter.slice(0, at), filter.slice(at + 1)];
}

/** A whole number, not negative. */
export function count(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It is a whole number.');
  return Number(text);
}

/** Milliseconds of a duration: 500ms, 10s, 5m, 1h; a number alone means seconds. */
export function time(text: string): number {
  const [, number, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  if (number === undefined) throw new InvalidArgumentError('A time is a number and ms, s, m or h: 10s.');
  const milliseconds = Math.round(
    Number(number) * ({ ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit] ?? 1000),
  );
  if (milliseconds === 0 && Number(number) > 0)
    throw new InvalidArgumentError('A time is a millisecond at least, or 0.');
  if (milliseconds > TIME_MAX) throw new InvalidArgumentError('A time is 24 days at most.');
  return milliseconds;
}

/** For an option that may be given several times. */
export function several(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}

/** For filters on these keys, KEY=VALUE; the option may be given several times. */
export function filterOn(...keys: readonly string[]) {
  return (value: string, before: string[] | undefined): string[] => {
    if (!keys.some((key) => value.startsWith(`${key}=`)))
      throw new InvalidArgumentError(`A filter is KEY=VALUE, and KEY is ${keys.join(', ')}.`);
    return several(value, before);
  };
}

/** The fault of a name that is a number. */
export const DIGITS = 'A name of digits alone would be taken for an id.';

/** The name of an agent. */
export function name(value: string): string {
  if (/^\d+$/.test(value)) throw new InvalidArgumentError(DIGITS);
  return value;
}

/** For an option that may be given several times, with several values between commas each time. */
export function listed(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), ...value.split(',').filter(Boolean)];
}

/** A rule on a system call: NAME=ACTION. */
export function rule(
  value: string,
  before: Readonly<Record<string, Action>> | undefined,
): Readonly<Record<string, Action>> {
  const [, name, action] = /^([a-z0-9_]+)=([a-z]+)$/.exec(value) ?? [];
  const known = namesOf(ACTIONS).find((each) => each === action);
  if (name === undefined || known === undefined)
    throw new InvalidArgumentError(`A rule is NAME=ACTION, and ACTION is ${namesOf(ACTIONS).join(', ')}.`);
  return { ...before, [name]: known };
}

/** Names of capabilities, as docker has them: upper or lower case, with or without CAP_; or ALL. */
export function capabilities(value: string, before: (Capability | 'all')[] | undefined) {
  const name = value.toLowerCase().replace(/^cap_/, '');
  if (name === 'all') return [...(before ?? []), name as 'all'];
  const known = namesOf(CAPABILITIES).find((each) => each === name);
  if (known === undefined) throw new InvalidArgumentError('capabilities(7) lists them; or ALL.');
  return [...(before ?? []), known];
}

/** A rule on devices: `c 1:3 rwm` as the kernel has it; or /dev/fuse[:rwm], which is looked up where agents run. */
export function device(value: string, before: string[] | undefined): string[] {
  if (!value.startsWith('/')) return several(value, before);
  const [path = '', access = 'rwm', ...rest] = value.split(':');
  if (!/^[rwm]+$/.test(access) || rest.length > 0)
    throw new InvalidArgumentError('The accesses of a device are r, w and m.');
  return several(`${path} ${access}`, before);
}

/** A signal: TERM, SIGTERM or 15. */
export function signal(text: string): NodeJS.Signals | number {
  if (/^\d{1,2}$/.test(text) && Number(text) > 0 && Number(text) <= 64) return Number(text);
  const name = text.toUpperCase().replace(/^(SIG)?/, 'SIG');
  const known = SIGNALS.find((each) => each === name);
  if (known === undefined) throw new InvalidArgumentError('signal(7) lists them: TERM, KILL, 15.');
  return known;
}

const SIGNALS: readonly NodeJS.Signals[] = [
  ...([
    'SIGHUP',
    'SIGINT',
    'SIGQUIT',
    'SIGILL',
    'SIGTRAP',
    'SIGABRT',
    'SIGBUS',
    'SIGFPE',
    'SIGKILL',
  ] as const),
  ...(['SIGUSR1', 'SIGSEGV', 'SIGUSR2', 'SIGPIPE', 'SIGALRM', 'SIGTERM', 'SIGCHLD', 'SIGCONT'] as const),
  ...(['SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGURG', 'SIGXCPU', 'SIGXFSZ', 'SIGVTALRM'] as const),
  ...(['SIGPROF', 'SIGWINCH', 'SIGIO', 'SIGPWR', 'SIGSYS'] as const),
];

/** Ids inside an agent: UID[:GID]. */
export function user(text: string): { uid: number; gid: number } {
  const [, uid, gid] = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(text) ?? [];
  if (uid === undefined) throw new InvalidArgumentError('A user is UID or UID:GID, in numbers.');
  return { uid: Number(uid), gid: Number(gid ?? uid) };
}

/** The text of bytes; undefined if they are not UTF-8, of which Node makes another text. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * Variables of a file: NAME=VALUE a line; `#` begins a comment; a NAME alone takes this process's value.
 * @throws {SwarmError} if the file cannot be read, or is not UTF-8.
 */
export function envFile(path: string): string[] {
  const bytes = ((): Uint8Array => {
    try {
      return readFileSync(path);
    } catch (error) {
      throw systemError(`--env-file ${path}`, error);
    }
  })();
  const text = textOf(bytes);
  if (text === undefined) throw new SwarmError('EINVAL', `--env-file ${path}: it is not UTF-8`);
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/**
 * A variable of this process.
 * @throws {SwarmError} if its value is not UTF-8: Node has another text of it.
 */
function own(name: string): string | undefined {
  const value = process.env[name];
  if (value?.includes('\uFFFD') !== true) return value;
  const bytes = ((): Buffer => {
    try {
      return readFileSync('/proc/self/environ');
    } catch {
      return Buffer.alloc(0);
    }
  })();
  const begin = Buffer.from(`\0${name}=`);
  const all = Buffer.concat([Buffer.alloc(1), bytes, Buffer.alloc(1)]);
  const at = all.indexOf(begin) + begin.length;
  if (at >= begin.length && textOf(all.subarray(at, all.indexOf(0, at))) === value) return value;
  throw new SwarmError('EINVAL', `--env ${name}: the value of this variable is not UTF-8`);
}

/**
 * The environment that --env and --env-file make: NAME=VALUE, or NAME for this process's value.
 * @throws {SwarmError} if such a value is not UTF-8.
 */
export function environment(entries: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    entries.flatMap((entry) => {
      const at = entry.indexOf('=');
      const name = at < 0 ? entry : entry.slice(0, at);
      const value = at < 0 ? own(name) : entry.slice(at + 1);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
