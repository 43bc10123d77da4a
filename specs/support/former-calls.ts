/** The rules of system calls for specs about something else. */
import { DENIED_CALL_NAMES } from '../../client/abi/calls.js';

/** Allows what an agent is denied by default, such as mounting. */
export const ALL_CALLS: Readonly<Record<string, 'allow'>> = Object.fromEntries(
  DENIED_CALL_NAMES.map((name) => [name, 'allow' as const]),
);

/** Allows what mount(8), umount(8) and their like need. */
export const MOUNT_CALLS: Readonly<Record<string, 'allow'>> = Object.fromEntries(
  DENIED_CALL_NAMES.filter((name) => /mount|pivot|^fs|open_tree/.test(name)).map((name) => [
    name,
    'allow' as const,
  ]),
);
