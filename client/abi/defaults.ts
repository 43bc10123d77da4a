/** The defaults of create that are lists. They are apart from the schemas, which take time to load. */
import { NAMESPACES, bitOf, namesOf } from './names.js';
import type { Capability } from './names.js';

/** Every bit of `namespace_flags`. */
export const NAMESPACES_ALL = 2 ** namesOf(NAMESPACES).length - 1;

/** The bits that an agent has unless it asks for others: all but time. */
export const NAMESPACES_DEFAULT = NAMESPACES_ALL - bitOf('time');

/** The devices that an agent may use unless it lists others, by their names below /dev. */
export const DEFAULT_DEVICES = {
  null: 'c 1:3 rwm',
  zero: 'c 1:5 rwm',
  full: 'c 1:7 rwm',
  random: 'c 1:8 rwm',
  urandom: 'c 1:9 rwm',
  tty: 'c 5:0 rwm',
  ptmx: 'c 5:2 rwm',
  pts: 'c 136:* rwm',
} as const;

/** The capabilities that an agent keeps unless it lists others. */
export const DEFAULT_CAPABILITIES = [
  ...(['chown', 'dac_override', 'fowner', 'fsetid', 'kill', 'setgid', 'setuid', 'setpcap'] as const),
  ...(['net_bind_service', 'sys_chroot', 'setfcap'] as const),
] satisfies Capability[];

/** The sockets that an agent may make unless it lists others. */
export const DEFAULT_SOCKETS = ['unix', 'inet', 'inet6', 'netlink/route'] as const;
